"""Write a version of galaxies, or another mart, as one CSV, ECSV or Parquet file with units, cuts and missing cuts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import parquet, quote
from galaxiesml.dictionary import Column, columns
from galaxiesml.errors import CatalogError
from galaxiesml.query.astropy_header import astropy_header
from galaxiesml.query.extents import is_list, measure, name_of
from galaxiesml.query.votable_text import votable_text
from galaxiesml.samples import morphology
from galaxiesml.samples.where import APPLIED, Where, read_where
from galaxiesml.surveys.description import by_hand
from galaxiesml.system.atomic import appearing, passing, write_atomic

_ECSV = {"bigint": "int64", "integer": "int32", "double": "float64", "boolean": "bool", "text": "string"}


@dataclass(frozen=True)
class Export:
    """The source of an export: one mart of the published build.

    Attributes
    ----------
    source : Path
        The mart's Parquet file.
    columns : list of Column
        In order, with unit, UCD and description.
    facts : dict
        What the file says of itself: build, release, table, rows, incomplete; of a version also its cuts, their
        conditions, and the SHA-256 of its rule.
    where : Where, optional
        A condition on the rows.
    """

    source: Path
    columns: list[Column]
    facts: dict
    where: Where | None = None

    @property
    def incomplete(self) -> list[str]:
        return self.facts["incomplete"]

    @property
    def rows(self) -> str:
        """SQL of the rows, in the mart's order."""
        return f"select * from {parquet(self.source)}" + (f" where {self.where.sql}" if self.where else "")


def export_of(catalog: Catalog, version: str | None, where: str | None = None) -> Export:
    """The published build's version, or its default one, as an export.

    Parameters
    ----------
    where : str, optional
        A condition on its rows, as it was typed.

    Raises
    ------
    CatalogError
        There is no build, or it does not have the version.
    """
    name = catalog.built_version(version)
    info = catalog.build_info()
    entry = info["versions"][name]
    source = catalog.current_build() / f"galaxies_{name}.parquet"
    known = columns(catalog.profile.bands)
    facts = _facts(info, source) | {
        "version": name,
        "default": name == info["default_version"],
        "title": entry["title"],
        "cuts": entry["cuts"],
        "incomplete": entry["missing_cuts"],
        **{key: entry[key] for key in ("rule", "conditions") if key in entry},
    }
    if told := entry.get("not_applicable"):
        facts["not_applicable"] = [f"{cut}: {why}" for cut, why in told.items()]
    made = Export(source, [known[column] for column in pq.read_schema(source).names], facts)
    return _filtered(made, read_where(catalog, source.stem, where))


def _filtered(made: Export, where: Where | None) -> Export:
    if where is None:
        return made
    made = replace(made, where=where)
    with duckdb.connect() as connection:
        (rows,) = connection.execute(f"select count(*) from ({made.rows})").fetchone()
    return replace(made, facts=made.facts | {"rows": rows, "where": f"{where.text} ({APPLIED})"})


def table_export(catalog: Catalog, table: str, where: str | None = None) -> Export:
    """Any mart of the published build as an export; units and descriptions are those of the build's ``columns``.

    Raises
    ------
    CatalogError
        There is no build, or it does not have the table.
    """
    info = catalog.build_info()
    sources = {path.stem: path for path in catalog.current_build().glob("*.parquet")}
    if table not in sources:
        raise CatalogError(f"Build {info['id']} has no table {table!r}.", f"Tables: {', '.join(sorted(sources))}.")
    described = pq.read_table(sources["columns"], filters=[("table_name", "=", table)], partitioning=None).to_pylist()
    known = {row["name"]: row for row in described}
    made = [
        Column(name, *(known[name][key] or "" for key in ("data_type", "description", "unit", "ucd")))
        for name in pq.read_schema(sources[table]).names
    ]
    missing = {cut: None for entry in info["versions"].values() for cut in entry["missing_cuts"]}
    facts = _facts(info, sources[table]) | {"incomplete": list(missing)}
    if table in (morphology.MART, "morphology"):
        facts["morphology"] = morphology.told(info)
    return _filtered(Export(sources[table], made, facts), read_where(catalog, table, where))


def _facts(info: dict, source: Path) -> dict:
    # Of galaxies with the archive's own spectra no flag was decided here; of the others `spectra_from` says it.
    decided = [] if source.stem.startswith("galaxies_v") else by_hand(info.get("specz", []))
    return {
        "build": info["id"],
        "galaxiesml": info["galaxiesml"],
        "release": info["release"],
        "spectra_from": info.get("spectra_from", "export"),
        **({"flags_by_hand": decided} if decided else {}),
        "table": source.stem,
        "rows": pq.read_metadata(source).num_rows,
        "landed": [f"{row['source_file']} sha256:{row['source_sha256']}" for row in info["landings"]],
    }


def write_csv(export: Export, path: Path) -> None:
    """Write plain CSV: one line of names, then the rows; the facts and the columns' units go to ``<path>.json``.

    NULL is an empty field, an empty text is quoted (``""``), a boolean is true or false, a list is JSON.  Streamed;
    equal for equal builds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with appearing(path) as making:
        _copy(export, [_csv_value(column) for column in export.columns], making)
    described = [
        {"name": column.name, "datatype": column.type, "unit": column.unit or None, "ucd": column.ucd or None}
        | {"description": column.description}
        for column in export.columns
    ]
    write_atomic(
        path.with_name(path.name + ".json"), json.dumps(export.facts | {"columns": described}, indent=1) + "\n"
    )


def write_ecsv(export: Export, path: Path) -> None:
    """Write ECSV 1.0: a commented header with units, UCDs and the facts, then the rows.

    NULL is an empty field; a text that is empty or holds a comma is quoted.  Streamed; equal for equal builds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = [_ecsv_value(column) for column in export.columns]
    with appearing(path) as making, passing(path.with_name(f"{path.name}.rows")) as body:
        _copy(export, wanted, body)
        with open(making, "wb") as out, open(body, "rb") as rows:
            out.write(ecsv_header(export).encode())
            while block := rows.read(1 << 20):
                out.write(block)


def _copy(export: Export, wanted: list[str], path: Path) -> None:
    listed = ", ".join(f"{value} as {name_of(column)}" for value, column in zip(wanted, export.columns, strict=True))
    with duckdb.connect() as connection:
        connection.execute(f"copy (select {listed} from ({export.rows})) to {quote(path)} (format csv, header)")


def _csv_value(column: Column) -> str:
    """SQL of a value in CSV."""
    name = name_of(column)
    if column.type == "double":
        # As 'nan', which DuckDB writes, Polars takes it for a text.
        return f"case when isnan({name}) then 'NaN' else cast({name} as varchar) end"
    return f"to_json({name})" if is_list(column) else name


def _ecsv_value(column: Column) -> str:
    """SQL of a value as ECSV writes it: it wants True and False."""
    if column.type == "boolean":
        return f"case {name_of(column)} when true then 'True' when false then 'False' end"
    return _csv_value(column)


def ecsv_header(export: Export) -> str:
    """The commented lines before the names (Taylor et al., ECSV 1.0, APE 6)."""
    entries = []
    for column in export.columns:
        entry: dict = {"name": column.name}
        if column.unit:
            entry["unit"] = column.unit
        entry["datatype"] = "string" if is_list(column) else _ECSV[column.type]
        if is_list(column):
            entry["subtype"] = _ECSV[column.type.removesuffix("[]")] + "[null]"
        entry["description"] = column.description
        entry["meta"] = {"ucd": column.ucd}
        entries.append(entry)
    content = {"delimiter": ",", "datatype": entries, "meta": export.facts}
    text = yaml.safe_dump(content, sort_keys=False, width=10_000, allow_unicode=True)
    return "# %ECSV 1.0\n# ---\n" + "".join(f"# {line}\n" for line in text.splitlines())


def write_parquet(export: Export, path: Path) -> None:
    """Write Parquet whose fields carry unit, UCD and description, and whose file carries the facts.

    NULL is NULL.  The file also has a VOTable header, following the VOParquet convention, so that TOPCAT shows units.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = pq.read_schema(export.source)
    schema = pa.schema(
        [_field(field, column) for field, column in zip(plain, export.columns, strict=True)],
        metadata={
            "galaxiesml": json.dumps(export.facts),
            "IVOA.VOTable-Parquet.version": "1.0",
            "IVOA.VOTable-Parquet.content": votable_header(export),
        },
    )
    with appearing(path) as making, pq.ParquetWriter(making.absolute(), schema, compression="zstd") as writer:
        for batch in batches(export):
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))


def _field(field: pa.Field, column: Column) -> pa.Field:
    return field.with_metadata({"unit": column.unit, "ucd": column.ucd, "description": column.description})


def write_astropy_parquet(export: Export, path: Path) -> None:
    """Write Parquet in astropy's own layout, from which ``Table.read`` and ``QTable.read`` have every id and mask.

    astropy knows no NULL in Parquet.  A column x that has any is written filled (0, NaN, false or ''), and x.mask after
    it is true where there is no value.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _, extents = measure(export.rows, export.columns)
    masked = tuple(name for name, extent in extents.items() if extent.nulls)
    fields = []
    for field, column in zip(pq.read_schema(export.source), export.columns, strict=True):
        fields.append(_field(field, column))
        if column.name in masked:
            fields.append(pa.field(f"{column.name}.mask", pa.bool_()))
    texts = [column.name for column in export.columns if column.type == "text"]
    metadata = {
        "galaxiesml": json.dumps(export.facts),
        "table_meta_yaml": astropy_header(export.columns, export.facts, masked).rstrip("\n"),
        **{f"table::len::{name}": str(max(extents[name].characters, 1)) for name in texts},
    }
    schema = pa.schema(fields, metadata)
    with appearing(path) as making, pq.ParquetWriter(making.absolute(), schema, compression="zstd") as writer:
        for batch in batches(export):
            writer.write_batch(pa.RecordBatch.from_arrays(list(_filled(batch, export.columns, masked)), schema=schema))


def _filled(batch: pa.RecordBatch, columns: list[Column], masked: tuple[str, ...]) -> Iterator[pa.Array]:
    fills = {"bigint": 0, "integer": 0, "double": float("nan"), "boolean": False, "text": ""}
    for array, column in zip(batch.columns, columns, strict=True):
        if column.name not in masked:
            yield array
            continue
        fill = pa.scalar([] if is_list(column) else fills[column.type], array.type)
        yield pc.coalesce(array, fill)
        yield pc.is_null(array)


def batches(export: Export, size: int = 122_880) -> Iterator[pa.RecordBatch]:
    """The rows in the mart's order and types, at most ``size`` at a time."""
    if export.where is None:
        with pq.ParquetFile(export.source) as source:
            yield from source.iter_batches(batch_size=size)
        return
    schema = pq.read_schema(export.source)
    with duckdb.connect() as connection:
        for batch in connection.sql(export.rows).to_arrow_reader(size):
            yield batch.cast(schema)


def votable_header(export: Export) -> str:
    """A VOTable that declares the columns and holds no rows."""
    return "".join(votable_text(export.columns, export.facts))
