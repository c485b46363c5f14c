"""Remote services: the HSC archive's catalogue jobs, cutouts and PSF pictures, and the published release."""
