"""A path is a path: whatever a folder is named, these rows are read and no others, with the columns of the file."""

import ast
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.catalog import parquet as reading
from galaxiesml.catalog.parquet import parquet, plain
from galaxiesml.curation.macros import Macros
from galaxiesml.errors import CatalogError
from galaxiesml.verify.expected import parquet as verify_parquet
from galaxiesml.verify.expected import plainly_named

#: A folder's name, and one next to it that the name as a pattern, or as DuckDB reads it, would mean as well.
NAMES = {
    "tract=9813": "tract=1",
    "i_cmodel_flag=false": "plain",
    "object_id=7": "object_id=8",
    "hsc[1]": "hsc1",
    "hsc[!1]": "hsc2",
    "cat*": "cats",
    "a**b": "ab",
    "a?b": "aXb",
    "back\\slash": "back/slash",
    "a\\[b": "a/[b",
    "end\\": "end",
    "it's": "its",
    '"quoted" {{ x }};--': "quoted",
    "~": "home",
}


def write(folder, text: str) -> None:
    (folder / "raw" / "one").mkdir(parents=True)
    table = pa.table({"tract": [5], "i_cmodel_flag": [True], "object_id": [1], "text": [text]})
    pq.write_table(table, folder / "raw" / "one" / "rows.parquet")


@pytest.fixture(params=NAMES, ids=lambda name: name)
def folder(request, tmp_path):
    """A folder of that name with its own rows, next to the other one."""
    write(tmp_path / NAMES[request.param], "the other's")
    write(tmp_path / request.param, "its own")
    return tmp_path / request.param


def rows(source: str) -> list[tuple]:
    return duckdb.connect().execute(f"select tract, i_cmodel_flag, object_id, text from {source}").fetchall()


def test_python_reads_what_is_below_the_folder_and_nothing_else(folder):
    expected = [(5, True, 1, "its own")]
    assert rows(parquet(folder / "raw" / "one" / "rows.parquet")) == expected
    assert rows(parquet(folder, "raw/*/rows.parquet", union_by_name=True)) == expected
    assert rows(parquet(folder / "raw", "*/*.parquet")) == expected


def test_sql_reads_what_is_below_the_folder_and_nothing_else(folder):
    macros = Macros("grizy")
    assert rows(macros.call("parquet_files", str(plain(folder)), "/raw/*/rows.parquet", union_by_name=True)) == [
        (5, True, 1, "its own")
    ]
    if "\\" not in str(folder):
        # Plain dbt, told of the folder itself.
        assert rows(macros.call("parquet_files", str(folder / "raw" / "one" / "rows.parquet")))[0][3] == "its own"


def test_plain_dbt_refuses_a_backslash_that_duckdb_would_take_for_a_slash(tmp_path):
    def refuse(words):
        raise ValueError(words)

    macros = Macros("grizy")
    macros.replace("exceptions", SimpleNamespace(raise_compiler_error=refuse))
    with pytest.raises(ValueError, match="for a slash"):
        macros.call("parquet_files", f"{tmp_path}/back\\slash", "/raw/*/rows.parquet")


def test_verify_reads_what_is_below_the_folder_and_nothing_else(folder):
    with plainly_named(folder) as path:
        assert rows(verify_parquet(path / "raw" / "*" / "rows.parquet")) == [(5, True, 1, "its own")]
    assert folder.is_dir()


def test_a_catalogue_shows_its_own_rows_and_spills_into_its_own_folder(folder):
    catalog = Catalog.create(folder / "cat", "pdr2_wide")
    for number in (1, 2):
        shard = catalog.raw / "hsc" / f"000{number}-ab"
        shard.mkdir(parents=True)
        pq.write_table(pa.table({"tract": [number], "object_id": [number]}), shard / "objects.parquet")
    connection = catalog.connect()
    found = connection.execute("select tract, object_id from hsc_objects order by all").fetchall()
    assert found == [(1, 1), (2, 2)]
    (told,) = connection.execute("select current_setting('temp_directory')").fetchone()
    assert Path(told).resolve().parent == catalog.root and Path(told).name.startswith(".spill.")


def test_a_query_larger_than_its_memory_spills_under_a_backslash(tmp_path):
    catalog = Catalog.create(tmp_path / "back\\slash", "pdr2_wide")
    connection = catalog.connect(threads=1, memory_limit="40MB")
    query = "select count(*) from (select md5(cast(range as varchar)) as text from range(800000) order by text)"
    assert connection.execute(query).fetchone() == (800_000,)
    assert next(catalog.root.glob(".spill.*")).is_dir() and not (tmp_path / "back").exists()


def test_links_go_when_the_process_ends(tmp_path):
    folder = tmp_path / "back\\slash"
    write(folder, "its own")
    code = "import sys; from galaxiesml.catalog.parquet import plain; print(plain(sys.argv[1]))"
    run = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    link = run.stdout.strip()
    assert "\\" not in link and link.startswith(tempfile.gettempdir())
    assert not list(tmp_path.glob("galaxiesml-links-*")) and not re.search(r"Error|Warning", run.stderr)
    assert not Path(link).parent.exists() and (folder / "raw").is_dir()


def test_a_link_that_a_cleaner_took_is_made_again(tmp_path):
    folder = tmp_path / "back\\slash"
    write(folder, "its own")
    plain(folder).unlink()
    assert rows(parquet(folder, "raw/*/rows.parquet"))[0][3] == "its own"


def test_where_no_link_can_be_made_the_reason_is_said(tmp_path, monkeypatch):
    def full(process):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reading, "_links", full)
    assert plain(tmp_path / "hsc[1]") == tmp_path / "hsc[1]"
    with pytest.raises(CatalogError, match="No space left on device") as error:
        plain(tmp_path / "back\\slash")
    assert "TMPDIR" in error.value.hint


# -- nobody reads otherwise -------------------------------------------------------------------------------------

#: The one function and the one macro; verify shares no code with what it checks, so it has a reader of its own.
READERS = {
    "galaxiesml/catalog/parquet.py",
    "sql/macros/parquet_files.sql",
    "galaxiesml/verify/expected.py",
    # What users of pandas, Polars and DuckDB type.
    "docs/files.md",
}
#: Words that make DuckDB read files; `sql` only looks at their names, to let a user's query call them.
DUCKDB = re.compile(
    r"(?<![.\w])(read_parquet|parquet_scan|read_csv(_auto)?|sniff_csv|parquet_(file_|kv_)?metadata|parquet_schema)\s*\("
    r"|\b(from|join)\s+'[^'\n]*[./{][^'\n]*'|\bcopy\s+\S+\s+from\b",
    re.IGNORECASE,
)
PYTHON = re.compile(r"(\w+)\.(read_parquet|scan_parquet|read_csv|scan_csv|read_table|ParquetDataset|dataset)\(")
#: What a call must say; a text that is read from memory has no path.
SAYS = {
    "scan_parquet": ("glob=False", "hive_partitioning=False"),
    "read_table": ("partitioning=None",),
}
#: Of what is in memory, or a file that is open already.
FROM_MEMORY = {
    ("galaxiesml/ingest/text.py", "pacsv.read_csv(io.BytesIO(chunk), **options)"),
    ("galaxiesml/mock/serve/spectra.py", "pl.read_csv(file, infer_schema_length=None)"),
    ("galaxiesml/photoz/external.py", "csv.read_csv(file)"),
    ("galaxiesml/photoz/tables.py", "csv.read_csv(file)"),
}


def sources(repo):
    for top in ("galaxiesml", "sql", "models", "notebooks", "docs", "README.md", "CONTRIBUTING.md"):
        paths = sorted((repo / top).rglob("*")) if (repo / top).is_dir() else [repo / top]
        for path in paths:
            if path.suffix in (".py", ".sql", ".md") and path.is_file():
                yield str(path.relative_to(repo)), path.read_text()


def test_nothing_else_reads_files_by_duckdb(repo):
    texts = dict(sources(repo))
    assert {name for name in texts if re.search("read_parquet\\(", texts[name])} == READERS
    found = [f"{name}: {call.group()}" for name in texts.keys() - READERS for call in DUCKDB.finditer(texts[name])]
    assert found == []


def test_polars_and_arrow_are_told_that_a_path_is_a_path(repo):
    found = []
    for name, text in sources(repo):
        if not name.endswith(".py"):
            found += [f"{name}: {call.group()}" for call in PYTHON.finditer(text)]
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or not PYTHON.match(ast.unparse(node)):
                continue
            call = ast.unparse(node)
            says = SAYS.get(PYTHON.match(call).group(2), ("no such call is allowed",))
            if (name, call) not in FROM_MEMORY and not all(word in call for word in says):
                found.append(f"{name}: {call}")
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "connection.execute(f\"select * from read_parquet('{path}')\")",
        "from 'x.parquet'",
        "select * from read_csv( 'x.csv')",
        "copy seeds from 'x.csv'",
        "select * from parquet_kv_metadata('x')",
    ],
)
def test_a_second_reader_would_be_found(line):
    assert DUCKDB.search(line)
