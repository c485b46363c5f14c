"""Tables of a survey from VizieR, piece by piece: what is asked for, what has come, and one file made of it.

A piece is a table of VizieR, or the part of it in one box of the sky.  Each is kept as Parquet as soon as it has come,
so that a command that is typed again asks only for the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.archive.boxes import Box
from galaxiesml.archive.columns import renamed
from galaxiesml.archive.vizier import Vizier
from galaxiesml.catalog.folder import now
from galaxiesml.errors import ArchiveError, UsageError
from galaxiesml.surveys.description import UCD, Survey, names_of
from galaxiesml.system import interrupts
from galaxiesml.system.atomic import appearing

#: More rows are not asked for without --all.
MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class Piece:
    """One request."""

    table: str
    box: Box | None


@dataclass(frozen=True)
class Plan:
    """What is asked for of a survey.

    Attributes
    ----------
    survey : Survey
    typed : str
        As the command line has it: the survey's name, or the path of its description.
    root : str
        The server.
    boxes : tuple of Box or None
        None: whole tables.
    """

    survey: Survey
    typed: str
    root: str
    boxes: tuple[Box, ...] | None

    def pieces(self) -> list[Piece]:
        return [Piece(table, box) for table in self.survey.vizier.tables for box in self.boxes or (None,)]

    @property
    def key(self) -> str:
        """The same plan has the same key."""
        boxes = None if self.boxes is None else [asdict(box) for box in self.boxes]
        told = [self.root, self.survey.vizier.tables, self.survey.vizier.where, boxes]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]

    def name_of(self, piece: Piece) -> str:
        """File name of a piece: the table's name, and a hash of all that was asked."""
        told = [self.root, piece.table, self.survey.vizier.where, piece.box and asdict(piece.box)]
        sha = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
        return f"{piece.table.replace('/', '_').replace('+', '-')}-{sha}.parquet"


def count(vizier: Vizier, plan: Plan) -> list[int]:
    """Rows of each table, as the service counts them; of boxes about.

    Raises
    ------
    ArchiveError
        The service does not answer, or knows no such table or column.
    """
    told, position = plan.survey.vizier, _position(plan.survey)
    boxes = None if plan.boxes is None else list(plan.boxes)
    return [vizier.count(table, told.where, boxes, position) for table in told.tables]


def _position(survey: Survey) -> tuple[str, str]:
    """VizieR's names of the two columns of the position, as far as the description knows them."""
    found = []
    for ours in ("ra", "dec"):
        own = names_of(survey.columns[ours])
        told = survey.vizier.columns.get(own[0], own)
        found.append(next((name for name in told if not name.startswith((UCD, "_"))), own[0]))
    return found[0], found[1]


def check_count(plan: Plan, rows: int, is_all: bool) -> None:
    """Refuse to ask for more than `MOST_ROWS` rows unless that was asked for.

    Raises
    ------
    UsageError
    """
    if rows <= MOST_ROWS or is_all:
        return
    near = "near the landed objects " if plan.boxes is not None else ""
    raise UsageError(
        f"VizieR has {rows:,} rows of {plan.survey.label} {near}; more than {MOST_ROWS:,} are not fetched unasked.",
        f"Fetch all of them: galaxiesml fetch specz {plan.typed} --near --all"
        if near
        else f"Fetch only what is near the landed objects: galaxiesml fetch specz {plan.typed} --near; or all: --all",
    )


# -- pieces --------------------------------------------------------------------------------------------------


def fetch(vizier: Vizier, plan: Plan, folder: Path, advance: Callable[[int], None] = lambda count: None) -> int:
    """Ask for each piece that is not in the folder yet; each is checked against the description as it comes.

    Parameters
    ----------
    folder : Path
        Of all pieces.
    advance : callable
        Receives 1 for each piece.

    Returns
    -------
    int
        Number of rows, of which some may stand in several boxes.

    Raises
    ------
    Misfit
        A piece has no column for what a spectrum must have; it is kept.
    ArchiveError
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = 0
    for piece in plan.pieces():
        interrupts.check()
        path = folder / plan.name_of(piece)
        if not path.is_file():
            _keep(path, vizier.rows(piece.table, plan.survey.vizier.where, piece.box), piece, vizier)
        schema = pq.read_schema(path)
        rows += pq.read_metadata(path).num_rows
        if schema.names:
            renamed(schema, plan.survey, path)
        advance(1)
    return rows


def check_rows(plan: Plan, rows: int, counted: int | None) -> None:
    """Refuse a fetch of whole tables in which rows are missing; without any rows of any kind too.

    Raises
    ------
    ArchiveError
    """
    if plan.boxes is None and counted is not None and rows < counted:
        raise ArchiveError(
            f"VizieR counts {counted:,} rows of {plan.survey.label} and sent {rows:,}; nothing was landed.",
            f"Type: galaxiesml fetch specz {plan.typed} --again",
        )
    if not rows:
        where = "near the landed objects" if plan.boxes is not None else f"in {', '.join(plan.survey.vizier.tables)}"
        raise ArchiveError(
            f"VizieR has no row of {plan.survey.label} {where}; nothing was landed.",
            "Leave the survey out."
            if plan.boxes is not None
            else "Look for the table's name at https://vizier.cds.unistra.fr, and give it in a description of your "
            "own (vizier.tables): galaxiesml fetch specz my_survey.toml",
        )


def _keep(path: Path, table, piece: Piece, vizier: Vizier) -> None:
    """Write what came as Parquet, with each column's unit, UCD and description."""
    arrays, fields = [], []
    for name in table.colnames if table is not None else ():
        column = table[name]
        array = _array(column)
        if array is None:
            continue
        told = {"unit": column.unit, "ucd": column.meta.get("ucd"), "description": column.description}
        told = {key: str(value) for key, value in told.items() if value is not None and str(value)}
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata=told))
    made = {"table": piece.table, "box": json.dumps(piece.box and asdict(piece.box)), "server_time": vizier.date or ""}
    with appearing(path) as making:
        pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=made)), making)


def _array(column) -> pa.Array | None:
    """An astropy column as Arrow, NULL where it is masked; None if its cells are no single values."""
    kind = column.dtype.kind
    if column.ndim != 1 or kind not in "biufSUO":
        return None
    mask = np.ma.getmaskarray(np.ma.asarray(column)) if hasattr(column, "mask") else np.zeros(len(column), bool)
    values = np.ma.getdata(np.ma.asarray(column)) if hasattr(column, "mask") else np.asarray(column)
    if kind in "SUO":
        texts = [None if hidden else _text(value) for value, hidden in zip(values.tolist(), mask, strict=True)]
        return pa.array(texts, pa.string())
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=mask)


def _text(value) -> str | None:
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return text or None


# -- one file ------------------------------------------------------------------------------------------------


def forget(plan: Plan, folder: Path) -> None:
    """Delete the pieces of a plan."""
    for piece in plan.pieces():
        (folder / plan.name_of(piece)).unlink(missing_ok=True)


def assemble(plan: Plan, folder: Path, path: Path) -> dict:
    """Write all pieces as one table with the survey's own names, each row of several boxes once.

    Returns
    -------
    dict
        Provenance, for landing.json.
    """
    pieces = [(piece, folder / plan.name_of(piece)) for piece in plan.pieces()]
    filled = [(piece, file) for piece, file in pieces if pq.read_schema(file).names]
    schema = pa.unify_schemas([_named(file, plan).schema for _, file in filled], promote_options="permissive")
    schema = schema.remove_metadata()
    dropped = 0
    with appearing(path) as making, pq.ParquetWriter(making, schema) as writer:
        for table, repeated in _once(filled, plan):
            dropped += repeated
            missing = [name for name in schema.names if name not in table.column_names]
            for name in missing:
                table = table.append_column(name, pa.nulls(table.num_rows, schema.field(name).type))
            writer.write_table(table.select(schema.names).cast(schema))
    times = [(pq.read_schema(file).metadata or {}).get(b"server_time", b"").decode() for _, file in pieces]
    return {
        "url": plan.root,
        "tables": list(plan.survey.vizier.tables),
        "where": plan.survey.vizier.where,
        "columns": "**",
        "boxes": None if plan.boxes is None else [asdict(box) for box in plan.boxes],
        "rows_repeated": dropped,
        "unchecked": plan.survey.vizier.unchecked,
        "plan": plan.key,
        "server_time": times[-1] or None,
        "fetched_at": now(),
    }


def _once(filled: list[tuple[Piece, Path]], plan: Plan) -> Iterator[tuple[pa.Table, int]]:
    """Each piece, without the rows of earlier boxes of the same table, and how many these were."""
    seen: dict[str, set] = {}
    for piece, file in filled:
        table = _named(file, plan)
        if piece.box is None:
            yield table, 0
            continue
        before = seen.setdefault(piece.table, set())
        keys = _keys(table, plan.survey)
        new = np.array([key not in before for key in keys], bool)
        before.update(keys)
        yield table.filter(pa.array(new)), int((~new).sum())


def _keys(table: pa.Table, survey: Survey) -> list[tuple]:
    """The survey's identifier and the position of each row: some surveys give one identifier to several sources."""
    names = [
        name for ours in ("id", "ra", "dec") for name in names_of(survey.columns[ours]) if name in table.schema.names
    ]
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _named(file: Path, plan: Plan) -> pa.Table:
    """A piece with the survey's own names; sexagesimal positions in degrees."""
    table = pq.read_table(file, partitioning=None)
    names = renamed(table.schema, plan.survey, file)
    table = pa.Table.from_arrays(
        table.columns,
        schema=pa.schema([field.with_name(name) for field, name in zip(table.schema, names, strict=True)], metadata={}),
    )
    return _in_degrees(table, plan.survey)


def _in_degrees(table: pa.Table, survey: Survey) -> pa.Table:
    """VizieR joins hours, minutes and seconds to one text, '10 00 32.5'."""
    if survey.unit != "deg":
        return table
    for ours, turn in (("ra", 15.0), ("dec", 1.0)):
        told = survey.columns[ours]
        for name in [] if isinstance(told, dict) else names_of(told):
            place = table.schema.get_field_index(name)
            if place >= 0 and pa.types.is_string(table.schema.types[place]):
                field = pa.field(name, pa.float64(), metadata={"unit": "deg"})
                table = table.set_column(place, field, _degrees(table[name], turn))
    return table


def _degrees(texts: pa.ChunkedArray, turn: float) -> pa.Array:
    """Texts of three parts, or decimal ones, in degrees; NULL where one is no angle."""
    found = []
    for text in texts.to_pylist():
        parts = (text or "").replace(":", " ").split()
        try:
            numbers = [abs(float(part)) for part in parts]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 3:
            found.append(None)
            continue
        whole = sum(number / 60.0**place for place, number in enumerate(numbers))
        # A single number is in degrees already.
        whole *= turn if len(numbers) > 1 else 1.0
        found.append(-whole if parts[0].startswith("-") else whole)
    return pa.array(found, pa.float64())
