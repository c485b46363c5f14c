"""Pictures of the simulated sky: galaxies drawn on coadds, with noise, masks and variance."""
