"""Pairs of an object and a spectrum, as an export brings them: a good one, and a mixture."""

import random

from ..curation.reading import BANDS, FLAGS


def good_pair(number: int, **changes) -> dict:
    """A pair that passes every cut of every version."""
    pair = {
        "object_id": 36_000_000_000_000_000 + number,
        "ra": 30.0 + number * 1e-3,
        "dec": -5.0,
        "isprimary": True,
        "d_pos": 0.1,
        "specz_name": f"SDSS-{number}",
        "specz_redshift": 0.5,
        "specz_redshift_err": 1e-4,
        "specz_flag_homogeneous": True,
        "specz_mag_i": 20.0,
        "specz_error_kind": "measured",
        "specz_class": "GALAXY",
    }
    pair |= {f"{band}_{flag}": False for band in BANDS for flag in FLAGS}
    pair |= {f"{band}_cmodel_mag": 20.0 for band in BANDS}
    return pair | changes


def mixed_pairs(count: int) -> list[dict]:
    """Pairs of which a part fails each kind of cut, and a part is duplicated."""
    draw = random.Random(3)
    faults = [
        {},
        {},
        {"i_pixelflags_edge": True},
        {"z_cmodel_mag": None},
        {"specz_redshift": 9.9999},
        {"specz_redshift_err": 0.006},
        {"specz_flag_homogeneous": False},
        {"specz_mag_i": -1.0},
        {"isprimary": False},
        {"specz_name": "SHARED"},
        {"object_id": 5},
        {"specz_name": None},
    ]
    return [good_pair(number, **draw.choice(faults)) for number in range(count)]
