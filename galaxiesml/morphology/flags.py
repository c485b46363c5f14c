"""Flags of a measurement: one bit each, and the reason that it stands for."""

from __future__ import annotations

from enum import IntFlag


class Flag(IntFlag):
    """Bits of ``morphology_flags``; ``morphology_reasons`` has their names in lower case."""

    #: Nothing is detected at 3 sigma: every column of the detection is NULL.
    NOT_DETECTED = 1
    #: The nearest object is more than 5 pixels from the picture's middle.
    OFF_CENTER = 2
    #: Source Extractor's flag 2: deblended.
    BLENDED = 4
    #: Source Extractor's flag 8: cut by the border.
    TRUNCATED = 8
    #: No pixel counts, or all are alike.
    BAD_PICTURE = 16
    #: No PSF is known: the Sersic columns are NULL.
    NO_PSF = 32
    #: A parameter of the Sersic fit is at a bound; its error is NULL.
    AT_BOUND = 64
    #: The Sersic profile is too small compared with the PSF to have a shape.
    UNRESOLVED = 128
    #: Much of the Sersic profile's light lies outside the stamp, or in what was to be the sky.
    FILLS_STAMP = 256
    #: The Sersic fit did not come to an end.
    NOT_CONVERGED = 512
    #: Chi square per pixel of the Sersic fit is above 1.5.
    HIGH_CHI2 = 1024
    #: Sources that the detection did not deblend were masked after a first fit.
    LEFTOVER_SOURCES = 2048
    #: Too few pixels count for a Sersic fit, or those of the sky are all alike: its noise is not known.
    FEW_PIXELS = 4096


def reasons(flags: int) -> str | None:
    """The reasons of a sum of bits, as text; None if no bit is set."""
    return ", ".join(bit.name.lower() for bit in Flag if bit & flags) or None
