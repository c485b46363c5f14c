"""What Python measures and SQL reads: tables under a catalogue's derived/, in parts.

::

    derived/<name>/settings.parquet          a row for each run that builds take: its settings, and in words
    derived/<name>/<settings>/run.json       what the run that wrote the parts beside it was made by
    derived/<name>/<settings>/<part>.parquet rows of one run's block; a part never changes once it is written

A measurement is a `Measurement` here and three lists of columns in sql/columns.toml: <name>, <name>_keys and
<name>_settings.  Types, units and descriptions are the dictionary's.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from galaxiesml.dictionary import Column, arrow_type, family
from galaxiesml.system.atomic import write_atomic, write_table

if TYPE_CHECKING:
    import pyarrow as pa

    from galaxiesml.catalog.folder import Catalog

#: What a run leaves in its folder before it measures.
RUN = "run.json"


@dataclass(frozen=True)
class Measurement:
    """Something that Python measures, run by run.

    Attributes
    ----------
    name : str
        Its folder under derived/, and its lists of columns in the dictionary.
    run : str
        The column that names the run, or the settings, by which a row was measured.
    row : str
        What a row is of, in words.
    written_by : str
        The command that measures.
    told : dict of str to str
        What build.json tells of a run: its name there, and the column of settings.parquet.
    is_one : bool
        Whether builds take one run; else all that were chosen, side by side.
    """

    name: str
    run: str
    row: str
    written_by: str
    told: dict[str, str]
    is_one: bool = True

    @property
    def columns(self) -> list[Column]:
        """What is measured."""
        return family(self.name)

    @property
    def keys(self) -> tuple[str, ...]:
        """What a row is of, the run last."""
        keys = [column.landed for column in family(f"{self.name}_keys")]
        return (*(key for key in keys if key != self.run), self.run)

    @property
    def settings(self) -> tuple[str, ...]:
        """Columns of settings.parquet, the run first."""
        names = [column.landed for column in family(f"{self.name}_settings")]
        return (self.run, *(name for name in names if name != self.run))

    @property
    def types(self) -> dict[str, str]:
        """Columns of a part, with the dictionary's types."""
        known = {column.landed: column.landed_type for column in (*family(f"{self.name}_keys"), *self.columns)}
        return {key: known[key] for key in self.keys} | {column.landed: column.landed_type for column in self.columns}

    @property
    def settings_types(self) -> dict[str, str]:
        """Columns of settings.parquet, with the dictionary's types."""
        known = {column.landed: column.landed_type for column in family(f"{self.name}_settings")}
        return {name: known[name] for name in self.settings}

    def folder(self, catalog: Catalog) -> Path:
        """Where it is kept."""
        return catalog.root / "derived" / self.name

    # -- which runs builds take ------------------------------------------------------------------------------

    def choose(self, catalog: Catalog, row: dict) -> None:
        """Make a run one that builds take: the only one, or one more.

        Parameters
        ----------
        row : dict
            Columns of settings.parquet.
        """
        kept = [] if self.is_one else [old for old in self.chosen(catalog) if old[self.run] != row[self.run]]
        rows = sorted([*kept, row], key=lambda one: one[self.run])
        write_table(self.folder(catalog) / "settings.parquet", _table(rows, self.settings_types))

    def drop(self, catalog: Catalog, run: str) -> None:
        """Let builds take a run no more."""
        rows = [row for row in self.chosen(catalog) if row[self.run] != run]
        write_table(self.folder(catalog) / "settings.parquet", _table(rows, self.settings_types))

    def chosen(self, catalog: Catalog) -> list[dict]:
        """Rows of settings.parquet: the runs that builds take; none before any measurement."""
        import pyarrow.parquet as pq

        path = self.folder(catalog) / "settings.parquet"
        return pq.read_table(path, partitioning=None).to_pylist() if path.is_file() else []

    def taken(self, catalog: Catalog) -> list[dict] | dict | None:
        """The runs that a build made now takes, as build.json tells them: the facts, and a hash of the parts' names.

        Returns
        -------
        list of dict, dict or None
            Of the one run where builds take one; None before any measurement.
        """
        found = [
            {name: row[column] for name, column in self.told.items()}
            | {"parts_sha256": hashlib.sha256("\n".join(self.parts(catalog, row[self.run])).encode()).hexdigest()}
            for row in self.chosen(catalog)
        ]
        return next(iter(found), None) if self.is_one else found

    # -- runs ------------------------------------------------------------------------------------------------

    def note_run(self, catalog: Catalog, row: dict) -> None:
        """Keep what a run is made by, before it measures; that it ended, or what it measured, is not in the note."""
        note = {name: row[name] for name in self.settings if name != self.run}
        write_atomic(self.folder(catalog) / row[self.run] / RUN, json.dumps(note, indent=1) + "\n")

    def runs(self, catalog: Catalog) -> dict[str, dict]:
        """The notes of all runs, by run; those that builds take are among them, with a note or without."""
        found = {
            path.parent.name: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(self.folder(catalog).glob(f"*/{RUN}"))
        }
        for row in self.chosen(catalog):
            found.setdefault(row[self.run], {name: row[name] for name in self.settings if name != self.run})
        return found

    def write_part(self, catalog: Catalog, run: str, table: pa.Table) -> Path:
        """Write rows of one run; the file's name depends on which rows they are, so the same rows are one file."""
        rows = table.select([key for key in self.keys if key != self.run]).to_pylist()
        digest = hashlib.sha256("\n".join(str(list(row.values())) for row in rows).encode()).hexdigest()[:16]
        path = self.folder(catalog) / run / f"{digest}.parquet"
        write_table(path, table.select(list(self.types)).cast(self.schema()))
        return path

    def parts(self, catalog: Catalog, run: str) -> list[str]:
        """Names of the parts of a run."""
        return sorted(path.name for path in (self.folder(catalog) / run).glob("*.parquet"))

    def schema(self, names: tuple[str, ...] | None = None) -> pa.Schema:
        """Arrow fields of some columns, else of a part; unit and description in their metadata."""
        import pyarrow as pa

        known = {column.landed: column for column in (*family(f"{self.name}_keys"), *self.columns)}
        return pa.schema(
            pa.field(
                name,
                arrow_type(known[name].landed_type),
                metadata={"unit": known[name].unit, "description": known[name].description},
            )
            for name in names or self.types
        )


def _table(rows: list[dict], types: dict[str, str]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(rows, pa.schema([(name, arrow_type(kind)) for name, kind in types.items()]))


MORPHOLOGY = Measurement(
    "morphology",
    run="morphology_settings",
    row="picture",
    written_by="morphology",
    told={"settings": "morphology_settings", "psf_source": "psf_source"},
)
PREDICTIONS = Measurement(
    "predictions",
    run="photoz_run",
    row="prediction",
    written_by="predict",
    told={"run": "photoz_run", "sha256": "predictions_sha256"},
    is_one=False,
)
#: Every measurement: its tables, views and sources follow from this.
MEASUREMENTS = (MORPHOLOGY, PREDICTIONS)
