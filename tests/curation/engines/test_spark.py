"""Builds on Spark itself: the same rows as DuckDB's, whatever dies; what is left, who may listen, what is in logs."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import duckdb
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.engines.choice import Engine
from galaxiesml.curation.engines.servers import session

from ...made.builds import mixed
from ...made.once import once
from ...made.pairs import mixed_pairs
from ...made.signalled import signalled
from ...made.spark import Installed, cluster, connect_server, free_port, installed, kill, wait
from ...made.whole import whole
from ..landed import land_rows, new_catalog
from . import functions

pytestmark = pytest.mark.proof
TOKEN, SECRET = "5a1ad0f2c0ffee", "1e55e75ec7e7"
#: As in test_sail.py, so that one catalogue serves both.
ROWS, PICTURED = 20_000, 160
#: Seconds of a build here, on two slow cores; and within which a lost server must be told.
LONG, LOST = 1800, 60


@pytest.fixture(scope="module")
def spark() -> Installed:
    return installed()


def copied(name: str, rows: int, folder: Path) -> Catalog:
    pytest.importorskip("galsim", reason="the simulated sky needs GalSim")
    made = once(name, lambda grown: whole(grown, rows, PICTURED))
    return Catalog.open(shutil.copytree(made / "cat", folder / "cat", symlinks=True))


def content(catalog: Catalog) -> str:
    """The hash of what is published."""
    return catalog.current_id().split("-")[1]


def processes(catalog: Catalog) -> list[int]:
    """JVMs that work in the catalogue, as Spark's driver does; it starts a chmod now and then."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if os.readlink(link).startswith(str(catalog.root)) and (link.parent / "comm").read_text() == "java\n":
                found.append(int(link.parent.name))
        except OSError:
            continue
    return found


def left(catalog: Catalog) -> list:
    """What a build must not leave: folders of Spark's, half-made files, a JVM."""
    folders = [*catalog.root.rglob("*warehouse*"), *catalog.root.rglob("metastore*"), *catalog.root.rglob("artifacts*")]
    return [*folders, *catalog.leftovers(), *processes(catalog)]


def is_built(catalog: Catalog, table: str) -> bool:
    return (catalog.builds / ".next" / ".parts" / table / "_SUCCESS").exists()


def built(building: subprocess.Popen, catalog: Catalog, table: str) -> None:
    """Wait for a table of a build that goes on."""
    wait(lambda: building.poll() is not None or is_built(catalog, table), LONG, f"{table} is not built")
    assert building.poll() is None, building.communicate()


def ended(process: subprocess.Popen, seconds: float = LONG) -> tuple[int, str]:
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out + err


def test_every_table_of_local_spark_is_duckdbs(spark, tmp_path):
    catalog, began = copied("whole50", 50_000, tmp_path), time.monotonic()
    done = spark.typed("-C", catalog.root, "audit", "engines", "--engines", "duckdb,spark", "--json", timeout=2 * LONG)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["equal"] and not found["differences"], found["differences"] or done.stderr
    rows = {table["table"]: table["rows"][1] for table in found["tables"]}
    assert rows["int_pairs"] > 48_000 and rows["photoz_metrics"] and rows["galaxy_morphology"] and rows["pictures"]
    assert left(catalog) == []
    print(f"\nmeasured: {len(rows)} tables equal, DuckDB and Spark in {time.monotonic() - began:.0f} s")


def test_spark_computes_what_models_use_as_duckdb_does(spark, tmp_path, monkeypatch):
    port, token = free_port(), "0123456789abcdef"
    (tmp_path / "data").mkdir()
    path, differing = functions.write(tmp_path / "data" / "edges.parquet"), {}
    with connect_server(spark, tmp_path / "server", port, token), duckdb.connect() as connection:
        monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", token)
        engine = Engine("spark", remote=f"sc://localhost:{port}")
        with session(engine, tmp_path, tmp_path, 1, "1GB") as opened:
            ours, theirs = functions.by_duckdb(connection, path), functions.by_spark(opened, connection, path)
            for kind, query in functions.QUERIES:
                if not functions.agree(kind, found := (ours(query), theirs(query))):
                    differing[query] = found
    assert not differing


def test_a_worker_that_is_killed_changes_no_row(spark, tmp_path):
    catalog = copied("whole", ROWS, tmp_path)
    done = spark.typed("-C", catalog.root, "build", "--accept-missing", "all")
    assert done.returncode == 0, done.stderr
    ours = content(catalog)
    with cluster(spark, tmp_path / "cluster", 2) as (address, workers):
        words = ["--engine", "spark", "--master", address, "--conf", "spark.sql.shuffle.partitions=4"]
        with spark.begun("-C", catalog.root, "build", "--accept-missing", "all", *words) as building:
            built(building, catalog, "int_verdicts")
            kill(workers[0])
            code, said = ended(building)
        assert code == 0, said
    info = catalog.build_info()
    assert (info["engine"]["name"], info["engine"]["master"]) == ("spark", address)
    assert content(catalog) == ours and left(catalog) == []


def test_an_executor_with_another_folder_is_noticed(spark, tmp_path):
    """Of two workers one has something else mounted over the catalogue's builds: what it writes is seen by nobody."""
    catalog = mixed(tmp_path / "cat")
    apart = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount", "sh", "-c"]
    apart += [f"mount -t tmpfs none '{catalog.builds}' && exec \"$@\"", "sh"]
    if subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("this system does not let a process have mounts of its own")
    with cluster(spark, tmp_path / "cluster", 2, before=[[], apart]) as (address, _):
        # The first query waits for both.
        both = ["--conf", "spark.cores.max=2", "--conf", "spark.scheduler.minRegisteredResourcesRatio=1"]
        words = ["build", "--engine", "spark", "--master", address, *both]
        done = spark.typed("-C", catalog.root, *words, timeout=LONG)
    assert done.returncode == 2 and "must lie on the same path on driver and executors" in done.stderr, done.stderr
    assert left(catalog) == []


def test_no_secret_is_shown_and_nothing_outlives_the_command(spark, tmp_path):
    catalog = mixed(tmp_path / "cat")
    before, scratch = catalog.current_id(), catalog.root / ".tmp" / "engine"
    words = ["-C", catalog.root, "build", "--engine", "spark"]
    known = {"GALAXIESML_SPARK_CONF": f"spark.sql.shuffle.partitions=2 spark.authenticate.secret={SECRET}"}
    with spark.begun(*words, env=known) as building:
        file = scratch / "driver.properties"
        wait(file.is_file, 60, "no settings are written")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(scratch.stat().st_mode) == 0o700
        built(building, catalog, "int_pairs")
        assert not file.exists()
        (driver,) = processes(catalog)
        token = re.search(rb"SPARK_CONNECT_AUTHENTICATE_TOKEN=(\w+)", Path(f"/proc/{driver}/environ").read_bytes())[1]
        shown = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, check=True).stdout
        logs = b"".join(path.read_bytes() for path in catalog.logs.iterdir())
        assert len(token) == 32 and b"SparkConnectServer" in shown and len(logs) > 1000
        assert not any(secret in text for secret in (token, SECRET.encode()) for text in (shown, logs))
        # It listens at the loopback address alone.
        assert {address for address, _ in listening(driver)} == {"127.0.0.1"}
        # The driver ends with a parent that has no time to end it.
        os.kill(building.pid, signal.SIGKILL)
    wait(lambda: not processes(catalog), 5, "the driver outlives its parent")
    assert catalog.current_id() == before
    shutil.rmtree(catalog.builds / ".next")
    # Then it is the driver that is killed; and the build after that is whole.
    with spark.begun(*words) as building:
        built(building, catalog, "int_pairs")
        (driver,) = processes(catalog)
        os.kill(driver, signal.SIGKILL)
        code, said = ended(building, LOST)
    assert code == 7 and "Spark's driver has ended (killed by SIGKILL)" in said and token.decode() not in said
    assert "The published build is unchanged" in said and catalog.current_id() == before and left(catalog) == []
    done = spark.typed("-C", catalog.root, "build", "--engine", "spark", timeout=LONG)
    assert done.returncode == 0, done.stderr
    assert content(catalog) == before.split("-")[1] and left(catalog) == []


def listening(process: int) -> list[tuple[str, int]]:
    """Addresses and ports at which a process listens, of IPv4 and of IPv4 in IPv6."""
    sockets = {os.readlink(link) for link in Path(f"/proc/{process}/fd").iterdir() if link.is_symlink()}
    found = []
    for name in ("tcp", "tcp6"):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                address, port = words[1].split(":")
                found.append((".".join(str(byte) for byte in bytes.fromhex(address[-8:])[::-1]), int(port, 16)))
    return found


def test_ctrl_c_ends_the_command_and_its_driver(spark, tmp_path):
    catalog = mixed(tmp_path / "cat")
    before = catalog.current_id()
    words = ["-C", catalog.root, "build", "--engine", "spark"]
    for table in (None, "int_pairs"):

        def is_there(seconds: float, table=table) -> bool:
            return is_built(catalog, table) if table else bool(processes(catalog))

        ended_so = signalled(words, signal.SIGINT, is_there, python=spark.python)
        assert ended_so.code == 130 and ended_so.seconds < 2.5 and not ended_so.left, ended_so
        wait(lambda: not processes(catalog), 3, "the driver outlives the command")
        assert catalog.current_id() == before


def test_a_full_scratch_disk_is_told(spark, tmp_path):
    catalog = new_catalog(tmp_path / "cat")
    land_rows(catalog, mixed_pairs(ROWS))
    (catalog.root / ".tmp").mkdir(exist_ok=True)
    apart = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount", "sh", "-c"]
    apart += [f"mount -t tmpfs -o size=3m none '{catalog.root / '.tmp'}' && exec \"$@\"", "sh"]
    if subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("this system does not let a process have mounts of its own")
    done = subprocess.run(
        [*apart, spark.python, "-m", "galaxiesml", "-C", catalog.root, "build", "--engine", "spark"],
        capture_output=True,
        text=True,
        timeout=LONG,
        **spark.there({}),
    )
    assert done.returncode == 8 and "the disk is full" in done.stderr, done.stderr
    assert catalog.current_id() is None and not catalog.build_ids() and not processes(catalog)


def test_two_catalogues_share_a_server_and_leave_nothing_there(spark, tmp_path):
    catalogs = [mixed(tmp_path / name) for name in ("one", "two")]
    before = content(catalogs[0])
    port, folder = free_port(), tmp_path / "server"
    known = {"SPARK_CONNECT_AUTHENTICATE_TOKEN": TOKEN}
    words = ["build", "--engine", "spark", "--remote", f"sc://localhost:{port}"]
    with connect_server(spark, folder, port, TOKEN):
        # Without the token there is no session; nor with a setting that the server would ignore.
        assert "opens no session" in spark.typed("-C", catalogs[0].root, *words).stderr
        refused = spark.typed("-C", catalogs[0].root, *words, "--conf", "spark.driver.memory=2g", env=known)
        assert refused.returncode == 2 and "it would be ignored" in refused.stderr
        with (
            spark.begun("-C", catalogs[0].root, *words, env=known) as killed,
            spark.begun("-C", catalogs[1].root, *words, env=known) as building,
        ):
            # The first is killed while it builds; its schemas stay until its catalogue is built again.
            built(killed, catalogs[0], "int_verdicts")
            os.kill(killed.pid, signal.SIGKILL)
            code, said = ended(building)
        assert code == 0 and TOKEN not in said, said
        warehouse = folder / "spark-warehouse"
        assert list(warehouse.glob("galaxiesml_*.db"))
        done = spark.typed("-C", catalogs[0].root, *words, env=known, timeout=LONG)
        assert done.returncode == 0, done.stderr
        assert not list(warehouse.glob("galaxiesml_*"))
    for catalog in catalogs:
        assert content(catalog) == before and left(catalog) == []
        assert TOKEN not in (catalog.current_build() / "build.json").read_text()
        assert not any(TOKEN.encode() in path.read_bytes() for path in catalog.logs.iterdir())
