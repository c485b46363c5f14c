"""A catalogue of two dozen galaxies with every kind of picture, its tars beside it."""

from __future__ import annotations

from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build
from galaxiesml.cutouts.land import land_pictures

from ..curation.landed import land_rows, new_catalog
from ..cutouts.service import cutout, name, write_list, write_tar
from ..made.galaxies import BANDS, at, galaxy

NUMBERS = range(1, 25)
#: Where each galaxy's pictures are, other than in its own tract alone: tract to filters.
TRACTS = {
    3: {9813: BANDS, 9570: BANDS},
    4: {9813: "GRIZ", 9812: BANDS, 9814: BANDS},
    5: {9813: "GRIY"},
    6: {9812: "GRI", 9814: "ZY"},
}
#: Which tract shows it; None: none has all filters.
SHOWN = {3: 9813, 4: 9812, 5: None, 6: None}
#: Larger than 127 pixels, cut off on one side, pixels without a number.
KINDS = {7: {"half": 12.0}, 8: {"clip": (slice(11, None), slice(0, 70))}, 9: {"nan": 3}, 10: {"half": 10.64}}
#: Every pixel of the middle, so that the smaller picture has some as well.
KINDS |= {11: {"nan": 119 * 60}}


def redshift(number: int) -> float:
    """All different, and not in the order of the objects."""
    return 0.05 + 0.1 * (number * 7 % 25)


def sent(number: int, band: str, tract: int = 9813):
    """A FITS file, and the layers in it."""
    return cutout(*at(number), band=band, seed=tract + number, **KINDS.get(number, {}))


def write_tars(folder: Path) -> list[Path]:
    """A tar and its list for each filter; of one galaxy two single downloads, and a tar cut in its fourth member."""
    folder.mkdir()
    made = []
    asked = [number for number in NUMBERS if number != 12]
    for band in BANDS:
        members = {}
        for line, number in enumerate(asked, 2):
            for tract, bands in TRACTS.get(number, {9813: BANDS}).items():
                if band in bands:
                    members[name(line, band, tract)] = sent(number, band, tract)[0]
        made.append(write_tar(folder / f"{band}.tar", members))
        write_list(folder / f"{band}.txt", [at(number) for number in asked], band)
    for band in BANDS[:2]:
        made.append(folder / f"cutout-HSC-{band}-9813-pdr2_wide.fits")
        made[-1].write_bytes(sent(12, band)[0])
    alone = {name(line, band): sent(12, band)[0] for line, band in enumerate(BANDS[2:], 2)}
    path = write_tar(folder / "alone.tar", alone | {name(5): sent(13, "G")[0]})
    path.write_bytes(path.read_bytes()[:-100_000])
    return [*made, path]


def write_sample(root: Path) -> Catalog:
    """Landed and built."""
    catalog = new_catalog(root / "cat")
    changes = {
        1: {"specz_name": "SDSS-a, \u00e9, " + 40 * "x", "coord": "(1, 2, 3)"},
        2: {"skymap_id": None, "tract": 9813, "specz_ra": None},
    }
    rows = [galaxy(number, **({"specz_redshift": redshift(number)} | changes.get(number, {}))) for number in NUMBERS]
    land_rows(catalog, rows)
    states = [landed.state for landed in land_pictures(catalog, write_tars(root / "tars"), accept_cut=True)]
    assert states == ["landed"] * 8
    build(catalog)
    return catalog
