"""Settings of a measurement; equal settings give equal results."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from galaxiesml.instrument import HSC
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
    unusable_bits : int
        Bits of a catalogue's masks whose pixels do not count in a fit; a run takes the release profile's.
    """

    detection: Detection = field(default_factory=Detection)
    gain: float = 0.0
    neighbours: int = 0
    counting: str = "labels"
    stamp: int = 0
    sky: str = "fitted"
    unusable_bits: int = HSC.unusable_bits

    def text(self, psf: str) -> str:
        """These settings and the source of the PSF, as JSON."""
        told = asdict(self)
        # Measurements of HSC have the hash that they had before there were other instruments.
        if self.unusable_bits == HSC.unusable_bits:
            del told["unusable_bits"]
        return json.dumps({"version": MORPHOLOGY_VERSION, "psf": psf, **told}, sort_keys=True)

    def digest(self, psf: str) -> str:
        """The hash of `text`, twelve characters."""
        return hashlib.sha256(self.text(psf).encode()).hexdigest()[:12]
