"""Land a spectroscopic survey's table: one file becomes one folder under raw/specz, completely or not at all."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.folder import now
from galaxiesml.catalog.landing import find, making, recover, show, take_out, write_note
from galaxiesml.catalog.settings import check_space
from galaxiesml.catalog.stores import BY_NAME
from galaxiesml.dictionary import columns
from galaxiesml.errors import InputError, UsageError
from galaxiesml.ingest.arrival import check_unchanged, name_of, sha256_of
from galaxiesml.ingest.astropy_tables import open_table
from galaxiesml.ingest.convert import Nulls, nullify
from galaxiesml.ingest.file_units import check_units
from galaxiesml.ingest.groups import Groups, ahead
from galaxiesml.ingest.ranges import RADIANS, Ranges
from galaxiesml.ingest.rejects import Rejects, beside, check_rejects, show_rejects
from galaxiesml.ingest.source import Block, Source
from galaxiesml.ingest.specz_columns import conform_spectra, expected_units, hopes, missing_of, places_of
from galaxiesml.ingest.specz_recognise import survey_of
from galaxiesml.surveys.description import OWN, Survey, known_surveys, load_surveys
from galaxiesml.system.atomic import write_atomic
from galaxiesml.toml_keys import DOCS

#: With fewer rows, right ascensions below 24 prove nothing.
_HOUR_ROWS = 50
#: What the columns decide that a table may be without.
_DECIDES = {
    "error": "no redshift has an error from the survey",
    "error_velocity": "no redshift has an error from the survey",
    "class": "stars and quasars cannot be recognised",
    "instrument": "how redshifts were measured is unknown",
}


@dataclass(frozen=True)
class SpeczLanding:
    """A landed table: its landing.json, whether it is new, and messages for the user."""

    info: dict
    is_new: bool = True
    notes: list[str] = field(default_factory=list)


def land_specz(
    catalog: Catalog,
    path: str | Path,
    *,
    survey: str | None = None,
    no_flag: str | None = None,
    rejects: str | Path | None = None,
    force: bool = False,
    fetched: dict | None = None,
    progress=None,
) -> SpeczLanding:
    """Land a survey's table.  The caller holds ``catalog.lock``.

    Parameters
    ----------
    path : path
        Parquet, FITS, CSV, VOTable, ECSV, or fixed-width text with a byte-by-byte description.
    survey : str, optional
        Its name, or the path of a description in TOML; else it is recognised by the columns.
    no_flag : str, optional
        'secure' or 'insecure': what every row is taken for, of a table without its quality flag's column.
    rejects : path, optional
        Rows that do not parse, or whose quality flag is not known, are written there, and the others land.
    force : bool
        Do not look whether the disk has room.
    fetched : dict, optional
        Where the table was fetched from, for landing.json.
    progress : object, optional
        Its ``update(description=, total=)`` and ``advance(n)`` receive the bytes read, of twice the file's size.

    Returns
    -------
    SpeczLanding

    Raises
    ------
    InputError
        The table does not parse, its survey is doubtful, or its flag column is missing; nothing is changed.
    UsageError
        No such survey; the same file is already landed as another survey's, or with other flags; or ``no_flag``
        is given without need.
    ResourceError
        The disk is too full.
    """
    path = Path(path)
    recover(catalog)
    source = open_table(path)
    before = path.stat()
    check_space(catalog.root, before.st_size, force)
    if rejects is not None:
        check_rejects(path, Path(rejects))
    if progress is not None:
        progress.update(description=f"reading {path.name}", total=2 * before.st_size)
    sha = sha256_of(path, progress)
    told = survey_of(source, known_surveys(catalog.raw / "specz"), survey, no_flag)
    if (same := next((old for old in catalog.landings("specz") if old["source_sha256"] == sha), None)) is not None:
        return _landed_before(path, same, told, no_flag)
    try:
        with making(catalog) as folder:
            landing = _write(source, told, no_flag, folder, sha, rejects, progress)
            check_unchanged(path, before)
            landing.info.update({"fetched": fetched} if fetched else {})
            if told.name not in load_surveys():
                write_atomic(folder / OWN, told.text)
            write_note(folder, landing.info)
            show(catalog, "specz", folder, folder_of(catalog, landing.info).name)
            show_rejects(rejects)
    finally:
        if rejects is not None:
            beside(rejects).unlink(missing_ok=True)
    return landing


def folder_of(catalog: Catalog, info: dict) -> Path:
    """The folder of a landed table."""
    return catalog.raw / "specz" / f"{info['survey']}-{info['source_sha256'][:12]}"


def remove_specz(catalog: Catalog, reference: str) -> dict:
    """Remove a landed table by its file's name or the beginning of its SHA-256."""
    recover(catalog)
    found = find(catalog, "specz", reference, "landed tables", "Type: galaxiesml ingest list specz")
    take_out(catalog, "specz", folder_of(catalog, found).name)
    return found


def _landed_before(path: Path, same: dict, told: Survey, no_flag: str | None) -> SpeczLanding:
    if (same["survey"], same.get("no_flag")) != (told.name, no_flag):
        decided = f", all rows {same['no_flag']} by hand" if same.get("no_flag") else ""
        raise UsageError(
            f"{path} is already landed, as {same['survey']}{decided}.",
            f"Type: galaxiesml ingest remove --kind specz {same['source_file']}; then land it again.",
        )
    return SpeczLanding(same, is_new=False)


# -- the rows ------------------------------------------------------------------------------------------------


@dataclass
class _Seen:
    """Counts made while the rows are landed."""

    rows: int = 0
    rejected: int = 0
    no_position: int = 0
    no_redshift: int = 0
    flags: Counter = field(default_factory=Counter)
    positions: Counter = field(default_factory=Counter)
    highest_ra: float = -1.0
    highest_dec: float = -1.0
    placed: int = 0

    def add(self, table: pa.Table, rejected: int) -> None:
        self.rows += table.num_rows
        self.rejected += rejected
        self.no_position += table["ra"].null_count
        self.no_redshift += table["redshift_given"].null_count
        self.flags.update({row["values"]: row["counts"] for row in pc.value_counts(table["flag"]).to_pylist()})
        self.placed += table.num_rows - table["ra"].null_count
        self.highest_dec = max(self.highest_dec, pc.max(pc.abs(table["dec"])).as_py() or -1.0)
        self.highest_ra = max(self.highest_ra, pc.max(table["ra"]).as_py() or -1.0)


def _write(source: Source, survey: Survey, no_flag, folder: Path, sha: str, rejects, progress) -> SpeczLanding:
    keys = {"survey": survey.name, "source_file": name_of(source.path), "source_sha256": sha}
    own = _own_schema(source)
    seen, ranges, doubtful = _Seen(), _ranges(source, survey), check_units(source, expected_units(source, survey))
    with (
        Groups(folder / "spectra.parquet", BY_NAME["specz_spectra"].schema()) as spectra,
        Groups(folder / "own.parquet", own) as rest,
        Rejects(rejects, source.path) as aside,
    ):
        for block in ahead(source.blocks(hopes(source, survey), ())):
            table, bad, good = conform_spectra(block, source, survey, seen.positions, no_flag)
            aside.add(bad)
            ranges.check(_redshifts_told(table, survey))
            seen.add(table, len(bad))
            spectra.add(_keyed(table, keys))
            rest.add(_own(block, own, good))
            if progress is not None:
                progress.advance(block.size)
        first = aside.first
    if seen.rejected and not seen.rows:
        raise InputError(f"No row of {source.path} can be parsed; the first error: {first}.")
    _check_positions(source, survey, seen)
    ranges.refuse()
    repeats = _repeats(folder / "spectra.parquet")
    info = {
        **keys,
        "bytes": source.path.stat().st_size,
        "format": source.format,
        "rows": seen.rows,
        "rejected": seen.rejected,
        "no_position": seen.no_position,
        "off_the_sky": seen.positions["off the sky"],
        "no_redshift": seen.no_redshift,
        "repeated_ids": repeats,
        **ranges.info(),
        "wrapped": {"ra": wrapped} if (wrapped := seen.positions["wrapped"]) else {},
        "flags": dict(sorted(seen.flags.items())),
        "no_flag": no_flag,
        "landed_at": now(),
        "description_sha256": hashlib.sha256(survey.text.encode()).hexdigest(),
    }
    return SpeczLanding(info, notes=[*_notes(survey, no_flag, seen, repeats, source), *doubtful, *ranges.notes()])


def _ranges(source: Source, survey: Survey) -> Ranges:
    """The dictionary's ranges of a spectrum, for what a landed spectrum calls them."""
    facts = columns({})
    named = {
        "redshift_given": ("specz_redshift", survey.columns.get("redshift", survey.columns.get("velocity"))),
        "redshift_err_given": ("specz_redshift_err", survey.columns.get("error", survey.columns.get("error_velocity"))),
        "magnitude": ("specz_mag_i", survey.columns.get("magnitude")),
    }
    of = {
        ours: (replace(facts[name], name=ours.removesuffix("_given")), source.names[place[0]])
        for ours, (name, told) in named.items()
        if (place := places_of(source.names, told))
    }
    return Ranges(
        source.path,
        of,
        f"in a description of the survey: --survey my_survey.toml ({DOCS})",
        "sentinels of [redshift] or [error] in the survey's description",
    )


def _redshifts_told(table: pa.Table, survey: Survey) -> pa.Table:
    """A block with the sentinels of the survey's description replaced by NULL."""
    for name, nones in (
        ("redshift_given", survey.sentinels),
        ("redshift_err_given", survey.error.get("sentinels", ())),
    ):
        values = table[name].to_numpy()
        none = np.zeros(len(values), bool)
        for value in nones:
            # As SQL has it: a sentinel in 32 bits is one too.
            none |= np.isclose(values, value, rtol=1e-6, atol=0)
        if none.any():
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.array(values, mask=none | np.isnan(values)))
    return table


def _keyed(table: pa.Table, keys: dict) -> pa.Table:
    """A block with the survey and the file before every row."""
    for name, value in keys.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value), table.num_rows))
    schema = BY_NAME["specz_spectra"].schema()
    return table.select(schema.names).cast(schema)


def _own_schema(source: Source) -> pa.Schema:
    """The survey's own columns, no two alike in SQL, and the row; what CSV holds stays text."""
    taken, fields = {"source_row"}, [("source_row", pa.int64())]
    for name, kind in zip(source.names, source.types, strict=True):
        while name.lower() in taken:
            name += "_source"
        taken.add(name.lower())
        fields.append((name, kind))
    return pa.schema(fields)


def _own(block: Block, schema: pa.Schema, good: np.ndarray) -> pa.Table:
    columns = [nullify(column, Nulls(())) for column in block.columns]
    columns = [
        column if column.type == kind else column.cast(kind)
        for column, kind in zip(columns, schema.types[1:], strict=True)
    ]
    return pa.Table.from_arrays([pa.array(block.rows, pa.int64()), *columns], schema=schema).filter(pa.array(good))


def _check_positions(source: Source, survey: Survey, seen: _Seen) -> None:
    if not seen.rows or seen.placed:
        return
    raise InputError(
        f"No row of {source.path} has a position on the sky: {survey.columns['ra']} and {survey.columns['dec']} are "
        "not right ascension and declination in that order.",
        "Correct the columns, or name another survey: --survey NAME.",
    )


def _repeats(path: Path) -> int:
    """Number of rows that repeat the identifier of an earlier row."""
    ids = pq.read_table(path, columns=["spectrum_id"], partitioning=None)["spectrum_id"]
    return len(ids) - pc.count_distinct(ids, mode="all").as_py() if len(ids) else 0


def _notes(survey: Survey, no_flag: str | None, seen: _Seen, repeats: int, source: Source) -> list[str]:
    notes = [f"column {name} is left out: {reason}" for name, reason in source.dropped.items()] + source.notes
    if no_flag:
        missing = " and ".join(missing_of(source.names, survey.columns["flag"]))
        notes.append(f"it has no column {missing}: all rows are {no_flag} by hand, as --no-flag says")
    elif "flag" in survey.columns and (bare := seen.flags[""]) and not any("" in rule.values for rule in survey.flags):
        word = "secure" if survey.rule_of("").secure else "insecure"
        notes.append(f"the quality flag is empty in {bare:,} of {seen.rows:,} rows, which count as {word}")
    for ours, decides in _DECIDES.items():
        if ours in survey.columns and (missing := missing_of(source.names, survey.columns[ours])):
            notes.append(f"column {' and '.join(missing)} is missing: {decides}")
    if seen.no_position:
        off = seen.positions["off the sky"]
        told = f", {off:,} of them with a position off the sky, or with -9, -99 or -1 for none" if off else ""
        notes.append(f"{seen.no_position:,} rows have no position on the sky{told}; they are kept, but match no object")
    if seen.positions["wrapped"]:
        told = f"{seen.positions['wrapped']:,} of {seen.placed:,} right ascensions"
        notes.append(f"{told}, from -180 to 0, were shifted to 180 to 360")
    if repeats:
        notes.append(f"{repeats:,} rows repeat the identifier of an earlier row; all are kept")
    if seen.placed >= _HOUR_ROWS and 0 <= seen.highest_ra <= 2 * np.pi and seen.highest_dec <= np.pi / 2:
        notes.append(RADIANS.format("right ascension", "declination"))
    elif survey.unit == "deg" and seen.placed >= _HOUR_ROWS and 0 <= seen.highest_ra < 24:
        notes.append(
            "every right ascension is below 24: if they are in hours, this is not the file that the survey publishes"
        )
    return notes
