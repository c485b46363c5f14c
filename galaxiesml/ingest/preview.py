"""What a file would bring by a release profile: read as landing reads it, and nothing is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from galaxiesml.catalog.stores import SIDES, of_exports
from galaxiesml.errors import InputError
from galaxiesml.ingest.conform import MADE, Plan, conform, expected_units, hopes, make_plan
from galaxiesml.ingest.converted import Evaluated
from galaxiesml.ingest.file_units import check_units
from galaxiesml.ingest.formats import open_source
from galaxiesml.ingest.pairs_apart import Pairs
from galaxiesml.ingest.ranges import Ranges
from galaxiesml.ingest.source import Source
from galaxiesml.releases.profile import Profile
from galaxiesml.system.interrupts import check

#: Values that are shown of a column.
SAMPLE = 3


@dataclass
class Preview:
    """What would land of a file.

    Attributes
    ----------
    kind : str
        objects, specz or joined; '' where the file cannot be landed.
    rows, rejected : int
        Rows read that parse, and that do not.
    whole : bool
        Whether all rows were read.
    columns : list of dict
        Our columns: column, source, unit, conversion, sample, null_share, not_positive.
    missing : list of str
        Our columns of the file's kind that the profile names and the file lacks.
    faults, notes : list of str
        Why the file would be refused, and what landing would say of it.
    """

    kind: str = ""
    rows: int = 0
    rejected: int = 0
    whole: bool = True
    columns: list[dict] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def exported(self) -> list[str]:
        """Our columns that the file has."""
        return [row["column"] for row in self.columns]


@dataclass
class _Values:
    """Counts of one of our columns: the first values, and how many there are of rows."""

    first: list = field(default_factory=list)
    present: int = 0
    rows: int = 0

    def add(self, array: pa.ChunkedArray) -> None:
        self.rows += len(array)
        self.present += len(array) - array.null_count
        if len(self.first) < SAMPLE:
            found = pc.unique(array.drop_null().slice(0, 1_000)).to_pylist()
            self.first = list(dict.fromkeys([*self.first, *found]))[:SAMPLE]


def preview(path: Path, profile: Profile, most: int) -> Preview:
    """Read a file's first rows as landing would.

    Parameters
    ----------
    most : int
        Rows that are read.

    Raises
    ------
    InputError
        The file is absent, damaged, or of a format that does not land.
    """
    source = open_source(path)
    found = Preview()
    try:
        plan = make_plan(source, profile)
    except InputError as error:
        found.faults.append(f"{error} {error.hint or ''}".rstrip())
        return found
    found.kind = plan.kind
    _read(source, plan, profile, most, found)
    found.missing = [
        name
        for name, column in of_exports(profile).items()
        if name in profile.columns and (column.of in SIDES[plan.kind]) and name not in plan.exported
    ]
    return found


def _read(source: Source, plan: Plan, profile: Profile, most: int, found: Preview) -> None:
    known = of_exports(profile)
    theirs = plan.sources(source)
    named = {name: ", ".join(names) for name, names in theirs.items()}
    try:
        found.notes += check_units(source, expected_units(plan, known))
    except InputError as error:
        found.faults.append(str(error).removesuffix("; nothing was landed."))
    ranges = Ranges(source.path, {name: (known[name], named[name]) for name in named})
    pairs, made, reasons = Pairs(source.path, named), Evaluated(plan.conversions, source), Counter()
    values = {name: _Values() for name in plan.exported}
    with made:
        for block in source.blocks(hopes(plan, profile), profile.nulls):
            check()
            if found.rows + found.rejected >= most:
                found.whole = False
                break
            table, bad = conform(block, plan, source, profile, known)
            if table.num_rows > most - found.rows:
                table, found.whole = table.slice(0, most - found.rows), False
            table = ranges.check(made.add(table))
            pairs.add(table)
            found.rows += table.num_rows
            found.rejected += len(bad)
            reasons.update(f"{one.column or 'the row'}: {one.value!r} {one.reason}" for one in bad[:20])
            for name in values if table.num_rows else ():
                values[name].add(table[name])
    if found.rejected:
        (reason, _), *_ = reasons.most_common(1)
        found.faults.append(f"{source.path}: {found.rejected:,} rows do not parse, e.g. {reason}")
    for refuse in (ranges.refuse, pairs.refuse):
        try:
            refuse()
        except InputError as error:
            found.faults.append(f"{str(error).removesuffix('; nothing was landed.')}.  {error.hint}")
    found.notes += [*plan.notes, *source.notes, *made.notes(), *ranges.notes(), *pairs.notes()]
    below = {entry["column"]: entry["rows"] for entry in made.info().get("not_positive", ())}
    for name, one in values.items():
        conversion = plan.conversions.named.get(name)
        flags = [source.names[place] for _, place in plan.surveys] if name in MADE and name not in theirs else []
        found.columns.append(
            {
                "column": name,
                "source": theirs.get(name, flags),
                "unit": known[name].unit,
                "conversion": conversion[0].words if conversion else "",
                "sample": one.first,
                "null_share": 1 - one.present / one.rows if one.rows else None,
                "not_positive": below.get(name, 0),
            }
        )
