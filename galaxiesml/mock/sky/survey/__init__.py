"""The simulated survey: where it looked, how deep, through which PSF, and what went wrong."""
