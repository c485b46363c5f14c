"""Read exported tables with the programs of those who use them, and with nothing of this package.

Each reader takes a file and returns a `Seen`: the values as Python's own, None where the program has no value, and the
units, UCDs, descriptions and provenance that it gives.
"""

import io
import json
import math
import shutil
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
from astropy.io.votable import parse
from astropy.table import QTable, Table


@dataclass
class Seen:
    """What a program has of a file: values by column, and what it knows of the columns; ``told`` is provenance."""

    values: dict[str, list]
    units: dict[str, str] = field(default_factory=dict)
    ucds: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    told: str = ""


def _plain(value):
    """A value as Python has it; None for NaN under pandas' default types, which do not tell the two apart."""
    if value is None or value is pd.NA:
        return None
    if isinstance(value, np.ndarray | list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") else value


def _pandas(frame: pd.DataFrame) -> Seen:
    missing = frame.isna()
    return Seen(
        {
            name: [None if no else _plain(value) for value, no in zip(frame[name], missing[name], strict=True)]
            for name in frame
        }
    )


def _beside(seen: Seen, path: Path) -> Seen:
    """What a person who opens NAME.csv.json has as well: not what the program sees."""
    assert json.loads(path.with_name(f"{path.name}.json").read_text())["build"]
    return seen


def pandas_csv(path, **how) -> Seen:
    return _beside(_pandas(pd.read_csv(path, **how)), path)


def polars_csv(path) -> Seen:
    return _beside(Seen(pl.read_csv(path, infer_schema_length=None).to_dict(as_series=False)), path)


def duckdb_csv(path) -> Seen:
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_csv(?)", [str(path)])
        names = [column[0] for column in found.description]
        rows = found.fetchall()
    return _beside(Seen({name: [row[at] for row in rows] for at, name in enumerate(names)}), path)


def pandas_parquet(path, **how) -> Seen:
    return _pandas(pd.read_parquet(path, **how))


def polars_parquet(path) -> Seen:
    return Seen(pl.read_parquet(path).to_dict(as_series=False))


def duckdb_parquet(path) -> Seen:
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_parquet(?)", [str(path)])
        names = [column[0] for column in found.description]
        rows = found.fetchall()
        told = connection.execute("select value from parquet_kv_metadata(?)", [str(path)]).fetchall()
    values = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    return Seen(values, told=" ".join(bytes(value).decode("utf-8", "replace") for (value,) in told))


def pyarrow_parquet(path) -> Seen:
    table = pq.read_table(path)
    seen = Seen(table.to_pydict(), told=" ".join(value.decode() for value in table.schema.metadata.values()))
    for column in table.schema:
        facts = {key.decode(): value.decode() for key, value in column.metadata.items()}
        seen.units[column.name], seen.ucds[column.name] = facts["unit"], facts["ucd"]
        seen.descriptions[column.name] = facts["description"]
    return seen


def astropy_table(path, kind: type = Table, **how) -> Seen:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = kind.read(path, **how)
    seen = Seen({}, told=json.dumps(dict(table.meta), default=str))
    for name in table.colnames:
        column = table[name]
        mask = np.broadcast_to(getattr(column, "mask", False), len(column))
        plain = np.asarray(getattr(getattr(column, "value", column), "unmasked", column))
        seen.values[name] = [None if no else _plain(value) for value, no in zip(plain, mask, strict=True)]
        seen.units[name] = str(column.unit or "")
        seen.ucds[name] = column.info.meta.get("ucd", "")
        seen.descriptions[name] = column.info.description or ""
    if str(path).endswith(".vot"):
        seen.told = " ".join(info.value for info in parse(path).resources[0].infos)
    return seen


def astropy_qtable(path, **how) -> Seen:
    return astropy_table(path, QTable, **how)


def has_stilts() -> bool:
    return shutil.which("stilts") is not None


def stilts_csv(path) -> Seen:
    return stilts(path, "csv")


def stilts(path, kind: str | None = None) -> Seen:
    """TOPCAT's reader, by its command line."""

    def ask(*words: str) -> str:
        form = [f"ifmt={kind}"] if kind else []
        # Java prints what is not ASCII by the locale.
        run = subprocess.run(
            ["stilts", "-Dfile.encoding=UTF-8", "tpipe", f"in={path}", *form, *words],
            capture_output=True,
            check=True,
            env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        )
        return run.stdout.decode()

    columns = pd.read_csv(io.StringIO(ask("cmd=meta", "ofmt=csv", "out=-")), keep_default_na=False, dtype=str)
    names = columns["Name"].tolist()
    marks = [f'cmd=addcol {name}_is_null "NULL_{name}"' for name in names]
    rows = pd.read_csv(io.StringIO(ask(*marks, "ofmt=csv", "out=-")), keep_default_na=False, dtype=str)
    seen = Seen({}, told=ask("omode=meta").replace("\n", " "))
    for name, known in zip(names, columns["Class"], strict=True):
        read = {"Double": float, "Float": float, "Boolean": {"true": True, "false": False}.get}
        read |= {"String": str, "Character": str}
        convert = read.get(known, int)
        nulls = rows[f"{name}_is_null"] == "true"
        seen.values[name] = [
            None if no else convert(text) if text or convert is str else math.nan
            for text, no in zip(rows[name], nulls, strict=True)
        ]
    for key, store in (("Units", seen.units), ("UCD", seen.ucds), ("Description", seen.descriptions)):
        store.update(dict(zip(names, columns[key], strict=True)) if key in columns else {})
    return seen


@dataclass(frozen=True)
class Reader:
    """One program, and what it makes of a file.

    Attributes
    ----------
    call : str
        As docs/files.md prints it.
    read : callable
        From a path to a `Seen`.
    loses : tuple of str
        Of LOSSES.
    sees : tuple of str
        Of units, UCDs, descriptions, provenance.
    """

    call: str
    read: Callable[[Path], Seen]
    loses: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()

    @property
    def is_stilts(self) -> bool:
        return self.call.startswith("TOPCAT")


#: What a reader may not keep, with the words of docs/files.md.
LOSSES = {
    "integers": "integers that have NULL are float64: exact to 2^53",
    "digits": "last digits of numbers differ",
    "NaN": "NaN is NULL",
    "empty": "empty text is NULL",
    "no text": "NULL text is empty",
    "ends": "spaces around a text are lost",
    "tail": "spaces after a text are lost",
    "Latin-1": "letters beyond ASCII are wrong",
    "flags": "flags that have NULL are 1 and 0",
    "quantities": "integers that have a unit are float64: exact to 2^53",
}
ALL = ("units", "UCDs", "descriptions", "provenance")
_NULLABLE, _ARROW = {"dtype_backend": "numpy_nullable"}, {"dtype_backend": "pyarrow"}
_EXACT = {"float_precision": "round_trip"}
_ECSV, _FITS, _VOTABLE = ("empty", "ends"), ("NaN", "empty", "tail", "flags"), ("NaN", "no text", "ends")


def _both(losses: tuple[str, ...]) -> list[Reader]:
    return [
        Reader("astropy `Table.read(path)`", astropy_table, losses, ALL),
        Reader("astropy `QTable.read(path)`", astropy_qtable, (*losses, "quantities"), ALL),
    ]


#: The readers of each format, by the name of its writer.
READERS = {
    "csv": [
        Reader("pandas `read_csv(path)`", pandas_csv, ("integers", "digits", "NaN", "empty")),
        *(
            Reader(
                f'pandas `read_csv(path, dtype_backend="{how["dtype_backend"]}", float_precision="round_trip")`',
                partial(pandas_csv, **how, **_EXACT),
                ("NaN", "empty"),
            )
            for how in (_NULLABLE, _ARROW)
        ),
        Reader("Polars `read_csv(path, infer_schema_length=None)`", polars_csv),
        Reader("DuckDB `read_csv(path)`", duckdb_csv, ("empty",)),
        Reader("TOPCAT, STILTS", stilts_csv, ("NaN", "empty", "ends", "Latin-1")),
    ],
    "ecsv": [
        *_both(_ECSV),
        Reader("TOPCAT, STILTS", stilts, ("NaN", "empty", "Latin-1"), (*ALL[:3], "provenance without conditions")),
    ],
    "fits": [*_both(_FITS), Reader("TOPCAT, STILTS", stilts, (*_FITS, "Latin-1"), ALL)],
    "votable": [*_both(_VOTABLE), Reader("TOPCAT, STILTS", stilts, ("NaN", "empty"), ALL)],
    "parquet": [
        Reader("pandas `read_parquet(path)`", pandas_parquet, ("integers", "NaN")),
        Reader('pandas `read_parquet(path, dtype_backend="numpy_nullable")`', partial(pandas_parquet, **_NULLABLE)),
        Reader('pandas `read_parquet(path, dtype_backend="pyarrow")`', partial(pandas_parquet, **_ARROW)),
        Reader("Polars `read_parquet(path)`", polars_parquet),
        Reader("DuckDB `read_parquet(path)`", duckdb_parquet, (), ("provenance",)),
        Reader("PyArrow `read_table(path)`", pyarrow_parquet, (), ALL),
    ],
    "parquet for astropy": _both(()),
}
