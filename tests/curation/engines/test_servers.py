"""Servers: how one is reached, lost and left, on Sail's, which speaks the same protocol as Spark's."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build
from galaxiesml.curation.engines import driver, servers
from galaxiesml.curation.engines.choice import Engine, chosen
from galaxiesml.curation.engines.servers import Server, size
from galaxiesml.errors import BuildError, UsageError

from ...made.builds import mixed
from ...made.spark import answers, free_port, kill, process, wait

pytest.importorskip("pysail", reason="Sail is not installed: pip install 'galaxiesml[sail]'")
SAIL = """
import sys, time
from pysail.spark import SparkConnectServer
SparkConnectServer("127.0.0.1", int(sys.argv[1])).start(background=False)
"""


@pytest.mark.parametrize(
    ("text", "bytes_"), [("4GB", 4 * 10**9), ("512MiB", 2**29), ("1.5 GB", 1_500_000_000), ("7", 7), ("2TiB", 2**41)]
)
def test_sizes(text, bytes_):
    assert size(text) == bytes_


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("sc://host", ("host", 15002)),
        ("sc://host:7", ("host", 7)),
        ("sc://host:7/;user_id=me", ("host", 7)),
        ("sc://host;use_ssl=true", ("host", 15002)),
        ("sc://[::1]", ("::1", 15002)),
        ("sc://[::1]:7/", ("::1", 7)),
    ],
)
def test_endpoints(address, endpoint):
    assert Server(address).endpoint == endpoint


def test_only_a_listener_of_our_own_at_the_loopback_address_gets_the_token():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert not driver.listens(port)
        one.listen()
        assert driver.listens(port)
    with socket.socket(socket.AF_INET6) as mapped:
        # As Java listens.
        mapped.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        mapped.bind(("::ffff:127.0.0.1", 0))
        mapped.listen()
        assert driver.listens(mapped.getsockname()[1])
    with socket.socket() as another:
        another.bind(("127.0.0.2", 0))
        another.listen()
        assert not driver.listens(another.getsockname()[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's process needs root")
def test_another_users_listener_does_not_get_it():
    listen = "import os, socket, time; os.setuid(65534); s = socket.create_server(('127.0.0.1', 0)); "
    listen += "print(s.getsockname()[1], flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", listen], stdout=subprocess.PIPE, text=True)
    try:
        port = int(child.stdout.readline())
        assert answers(port) and not driver.listens(port)
    finally:
        child.kill()
        child.wait()


def test_settings_with_secrets_are_this_users_alone(tmp_path):
    file = tmp_path / "driver.properties"
    driver._write(file, {"spark.authenticate.secret": "a\\b\nc"})
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == "spark.authenticate.secret=a\\\\b\\nc\n"


def test_a_drivers_settings():
    local = driver._settings(Engine("spark"), Path('/x/it"s'), 3, 2 << 30, 300, 7)
    assert local["spark.driver.bindAddress"] == local["spark.connect.grpc.binding.address"] == "127.0.0.1"
    assert local["spark.sql.shuffle.partitions"] == "3" and local["spark.driver.memory"] == "2048m"
    assert '"-Djava.io.tmpdir=/x/it\\"s"' in local["spark.driver.extraJavaOptions"]
    # Many rows are worth compiling for.
    assert not [key for key in driver._settings(Engine("spark"), Path("/x"), 3, 2 << 30, 10**6, 7) if "codegen" in key]
    # A cluster's settings are its own, and what is typed comes last.
    typed = Engine("spark", "spark://h:7077", conf=(("spark.driver.extraJavaOptions", "-Da=b"),))
    cluster = driver._settings(typed, Path("/x"), 3, 2 << 30, 300, 7)
    assert not {"spark.sql.shuffle.partitions", "spark.driver.host", "spark.sql.codegen.wholeStage"} & set(cluster)
    assert cluster["spark.driver.extraJavaOptions"].endswith(" -Da=b")


def sail(folder, port: int):
    """Sail's server as somebody else has started it."""
    return process([sys.executable, "-c", SAIL, port], folder)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Spark Connect server that runs; its port."""
    port = free_port()
    with sail(tmp_path_factory.mktemp("sail"), port):
        wait(lambda: answers(port), 30, "Sail does not listen")
        yield port


def remote(port: int, *conf: str) -> Engine:
    return chosen("spark", "", f"sc://127.0.0.1:{port}", conf)


def schemas(port: int) -> list[str]:
    """Names of the schemas on a server that are ours."""
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create()
    try:
        rows = session.sql("show databases").toArrow().to_pylist()
        return [name for row in rows for name in row.values() if str(name).startswith("galaxiesml_")]
    finally:
        session.stop()


def published(catalog: Catalog) -> str:
    """The hash of what is published."""
    return catalog.current_id().split("-")[1]


def test_a_build_on_a_server_elsewhere(tmp_path, server):
    catalog = mixed(tmp_path / "it's 100% ü, a:b")
    before = published(catalog)
    built = build(catalog, engine=remote(server, "spark.sql.shuffle.partitions=3"))
    assert built.info["engine"]["remote"] == f"sc://127.0.0.1:{server}" and published(catalog) == before
    # What the server says it is, next to what asked it.
    assert built.info["engine"]["server"][0] in "45"
    assert built.info["engine"]["conf"] == {"spark.sql.shuffle.partitions": "3"}
    assert schemas(server) == []
    assert not catalog.leftovers()


@pytest.mark.parametrize("setting", ["spark.executor.memory=4g", "spark.driver.memory=4g", "spark.jars=a.jar"])
def test_what_a_running_server_would_ignore_is_refused(setting, tmp_path, server):
    catalog = mixed(tmp_path / "cat")
    with pytest.raises(UsageError, match=f"--conf {setting.partition('=')[0]} cannot be given to a server that runs"):
        build(catalog, engine=remote(server, setting))


def test_no_server_is_told_at_once(tmp_path):
    port, began = free_port(), time.monotonic()
    with pytest.raises(BuildError, match=f"No Spark Connect server answers at 127.0.0.1:{port}"):
        build(mixed(tmp_path / "cat"), engine=remote(port))
    assert time.monotonic() - began < 15


def test_something_else_that_listens_is_no_server(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        with pytest.raises(BuildError, match=r"opens no session|no longer answers"):
            build(mixed(tmp_path / "cat"), engine=remote(listener.getsockname()[1]))


def hang_up(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def begun(catalog: Catalog, after: str, then) -> threading.Thread:
    """Do something as soon as a build that now begins has written a table."""
    table = catalog.builds / ".next" / ".parts" / after

    def watch() -> None:
        wait(table.is_dir, 120, f"{after} is not built")
        then()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_server_that_is_killed_ends_the_build_and_the_next_one_works(tmp_path):
    catalog, port = mixed(tmp_path / "cat"), free_port()
    before = catalog.current_id()
    with sail(tmp_path / "one", port) as child:
        wait(lambda: answers(port), 30, "Sail does not listen")
        killed = []
        thread = begun(catalog, "int_pairs", lambda: (kill(child), killed.append(time.monotonic())))
        with pytest.raises(
            BuildError, match=f"The Spark Connect server at 127.0.0.1:{port} no longer answers"
        ) as error:
            build(catalog, engine=remote(port))
        thread.join()
        assert time.monotonic() - killed[0] < 60
    assert error.value.hint == "The published build is unchanged. Type the command again."
    assert catalog.current_id() == before and not (catalog.builds / ".next").exists()
    with sail(tmp_path / "two", port):
        wait(lambda: answers(port), 30, "Sail does not listen")
        build(catalog, engine=remote(port))
    assert published(catalog) == before.split("-")[1]


class Proxy:
    """Hands on what it gets, until it falls silent: then it keeps all connections, and takes no new one."""

    def __init__(self, port: int):
        self._to = port
        self._silent = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def fall_silent(self) -> None:
        self._silent.set()
        self._listener.close()

    def _take(self) -> None:
        while not self._silent.is_set():
            try:
                one = self._listener.accept()[0]
            except OSError:
                return
            two = socket.create_connection(("127.0.0.1", self._to))
            for pair in ((one, two), (two, one)):
                threading.Thread(target=self._hand_on, args=pair, daemon=True).start()

    def _hand_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                if self._silent.is_set():
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            sink.close()


def test_a_connection_that_falls_silent_ends_the_build(tmp_path, server, monkeypatch):
    monkeypatch.setattr(servers, "_FAR_BEAT", 0.3)
    monkeypatch.setattr(servers, "_ANSWER", 1.0)
    catalog, proxy = mixed(tmp_path / "cat"), Proxy(server)
    before, silent = catalog.current_id(), []
    thread = begun(catalog, "int_pairs", lambda: (proxy.fall_silent(), silent.append(time.monotonic())))
    with pytest.raises(BuildError, match="no longer answers"):
        build(catalog, engine=remote(proxy.port))
    thread.join()
    assert time.monotonic() - silent[0] < 30
    assert catalog.current_id() == before and not (catalog.builds / ".next").exists()


def test_a_server_that_sees_another_folder_is_refused(tmp_path):
    """A server in a mount name space of its own, in which something else lies over the catalogue's builds."""
    catalog, port = mixed(tmp_path / "cat"), free_port()
    over = f"mount -t tmpfs none '{catalog.builds}' && exec \"$@\""
    apart = [
        "unshare",
        *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]),
        "--mount",
        "sh",
        "-c",
        over,
        "sh",
    ]
    if subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("this system does not let a process have mounts of its own")
    with process([*apart, sys.executable, "-c", SAIL, port], tmp_path / "sail"):
        wait(lambda: answers(port), 30, "Sail does not listen")
        with pytest.raises(UsageError, match=r"does not see .*\.next as this process does") as refused:
            build(catalog, engine=remote(port))
        assert "must lie on the same path on driver and executors" in refused.value.hint
        assert schemas(port) == []


def test_a_landed_file_that_vanishes_while_the_models_run_is_noticed(tmp_path, server):
    catalog = mixed(tmp_path / "cat")
    before, file = catalog.current_id(), next(catalog.raw.glob("hsc/*1-*/joined.parquet"))
    thread = begun(catalog, "int_pairs", lambda: file.rename(tmp_path / "gone"))
    with pytest.raises(BuildError, match=r"joined\.parquet had 300 rows when the build began; the engine reads 0"):
        build(catalog, engine=remote(server))
    thread.join()
    assert catalog.current_id() == before and schemas(server) == []
