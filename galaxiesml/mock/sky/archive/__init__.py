"""The archive's answers about the simulated sky: tables, tars, spectra, released files."""
