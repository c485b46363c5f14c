"""Make upload lists for the missing pictures of a version's galaxies."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.errors import CatalogError, InputError, UsageError
from galaxiesml.instrument import Instrument
from galaxiesml.releases.instrument import RERUN, facts_for
from galaxiesml.releases.profile import Profile
from galaxiesml.system.atomic import write_atomic

LAYERS = ("image", "mask", "variance")
TYPES = ("coadd", "coadd/bg", "warp")
#: Columns of a list that may be left out where the service's defaults are asked for.
_MORE = ("type", *LAYERS)
#: Classes of reasons in the manifest for pictures that were requested, and that another request would not bring.
_IN_VAIN = ("outside_coverage", "other_tract")


@dataclass(frozen=True)
class Ask:
    """The pictures to request from the service.

    Attributes
    ----------
    version : str
        Of galaxies, as v2.
    bands : tuple of str
        Filters, in the release's order.
    semi_width : float
        Half the side of a picture, arcsec.
    layers : tuple of str
        Of image, mask and variance.
    type : str
        coadd, coadd/bg or warp.
    again : bool
        Request again what was requested before and not delivered.
    """

    version: str
    bands: tuple[str, ...]
    semi_width: float = 10.0
    layers: tuple[str, ...] = ("image",)
    type: str = "coadd"
    again: bool = False


@dataclass(frozen=True)
class UploadList:
    """One list: its path and its text."""

    path: Path
    band: str
    lines: int
    objects: int
    text: str


@dataclass(frozen=True)
class Wanted:
    """The pictures that are still missing.

    Attributes
    ----------
    lists : list of UploadList
    pictures : int
        Galaxies x filters that the lists ask for.
    in_vain : int
        Galaxies x filters that were requested before, not delivered, and are not requested again.
    unplaced : int
        Galaxies without a position.
    impossible : list of (int, float, float)
        Galaxies whose RA and Dec, deg, are not on the sky, by object_id; they are in no list.
    """

    lists: list[UploadList] = field(default_factory=list)
    pictures: int = 0
    in_vain: int = 0
    unplaced: int = 0
    impossible: list[tuple[int, float, float]] = field(default_factory=list)


def check_ask(catalog: Catalog, version: str | None, bands: str | None, semi_width: float, layers: str, **rest) -> Ask:
    """Check the options and make an `Ask` of them.

    Parameters
    ----------
    bands : str or None
        Letters of filters, or names with commas between; None is all of the release.
    layers : str
        image, or image,mask,variance.

    Raises
    ------
    UsageError
        No such filter, layer, type or width, or the archive's lists cannot ask for it.
    CatalogError
        The published build does not have the version.
    """
    instrument = catalog.profile.instrument
    name = catalog.built_version(version)
    known = tuple(catalog.profile.bands)
    typed = known if bands is None else tuple(bands.split(",")) if "," in bands or bands in known else tuple(bands)
    asked = tuple(word.strip() for word in layers.split(","))
    if not typed or not set(typed) <= set(known):
        raise UsageError(f"Unknown filter in --bands: {bands}.", f"{catalog.profile.name} has {', '.join(known)}.")
    if not set(asked) <= set(LAYERS):
        raise UsageError(f"Unknown layer in --layers: {layers}.", f"Give some of {','.join(LAYERS)}.")
    most = instrument.max_semi_width_arcsec or np.inf
    if not (0 < semi_width <= most and semi_width < np.inf):
        limit = f", up to {most:g}, the service's limit" if most < np.inf else ""
        raise UsageError(f"--semi-width {semi_width:g} is out of range.", f"Give arcseconds above 0{limit}.")
    if rest.get("type", TYPES[0]) not in TYPES:
        raise UsageError(f"Unknown value for --type: {rest['type']}.", f"Give one of {', '.join(TYPES)}.")
    chosen = tuple(band for band in known if band in typed)
    ask = Ask(name, chosen, float(semi_width), tuple(layer for layer in LAYERS if layer in asked), **rest)
    _check_columns(ask, instrument)
    return ask


def _check_columns(ask: Ask, instrument: Instrument) -> None:
    """Whether the columns of the archive's lists can say what is asked for."""
    if instrument.list_columns is None or is_plain(ask):
        return
    of_type = ("type",) if ask.type != TYPES[0] else ()
    of_layers = LAYERS if ask.layers != ("image",) else ()
    for option, columns in (("--type", of_type), ("--layers", of_layers)):
        if lacking := [column for column in columns if column not in instrument.list_columns]:
            raise UsageError(
                f"{option}: upload lists of this release have no column {', '.join(lacking)}.",
                f"Leave {option} out, or add the columns to instrument.list_columns in release.toml.",
            )


def rerun_of(profile: Profile) -> str:
    """The release's name at the archive.

    Raises
    ------
    InputError
        It cannot be one.
    """
    rerun = profile.instrument.rerun or profile.name
    if not RERUN.fullmatch(rerun):
        raise InputError(f"release.toml: its name {rerun!r} cannot be a rerun of the cutout service.")
    return rerun


def wanted_lists(
    catalog: Catalog,
    ask: Ask,
    folder: Path,
    *,
    rows: int | None = None,
    but: frozenset[tuple[str, float, float]] = frozenset(),
) -> Wanted:
    """Make the lists of missing pictures, without writing them.

    Lists are of one filter, by tract and then RA: the service keeps the coadd that it read last.  Galaxies at one
    place share a line.

    Parameters
    ----------
    rows : int, optional
        Lines of a list, at most; default: the archive's limit.
    but : set of (band, ra, dec)
        Places, deg, that are in no list: see :func:`galaxiesml.cutouts.answered.answered_since_build`.

    Raises
    ------
    CatalogError
        The build is of before there were pictures, or classes of reasons for them.
    InputError
        The release's name cannot be a rerun, or its profile does not say how the archive is asked.
    """
    instrument = facts_for(catalog.profile, "request cutouts", "filter", "list_columns")
    if "pictures" not in catalog.tables():
        raise CatalogError(f"Build {catalog.current_id()} has no table of pictures.", "Type: galaxiesml build")
    with catalog.connect() as connection:
        if "picture_reason_class" not in connection.table("pictures").columns:
            raise CatalogError(
                f"Build {catalog.current_id()} was made by an earlier galaxiesml: it cannot tell a tar that was "
                "cut short from a position outside the coverage.",
                "Type: galaxiesml build",
            )
    rerun = rerun_of(catalog.profile)
    found = _query(catalog, ask)
    is_placed = ~np.isnan(found["ra"]) & ~np.isnan(found["dec"])
    is_place = (found["ra"] >= 0) & (found["ra"] <= 360) & (np.abs(found["dec"]) <= 90)
    wanted = found["is_wanted"] & is_place
    if but:
        places = zip(found["band"], found["ra"].tolist(), found["dec"].tolist(), strict=True)
        wanted &= np.array([place not in but for place in places], dtype=bool)
    lists = []
    for band in ask.bands:
        of_band = wanted & (found["band"] == band)
        of_band = {name: values[of_band] for name, values in found.items()}
        lists += _of_band(ask, band, rerun, instrument, of_band, folder, rows)
    in_vain = int((found["in_vain"] & is_place & ~wanted).sum())
    unplaced = len(np.unique(found["object_id"][~is_placed]))
    return Wanted(lists, int(wanted.sum()), in_vain, unplaced, _impossible(found, is_placed & ~is_place))


def _query(catalog: Catalog, ask: Ask) -> dict[str, np.ndarray]:
    """One row per galaxy and filter without a picture, by tract and place."""
    bands = ", ".join(f"({quote(band)})" for band in ask.bands)
    in_vain = ", ".join(quote(kind) for kind in _IN_VAIN)
    with catalog.connect() as connection:
        table = connection.sql(f"""
            with wanted as (
                select galaxies.object_id, galaxies.ra, galaxies.dec, bands.band,
                    coalesce(galaxies.tract, galaxies.skymap_id // 10000, -1) as tract,
                    coalesce(pictures.picture_reason_class in ({in_vain}), false) as in_vain
                from galaxies_{ask.version} as galaxies
                cross join (values {bands}) as bands(band)
                left join pictures on galaxies.object_id = pictures.object_id and bands.band = pictures.band
                where coalesce(pictures.picture_state, 'absent') in ('absent', 'refused')
            )
            select object_id, coalesce(ra, 'nan'::double) as ra, coalesce(dec, 'nan'::double) as dec, band, in_vain,
                not in_vain or {str(ask.again).lower()} as is_wanted
            from wanted order by band, tract, ra, dec, object_id
        """).to_arrow_table()
    return {name: table[name].to_numpy() for name in table.column_names}


def _impossible(found: dict[str, np.ndarray], rows: np.ndarray) -> list[tuple[int, float, float]]:
    places = zip(*(found[name][rows].tolist() for name in ("object_id", "ra", "dec")), strict=True)
    return sorted(set(places))


def _of_band(
    ask: Ask,
    band: str,
    rerun: str,
    instrument: Instrument,
    found: dict[str, np.ndarray],
    folder: Path,
    rows: int | None,
) -> list[UploadList]:
    """A filter's lists."""
    name = instrument.filter_name(band)
    columns = [column for column in instrument.list_columns if not (is_plain(ask) and column in _MORE)]
    places: dict[tuple[float, float], int] = {}
    for place in zip(found["ra"].tolist(), found["dec"].tolist(), strict=True):
        places[place] = places.get(place, 0) + 1
    lines = [(_line(ask, columns, name, rerun, *place), count) for place, count in places.items()]
    made, rows = [], rows or instrument.list_rows or max(1, len(lines))
    for number, start in enumerate(range(0, len(lines), rows), 1):
        part = lines[start : start + rows]
        text = "\n".join([" ".join(["#?", *columns]), *(line for line, _ in part)]) + "\n"
        path = folder / f"cutouts-{name}-{number:04d}.txt"
        made.append(UploadList(path, band, len(part), sum(count for _, count in part), text))
    return made


def is_plain(ask: Ask) -> bool:
    """Whether the columns of the paper's appendix 9 say it all: the service's defaults for the others."""
    return ask.layers == ("image",) and ask.type == TYPES[0]


def _line(ask: Ask, columns: list[str], name: str, rerun: str, ra: float, dec: float) -> str:
    width = f"{np.format_float_positional(ask.semi_width, trim='-')}asec"
    # All the digits that make the same float again, and no exponent, which not every reader takes.
    place = {key: np.format_float_positional(value, trim="0") for key, value in (("ra", ra), ("dec", dec))}
    words = {"rerun": rerun, "type": ask.type, "filter": name, **place, "sw": width, "sh": width}
    words |= {layer: str(layer in ask.layers).lower() for layer in LAYERS}
    return " ".join(words[column] for column in columns)


def write_lists(lists: list[UploadList], *, force: bool = False) -> list[str]:
    """Write all lists, or none if one of the existing files differs.

    Returns
    -------
    list of str
        For each list 'written', 'replaced' or 'unchanged'.

    Raises
    ------
    InputError
        A file with one of the names has other content, and ``force`` was not given; nothing is written.
    """
    states = []
    for made in lists:
        stands = made.path.read_bytes() if made.path.is_file() else None
        states.append("written" if stands is None else "unchanged" if stands == made.text.encode() else "replaced")
    if "replaced" in states and not force:
        path = lists[states.index("replaced")].path
        raise InputError(
            f"{path} exists and requests something else; no list was written.",
            "If its tar is landed and built, add --force; otherwise give another folder: --out DIR",
        )
    for made, state in zip(lists, states, strict=True):
        if state != "unchanged":
            write_atomic(made.path, made.text)
    return states


def other_lists(folder: Path, lists: list[UploadList], instrument: Instrument) -> list[Path]:
    """Lists of an earlier request in the folder, which do not belong to this one."""
    begin = glob.escape(f"cutouts-{instrument.filter_prefix}")
    return sorted(set(folder.glob(f"{begin}*-[0-9][0-9][0-9][0-9].txt")) - {made.path for made in lists})
