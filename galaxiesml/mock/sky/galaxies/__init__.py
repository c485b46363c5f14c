"""The galaxies of the simulated sky: redshifts, spectra, magnitudes, shapes and positions."""
