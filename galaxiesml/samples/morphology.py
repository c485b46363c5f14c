"""Describe the morphology of a build for file headers, and join it to the galaxies."""

from __future__ import annotations

from galaxiesml.catalog import Catalog

#: The mart, and its name in a query.
MART, ALIAS = "galaxy_morphology", "morphology"


def is_measured(catalog: Catalog) -> bool:
    """Whether the published build holds measurements."""
    return bool(catalog.build_info().get("morphology")) and MART in catalog.tables()


def told(info: dict) -> str:
    """The morphology in words: 'absent', or the settings, the PSF, and the measured share if it is incomplete."""
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
