"""Land an export: one file becomes one folder of Parquet under raw/hsc, completely or not at all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.folder import now
from galaxiesml.catalog.landing import making, recover, write_note
from galaxiesml.catalog.parquet import parquet
from galaxiesml.catalog.settings import check_space
from galaxiesml.catalog.stores import of_exports
from galaxiesml.errors import InputError, UsageError
from galaxiesml.ingest.arrival import check_unchanged, name_of, sha256_of
from galaxiesml.ingest.conform import MADE, Plan, conform, expected_units, hopes, make_plan
from galaxiesml.ingest.converted import Evaluated
from galaxiesml.ingest.file_units import check_units
from galaxiesml.ingest.formats import open_source
from galaxiesml.ingest.groups import Groups, ahead
from galaxiesml.ingest.ledger import find_landing, folder_of, next_number, publish
from galaxiesml.ingest.pairs_apart import Pairs, count_across
from galaxiesml.ingest.ranges import Ranges
from galaxiesml.ingest.rejects import Rejects, beside, check_rejects, show_rejects
from galaxiesml.ingest.source import Source
from galaxiesml.releases.conversions import converted
from galaxiesml.toml_keys import DOCS

_OTHER_UNIT = (
    'Say the unit in the release profile, e.g. ra = {source = "coord_ra", unit = "rad"}, and it is converted: '
    f"{DOCS} has the keys."
)


@dataclass(frozen=True)
class Landing:
    """The result of landing a file.

    Attributes
    ----------
    info : dict
        landing.json: the contract is in the catalogue's documentation.
    is_new : bool
        False if the same file had been landed before; then nothing was changed.
    notes : list of str
        Messages for the user: columns left out or repeated, contradictions.
    """

    info: dict
    is_new: bool = True
    notes: list[str] = field(default_factory=list)


def land_hsc(
    catalog: Catalog,
    path: str | Path,
    *,
    archive: tuple[str, list[str]] | None = None,
    rejects: str | Path | None = None,
    replace: str | int | None = None,
    force: bool = False,
    fetched: dict | None = None,
    progress=None,
) -> Landing:
    """Land a file of the HSC archive.  The caller holds ``catalog.lock``.

    Parameters
    ----------
    path : path
        CSV, tab- or semicolon-separated text, ECSV (each also under gzip), FITS, Parquet or SQLite, recognised by
        its content.
    archive : (name, conditions), optional
        The query that made the file, and its conditions in SQL on our column names.
    rejects : path, optional
        Rows that do not parse are written there, and the others land; without it the file is refused.
    replace : str or int, optional
        A landed file whose place, and number, this one takes.
    force : bool
        Do not look whether the disk has room.
    fetched : dict, optional
        Where the file was fetched from, for landing.json.
    progress : object, optional
        Its ``update(description=, total=)`` and ``advance(n)`` receive the bytes read, of twice the file's size.

    Returns
    -------
    Landing

    Raises
    ------
    InputError
        The file does not parse, or is not one that can be landed; nothing is changed.
    ResourceError
        The disk is too full.
    """
    path = Path(path)
    (catalog.raw / "hsc").mkdir(parents=True, exist_ok=True)
    recover(catalog)
    source = open_source(path)
    before = path.stat()
    # Text under gzip unpacks to about four times its size; as Parquet it takes less than that.
    check_space(catalog.root, before.st_size * (4 if source.format.endswith(".gz") else 1), force)
    if rejects is not None:
        check_rejects(path, Path(rejects))
    if progress is not None:
        progress.update(description=f"reading {path.name}", total=2 * before.st_size)
    sha = sha256_of(path, progress)
    old = None if replace is None else find_landing(catalog, replace)
    if (same := _landed_before(catalog, path, sha, archive, old)) is not None:
        return Landing(same, is_new=False)
    plan = make_plan(source, catalog.profile, _landed_types(catalog, old))
    keys = {
        "landing": old["landing"] if old else next_number(catalog),
        "source_file": name_of(path),
        "source_sha256": sha,
    }
    try:
        with making(catalog) as folder:
            landing = _write(catalog, source, plan, folder, keys, archive, rejects, progress, fetched)
            check_unchanged(path, before)
            publish(catalog, folder, landing.info, old)
            show_rejects(rejects)
    finally:
        if rejects is not None:
            beside(rejects).unlink(missing_ok=True)
    return landing


def _landed_before(catalog: Catalog, path: Path, sha: str, archive, old: dict | None) -> dict | None:
    """The landing of the same file, or None.  A different --archive-query for it is an error."""
    same = next((entry for entry in catalog.landings() if entry["source_sha256"] == sha), None)
    declared = _archive(archive)
    if same is None or (old == same and (same["archive"] != declared or catalog.changed_conversions(same))):
        return None
    if old is not None and old != same:
        raise UsageError(f"{path} is already landed, as {same['landing']}.", "Type: galaxiesml ingest list")
    if archive is not None and same["archive"] != declared:
        was = same["archive"]["query"] or "no archive query"
        raise UsageError(
            f"{path} is already landed, as {same['landing']}, with {was}: nothing was changed.",
            f"Type: galaxiesml ingest replace {same['landing']} {path} --archive-query {archive[0]}",
        )
    return same


def _archive(archive: tuple[str, list[str]] | None) -> dict:
    return {"query": archive[0], "where": list(archive[1])} if archive else {"query": None, "where": []}


def _landed_types(catalog: Catalog, old: dict | None) -> dict[str, pa.DataType]:
    """Types of the other columns of all landed files, by name in lower case."""
    types = {}
    for entry in catalog.landings():
        if old is None or entry["landing"] != old["landing"]:
            schema = pq.read_schema(folder_of(catalog, entry) / f"{entry['kind']}.parquet")
            types |= {name.lower(): schema.field(name).type for name in entry["extra_columns"]}
    return types


# -- the rows ------------------------------------------------------------------------------------------------


def _write(
    catalog, source: Source, plan: Plan, folder: Path, keys: dict, archive, rejects, progress, fetched
) -> Landing:
    profile, known = catalog.profile, of_exports(catalog.profile)
    named = {name: ", ".join(theirs) for name, theirs in plan.sources(source).items()}
    doubtful = check_units(source, expected_units(plan, known), _OTHER_UNIT)
    ranges = Ranges(source.path, {name: (known[name], theirs) for name, theirs in named.items()})
    pairs = Pairs(source.path, named)
    target = folder / f"{plan.kind}.parquet"
    counts = {"rows": 0, "rejected": 0, "with_spectrum": 0}
    blocks = ahead(source.blocks(hopes(plan, profile), profile.nulls))
    made = Evaluated(plan.conversions, source)
    with Groups(target, plan.schema) as groups, Rejects(rejects, source.path) as aside, made:
        for block in blocks:
            table, bad = conform(block, plan, source, profile, known)
            aside.add(bad)
            # What is converted is checked beside what lands, and left out of what is written.
            table = ranges.check(made.add(table))
            pairs.add(table)
            counts["rows"] += table.num_rows
            counts["rejected"] += len(bad)
            counts["with_spectrum"] += _with_spectrum(table, plan)
            groups.add(_with_keys(table, keys, plan.schema))
            if progress is not None:
                progress.advance(block.size)
    if counts["rejected"] and not counts["rows"]:
        raise InputError(f"No row of {source.path} can be parsed; the first error: {aside.first}.")
    ranges.refuse()
    if plan.kind != "joined":
        kinds = {landed["kind"] for landed in catalog.landings()}
        count_across(pairs, target, plan.kind, catalog, kinds, plan.conversions)
    pairs.refuse()
    info = (
        _info(source, plan, keys, archive, counts, profile) | ranges.info() | made.info() | {"pairs_apart": pairs.apart}
    )
    info |= {"fetched": fetched} if fetched else {}
    info["contradictions"], info["unchecked"] = _contradictions(target, plan, info["archive"]["where"])
    write_note(folder, info)
    notes = [*plan.notes, *source.notes, *doubtful, *made.notes(), *ranges.notes(), *pairs.notes()]
    return Landing(info, notes=notes)


def _with_spectrum(table: pa.Table, plan: Plan) -> int:
    """Number of rows that are an (object, spectrum) pair: they have a spectrum's name or a redshift."""
    if plan.kind == "specz":
        return table.num_rows
    names = [name for name in ("specz_name", "specz_redshift") if name in plan.exported and table.num_rows]
    has = [table[name].is_valid() for name in names]
    if not has:
        return 0
    return pc.sum(has[0] if len(has) == 1 else pc.or_(*has)).as_py() or 0


def _with_keys(table: pa.Table, keys: dict, schema: pa.Schema) -> pa.Table:
    arrays = [
        pa.chunked_array([pa.repeat(pa.scalar(keys[name], schema.field(name).type), table.num_rows)])
        if name in keys
        else table[name]
        for name in schema.names
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


# -- what is said of it --------------------------------------------------------------------------------------


def _info(source: Source, plan: Plan, keys: dict, archive, counts: dict, profile) -> dict:
    sources = plan.sources(source)
    flags = [source.names[position] for _, position in plan.surveys]
    sources |= {name: flags for name in MADE if name in plan.schema.names}
    return {
        **keys,
        "bytes": source.path.stat().st_size,
        "format": source.format,
        "kind": plan.kind,
        "release": profile.name,
        **counts,
        "landed_at": now(),
        "columns": plan.exported,
        "extra_columns": list(plan.extras),
        "sources": sources,
        "archive": _archive(archive),
    }


def _contradictions(path: Path, plan: Plan, conditions: list[str]) -> tuple[list[dict], list[str]]:
    """Rows that break a declared condition, for each condition whose columns are all here; and the others."""
    import duckdb

    found, unchecked = [], []
    exported = set(plan.exported)
    with duckdb.connect() as connection:
        for condition in conditions:
            try:
                if not _reads_only(condition, exported):
                    raise ValueError
                rows_of = converted(parquet(path), plan.conversions.named, plan.conversions.types)
                count = f"select count(*) from {rows_of} where ({condition}) is not true"
                rows = connection.execute(count).fetchone()[0]
            except (ValueError, duckdb.Error):
                unchecked.append(condition)
                continue
            if rows:
                found.append({"condition": condition, "rows": rows})
    return found, unchecked


def _reads_only(condition: str, exported: set[str]) -> bool:
    """Whether a condition is one over exported columns alone: no other column, no query inside it."""
    import sqlglot
    from sqlglot import exp

    with suppress(sqlglot.errors.ParseError):
        parsed = sqlglot.parse_one(condition, dialect="duckdb")
        names = {column.name.lower() for column in parsed.find_all(exp.Column)}
        return names <= exported and not any(parsed.find_all(exp.Query))
    return False
