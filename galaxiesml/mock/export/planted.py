"""Every fault of a simulated export, in the order in which they are placed in a stripe."""

from __future__ import annotations

import numpy as np

from galaxiesml.mock.export.faults import (
    FLAGS,
    SENTINEL,
    Copies,
    Fault,
    Row,
    at_limit,
    cycle,
    in_all,
    magnitude_reason,
    one,
    only,
    wide_error,
)
from galaxiesml.mock.export.spectra import UNLISTED


def _flag_faults():
    for cut, column in FLAGS.items():
        yield one(cut, "The flag fires in one filter.", 6, {column: True}, in_all(cut))
    yield one(
        "coverage_edge",
        "The edge of the coverage: edge, interpolated and bad in every filter.",
        5,
        {FLAGS[cut].replace("{band}", "{each}"): True for cut in ("edge", "interpolated", "bad")},
        in_all("edge", "interpolated", "bad"),
    )


_REDSHIFT = (
    one(
        "redshift_low",
        "A star's velocity, or none.",
        6,
        {
            "specz_redshift": at_limit(0.01, lambda c: np.round(0.0099 * c.uniform - 0.0005, 5)),
            "specz_redshift_err": 2e-4,
        },
        in_all("redshift"),
    ),
    one(
        "redshift_high",
        "At z = 4 or beyond.",
        3,
        {
            "specz_redshift": at_limit(4.0, lambda c: np.round(4.01 + 2.0 * c.uniform, 5)),
            "specz_redshift_err": 3e-4,
        },
        in_all("redshift"),
    ),
    one(
        "redshift_sentinel",
        "9.9999, which means that there is none.",
        4,
        {"specz_redshift": 9.9999, "specz_redshift_err": 1e-4},
        in_all("redshift"),
    ),
    one(
        "none_secure",
        "Several spectra match and none is secure: the archive's sentinel stands for redshift and error.",
        5,
        {
            "specz_redshift": SENTINEL,
            "specz_redshift_err": SENTINEL,
            "specz_flag_homogeneous": False,
            "_second": lambda c: np.full(len(c.copy), c.surveys.named("vvds")),
            "_survey": lambda c: np.full(len(c.copy), c.surveys.named("vipers")),
        },
        {
            1: ("redshift", "error_divided", "secure"),
            **dict.fromkeys((2, 3, 4), ("redshift", "error", "secure")),
        },
    ),
    one(
        "error_wide",
        "An error of 0.005 (1 + z) or more.",
        10,
        {
            "specz_redshift_err": at_limit(
                lambda c: 0.005 * (1.0 + c.z), lambda c: 0.005 * (1.0 + c.z) * (1.05 + 9.0 * c.uniform)
            )
        },
        wide_error(),
    ),
    one(
        "error_between",
        "An error between 0.005 / (1 + z), the limit that the paper prints, and its authors' 0.005 (1 + z).",
        15,
        {
            "specz_redshift_err": at_limit(
                lambda c: 0.005 / (1.0 + c.z),
                lambda c: (0.005 / (1.0 + c.z)) * (1.0 + c.z) ** (0.1 + 1.8 * c.uniform),
            )
        },
        only(1, cut="error_divided"),
    ),
    one(
        "error_none",
        "An error of 0, below 0, or 1.",
        4,
        {"specz_redshift_err": cycle(0.0, -0.001, 1.0)},
        wide_error(),
    ),
    one("error_null", "No error.", 3, {"specz_redshift_err": None}, wide_error()),
)

_OTHER = (
    one(
        "insecure",
        "Its survey does not vouch for it.",
        12,
        {"specz_flag_homogeneous": False},
        in_all("secure"),
    ),
    one(
        "security_null",
        "No word on whether it is secure.",
        2,
        {"specz_flag_homogeneous": None},
        in_all("secure"),
    ),
    one(
        "insecure_and_wide",
        "Insecure, with a wide error.",
        5,
        {
            "specz_flag_homogeneous": False,
            "specz_redshift_err": lambda c: 0.006 * (1.0 + c.z) * (1.0 + c.uniform),
        },
        wide_error("secure"),
    ),
    one(
        "undetected",
        "NULL magnitude in one filter.",
        6,
        {"{band}_cmodel_mag": None},
        magnitude_reason("detected"),
    ),
    one(
        "not_a_number",
        "NaN magnitude in one filter.",
        6,
        {"{band}_cmodel_mag": float("nan")},
        magnitude_reason("detected"),
    ),
    one(
        "absurd_magnitude",
        "A magnitude of 50 or more, or of 0 or less, in one filter.",
        6,
        {"{band}_cmodel_mag": cycle(50.0, 99.99, 0.0, -3.5, 62.0)},
        magnitude_reason("magnitude_range"),
    ),
    one(
        "specz_mag",
        "A target without a magnitude, -1 as PRIMUS has it.",
        6,
        {
            "specz_mag_i": -1.0,
            "_survey": lambda c: np.full(len(c.copy), c.surveys.named("primus")),
            "_second": UNLISTED,
        },
        only(2, 3, cut="specz_mag"),
    ),
    one(
        "specz_mag_limit",
        "A target's magnitude of 28, 0, or 30.",
        3,
        {"specz_mag_i": cycle(28.0, 0.0, 30.0)},
        only(2, 3, cut="specz_mag"),
    ),
    one("specz_mag_null", "No magnitude of the target.", 2, {"specz_mag_i": None}, only(2, 3, cut="specz_mag")),
    one(
        "distant",
        "The spectrum lies 0.5 arcsec away or more.",
        6,
        {"d_pos": at_limit(0.5, lambda c: np.round(0.51 + 0.45 * c.uniform, 6))},
        only(1, 3, cut="match_distance"),
    ),
    one(
        "not_primary",
        "A blend's parent.",
        8,
        {"isprimary": False, "nchild": 2, "parent_id": 0},
        only(3, cut="primary"),
    ),
    one("star", "A star's spectrum.", 4, {"_class": 3}, only(3, cut="not_star"), ("specz_class",)),
    one(
        "arbitrary_error",
        "An error that was not measured: GAMA's and WiggleZ's.",
        25,
        {
            "_survey": lambda c: np.array(c.surveys.assigned)[c.copy % len(c.surveys.assigned)],
            "_second": UNLISTED,
        },
        only(3, cut="measured_error"),
        ("specz_error_kind",),
    ),
    one(
        "unlisted_survey",
        "A survey that the release does not flag: no telling where its error comes from.",
        2,
        {"_survey": UNLISTED, "_second": UNLISTED},
        only(3, cut="measured_error"),
        ("specz_error_kind",),
    ),
    one("nameless", "A spectrum without a name: no one's duplicate.", 2, {"specz_name": None}, {}),
)

# Objects that share a spectrum: all but the first go in v1, v2 and v4; in v3 all but the nearest.
_LATER, _FARTHER = only(1, 2, 4, cut="unique_spectrum"), only(3, cut="best_of_spectrum")


def _overlaps():
    for name, distances, copies in (
        ("overlap_2", (0.30, 0.10), 8),
        ("overlap_3", (0.25, 0.35, 0.08), 2),
        ("overlap_4", (0.12, 0.40, 0.20, 0.33), 2),
    ):
        nearest = distances.index(min(distances))
        rows = [
            Row(
                {"d_pos": distance},
                (_LATER if at else {}) | (_FARTHER if at != nearest else {}),
                spectrum_of=0 if at else None,
            )
            for at, distance in enumerate(distances)
        ]
        yield Fault(name, f"{len(rows)} primary detections of one source share its spectrum.", copies, (), tuple(rows))


def _blends():
    parent = {"d_pos": 0.15, "isprimary": False, "parent_id": 0}
    for name, distances, copies in (("blend_2", (0.2,), 6), ("blend_5", (0.35, 0.05, 0.25, 0.44), 3)):
        rows = [Row(parent | {"nchild": len(distances)}, only(3, cut="primary"))]
        for distance in distances:
            rows.append(
                Row(
                    {"d_pos": distance},
                    _LATER | (_FARTHER if distance != min(distances) else {}),
                    spectrum_of=0,
                )
            )
        yield Fault(name, "A blend's parent and its children share a spectrum.", copies, ("isprimary",), tuple(rows))


_SHARED = (
    Fault(
        "overlap_tie",
        "Two objects at one distance from their spectrum: the first in the file stays in every version.",
        2,
        ("d_pos",),
        (Row({"d_pos": 0.2}), Row({"d_pos": 0.2}, _LATER | _FARTHER, spectrum_of=0)),
    ),
    Fault(
        "overlap_first_flagged",
        "Of two objects with one spectrum the first is saturated: the second is no duplicate of a survivor.",
        4,
        (FLAGS["saturated"],),
        (
            Row({FLAGS["saturated"]: True, "d_pos": 0.1}, in_all("saturated")),
            Row({"d_pos": 0.3}, spectrum_of=0),
        ),
    ),
)


def _apart(c: Copies) -> np.ndarray:
    """Another redshift, too far from the first and within 0.01 and 4."""
    difference = (0.0052 + 0.05 * c.uniform) * (1.0 + c.z)
    return np.round(np.where(c.z > 2.0, c.z - difference, c.z + difference), 6)


# Objects with spectra of several names: v1 keeps the first, v2 and v4 none, v3 the nearest, if they agree.
_AGREEING = {"specz_redshift": lambda c: np.round(c.z + 0.001 * c.uniform, 6)}
_DISAGREEING = {"specz_redshift": _apart}
_SOLE, _SECOND = only(2, 4, cut="sole_object"), only(1, cut="unique_object")
_FARTHER_ONE, _APART = only(3, cut="best_of_object"), only(3, cut="agreement")
_NAMED = only(1, 2, 4, cut="unique_spectrum")
_SEVERAL = (
    Fault(
        "two_spectra",
        "Two spectra of one object, and they agree.",
        6,
        (),
        (
            Row({"d_pos": 0.3}, _SOLE | _FARTHER_ONE),
            Row({"d_pos": 0.1} | _AGREEING, _SECOND | _SOLE, object_of=0),
        ),
    ),
    Fault(
        "two_spectra_tie",
        "Two spectra at one distance: the better measured one stays in v3.",
        3,
        ("d_pos",),
        (
            Row({"d_pos": 0.2, "specz_redshift_err": 3e-4}, _SOLE | _FARTHER_ONE),
            Row({"d_pos": 0.2, "specz_redshift_err": 1e-4} | _AGREEING, _SECOND | _SOLE, object_of=0),
        ),
    ),
    Fault(
        "two_spectra_apart",
        "Two spectra of one object whose redshifts differ by more than 0.005 (1 + z).",
        4,
        (),
        (
            Row({}, _SOLE | _APART),
            Row(_DISAGREEING | {"specz_redshift_err": 1e-4}, _SECOND | _SOLE | _APART, object_of=0),
        ),
    ),
    Fault(
        "two_spectra_one_insecure",
        "Two spectra of one object, one of them insecure: the other is its only one.",
        4,
        (),
        (
            Row({"d_pos": 0.3}),
            Row({"d_pos": 0.1, "specz_flag_homogeneous": False}, in_all("secure"), object_of=0),
        ),
    ),
    Fault(
        "name_step_first",
        "An earlier object has one of an object's two spectra: without it the object has one, and stays.",
        3,
        (),
        (
            Row({"d_pos": 0.1}, spectrum_of=2),
            Row({"d_pos": 0.2}),
            Row({"d_pos": 0.3} | _AGREEING, _NAMED | only(3, cut="best_of_spectrum"), object_of=1),
        ),
    ),
    Fault(
        "name_step_leaves_two",
        "A later object has one of an object's two spectra: it goes, and in v2 and v4 the object after it.",
        3,
        (),
        (
            Row({"d_pos": 0.2}, _SOLE),
            Row({"d_pos": 0.3} | _AGREEING, _SECOND | _SOLE | only(3, cut="best_of_spectrum"), object_of=0),
            Row({"d_pos": 0.1}, _NAMED, spectrum_of=1),
        ),
    ),
)

#: Every fault, for an export with all columns.
FAULTS: tuple[Fault, ...] = (
    *_flag_faults(),
    *_REDSHIFT,
    *_OTHER,
    *_overlaps(),
    *_blends(),
    *_SHARED,
    *_SEVERAL,
)
