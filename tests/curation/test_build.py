"""Builds by dbt: what they publish, what they refuse, what a failure or a kill leaves behind."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation import build as builds
from galaxiesml.curation.build import build
from galaxiesml.curation.dbt import Settings
from galaxiesml.curation.project import project_files
from galaxiesml.curation.rules import published
from galaxiesml.errors import BuildError, LockedError, MissingColumnsError

from ..made.builds import MIXED, mixed, nothing
from ..made.pairs import good_pair, mixed_pairs
from .landed import land_rows, new_catalog
from .reading import BANDS, FLAGS
from .replay import BANDS as BANDS_UCD
from .replay import KEYS, fields, joined_table, kept, replay, row_cuts


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Catalog:
    return mixed(tmp_path_factory.mktemp("built") / "cat")


@pytest.fixture
def copied(built, tmp_path) -> Catalog:
    """A built catalogue that a test changes."""
    return Catalog.open(shutil.copytree(built.root, tmp_path / "cat"))


def count(catalog: Catalog) -> int:
    return catalog.connect().execute("select count(*) from galaxies").fetchone()[0]


def test_dbt_compiles_what_the_tests_replay(built):
    replayed = replay(joined_table(mixed_pairs(MIXED)))
    published = built.connect()
    for version in (1, 2, 3, 4):
        rows = published.execute(f"select source_row - 1 from galaxies_v{version} order by 1").fetchall()
        assert [row[0] for row in rows] == kept(replayed, version)
    ours, theirs = (
        connection.execute(
            "select version, pair_id, object_id, first_cut, first_verdict, failed_cuts from rejections order by 1, 2"
        ).fetchall()
        for connection in (published, replayed)
    )
    assert ours == theirs


def run_dbt(built, folder, files: dict[str, str], select: str, threads: int = 2, memory_limit: str = "2GB"):
    """Build a part of a project that is not the catalogue's own."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (built.builds / folder.name).mkdir()
    command = ["build", "--select", select, "--indirect-selection", "cautious"]
    return builds.invoke(command, folder, folder, Settings(built.root, folder.name, threads, memory_limit))


@pytest.mark.parametrize("number", ["cast(7 as bigint)", "nullif(row_number() over (order by source_row), 1)"])
def test_a_key_that_repeats_or_is_null_stops_the_build(built, tmp_path, number):
    files = project_files(BANDS_UCD)
    pairs = "models/intermediate/int_pairs.sql"
    broken = files[pairs].replace("\n    pair_id\n", f"\n    {number} as pair_id\n")
    assert broken != files[pairs]
    with pytest.raises(BuildError, match=r"test whole_int_pairs_pair_id .*Got 1 result"):
        run_dbt(built, tmp_path, files | {pairs: broken}, "+int_pairs")


def test_the_engine_has_the_threads_memory_and_folder_that_it_was_told(built, tmp_path):
    seen = """select 1 where current_setting('threads') <> {0} or current_setting('memory_limit') <> '{0}.0 GiB'
        or current_setting('temp_directory') <> '{1}/.tmp'"""
    files = {
        f"sql/tests/{name}_{threads}.sql": seen.format(threads, root)
        for name, root in (("right", built.root), ("wrong", tmp_path))
        for threads in (1, 3)
    }
    for threads in (1, 3):
        run_dbt(built, tmp_path, project_files(BANDS_UCD) | files, f"right_{threads}", threads, f"{threads}GiB")
        (built.builds / tmp_path.name).rmdir()
        with pytest.raises(BuildError, match=rf"test wrong_{threads} .*Got 1 result"):
            run_dbt(built, tmp_path, files, f"wrong_{threads}", threads, f"{threads}GiB")
        (built.builds / tmp_path.name).rmdir()


def test_dbt_says_in_its_log_what_it_ran(built):
    log = (built.logs / "dbt.log").read_text()
    assert "PASS whole_int_pairs_pair_id" in log and "Completed successfully" in log and "[debug]" not in log


def test_boundary_rows_as_dbt_unit_tests(built, tmp_path):
    results = run_dbt(built, tmp_path, project_files(BANDS_UCD, boundaries=True), "+int_verdicts")
    boundaries = {
        result.node.name: str(result.status) for result in results.results if "unit_test" in result.node.unique_id
    }
    assert boundaries == {f"boundary_{cut['name']}": "pass" for cut in row_cuts()}


def test_no_export_gives_zero_galaxies(tmp_path):
    catalog = nothing(tmp_path / "cat")
    info = json.loads((catalog.current_build() / "build.json").read_text())
    assert {version["rows"] for version in info["versions"].values()} == {0}
    connection = catalog.connect()
    for table in catalog.tables():
        rows = connection.execute(f'select count(*) from "{table}"').fetchone()[0]
        assert rows == {"columns": rows, "cut_flow": rows, "versions": 4, "object_counts": 1}.get(
            table, rows if table == "duplicate_metrics" else 0
        )


def test_missing_columns_are_refused_by_name_then_accepted(tmp_path):
    catalog = new_catalog(tmp_path / "cat")
    everything = [*fields("object", "spectrum")]
    lacking = [
        name
        for name in everything
        if "crcenter" not in name and name not in ("g_sdsscentroid_flag", "specz_error_kind")
    ]
    land_rows(catalog, [good_pair(1), good_pair(2)], columns=lacking)
    with pytest.raises(MissingColumnsError) as refusal:
        build(catalog)
    assert "crcenter: joined1.csv has no g_pixelflags_crcenter, r_pixelflags_crcenter" in str(refusal.value)
    assert "centroid: joined1.csv has no g_sdsscentroid_flag." in str(refusal.value)
    assert "--accept-missing crcenter --accept-missing centroid" in refusal.value.hint
    assert catalog.current_id() is None
    made = build(catalog, accept_missing=("crcenter", "centroid"))
    # v3 needs the kind of the error as well: it is left out and named.
    assert made.left_out == {"v3": ("crcenter", "centroid", "measured_error")}
    assert set(made.info["versions"]) == {"v1", "v2", "v4"}
    assert made.info["versions"]["v2"]["missing_cuts"] == ["crcenter", "centroid"]
    facts = pq.read_metadata(catalog.current_build() / "galaxies_v2.parquet").metadata
    assert facts == {b"version": b"v2", b"missing_cuts": b"crcenter, centroid"}
    connection = catalog.connect()
    flow = dict(connection.execute("select cut, state from cut_flow where version = 'v2'").fetchall())
    assert flow["crcenter"] == "not in this export"
    assert flow["centroid"] == "judged in r, i, z, y; not in this export in g"
    assert not any(table == "galaxies_v3" for table in catalog.tables())


def test_what_the_archive_made_is_not_missing_and_what_is_exported_is_judged(tmp_path):
    catalog = new_catalog(tmp_path / "cat")
    flags = [f"{band}_{flag}" for band in BANDS for flag in FLAGS]
    columns = [name for name in fields("object", "spectrum") if name not in flags or name == "i_pixelflags_edge"]
    declared = [f"NOT {flag}" for flag in flags]
    land_rows(catalog, [good_pair(1), good_pair(2, i_pixelflags_edge=True)], columns=columns, where=declared)
    made = build(catalog)
    rules = published()
    assert made.info["versions"]["v2"] == {
        "title": next(version["title"] for version in rules.versions if version["name"] == "v2"),
        "rows": 1,
        "cuts": [cut["name"] for cut in rules.of_version("v2")],
        "missing_cuts": [],
        "conditions": {cut["name"]: cut.get("sql") or cut["window"] for cut in rules.of_version("v2")},
        "rule": rules.rule_hash("v2"),
    }
    flow = dict(catalog.connect().execute("select cut, state from cut_flow where version = 'v2'").fetchall())
    assert flow["bad"] == "made at the archive"
    assert flow["edge"] == "judged in i; made at the archive in g, r, z, y"


def test_files_that_differ_are_judged_each_on_its_own(tmp_path):
    catalog = new_catalog(tmp_path / "cat")
    without = [name for name in fields("object", "spectrum") if name != "isprimary"]
    land_rows(catalog, [good_pair(1, isprimary=False), good_pair(2)])
    land_rows(catalog, [good_pair(3)], columns=without)
    # An object table and a spectrum table meet by object_id.
    land_rows(catalog, [good_pair(4), good_pair(5, g_pixelflags_bad=True)], kind="objects")
    land_rows(catalog, [good_pair(4), good_pair(5), good_pair(99)], kind="specz")
    build(catalog)
    connection = catalog.connect()
    rows = connection.execute("select object_id % 1000, landing, specz_landing from galaxies_v3 order by 1").fetchall()
    assert rows == [(2, 1, 1), (3, 2, 2), (4, 3, 4)]
    assert connection.execute("select objects, objects_without_spectrum, pairs from object_counts").fetchall() == [
        (5, 0, 5)
    ]
    state = connection.execute("select state from cut_flow where version = 'v3' and cut = 'primary'").fetchone()[0]
    assert state.startswith("differs by file")


def test_a_failed_build_names_the_model_and_leaves_the_published_one(copied):
    catalog, first, rows = copied, copied.current_id(), count(copied)
    number = land_rows(catalog, [good_pair(2)])
    # A landed file that something else damaged: text where the archive has numbers.
    path = next((catalog.raw / "hsc").glob(f"{number:04d}-*/joined.parquet"))
    table = pq.read_table(path)
    at = table.column_names.index("ra")
    pq.write_table(table.set_column(at, "ra", [["north"]]), path)
    with pytest.raises(BuildError) as failure:
        build(catalog)
    assert "int_pairs" in str(failure.value) and "int_pairs.sql" in str(failure.value)
    assert catalog.current_id() == first
    assert count(catalog) == rows > 0


def test_publishing_keeps_two_builds_and_open_readers(copied):
    catalog, rows = copied, count(copied)
    reader = catalog.connect()
    land_rows(catalog, [good_pair(2001)])
    build(catalog)
    assert reader.execute("select count(*) from galaxies").fetchone() == (rows,)
    assert count(catalog) == rows + 1
    assert len(catalog.build_ids()) == 2
    land_rows(catalog, [good_pair(2002)])
    build(catalog)
    assert len(catalog.build_ids()) == 2
    assert catalog.discard_builds(1) and catalog.build_ids() == [catalog.current_id()]


def test_second_writer_is_told_who_holds_the_lock(tmp_path):
    catalog = new_catalog(tmp_path / "cat")
    with (
        catalog.lock("galaxiesml build"),
        pytest.raises(LockedError) as refusal,
        catalog.lock("galaxiesml ingest"),
    ):
        pass
    assert f"galaxiesml build (process {os.getpid()}" in str(refusal.value)
    with catalog.lock("again"):
        pass


def marts(catalog: Catalog) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(catalog.current_build().glob("*.parquet"))
    }


def many_rows(catalog: Catalog, count: int) -> None:
    """Land a table of ``count`` pairs by repeating mixed ones with their own ids."""
    import numpy as np
    import pyarrow as pa

    seed = joined_table(mixed_pairs(1000))
    table = pa.concat_tables([seed] * -(-count // 1000)).slice(0, count)
    order = np.random.default_rng(5).permutation(count)
    table = table.set_column(table.column_names.index("object_id"), "object_id", pa.array(10**16 + order // 2))
    names = pa.array([f"S{value}" for value in np.random.default_rng(6).integers(0, count, count)])
    table = table.set_column(table.column_names.index("specz_name"), "specz_name", names)
    table = table.set_column(table.column_names.index("source_row"), "source_row", pa.array(np.arange(count) + 1))
    number = land_rows(catalog, [good_pair(1)])
    table = table.set_column(0, "landing", pa.array(np.full(count, number)))
    pq.write_table(table, next((catalog.raw / "hsc").glob(f"{number:04d}-*/joined.parquet")), row_group_size=122_880)


def check_identical_marts(root, count: int, threads: tuple[int, ...]) -> int:
    catalog = new_catalog(root / "cat")
    many_rows(catalog, count)
    found = []
    for number in threads:
        build(catalog, threads=number)
        found.append(marts(catalog))
    assert all(each == found[0] for each in found)
    rows = catalog.connect().execute("select count(*) from galaxies").fetchone()[0]
    assert rows > count // 100
    assert len({build_id.split("-")[1] for build_id in catalog.build_ids()}) == 1
    return rows


def test_marts_are_byte_identical_at_any_number_of_threads(tmp_path):
    assert set(KEYS)
    # More than a row group, so that threads share the rows.
    check_identical_marts(tmp_path, 150_000, (1, 4))


@pytest.mark.proof
def test_marts_are_byte_identical_on_a_million_rows(tmp_path):
    check_identical_marts(tmp_path, 1_000_000, (1, 2, 4))


def check_kills(catalog: Catalog, moments: list[Callable[[], bool]], typed) -> None:
    """Kill a build at each moment; after each, a reader works, and in the end a build does."""
    expected = marts(catalog)
    for is_come in moments:
        process = subprocess.Popen(
            build_command(catalog), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None and not is_come():
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert catalog.connect().execute("select count(*) > 0 from galaxies").fetchone() == (True,)
        assert marts(catalog) == expected
    assert typed("-C", catalog.root, "build")[0] == 0
    assert marts(catalog) == expected


def build_command(catalog: Catalog) -> list[str]:
    return [sys.executable, "-m", "galaxiesml", "-C", str(catalog.root), "-q", "build"]


def test_killed_anywhere_the_next_build_works(copied, typed):
    """When the first mart is there, when half of them are, when all but one are."""
    many = len(marts(copied))
    moments = [
        lambda least=least: len(list((copied.builds / ".next").glob("*.parquet"))) >= least
        for least in (1, many // 2, many - 1)
    ]
    check_kills(copied, moments, typed)


@pytest.mark.proof
def test_twenty_kills(copied, typed):
    """At times spread evenly over its run."""
    start = time.monotonic()
    subprocess.run(build_command(copied), check=True, capture_output=True)
    length = time.monotonic() - start

    def after(part: float) -> Callable[[], bool]:
        began = []
        return lambda: began.append(time.monotonic()) or began[-1] - began[0] >= part * length

    check_kills(copied, [after((kill + 0.5) / 20) for kill in range(20)], typed)
