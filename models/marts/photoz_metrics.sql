-- Metrics of every run, by definition and bin, on galaxies that it has never seen.
select * from {{ ref('int_photoz_metrics') }}
