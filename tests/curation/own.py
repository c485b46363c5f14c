"""A version of one's own: the rules that are made of its story, and the same read in pandas."""

import random
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd

from galaxiesml import dictionary
from galaxiesml.curation.own_cuts import OwnCut
from galaxiesml.curation.own_versions import OwnVersion, merged
from galaxiesml.curation.rules import Rules

from ..made.pairs import good_pair
from .reading import BANDS, common, number

STORY = "own_story.toml"
UCD = dict.fromkeys(BANDS, "em.opt.I")


def conditions() -> dict[str, str]:
    """The story's cuts; those of a changed copy of the project where there is one."""
    changed = dictionary.PROJECT / STORY
    return tomllib.loads((changed if changed.is_file() else Path(__file__).parent / STORY).read_text())


def own_cut(name: str, sql: str, **columns) -> OwnCut:
    return OwnCut(name, sql, f"why {name}", "a test", (), columns, tuple(UCD.items()))


def story_rules() -> Rules:
    cuts = {name: own_cut(name, sql) for name, sql in conditions().items()}
    version = OwnVersion("mine", "the referee's", "v2", tuple(cuts), ("specz_mag",), "best")
    return merged([version], cuts)


def drawn_pairs(count: int, seed: int = 5) -> list[dict]:
    """Pairs near the limits of the story's cuts, with missing values and with duplicates."""
    draw = random.Random(seed)
    return [_pair(place, draw) for place in range(count)]


def _pair(place: int, draw: random.Random) -> dict:
    changes = {
        "i_cmodel_mag": draw.choice([22.5, 22.499999999999996, 22.500000000000004, 20.0, 20.0, 17.0, None]),
        "specz_redshift": draw.choice([1.5, 1.4999999999999998, 1.5000000000000002, 0.5, 0.5, 1.8]),
        "specz_mag_i": draw.choice([20.0, -1.0, None]),
        "isprimary": draw.choice([True, True, False, None]),
        "specz_class": draw.choice(["GALAXY", "galaxy", "STAR", None]),
        "d_pos": draw.choice([0.4, 0.39999999999999997, 0.1, 0.1, 0.45, None]),
        "specz_redshift_err": draw.choice([1e-4, 2e-4]),
        "specz_name": draw.choice([f"S-{place}", f"S-{place}", f"D-{draw.randrange(60)}", None]),
        "object_id": draw.choice([place + 1000, place + 1000, draw.randrange(60)]),
        # Only where nothing is missing is the distance computed from positions; so there are none.
        "ra": None,
    }
    for band in BANDS:
        changes[f"{band}_cmodel_magsigma"] = draw.choice([0.05] * 12 + [0.2, 0.3, None])
    if draw.random() < 0.1:
        changes["g_cmodel_mag"] = draw.choice([18.0, 17.999999999999996, 17.0])
    if draw.random() < 0.1:
        changes["r_pixelflags_edge"] = True
    return good_pair(place, **changes)


def read_in_pandas(pairs: list[dict]) -> list[int]:
    """Places of the pairs that the version keeps: v2 without specz_mag, with the story's cuts, duplicates as v3's."""
    frame = pd.DataFrame(pairs).astype(object)
    frame = frame.where(frame.notna(), None)
    good = bright(frame) & low_z(frame)
    for band in BANDS:
        good &= (number(frame, f"{band}_cmodel_magsigma") < 0.2) | (number(frame, f"{band}_cmodel_mag") < 18)
    not_primary = np.array([value is False for value in frame["isprimary"]])
    galaxy = np.array([value == "GALAXY" for value in frame["specz_class"]])
    return mine(frame, good & ((number(frame, "d_pos") < 0.4) | (galaxy & not_primary)))


def bright(frame: pd.DataFrame) -> np.ndarray:
    return number(frame, "i_cmodel_mag") < 22.5


def low_z(frame: pd.DataFrame) -> np.ndarray:
    return number(frame, "specz_redshift") < 1.5


def mine(frame: pd.DataFrame, good: np.ndarray) -> list:
    """v2 without specz_mag, with other conditions, and the nearest of duplicates."""
    redshift, error = number(frame, "specz_redshift"), number(frame, "specz_redshift_err")
    left = frame[common(frame) & (error < 0.005 * (1 + redshift)) & good]
    order = left.assign(
        distance=number(left, "d_pos"), error=number(left, "specz_redshift_err"), place=left.index
    ).sort_values(["distance", "error", "place"], na_position="last")
    named = order["specz_name"].notna()
    order = order[~(named & order["specz_name"].duplicated(keep="first"))]
    return sorted(order[~order["object_id"].duplicated(keep="first")].index)
