"""The same 220 real galaxies at Wide and at Deep/UltraDeep depth: how far ln n and ln r_e are apart.

    python benchmarks/repeatability.py             # ours beside source-extractor's model, both with moffat:0.7
    python benchmarks/repeatability.py --fwhm 0.6

The pictures have no PSF and no units: both ways take the same stated Moffat, and the one unknown scale, of fluxes at
one depth to those at the other, is fitted (the median ratio).  Galaxies count where neither fit is flagged as blended,
off the middle, at a bound or not converged, and Source Extractor gives both an index.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import galsim
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from galaxiesml.morphology import measure
from galaxiesml.morphology.flags import Flag
from galaxiesml.survey import PIXEL_SCALE_ARCSEC
from tests.morphology.injected import BETA
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


def ours(images: np.ndarray, fwhm: float) -> dict[str, np.ndarray]:
    """n, r_e (pixels) and flux; NaN where a fit is flagged."""
    made = measure(images, psf=f"moffat:{fwhm}:{BETA}").to_pandas()
    clean = (made["morphology_flags"].to_numpy() & int(_OUT)) == 0
    found = {"n": made["sersic_index"], "r": made["sersic_r_e_px"], "flux": 10 ** (-0.4 * made["sersic_mag"])}
    return {name: np.where(clean, values.to_numpy(float), np.nan) for name, values in found.items()}


def theirs(images: np.ndarray, fwhm: float) -> dict[str, np.ndarray]:
    """The same of source-extractor's model, of the object nearest the middle."""
    seen = galsim.Convolve(galsim.Moffat(BETA, fwhm=fwhm), galsim.Pixel(PIXEL_SCALE_ARCSEC))
    psf = seen.drawImage(nx=75, ny=75, scale=PIXEL_SCALE_ARCSEC / 2, method="no_pixel").array
    rows = []
    for one in reference(images, psf, psf_scale=0.5):
        target = one.target()
        row = None if target is None else one.table[target]
        names = ("SPHEROID_SERSICN", "SPHEROID_REFF_IMAGE", "FLUX_SPHEROID")
        rows.append([np.nan] * 3 if row is None else [row[name] for name in names])
    values = np.array(rows, float)
    values[(values <= 0).any(1)] = np.nan
    return dict(zip(("n", "r", "flux"), values.T, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fwhm", type=float, default=0.7, help="seeing of the stated Moffat, arcsec")
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wide, deep = pairs(options.data)
    ways = {"ours": ours} | ({"source-extractor": theirs} if PROGRAM else {})
    found = {name: (way(wide, options.fwhm), way(deep, options.fwhm)) for name, way in ways.items()}
    both = np.all([np.isfinite(one["n"]) for pair in found.values() for one in pair], axis=0)
    told = {"galaxies": int(both.sum()), "of": len(wide), "fwhm_arcsec": options.fwhm}
    print(f"{told['galaxies']} of {len(wide)} galaxies that every way has fitted, moffat:{options.fwhm}:{BETA}\n")
    print("| way | ln n | ln r_e | ln flux, less its one scale |\n|---|---|---|---|")
    for name, (first, second) in found.items():
        with np.errstate(invalid="ignore"):
            told[name] = {key: scatter(np.log(first[key] / second[key])[both]) for key in ("n", "r", "flux")}
        print(f"| {name} | " + " | ".join(f"{told[name][key]:.3f}" for key in ("n", "r", "flux")) + " |")
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
