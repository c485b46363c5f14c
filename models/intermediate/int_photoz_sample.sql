-- Predictions whose metrics a build publishes: of galaxies that the run has never seen.
{{ photoz_sample('testing') }}
