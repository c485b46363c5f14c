"""Names of columns: what a pair has, and what is meant by a name that it has not."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from galaxiesml import dictionary
from galaxiesml.errors import UsageError


class Known(NamedTuple):
    """A column that conditions can read.

    Attributes
    ----------
    type : str
        As the dictionary has it: bigint, integer, double, boolean or text.
    side : str
        object, spectrum, pair (of both), or row: of a table that is no pair.
    """

    type: str
    side: str = "row"


#: What astronomers type for columns that have other names here.
_MEANT = {
    "specz_redshift": "z redshift zspec z_spec specz spec_z specz_z spectro_z z_best zbest",
    "specz_redshift_err": "err zerr z_err zspec_err z_spec_err redshift_err redshift_error specz_err e_z sigma_z ez dz",
    "match_distance_arcsec": "sep separation distance dist arcsec match_distance offset match_sep",
    "specz_name": "name spec_name spectrum specid spec_id specz_id",
    "specz_surveys": "survey surveys specz_survey instrument",
    "specz_class": "class type spectype spec_class sourcetype source_class",
    "specz_flag_homogeneous": "secure quality zqual zflag z_flag qflag specz_flag flag_homogeneous confidence",
    "specz_mag_i": "specz_mag spec_mag",
    "object_id": "id objid objectid obj_id object source_id sourceid",
    "isprimary": "primary is_primary detect_isprimary detect_is_primary",
    "ra": "ra_deg raj2000 alpha ra_j2000",
    "dec": "decl declination dec_deg dej2000 delta dec_j2000",
    "parent_id": "parent parentid blend",
    "nchild": "n_child deblend_nchild children",
}
_MEANT_OF = {typed: column for column, words in _MEANT.items() for typed in words.split()}
#: The same for columns of a filter, for which B stands.
_MEANT_OF_BAND = {
    "{}_cmodel_mag": r"B|B_?mag|mag_?B|mag_?B_?ab|B_?cmodel|cmodel_?B|B_?cmodelmag|B_?(psf|kron)_?mag|B_?mag_?auto",
    "{}_cmodel_magsigma": r"B_?mag_?(err(or)?|sigma)|e_?Bmag|B_?err(or)?|mag_?err_?B|sigma_B"
    r"|B_cmodel_(mag_?)?(err(or)?|sigma)",
    "a_{}": r"a_?B|ext(inction)?_B|B_ext(inction)?",
    "{}_cmodel_flag": r"B_?flags?|flags?_B",
}


def pair_columns(bands: Mapping[str, str]) -> dict[str, Known]:
    """The columns of a pair of an object and a spectrum.

    Parameters
    ----------
    bands : mapping of str to str
        Filter to its UCD word, as a release profile has it.
    """
    known = {
        column.name: Known(column.type, side)
        for side in ("object", "spectrum")
        for column in dictionary.family(side, dict(bands))
    }
    return known | {"match_distance_arcsec": Known("double", "pair")}


def spelled(name: str, known: Mapping[str, Known]) -> str | None:
    """The name as the table has it, capital letters aside; None if it has no such column."""
    if name in known:
        return name
    found = [each for each in known if each.lower() == name.lower()]
    return found[0] if len(found) == 1 else None


def meant(name: str, known: Mapping[str, Known], bands: Sequence[str] = ()) -> list[str]:
    """Names of the table that somebody may mean who types another, the likeliest first."""
    low = name.lower()
    if "{band}" in low:
        return _meant_of_bands(low, known, bands)
    found = [_MEANT_OF[low]] if low in _MEANT_OF else []
    for band in bands:
        found += [
            column.format(band)
            for column, pattern in _MEANT_OF_BAND.items()
            if re.fullmatch(pattern.replace("B", re.escape(band.lower())), low)
        ]
    found = [each for each in dict.fromkeys(found) if each in known]
    return found or difflib.get_close_matches(low, list(known), n=3, cutoff=0.7)


def _meant_of_bands(low: str, known: Mapping[str, Known], bands: Sequence[str]) -> list[str]:
    """The same of a name with {band}, for which one filter stands in."""
    band = next(iter(bands), None)
    if band is None:
        return []
    patterns = {
        (f"{{band}}_{each.removeprefix(band + '_')}" if each.startswith(band + "_") else "a_{band}"): each
        for each in known
        if each.startswith(band + "_") or each == f"a_{band}"
    }
    names = meant(low.replace("{band}", band), known, [band])
    return [pattern for name in names for pattern, each in patterns.items() if each == name]


def unknown(names: Iterable[str], known: Mapping[str, Known], bands: Sequence[str] = ()) -> UsageError:
    """The error for names that the table does not have."""
    names = [name[:60] for name in names]
    if all(name in bands for name in names) and len(names) > 1:
        colour = " - ".join(f"{name}_cmodel_mag" for name in names[:2])
        return UsageError(f"There are no columns {' and '.join(names)}.", f"A colour is written {colour}.")
    name = names[0]
    found = meant(name, known, bands)
    if name.lower() in ("nan", "inf", "infinity"):
        return UsageError(f"There is no {name} in the tables: it became NULL.", "Type x is null.")
    if colour := _colour(name.lower(), known, bands):
        return UsageError(f"There is no column {name}.", f"A colour is written {colour}.")
    if found:
        return UsageError(f"There is no column {name}.", f"Did you mean {' or '.join(found)}?")
    shown = list(known)[:12]
    more = f", and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
    quoted = f"If it is a text, type '{name}'. " if re.fullmatch(r"\w+", name) else ""
    return UsageError(f"There is no column {name}.", f"{quoted}The columns are {', '.join(shown)}{more}.")


def _colour(name: str, known: Mapping[str, Known], bands: Sequence[str]) -> str | None:
    """g_r, gr or gmr as the difference of two magnitudes."""
    for one in bands:
        for two in bands:
            columns = (f"{one}_cmodel_mag", f"{two}_cmodel_mag")
            if one != two and name in (f"{one}_{two}", f"{one}{two}", f"{one}m{two}") and set(columns) <= set(known):
                return " - ".join(columns)
    return None
