"""Morphology as the released files hold it: a number for every galaxy, another for 'not detected'."""

from __future__ import annotations

from galaxiesml.catalog import Catalog
from galaxiesml.release.layout import Key

#: The mart, and its name in a query.
MART, ALIAS = "galaxy_morphology", "morphology"


def is_measured(catalog: Catalog) -> bool:
    """Whether the published build holds measurements."""
    return bool(catalog.build_info().get("morphology")) and MART in catalog.tables()


def told(info: dict) -> str:
    """What a file says of its morphology: 'absent', or the settings, the PSF, and how much is measured if not all."""
    found = info.get("morphology")
    if not found:
        return "absent"
    part = f", measured in {missing}" if (missing := unfinished(info)) else ""
    return f"settings {found['settings']}, psf {found['psf_source']}{part}"


def unfinished(info: dict) -> str:
    """'120 of 200 pictures' where some pictures of the build are not measured; '' where all are, or it is not known.

    A build that was made before the share was counted does not tell.
    """
    share = info.get("morphology_share")
    if not share or share["measured"] == share["pictures"]:
        return ""
    return f"{share['measured']:,} of {share['pictures']:,} pictures"


def join(measured: bool) -> str:
    """The join that brings the mart to ``galaxies``; '' where there is none."""
    return f"left join {MART} as {ALIAS} on galaxies.object_id = {ALIAS}.object_id" if measured else ""


def column(key: Key, fill: float, measured: bool) -> str:
    """One key as SQL; what stands for 'not detected' is `fill`, and 0 or False for counts and flags of Table 1."""
    is_flag, is_count = key.dtype == "?", key.name.endswith("_total_galaxies")
    none = "false" if is_flag else f"cast('{0.0 if is_count else fill}' as double)"
    # The leftovers of a merge are nobody's measurement.
    if not measured or key.tail:
        return f'{none} as "{key.name}"'
    return f'coalesce({ALIAS}."{key.name}", {none}) as "{key.name}"'
