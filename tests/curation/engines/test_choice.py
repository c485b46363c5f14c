"""Which engine, and with what: what is refused before anything starts, and the line that puts it right."""

import importlib.metadata
import json
import sys

import pytest

from galaxiesml.curation.engines import choice
from galaxiesml.curation.engines.choice import Engine, check_path, chosen
from galaxiesml.errors import UsageError

TOKEN = "f00dfeed"


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("flink",), "There is no engine 'flink'", "Engines: duckdb, sail, spark"),
        (("duckdb", "local[2]"), "apply to Spark, not to duckdb", "--engine spark"),
        (("sail", "", "sc://host:15002"), "apply to Spark, not to sail", "--engine spark"),
        (("duckdb", "", "", ("spark.sql.shuffle.partitions=2",)), "--conf applies to Spark and Sail", "--engine spark"),
        (("spark", "local[2]", "sc://host"), "--remote uses one that runs", "one of them"),
        (("spark", "http://host:7077"), "is no master", "spark://host:7077"),
        (("spark", "local[2];rm -rf"), "is no master", "spark://host:7077"),
        (("spark", "--class=Other"), "is no master", "spark://host:7077"),
        (("spark", "", "http://host"), "is no Spark Connect server", "sc://host:15002"),
        (("spark", "", "sc://host:15002/cat"), "is no Spark Connect server", "sc://host:15002"),
        (("spark", "", f"sc://host/;token={TOKEN}"), "list of processes", "SPARK_CONNECT_AUTHENTICATE_TOKEN"),
        (("spark", "", f"sc://host/;x-api={TOKEN}"), "list of processes", "SPARK_CONNECT_AUTHENTICATE_TOKEN"),
        (("spark", "", f"sc://u:{TOKEN}@host"), "is no Spark Connect server", "sc://host:15002"),
        (("spark", "", "sc://host", ("spark.x",)), "--conf spark.x is no setting", "--conf spark.executor.memory=4g"),
        (("sail", "", "", (f"={TOKEN}",)), "is no setting", "--conf spark.executor.memory=4g"),
        (("sail", "", "", ("a\nb=c",)), "is no setting", "--conf spark.executor.memory=4g"),
        (("sail", "", "", ("spark.sql.ansi.enabled=true",)), "what the models mean", "Leave it out"),
        (("spark", "", "sc://h", ("spark.connect.grpc.binding.address=0.0.0.0",)), "not yours to set", "Leave it out"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments, message, hint):
    with pytest.raises(UsageError, match=message) as refused:
        chosen(*arguments)
    assert hint in refused.value.hint
    assert TOKEN not in f"{refused.value} {refused.value.hint}"


def test_duckdb_needs_nothing(monkeypatch):
    for module in ("dbt.adapters.spark", "pyspark", "grpc", "pysail"):
        monkeypatch.setitem(sys.modules, module, None)
    assert chosen("duckdb") == Engine() and not Engine().is_distributed


@pytest.mark.parametrize("module", ["dbt.adapters.spark", "pyspark", "grpc", "pysail"])
def test_what_is_not_installed_is_told_with_the_line_that_installs_it(module, monkeypatch):
    # A module that is None in sys.modules is one that cannot be found.
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=f"--engine sail needs {module}, which is not installed") as refused:
        chosen("sail")
    assert refused.value.hint.startswith("Type: pip install ")


def installed(folder, name: str) -> None:
    """Let a distribution be found in a folder, as pip leaves it."""
    told = folder / f"{name.replace('-', '_')}-4.1.4.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 4.1.4\n")


def test_two_packages_that_own_one_folder_are_refused(tmp_path, monkeypatch):
    for name in ("pyspark", "pyspark-client"):
        installed(tmp_path, name)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("sail", "spark"):
        with pytest.raises(UsageError, match="each has overwritten the other") as refused:
            chosen(name)
        assert "pip uninstall -y pyspark pyspark-client" in refused.value.hint


def test_the_client_alone_has_no_driver(monkeypatch):
    pytest.importorskip("dbt.adapters.spark")
    known = importlib.metadata.version

    def version(name: str) -> str:
        if name == "pyspark":
            raise importlib.metadata.PackageNotFoundError(name)
        return "4.1.3" if name == "pyspark-client" else known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    for master in ("", "local[2]", "spark://host:7077"):
        with pytest.raises(UsageError, match="all of PySpark") as refused:
            chosen("spark", master)
        assert "pip install 'galaxiesml[spark]'" in refused.value.hint
    # A server that runs needs the client alone.
    assert chosen("spark", "", "sc://host:15002").remote == "sc://host:15002"


@pytest.mark.parametrize("master", ["", "local", "local[*]", "local[4]", "local[2,3]"])
def test_a_driver_alone_is_local(master):
    assert Engine("spark", master).is_local


def test_a_cluster_a_server_and_another_engine_are_not_local():
    for engine in (Engine("spark", "spark://h:7077"), Engine("spark", remote="sc://h"), Engine("sail"), Engine()):
        assert not engine.is_local


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("sc://host", "sc://host"),
        ("sc://host:15002", "sc://host:15002"),
        ("sc://host:15002/;use_ssl=true;user_id=me", "sc://host:15002"),
        ("sc://[::1]:15002/;user_id=me", "sc://[::1]:15002"),
    ],
)
def test_a_build_keeps_the_server_and_no_secret(remote, address, monkeypatch):
    pytest.importorskip("pyspark")
    conf = (("spark.hadoop.fs.s3a.secret.key", TOKEN), ("spark.sql.shuffle.partitions", "8"))
    told = Engine("spark", "", remote, conf).told()
    assert told["remote"] == address and "master" not in told
    assert TOKEN not in str(told) and told["conf"]["spark.sql.shuffle.partitions"] == "8"


@pytest.mark.parametrize("name", ["a[1]", "tract=*", "b{1,2}", "who?", "back\\slash"])
def test_a_folder_that_an_engine_reads_as_a_pattern_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="for a pattern") as refused:
        check_path(tmp_path / name)
    assert "ln -s" in refused.value.hint
    check_path(tmp_path / "it's 100% ü, a:b")


def test_settings_are_taken_from_the_catalogue(tmp_path, typed):
    code, _, err = typed("init", tmp_path / "cat", "--release", "pdr2_wide")
    assert code == 0, err
    root = tmp_path / "cat"
    assert typed("-C", root, "config", "set", "engine", "spark")[0] == 0
    assert typed("-C", root, "config", "set", "spark_remote", "http://host")[0] == 0
    code, _, err = typed("-C", root, "build")
    assert code == 2 and "is no Spark Connect server" in err
    # What is typed replaces what is set.
    code, _, err = typed("-C", root, "build", "--engine", "flink")
    assert code == 2 and "There is no engine 'flink'" in err
    assert choice.ENGINES == ("duckdb", "sail", "spark")


@pytest.mark.parametrize("name", ["s3://bucket/cat", "hdfs://host:8020/cat", "file:///cat", "abfss://a@b/c"])
def test_an_address_is_no_folder(name, tmp_path, monkeypatch, typed):
    monkeypatch.chdir(tmp_path)
    for words in (["-C", name, "status"], ["-C", name, "build"], ["init", name, "--release", "pdr2_wide"]):
        code, out, err = typed(*words)
        assert code == 2 and not out and "is an address: a catalogue is a folder that this machine mounts" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("engine", "sparky", "There is no engine 'sparky'."),
        ("spark_remote", "sc://host:15002/;token=hush", "would keep a password or a token"),
        ("spark_remote", "sc://user:hush@host", "would keep a password or a token"),
        ("spark_conf", "spark.x=1 spark.hadoop.fs.s3a.secret.key=hush", "would keep a password or a token"),
        ("spark_conf", "spark.x=1\nspark.y=2", "line break"),
    ],
)
def test_a_setting_that_cannot_be_kept_is_refused(tmp_path, typed, key, value, said):
    assert typed("init", tmp_path / "cat", "--release", "pdr2_wide")[0] == 0
    before = (tmp_path / "cat" / "galaxiesml.toml").read_text()
    code, out, err = typed("-C", tmp_path / "cat", "config", "set", key, value)
    assert code == 2 and said in err and "hush" not in out + err
    assert (tmp_path / "cat" / "galaxiesml.toml").read_text() == before
    # Nor is one read that somebody has written there.
    (tmp_path / "cat" / "galaxiesml.toml").write_text(before + f"{key} = {json.dumps(value)}\n")
    code, out, err = typed("-C", tmp_path / "cat", "build", *(["--engine", "spark"] if key != "engine" else []))
    assert code == 2 and said in err and "hush" not in out + err
