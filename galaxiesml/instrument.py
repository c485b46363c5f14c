"""Constants of the Hyper Suprime-Cam and of the archive's coadds."""

from __future__ import annotations

#: Side of a pixel of HSC's coadds, arcsec.
PIXEL_SCALE_ARCSEC = 0.168
#: Radius of the circle that holds a cutout of 127 x 127 pixels: half its diagonal, rounded up to 0.1 arcsec.
CUTOUT_RADIUS_ARCSEC = 15.1
#: AB magnitude of one count in HSC's coadds (FLUXMAG0 = 10 ** (0.4 * 27)).
ZERO_POINT_MAG = 27.0

#: Planes of the masks of HSC's coadds, by bit from 0.
MASK_PLANES = (
    *("BAD", "SAT", "INTRP", "CR", "EDGE", "DETECTED", "DETECTED_NEGATIVE", "SUSPECT", "NO_DATA"),
    *("BRIGHT_OBJECT", "CROSSTALK", "NOT_DEBLENDED", "UNMASKEDNAN", "REJECTED", "CLIPPED", "SENSOR_EDGE"),
    "INEXACT_PSF",
)
