"""The same 220 real galaxies at Wide and at Deep/UltraDeep depth: how far ln n and ln r_e are apart.

    python benchmarks/repeatability.py             # ours beside source-extractor's model, three stated Moffats
    python benchmarks/repeatability.py --fwhm 0.6

The pictures have no PSF and no units.  Both ways take the same stated Moffat; and the one unknown scale, of their
fluxes, is fitted: the noise of the Wide pictures is HSC's 0.08, and the gain is 3000 electrons there and as many more
at the deeper one as its noise is less.  `all` are the pairs that both ways have fitted; `clean` those of them where
neither of our fits is flagged as blended, off the middle, at a bound, unresolved or not converged.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import galsim
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.morphology import measure
from galaxiesml.morphology.flags import Flag
from galaxiesml.morphology.settings import Settings
from tests.morphology.injected import BETA, GAIN, SKY_NOISE
from tests.morphology.injections import scatter
from tests.morphology.reference import PROGRAM, reference

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_OUT = Flag.NOT_DETECTED | Flag.OFF_CENTER | Flag.BLENDED | Flag.AT_BOUND | Flag.NOT_CONVERGED | Flag.UNRESOLVED


def pairs(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures at Wide and at Deep depth, (220, 64, 64) each, in one order."""
    names = sorted(path.name for path in (data / "hsc_galaxies_wide").glob("*.fits"))
    return tuple(
        np.stack([fits.getdata(data / f"hsc_galaxies_{depth}" / name).astype(np.float32) for name in names])
        for depth in ("wide", "dud")
    )


def gains(wide: np.ndarray, deep: np.ndarray) -> tuple[float, float]:
    """Electrons a unit of flux at both depths, by the noise of the sky; differences of neighbours know no galaxy."""
    noise_wide, noise_deep = (
        float(np.median([scatter(np.diff(image)) / np.sqrt(2) for image in images])) for images in (wide, deep)
    )
    at_wide = GAIN * SKY_NOISE / noise_wide
    return at_wide, at_wide * (noise_wide / noise_deep) ** 2


def ours(images: np.ndarray, fwhm: float, gain: float, sky: str = "fitted") -> dict[str, np.ndarray]:
    """n, r_e (pixels), and whether nothing is wrong with the fit."""
    made = measure(images, psf=f"moffat:{fwhm}:{BETA}", gain=gain, settings=Settings(sky=sky)).to_pandas()
    clean = (made["morphology_flags"].to_numpy() & int(_OUT)) == 0
    return {"n": made["sersic_index"].to_numpy(float), "r": made["sersic_r_e_px"].to_numpy(float), "clean": clean}


def theirs(images: np.ndarray, fwhm: float, gain: float) -> dict[str, np.ndarray]:
    """The same of source-extractor's model, of the object nearest the middle."""
    seen = galsim.Convolve(galsim.Moffat(BETA, fwhm=fwhm), galsim.Pixel(PIXEL_SCALE_ARCSEC))
    psf = seen.drawImage(nx=75, ny=75, scale=PIXEL_SCALE_ARCSEC / 2, method="no_pixel").array
    rows = []
    for one in reference(images, psf, ("-GAIN", f"{gain:.1f}"), psf_scale=0.5):
        target = one.target()
        row = None if target is None else one.table[target]
        rows.append([np.nan] * 2 if row is None else [row["SPHEROID_SERSICN"], row["SPHEROID_REFF_IMAGE"]])
    values = np.array(rows, float)
    values[(values <= 0).any(1)] = np.nan
    return {"n": values[:, 0], "r": values[:, 1], "clean": np.ones(len(values), bool)}


def compared(wide: np.ndarray, deep: np.ndarray, fwhm: float) -> dict:
    """Scatters of both ways, by selection."""
    ways = {"ours": ours, "ours, sky held as source-extractor's": partial(ours, sky="background")}
    ways |= {"source-extractor": theirs} if PROGRAM else {}
    at = gains(wide, deep)
    found = {
        name: [way(images, fwhm, gain) for images, gain in zip((wide, deep), at, strict=True)]
        for name, way in ways.items()
    }
    every = np.all([np.isfinite(one["n"]) for pair in found.values() for one in pair], axis=0)
    clean = every & np.all([one["clean"] for pair in found.values() for one in pair], axis=0)
    told = {"fwhm_arcsec": fwhm, "all": int(every.sum()), "clean": int(clean.sum())}
    for name, (first, second) in found.items():
        told[name] = {
            f"{of} {key}": scatter(np.log(first[key][some] / second[key][some]))
            for of, some in (("all", every), ("clean", clean))
            for key in ("n", "r")
        }
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    seeing = {"type": float, "nargs": "+", "default": [0.5, 0.6, 0.7]}
    parser.add_argument("--fwhm", **seeing, help="seeing of the stated Moffat, arcsec")
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wide, deep = pairs(options.data)
    told = [compared(wide, deep, fwhm) for fwhm in options.fwhm]
    print("| Moffat | way | all: pairs | ln n | ln r_e | clean: pairs | ln n | ln r_e |\n|" + "---|" * 8)
    for one in told:
        for name in (name for name in one if isinstance(one[name], dict)):
            cells = [f"{one[of]} | {one[name][f'{of} n']:.3f} | {one[name][f'{of} r']:.3f}" for of in ("all", "clean")]
            print(f"| {one['fwhm_arcsec']} | {name} | {' | '.join(cells)} |")
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
