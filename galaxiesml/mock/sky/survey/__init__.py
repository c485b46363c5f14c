"""The simulated survey: its area, depth, PSF and faults."""
