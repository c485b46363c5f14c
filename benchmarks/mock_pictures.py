"""Pictures drawn in bulk: galaxies a core-second beside GalSim's drawing of the same catalogue, and how equal they are.

    galaxiesml mock population --galaxies 5000 --out population
    python benchmarks/mock_pictures.py population

Both draw the same galaxies with the same neighbours in all bands, without noise, in turns, on one thread; medians of
processor time are printed.  GalSim is called as the simulated sky calls it (`coadd/draw.py`: faint sources as bulge or
disc alone, or as a round smudge), and once more with every source in full, which the light is compared with.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from galaxiesml.mock.pictures import magnitudes, render
from galaxiesml.mock.pictures.catalogue import Batch, Population
from galaxiesml.mock.pictures.plan import Lit
from galaxiesml.mock.sky.coadd.draw import draw
from galaxiesml.mock.sky.galaxies.sources import Sources
from galaxiesml.mock.sky.survey.coverage import Box
from galaxiesml.mock.sky.survey.psf import Psf
from tests.mock.drawn_by_galsim import picture

ROUNDS, GALSIM, COMPARED = 5, 24, 200


class Flat:
    """A sky whose coordinates are pixels."""

    def pixels(self, ra, dec):
        return np.asarray(ra), np.asarray(dec)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("population", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    population = Population(asked.population)
    camera = render.Camera(tuple(population.info["gain"]), tuple(population.info["saturated"]))
    batches = list(population.batches(render.BATCH, ROUNDS * render.BATCH))
    times: dict[str, list[float]] = {"light": [], "pictures": [], "measured too": [], "GalSim": []}
    for batch in batches:
        for name, seconds in ours(batch, camera).items():
            times[name].append(len(batch) / seconds)
        times["GalSim"].append(GALSIM / by_galsim(batch.lit))
    sources = np.mean([len(batch.lit.x) / len(batch) for batch in batches])
    print(f"{len(batches)} batches of {render.BATCH} galaxies, {sources:.1f} sources a picture")
    print("| | galaxies a core-second |\n|---|---|")
    for name, rates in times.items():
        print(f"| {name} | {median(rates):.1f} ({min(rates):.1f}-{max(rates):.1f}) |")
    print(f"faster than GalSim: {median(times['light']) / median(times['GalSim']):.0f} x")
    compare(batches[0].lit)


def ours(batch: Batch, camera: render.Camera) -> dict[str, float]:
    """Processor seconds of light alone, of pictures with noise, and of those with magnitudes."""
    began = time.process_time()
    render.light(batch.lit)
    light = time.process_time()
    drawn = render.draw(batch.lit, camera, 1, batch.number)
    pictures = time.process_time()
    magnitudes.measured(batch, drawn, camera, render.generator(1, batch.number, "cpu", "magnitudes"))
    measured = time.process_time()
    return {"light": light - began, "pictures": pictures - light, "measured too": measured - light}


def by_galsim(lit: Lit) -> float:
    """Processor seconds of the first galaxies as the simulated sky draws them, 64 pixels on a side."""
    began = time.process_time()
    for number in range(GALSIM):
        here = np.flatnonzero(lit.picture == number)
        for band in range(lit.flux.shape[1]):
            psf = Psf(*(float(values[number, band]) for values in (lit.psf_fwhm, lit.psf_g1, lit.psf_g2)))
            draw(sources_of(lit, here), band, psf, Flat(), Box(0, 0, 64, 64))
    return time.process_time() - began


def sources_of(lit: Lit, here: np.ndarray) -> Sources:
    return Sources(
        ra=lit.x[here] + 32.0,
        dec=lit.y[here] + 32.0,
        is_star=lit.point[here].min(axis=1) == 1.0,
        mag=27.0 - 2.5 * np.log10(lit.flux[here]),
        bulge_fraction=lit.bulge[here],
        point_fraction=lit.point[here],
        bulge_radius_arcsec=lit.bulge_radius[here],
        disc_radius_arcsec=lit.disc_radius[here],
        bulge_axis_ratio=lit.bulge_ratio[here],
        disc_axis_ratio=lit.disc_ratio[here],
        position_angle_deg=lit.angle[here],
    )


def compare(lit: Lit) -> None:
    """The worst pixel and flux of some pictures, one band each, against GalSim's in full."""
    light = render.light(lit)[:COMPARED, :5, 32:96, 32:96].double().numpy()
    pixel, flux = [], []
    for number in range(len(light)):
        band = number % 5
        theirs = picture(lit, number, band)
        pixel.append(np.abs(light[number, band] - theirs).max() / theirs.max())
        flux.append(abs(light[number, band].sum() / theirs.sum() - 1.0))
    for name, values in (("pixel, of the peak", pixel), ("flux of the picture", flux)):
        print(f"{name}: worst of {len(values)} {max(values):.3%}, median {median(values):.4%}")


if __name__ == "__main__":
    main()
