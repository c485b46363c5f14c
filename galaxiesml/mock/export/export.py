"""Simulate an export of the archive's wide query, with a release's column names, and write the truth about it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml import dictionary
from galaxiesml.dictionary import arrow_type
from galaxiesml.errors import UsageError
from galaxiesml.mock import MOCK_VERSION
from galaxiesml.mock.export import population
from galaxiesml.mock.export.faults import Fault, Reasons
from galaxiesml.mock.export.files import FORMATS, open_table
from galaxiesml.mock.export.layout import STRIPE, Layout, Stripe, draw, places
from galaxiesml.mock.export.plant import Batch, Planter
from galaxiesml.mock.export.planted import FAULTS
from galaxiesml.mock.export.spectra import Surveys, finished
from galaxiesml.releases.profile import Profile
from galaxiesml.system.atomic import write_atomic

#: Without these there are no pairs.
KEYS = (
    "object_id",
    "ra",
    "dec",
    "specz_name",
    "specz_ra",
    "specz_dec",
    "specz_redshift",
    "specz_redshift_err",
)
VERSIONS = (1, 2, 3, 4)
TRUTH = "truth.json"


@dataclass(frozen=True)
class Request:
    """The export or sky to simulate.

    Attributes
    ----------
    rows : int
        Of the export; where it is split, of the object table.
    spectra : int, optional
        Rows with a spectrum; without, 97 per cent.
    kind : str
        csv.gz, csv, parquet or fits.
    is_split : bool
        objects.* and specz.* instead of one export.*.
    left_out : tuple of str
        Our columns ({band} for every filter) that the export does not have.
    """

    profile: Profile
    rows: int
    spectra: int | None = None
    seed: int = 1
    kind: str = "csv.gz"
    is_split: bool = False
    left_out: tuple[str, ...] = ()


@dataclass
class Table:
    """One file to write: our columns with the archive's names, and the hash of what was written."""

    stem: str
    names: dict[str, str]
    schema: pa.Schema
    hashes: dict[str, list] = field(default_factory=dict)

    def digest(self, table: pa.Table, first: int) -> None:
        """Take rows into the hash: values, lengths of texts and places of NULLs, whatever the batches are."""
        for name in table.column_names:
            values, lengths, places = self.hashes.setdefault(name, [hashlib.sha256() for _ in range(3)])
            column = table[name].combine_chunks()
            missing = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)) + first
            places.update(missing.astype("<i8").tobytes())
            if pa.types.is_string(column.type):
                filled = column.fill_null("")
                ends = np.frombuffer(filled.buffers()[1], "<i4")[filled.offset :][: len(filled) + 1]
                lengths.update(np.diff(ends).tobytes())
                values.update(memoryview(filled.buffers()[2] or b"")[ends[0] : ends[-1]])
            else:
                filled = column.fill_null(False if pa.types.is_boolean(column.type) else 0)
                values.update(np.ascontiguousarray(filled.to_numpy(zero_copy_only=False)))

    def content(self) -> str:
        parts = [":".join([name, *(part.hexdigest() for part in three)]) for name, three in self.hashes.items()]
        return "\n".join([self.stem, *parts])


def write_export(request: Request, folder: Path, progress: Callable[[int], None] | None = None) -> dict:
    """Write an export and its truth to a folder.

    Parameters
    ----------
    request : Request
    folder : Path
        It exists; files of the same names are replaced.
    progress : callable, optional
        Called with the number of rows made since it was last called.

    Returns
    -------
    dict
        What truth.json holds.

    Raises
    ------
    UsageError
        Too few rows for the faults, or a column that cannot be left out.
    """
    columns = _columns(request)
    planted = _possible(request.profile, columns)
    layout = _layout(request, planted)
    tables = _tables(request, columns)
    truth = _Truth(request, layout, planted)
    _make(request, folder, layout, Planter(request.profile, planted), tables, truth, progress)
    found = truth.content(tables)
    write_atomic(folder / TRUTH, json.dumps(found) + "\n")
    return found


def _make(request, folder, layout, planter, tables, truth, progress) -> None:
    with contextlib.ExitStack() as stack:
        writers = []
        for table in tables:
            path = folder / f"{table.stem}.{request.kind}"
            opened = open_table(path, request.kind, table.schema, truth.rows_of(table.stem))
            writers.append(stack.enter_context(opened))
        # One batch is written while the next is made.
        hand = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        pending = None
        for stripes in layout.batches():
            random = draw(layout, stripes, len(planter.bands))
            batch = planter.batch(layout, stripes, random)
            rows = [_arrow(table, batch, planter.surveys) for table in tables]
            truth.note(stripes, random)
            if pending:
                pending.result()
            pending = hand.submit(_write, tables, writers, rows, stripes[0])
            if progress:
                progress(stripes[-1].rows[1] - stripes[0].rows[0])
        pending.result()


def _write(tables: list[Table], writers: list[Callable], rows: list[pa.Table], first: Stripe) -> None:
    for table, write, part in zip(tables, writers, rows, strict=True):
        table.digest(part, first.spectra[0] if table.stem == "specz" else first.rows[0])
        write(part)


# -- the request ---------------------------------------------------------------------------------------------


def _columns(request: Request) -> dict[str, dictionary.Column]:
    """Our columns that the export has, with the survey flags last, under the release's names."""
    if request.profile.conversions:
        name, one = next(iter(request.profile.conversions.items()))
        raise UsageError(
            f"The release {request.profile.name} cannot be simulated: {name} is converted ({one.words}).",
            "Simulate a release whose columns are ours under other names, e.g. pdr2_wide.",
        )
    known = dictionary.columns(request.profile.bands)
    left_out = [name for pattern in request.left_out for name in dictionary.expand(pattern, request.profile.bands)]
    unknown = [name for name in left_out if name not in request.profile.columns]
    if unknown:
        raise UsageError(
            f"The release {request.profile.name} has no column {unknown[0]!r} to leave out.",
            f"Its columns: {', '.join(request.profile.columns)}.",
        )
    kept = {name: known[name] for name in request.profile.columns if name not in left_out}
    lacking = [name for name in KEYS if name not in kept]
    if lacking:
        raise UsageError(
            f"The column {lacking[0]} cannot be left out: no spectrum could be curated without it.",
            f"Columns of every export: {', '.join(KEYS)}.",
        )
    return kept


def _possible(profile: Profile, columns: dict) -> tuple[Fault, ...]:
    """The faults whose columns the export has."""
    kinds = {survey.error for survey in profile.surveys}
    available = set(columns) | ({"specz_error_kind"} if "measured" in kinds and len(kinds) > 1 else set())
    chosen = []
    for fault in FAULTS:
        needs = {
            name
            for pattern in fault.needs
            for name in dictionary.expand(pattern.replace("{each}", "{band}"), profile.bands)
        }
        if needs <= available:
            chosen.append(fault)
    return tuple(chosen)


def _layout(request: Request, planted: tuple[Fault, ...]) -> Layout:
    if request.rows < STRIPE:
        raise UsageError(f"{request.rows:,} rows are too few for every fault.", f"Ask for --rows {STRIPE} or more.")
    if not 0 <= request.seed < 1 << 63:
        raise UsageError(f"--seed {request.seed} is out of range.", "Give 0 or more.")
    spectra = request.spectra
    if spectra is None:
        spectra = max(STRIPE, request.rows * 97 // 100)
    if not STRIPE <= spectra <= request.rows:
        raise UsageError(
            f"{spectra:,} spectra are not possible with {request.rows:,} rows.",
            f"Ask for {STRIPE} or more, which hold every fault, and for no more than there are rows.",
        )
    repeats = spectra // STRIPE * _repeats(planted)
    rows = request.rows + (repeats if request.is_split else 0)
    if rows >= 1 << (population.SERIAL_BITS - 1):
        raise UsageError(f"{rows:,} rows are more than there are identifiers.", "Ask for fewer.")
    return Layout(rows, spectra, request.seed)


def _repeats(planted: tuple[Fault, ...]) -> int:
    """Rows in a whole stripe that repeat an object."""
    return sum(fault.copies * sum(row.object_of is not None for row in fault.rows) for fault in planted)


def _tables(request: Request, columns: dict[str, dictionary.Column]) -> list[Table]:
    def table(stem: str, names: list[str], flags: bool) -> Table:
        chosen = {name: request.profile.columns[name].source for name in names}
        kinds = [pa.field(chosen[name], arrow_type(columns[name].type)) for name in names]
        if flags:
            own = [survey.column for survey in request.profile.surveys]
            chosen |= dict(zip(own, own, strict=True))
            kinds += [pa.field(name, pa.bool_()) for name in own]
        return Table(stem, chosen, pa.schema(kinds))

    of_objects = [name for name, column in columns.items() if column.of == "object"]
    of_spectra = [name for name, column in columns.items() if column.of == "spectrum"]
    if request.is_split:
        return [table("objects", of_objects, False), table("specz", ["object_id", *of_spectra], True)]
    return [table("export", of_objects + of_spectra, True)]


# -- a batch as Arrow ----------------------------------------------------------------------------------------


def _arrow(table: Table, batch: Batch, surveys: Surveys) -> pa.Table:
    is_specz = table.stem == "specz"
    found = {} if table.stem == "objects" else finished(batch.spectra, surveys)
    spectral = None
    if not is_specz:
        number = np.full(len(batch.repeats), -1)
        number[batch.row] = np.arange(len(batch.row))
        spectral = pa.array(number, mask=number < 0)
    arrays = []
    for name in table.names:
        if name in batch.objects or name == "coord":
            values = _coord(batch) if name == "coord" else _masked(batch.objects[name], batch.nulls.get(name))
            values = values.take(pa.array(batch.row)) if is_specz else values
        else:
            values = _masked(found[name], batch.nulls.get(name))
            values = values if spectral is None else values.take(spectral)
        arrays.append(values)
    rows = pa.table(arrays, schema=table.schema)
    return rows.filter(pa.array(~batch.repeats)) if table.stem == "objects" else rows


def _masked(values, missing: np.ndarray | None) -> pa.Array:
    import pyarrow.compute as pc

    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
    return array if missing is None else pc.if_else(pa.array(missing), pa.scalar(None, array.type), array)


def _coord(batch: Batch) -> pa.Array:
    """A unit vector's components, as the archive prints a position."""
    import pyarrow.compute as pc

    ra, dec = np.radians(batch.objects["ra"]), np.radians(batch.objects["dec"])
    parts = (np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec))
    texts = [pa.array(np.round(part, 9)).cast(pa.string()) for part in parts]
    inner = pc.binary_join_element_wise(*texts, ", ")
    return pc.binary_join_element_wise("(", inner, ")", "")


# -- the truth -----------------------------------------------------------------------------------------------


class _Truth:
    """Collects where each fault is planted."""

    def __init__(self, request: Request, layout: Layout, planted: tuple[Fault, ...]):
        self.request, self.layout, self.planted = request, layout, planted
        self.rows: dict[str, list[np.ndarray]] = {fault.name: [] for fault in planted}

    def rows_of(self, stem: str) -> int:
        return {"export": self.layout.rows, "objects": self.request.rows, "specz": self.layout.spectra}[stem]

    def note(self, stripes: list[Stripe], random) -> None:
        for fault, at, _ in places(random.slots, self.planted):
            number = at.T + stripes[0].spectra[0]
            row = number if self.request.is_split else self.layout.row_of(number)
            self.rows[fault.name].append(row + 1)

    def content(self, tables: list[Table]) -> dict:
        stripes = self.layout.spectra // STRIPE
        hashed = hashlib.sha256("\n".join(table.content() for table in tables).encode()).hexdigest()
        return {
            "mock_version": MOCK_VERSION,
            "content_sha256": hashed,
            "release": self.request.profile.name,
            "seed": self.request.seed,
            "files": {f"{table.stem}.{self.request.kind}": self.rows_of(table.stem) for table in tables},
            "rows": self.request.rows,
            "spectra": self.layout.spectra,
            "rows_without_spectrum": self.layout.rows - self.layout.spectra,
            "left_out": list(self.request.left_out),
            "row_numbers": f"of {tables[-1].stem}.{self.request.kind}, the first data row being 1",
            "versions": {f"v{version}": self._version(version, stripes) for version in VERSIONS},
            "faults": [self._fault(fault, stripes) for fault in self.planted],
        }

    def _version(self, version: int, stripes: int) -> dict:
        """Rows kept, and rows gone for one reason alone, by that cut; all others pass every cut."""
        removed: dict[str, int] = {}
        several = 0
        for fault in self.planted:
            for row in fault.rows:
                cuts = row.reasons.get(version, ())
                if len(cuts) == 1:
                    removed[cuts[0]] = removed.get(cuts[0], 0) + fault.copies * stripes
                several += fault.copies * stripes if len(cuts) > 1 else 0
        kept = self.layout.spectra - sum(removed.values()) - several
        return {"rows": kept, "removed_by_one_cut": removed, "removed_by_several": several}

    def _fault(self, fault: Fault, stripes: int) -> dict:
        rows = np.concatenate(self.rows[fault.name]) if self.rows[fault.name] else np.zeros((0, len(fault.rows)), int)
        return {
            "fault": fault.name,
            "about": fault.about,
            "rows": int(rows.size),
            "reasons": [_written(row.reasons) for row in fault.rows],
            "groups": rows.tolist(),
        }


def _written(reasons: Reasons) -> dict[str, list[str]]:
    return {f"v{version}": list(cuts) for version, cuts in sorted(reasons.items())}


def own_files(folder: Path) -> list[Path]:
    """Files of an earlier export in a folder."""
    stems = ("export", "objects", "specz")
    named = [folder / TRUTH, *(folder / f"{stem}.{kind}" for stem in stems for kind in FORMATS)]
    return [path for path in named if path.is_file()]
