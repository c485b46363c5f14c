"""Check the attributes of a released file against its name and its build."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from galaxiesml.verify.expected import SCHEMES, Build
from galaxiesml.verify.found import Difference

#: What a file says of itself.
ATTRIBUTES = (
    *("build", "version", "split_scheme", "split", "split_seed", "image_size", "bands", "missing", "morphology"),
    *("missing_cuts", "cuts", "not_finite_pixels", "spectra_from"),
)
_FILE_NAME = re.compile(r"(\d+)x(\d+)x(\d+)_(training|validation|testing)_with_morphology\.hdf5")


def text_of(value: object) -> object:
    """An attribute as Python has it."""
    if isinstance(value, np.ndarray):
        return ", ".join(str(text_of(item)) for item in value.ravel())
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value


def check_attributes(told: dict, path: Path) -> None:
    """The file's attributes are there, of a known kind, and fit its name."""
    for name in ATTRIBUTES:
        if name not in told:
            raise Difference(f"the file has no attribute {name}", key=name)
    kinds = {
        "split": ("training", "validation", "testing"),
        "split_scheme": SCHEMES,
        "missing": ("leave-out", "zero"),
    }
    for name, known in kinds.items():
        if told[name] not in known:
            raise Difference(f"attribute {name} is {told[name]!r}, not one of {', '.join(known)}", key=name)
    size = told["image_size"]
    if not isinstance(size, int) or not 1 <= size <= 4096:
        raise Difference(f"attribute image_size is {size!r}", key="image_size")
    named = _FILE_NAME.fullmatch(path.name)
    if named and (named[4], int(named[2]), int(named[3])) != (told["split"], size, size):
        raise Difference(f"its name says {named[0]}, its attributes {told['split']} of {size} pixels", key="split")


def check_facts(told: dict, build: Build) -> None:
    """The file's attributes are the build's."""
    version = build.info["versions"].get(str(told["version"]))
    if version is None:
        raise Difference(
            f"attribute version is {told['version']!r}; build {build.name} has no such version", key="version"
        )
    facts = {
        "bands": list(build.bands),
        "cuts": version["cuts"],
        "missing_cuts": version["missing_cuts"],
    }
    for name, right in facts.items():
        words = [word.strip() for word in str(told[name]).split(",") if word.strip()]
        if words != list(right):
            raise Difference(
                f"attribute {name} is {told[name]!r}; the build has {', '.join(right) or 'none'}", key=name
            )
    reasons = "; ".join(f"{cut}: {why}" for cut, why in version.get("not_applicable", {}).items())
    if told.get("not_applicable", "") != reasons:
        found = told.get("not_applicable", "")
        raise Difference(f"attribute not_applicable is {found!r}; the build has {reasons!r}", key="not_applicable")
    scale = build.survey.pixel_scale_arcsec
    # Files of before the profile said it, and profiles that no longer do, are not held against it.
    if scale is not None and told.get("pixel_scale_arcsec", scale) != scale:
        raise Difference(
            f"attribute pixel_scale_arcsec is {told['pixel_scale_arcsec']!r}; the release profile says {scale!r}",
            key="pixel_scale_arcsec",
        )
    # Files of earlier versions do not name the rule.
    if told.get("rule", version.get("rule", "")) != version.get("rule", ""):
        raise Difference(f"attribute rule is {told['rule']!r}; the build has {version.get('rule')!r}", key="rule")
    for name, right in (
        ("split_seed", build.info.get("split_seed", 0)),
        ("spectra_from", build.info.get("spectra_from", "export")),
        ("morphology", _morphology(build.info.get("morphology"), build.info.get("morphology_share"))),
    ):
        if told[name] != right:
            raise Difference(f"attribute {name} is {told[name]!r}; the build has {right!r}", key=name)


def _morphology(chosen: dict | None, share: dict | None) -> str:
    if chosen is None:
        return "absent"
    words = f"settings {chosen['settings']}, psf {chosen['psf_source']}"
    if share is not None and share["measured"] < share["pictures"]:
        words += f", measured in {share['measured']:,} of {share['pictures']:,} pictures"
    return words
