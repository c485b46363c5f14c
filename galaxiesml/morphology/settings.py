"""Settings of a measurement; equal settings give equal results."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from galaxiesml.morphology.detect import Detection

#: Of the measurement itself: any change of what the same settings give is a new one.
MORPHOLOGY_VERSION = 1


@dataclass(frozen=True)
class Settings:
    """Settings of detection and of Sersic fits.

    Attributes
    ----------
    detection : Detection
        Source Extractor's.
    gain : float
        Electrons a unit of flux where a picture has no variance plane; 0: no Poisson noise, as in Source Extractor.
    neighbours : int
        How many of the brightest neighbours are fitted together with the target; the others are masked.
    counting : str
        How neighbours are counted: 'labels', 'centroids' or 'diagonal'.
    stamp : int
        Side of the stamp of every Sersic fit, pixels; 0: by the galaxy's radius.
    sky : str
        'fitted': the sky beneath a Sersic profile is fitted, with a prior from the pixels far from every footprint;
        'background': it stays at Source Extractor's background, as in Source Extractor's own fits.
    """

    detection: Detection = field(default_factory=Detection)
    gain: float = 0.0
    neighbours: int = 0
    counting: str = "labels"
    stamp: int = 0
    sky: str = "fitted"

    def text(self, psf: str) -> str:
        """These settings and the source of the PSF, as JSON."""
        return json.dumps({"version": MORPHOLOGY_VERSION, "psf": psf, **asdict(self)}, sort_keys=True)

    def digest(self, psf: str) -> str:
        """The hash of `text`, twelve characters."""
        return hashlib.sha256(self.text(psf).encode()).hexdigest()[:12]
