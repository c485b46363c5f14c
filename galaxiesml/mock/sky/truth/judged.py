"""Find the rows that each version of galaxies must keep, from the simulated tables and the paper's text.

No SQL of the project is read: this is the truth that a build is held against.
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pyarrow as pa

from galaxiesml.mock.sky.archive.measure import FLAGS
from galaxiesml.mock.sky.instrument import BANDS

VERSIONS = (1, 2, 3, 4)
#: Surveys whose errors were assigned (https://hsc-release.mtk.nao.ac.jp/doc/index.php/dr1_specz/).
_ASSIGNED = ("specz_flag_gama_dr2", "specz_flag_wigglez_dr1")


def kept(rows: pa.Table) -> dict[int, list[int]]:
    """The objects that each version keeps of an export, by identifier.

    A condition whose columns the export lacks is not made: of the paper's query, those that it made itself.
    """
    pairs = rows.to_pylist()
    return {version: sorted(pair["object_id"] for pair in _version(pairs, version)) for version in VERSIONS}


def _version(pairs: list[dict], version: int) -> list[dict]:
    alive = [pair for pair in pairs if _passes(pair, version)]
    if version == 3:
        return _strict(alive)
    alive = _first_of(alive, "specz_name")
    if version == 1:
        return _first_of(alive, "object_id")
    several = defaultdict(int)
    for pair in alive:
        several[pair["object_id"]] += 1
    return [pair for pair in alive if several[pair["object_id"]] == 1]


def _passes(pair: dict, version: int) -> bool:
    z, error = pair["specz_redshift"], pair["specz_redshift_err"]
    mags = [pair[f"{band}_cmodel_mag"] for band in BANDS]
    limit = 0.005 / (1.0 + z) if version == 1 else 0.005 * (1.0 + z)
    good = (
        not any(pair.get(f"{band}_{flag}", False) for band in BANDS for flag in FLAGS)
        and 0.01 < z < 4.0
        and 0.0 < error < min(1.0, limit)
        and pair["specz_flag_homogeneous"]
        and all(not math.isnan(mag) and 0.0 < mag < 50.0 for mag in mags)
    )
    if version in (2, 3):
        good = good and 0.0 < pair["specz_mag_i"] < 28.0
    if version in (1, 3):
        good = good and pair.get("d_pos", 0.0) < 0.5
    if version == 3:
        good = good and pair.get("isprimary", True) and not any(pair.get(flag, False) for flag in _ASSIGNED)
    return bool(good)


def _first_of(pairs: list[dict], key: str) -> list[dict]:
    seen: set = set()
    return [pair for pair in pairs if not (pair[key] in seen or seen.add(pair[key]))]


def _strict(pairs: list[dict]) -> list[dict]:
    """Spectra of an object agree; then the nearest pair of each spectrum, then of each object."""
    of_object = defaultdict(list)
    for pair in pairs:
        of_object[pair["object_id"]].append(pair["specz_redshift"])
    agreeing = [pair for pair in pairs if np.ptp(z := of_object[pair["object_id"]]) <= 0.005 * (1.0 + min(z))]
    for key in ("specz_name", "object_id"):
        best: dict = {}
        for number, pair in enumerate(agreeing):
            rank = (_distance(pair), pair["specz_redshift_err"], number)
            if pair[key] not in best or rank < best[pair[key]][0]:
                best[pair[key]] = (rank, pair)
        agreeing = [pair for _, pair in sorted(best.values(), key=lambda item: item[0][2])]
    return agreeing


def _distance(pair: dict) -> float:
    east = (pair["ra"] - pair["specz_ra"]) * math.cos(math.radians(pair["dec"]))
    return math.hypot(east, pair["dec"] - pair["specz_dec"])
