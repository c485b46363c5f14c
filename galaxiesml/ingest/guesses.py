"""Names that surveys give to the columns that a release profile wants, and how a filter is found in names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: Filters that are looked for in names, from blue to red, each with its UCD word.
FILTERS = {
    "u": "em.opt.U",
    "g": "em.opt.B",
    "r": "em.opt.R",
    "i": "em.opt.I",
    "z": "em.opt.I",
    "y": "em.opt.I",
    "vis": "em.opt.R",
    "j": "em.IR.J",
    "h": "em.IR.H",
    "k": "em.IR.K",
    "ks": "em.IR.K",
}
#: Filters of other telescopes that catalogues carry beside a survey's own; they are told, not proposed.
OTHER_FILTERS = {"fuv": "em.UV.100-200nm", "nuv": "em.UV.200-300nm", "w1": "em.IR.3-4um", "w2": "em.IR.4-8um"}
#: Fewer filters than these are no survey of several.
FEWEST = 2

#: Our column: patterns of names that it has elsewhere, in lower case, the likeliest first; {band} is a filter.
NAMES: dict[str, tuple[str, ...]] = {
    "object_id": (r"object_?id", r"coadd_object_id", r"source_?id", r"obj_?id", r"targetid", r"id", r"number"),
    "ra": (r"ra", r"coord_ra", r"ra_?deg", r"raj2000", r"alpha_?j2000", r"ra_?icrs", r"right_ascension"),
    "dec": (r"dec", r"coord_dec", r"dec_?deg", r"dej2000", r"decj2000", r"delta_?j2000", r"de_?icrs", r"declination"),
    "coord": (r"coord",),
    "skymap_id": (r"skymap_?id",),
    "tract": (r"tract",),
    "patch": (r"patch",),
    "parent_id": (r"parent_?id", r"parent_?object_?id", r"parent"),
    "nchild": (r"nchild", r"deblend_?nchild", r"n_?children"),
    "isprimary": (r"is_?primary", r"detect_?is_?primary", r"brick_?primary", r"primary"),
    "a_{band}": (r"a_{band}", r"ext(inction)?_{band}", r"{band}_ext(inction)?"),
    "{band}_cmodel_mag": (
        r"{band}_?cmodel_?mag",
        r"{band}_?cmodel_?flux",
        r"cmodel_?(mag|flux)_{band}",
        r"(model_?)?mag_{band}",
        r"flux_{band}",
        r"{band}_(model_?)?(mag|flux)",
        r"mag_?(auto|total)_{band}",
        r"flux_?(auto|total)_{band}",
        r"{band}_?kron_?(mag|flux)",
    ),
    "{band}_cmodel_magsigma": (
        r"{band}_?cmodel_?mag_?(sigma|err)",
        r"{band}_?cmodel_?flux_?(err|sigma)",
        r"cmodel_?(mag|flux)_?err_{band}",
        r"(model_?)?mag_?err_{band}",
        r"flux_ivar_{band}",
        r"flux_?err_{band}",
        r"{band}_(model_?)?(mag|flux)_?(err|ivar|sigma)",
        r"mag_?err_?(auto|total)_{band}",
        r"flux_?err_?(auto|total)_{band}",
        r"{band}_?kron_?(mag|flux)_?err",
    ),
    "{band}_cmodel_flag": (r"{band}_?cmodel_?(flux_?)?flags?",),
    "{band}_pixelflags_edge": (r"{band}_?(pixel_?flags|flags_?pixel)_?edge", r"edge_{band}"),
    "{band}_pixelflags_interpolatedcenter": (r"{band}_?(pixel_?flags|flags_?pixel)_?interpolated_?center",),
    "{band}_pixelflags_saturatedcenter": (r"{band}_?(pixel_?flags|flags_?pixel)_?saturated_?center",),
    "{band}_pixelflags_crcenter": (r"{band}_?(pixel_?flags|flags_?pixel)_?cr_?center",),
    "{band}_pixelflags_bad": (r"{band}_?(pixel_?flags|flags_?pixel)_?bad",),
    "{band}_sdsscentroid_flag": (r"{band}_?(sdss_?)?centroid_?(sdss_?)?flags?",),
    "d_pos": (r"d_?pos", r"match_?distance", r"separation(_?arcsec)?"),
    "d_mag": (r"d_?mag",),
    "specz_name": (r"specz_?(name|id)", r"z_?name", r"spec_?(obj_?)?id", r"name"),
    "specz_ra": (r"specz_?ra", r"z_?ra", r"spec_?ra"),
    "specz_dec": (r"specz_?dec", r"z_?dec", r"spec_?dec"),
    "specz_redshift": (r"specz_?(redshift)?", r"z_?spec", r"spec_?z", r"redshift", r"z"),
    "specz_redshift_err": (
        *(r"specz_?(redshift_?)?err(or)?", r"z_?spec_?err(or)?", r"spec_?z_?err(or)?", r"redshift_?err(or)?"),
        *(r"e_z", r"z_?err(or)?"),
    ),
    "specz_original_flag": (r"specz_original_flag", r"z_?flag_?orig(inal)?"),
    "specz_flag_homogeneous": (
        *(r"specz_?flag(_homogeneous)?", r"z_?secure", r"(spec)?z_?quality", r"z_?flag", r"q_?z", r"q_?op", r"nq"),
        *(r"redshift_?quality", r"zwarn(ing)?"),
    ),
    "specz_mag_i": (r"specz_?mag_?i", r"z_?i_?mag"),
    "specz_class": (r"specz_?class", r"spec_?type", r"z_?class"),
}


@dataclass(frozen=True)
class Guess:
    """Columns that may be one of ours.

    Attributes
    ----------
    ours : str
        Our column, or a pattern of them.
    candidates : tuple of str
        Names in the file, {band} in place of the filter, the likeliest first; those of equal rank in the file's order.
    is_sure : bool
        Whether the first is alone in its rank.
    bands : tuple of str
        The filters for which the first is there; none of a column without filters.
    """

    ours: str
    candidates: tuple[str, ...]
    is_sure: bool
    bands: tuple[str, ...] = ()


def find_filters(names: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Filters of the file's photometry, and those of other telescopes beside them.

    The pattern of magnitudes or fluxes that the likeliest name has in most filters decides.

    Returns
    -------
    own, others : dict of str to str
        As the file's names spell them, each with its UCD word; empty where none is found.
    """
    names = list(names)
    for pattern in NAMES["{band}_cmodel_mag"]:
        found = _in_filters(pattern, names)
        if found and len(best := max(found.values(), key=len)) >= FEWEST:
            others = max(_in_filters(pattern, names, OTHER_FILTERS).values(), key=len, default=[])
            return _with_words(best, FILTERS), _with_words(others, OTHER_FILTERS)
    return {}, {}


def _with_words(spelt: list[str], known: dict[str, str]) -> dict[str, str]:
    return {band: known[band.lower()] for band in spelt}


def _in_filters(pattern: str, names: list[str], known: Iterable[str] = tuple(FILTERS)) -> dict[str, list[str]]:
    """Templates that match a pattern, each with its filters as they are spelt, from blue to red."""
    found: dict[str, dict[str, str]] = {}
    for band in known:
        regex = re.compile(pattern.replace("{band}", f"(?P<band>{band})"), re.IGNORECASE)
        for name in names:
            if (match := regex.fullmatch(name)) is not None:
                start, stop = match.span("band")
                found.setdefault(f"{name[:start]}{{band}}{name[stop:]}", {})[band] = match["band"]
    return {template: list(bands.values()) for template, bands in found.items()}


def guess(ours: str, names: list[str], bands: list[str], fits) -> Guess | None:
    """Columns of a file that may be one of ours; None if there is none.

    Parameters
    ----------
    names : list of str
        The file's columns.
    bands : list of str
        Its filters, as it spells them.
    fits : callable
        Given one of the file's names, whether its type may be ours.
    """
    ranks: list[dict[str, tuple[str, ...]]] = []
    for pattern in NAMES[ours]:
        if "{band}" in ours:
            templates = _in_filters(pattern, names)
            ranks.append({one: tuple(band for band in bands if band in here) for one, here in templates.items()})
        else:
            found = [name for name in names if re.fullmatch(pattern, name, re.IGNORECASE)]
            ranks.append({name: () for name in found if not _is_of_a_filter(name, names)})
    kept = [
        {
            one: here
            for one, here in rank.items()
            if _is_there(one, here) and fits(one.replace("{band}", (*here, "")[0]))
        }
        for rank in ranks
    ]
    candidates = list(dict.fromkeys(one for rank in kept for one in rank))
    if not candidates:
        return None
    first = next(rank for rank in kept if rank)
    # A template for more filters comes first in its rank.
    ordered = sorted(first, key=lambda one: -len(first[one]))
    most = [one for one in ordered if len(first[one]) == len(first[ordered[0]])]
    rest = [one for one in candidates if one not in ordered]
    return Guess(ours, (*ordered, *rest), len(most) == 1, first[ordered[0]])


def _is_of_a_filter(name: str, names: list[str]) -> bool:
    """Whether a name is of a filter, as z_ra is beside g_ra: the position in z, and not of a spectrum."""
    first, _, rest = name.partition("_")
    others = [band for band in FILTERS if band != first.lower()]
    return first.lower() in FILTERS and any(f"{band}_{rest}" in names for band in others)


def _is_there(template: str, bands: tuple[str, ...]) -> bool:
    return bool(bands) if "{band}" in template else True
