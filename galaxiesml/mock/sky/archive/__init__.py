"""What the archive answers about the simulated sky: tables, tars, spectra, released files."""
