"""What is wrong with a simulated export: one plan for every thousand rows, and what each version makes of it.

The plan is written down from the paper's and its authors' rules, apart from the SQL: `truth.json` counts what each
version should keep, and a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK = 1000
ALL = (1, 2, 3, 4)


@dataclass(frozen=True)
class Fault:
    """One row of each block that fails one cut and no other.

    Attributes
    ----------
    cut : str
        The cut that removes it.
    column, value
        What is set; None is NULL.
    removed_by : tuple of int
        The versions that do not keep it.
    """

    cut: str
    column: str
    value: object
    removed_by: tuple[int, ...] = ALL


#: One row a block each, in this order from the block's first row on.
FAULTS = (
    Fault("cmodel_flag", "r_cmodel_flag", True),
    Fault("edge", "z_pixelflags_edge", True),
    Fault("edge", "g_pixelflags_edge", True),
    Fault("interpolated", "i_pixelflags_interpolatedcenter", True),
    Fault("saturated", "y_pixelflags_saturatedcenter", True),
    Fault("crcenter", "g_pixelflags_crcenter", True),
    Fault("bad", "r_pixelflags_bad", True),
    Fault("centroid", "i_sdsscentroid_flag", True),
    # No redshift: several spectra match and none is secure.
    Fault("redshift", "specz_redshift", -9.0),
    Fault("redshift", "specz_redshift", 9.9999),
    Fault("redshift", "specz_redshift", 0.005),
    # Every planted row has z = 0.5: the limits are 0.00333 in the text and 0.0075 in the code.
    Fault("error_divided", "specz_redshift_err", 0.005, (1,)),
    Fault("error", "specz_redshift_err", 0.009),
    Fault("secure", "specz_flag_homogeneous", False),
    Fault("detected", "y_cmodel_mag", None),
    Fault("magnitudes", "g_cmodel_mag", 60.0),
    # PRIMUS gives -1 for some secure redshifts.
    Fault("specz_mag", "specz_mag_i", -1.0, (2, 3)),
    Fault("match_distance", "d_pos", 0.6, (1, 3)),
    Fault("primary", "isprimary", False, (3,)),
    Fault("not_star", "specz_class", "STAR", (3,)),
    Fault("measured_error", "specz_survey", "gama_dr2", (3,)),
)


@dataclass(frozen=True)
class Group:
    """Rows of each block that share a spectrum or an object.

    Attributes
    ----------
    shares : str
        'specz_name' or 'object_id'.
    size : int
        Rows in the group.
    offset_z : float
        Redshift difference from row to row.
    kept : dict of int to int
        How many of them each version keeps.
    """

    shares: str
    size: int
    offset_z: float
    kept: dict[int, int]


GROUPS = (
    # A blend's parent and children, or detections where patches overlap: one spectrum, one row stays.
    *(Group("specz_name", size, 0.0, dict.fromkeys(ALL, 1)) for size in (2, 2, 2, 3, 3, 4, 5)),
    # One object, two spectra that agree: the paper keeps the first, the authors' code drops both.
    *(Group("object_id", 2, 1e-4, {1: 1, 2: 0, 3: 1, 4: 0}) for _ in range(2)),
    # One object, two spectra that do not agree.
    Group("object_id", 2, 0.03, {1: 1, 2: 0, 3: 0, 4: 0}),
)
#: Rows at the end of a block that have no spectrum, where spectra are not everywhere by the option.
WITHOUT_SPECTRUM = 30

PLANTED = len(FAULTS) + sum(group.size for group in GROUPS)


def plan_block() -> dict[str, np.ndarray]:
    """Arrays of shape (BLOCK,): the fault and the group of each place in a block, and its rank in the group.

    ``fault`` and ``group`` index FAULTS and GROUPS, -1 for none; ``rank`` counts from 0.
    """
    fault = np.full(BLOCK, -1)
    fault[: len(FAULTS)] = np.arange(len(FAULTS))
    group, rank = np.full(BLOCK, -1), np.zeros(BLOCK, int)
    start = len(FAULTS)
    for index, entry in enumerate(GROUPS):
        group[start : start + entry.size] = index
        rank[start : start + entry.size] = np.arange(entry.size)
        start += entry.size
    spectrum = np.arange(BLOCK) < BLOCK - WITHOUT_SPECTRUM
    return {"fault": fault, "group": group, "rank": rank, "spectrum": spectrum}


def expected(blocks: int) -> dict:
    """What so many blocks with spectra hold, and what each version keeps of them."""
    good = BLOCK - PLANTED - WITHOUT_SPECTRUM
    kept = {
        version: good
        + sum(version not in fault.removed_by for fault in FAULTS)
        + sum(group.kept[version] for group in GROUPS)
        for version in ALL
    }
    faults: dict[str, int] = {}
    for fault in FAULTS:
        faults[fault.cut] = faults.get(fault.cut, 0) + blocks
    return {
        "pairs": blocks * (BLOCK - WITHOUT_SPECTRUM),
        "faults": faults,
        "rows_in_spectrum_groups": blocks * sum(g.size for g in GROUPS if g.shares == "specz_name"),
        "rows_in_object_groups": blocks * sum(g.size for g in GROUPS if g.shares == "object_id"),
        "kept": {f"v{version}": blocks * count for version, count in kept.items()},
    }
