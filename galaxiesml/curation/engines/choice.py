"""Which engine a build runs on, and with which settings: checked before anything is started."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.catalog.settings import ENGINES
from galaxiesml.errors import UsageError

#: By engine, the packages that it needs.
_NEEDS = {
    "duckdb": (),
    "sail": ("dbt.adapters.spark", "pyspark", "grpc", "pysail"),
    "spark": ("dbt.adapters.spark", "pyspark", "grpc"),
}
#: Settings of every session: what the models mean is stated, not the server's.
SESSION = {
    "spark.sql.ansi.enabled": "false",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.parquet.binaryAsString": "false",
    "spark.sql.parquet.compression.codec": "snappy",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.variable.substitute": "false",
}
#: Settings that a driver started here has from this program, by their beginnings.
_OURS = (
    "spark.connect.grpc.binding.",
    "spark.connect.authenticate.",
    "spark.local.dir",
    "spark.master",
    "spark.remote",
)
#: Characters by which Spark, Sail and Hadoop's file systems make a pattern of a path.
_PATTERN = re.compile(r"[\[\]{}*?\\]")
_MASTER = re.compile(r"local(\[(\d+|\*)(,\d+)?\])?|spark://[^\s/;]+(,[^\s/;]+)*|yarn|k8s://\S+")
_REMOTE = re.compile(r"sc://(?P<host>\[[0-9a-fA-F:]+\]|[^\s/:;\[\]]+)(:(?P<port>\d+))?/?(;(?P<settings>\S*))?")
#: Settings of a connection that are credentials.
_SECRET = re.compile(r"token|password|secret|credential|access.?key|x-|authorization", re.IGNORECASE)


@dataclass(frozen=True)
class Engine:
    """An engine, and where it runs.

    Attributes
    ----------
    name : str
        duckdb, sail or spark.
    master : str
        Of Spark: the cluster that a driver started here uses, as spark://host:7077, or local[2]; without one, and
        without a remote server, the driver itself with the build's threads.
    remote : str
        Of Spark: a running Spark Connect server, as sc://host:15002, that is used instead.
    conf : tuple of (str, str)
        Settings of Spark or of Sail's sessions.
    """

    name: str = "duckdb"
    master: str = ""
    remote: str = ""
    conf: tuple[tuple[str, str], ...] = ()

    @property
    def is_distributed(self) -> bool:
        """Whether the models run by Spark Connect, and their parts are adopted."""
        return self.name != "duckdb"

    @property
    def is_local(self) -> bool:
        """Whether Spark's driver, here, is all of Spark."""
        return self.name == "spark" and not self.remote and (self.master or "local").startswith("local")

    @property
    def address(self) -> str:
        """The remote server without what may be a secret."""
        return "sc://" + re.split(r"[/;]", self.remote.removeprefix("sc://"))[0] if self.remote else ""

    def told(self) -> dict:
        """What build.json keeps of it; no credential is among it."""
        told = {"name": self.name, "version": version(self.name)}
        if self.name == "spark" and not self.remote:
            told["master"] = self.master or "local"
        if self.remote:
            told["remote"] = self.address
        if self.conf:
            told["conf"] = {key: "(not kept)" if _SECRET.search(key) else value for key, value in self.conf}
        return told


def chosen(name: str, master: str = "", remote: str = "", conf: tuple[str, ...] = ()) -> Engine:
    """An engine from what was typed or set.

    Raises
    ------
    UsageError
        There is no such engine, its packages are not installed, or settings contradict each other.
    """
    if name not in ENGINES:
        raise UsageError(f"There is no engine {name!r}.", f"Engines: {', '.join(ENGINES)}.")
    if name != "spark" and (master or remote):
        raise UsageError(f"--master and --remote apply to Spark, not to {name}.", "Add --engine spark.")
    if name == "duckdb" and conf:
        raise UsageError("--conf applies to Spark and Sail.", "Add --engine spark or --engine sail.")
    if master and remote:
        raise UsageError("--master starts a driver here, --remote uses one that runs.", "Give one of them.")
    if master and not _MASTER.fullmatch(master):
        raise UsageError(f"{master!r} is no master.", "Type it as spark://host:7077, yarn, k8s://..., or local[4].")
    if remote and (found := _REMOTE.fullmatch(remote)) is None:
        raise UsageError(f"{_shown(remote)!r} is no Spark Connect server.", "Type it as sc://host:15002")
    if remote and any(_SECRET.search(one) for one in (found["settings"] or "").split(";")):
        raise UsageError(
            "A token in --remote would stand in the list of processes, and in logs.",
            "Set the environment variable SPARK_CONNECT_AUTHENTICATE_TOKEN, and give sc://host:port alone.",
        )
    engine = Engine(name, master, remote, tuple(_pair(one) for one in conf))
    require(engine)
    return engine


def require(engine: Engine) -> None:
    """Raise unless the engine's packages are installed.

    Raises
    ------
    UsageError
        They are not, with the line that installs them.
    """
    if engine.is_distributed and _is_installed("pyspark") and _is_installed("pyspark-client"):
        raise UsageError(
            "pyspark and pyspark-client are both installed; they own one folder, and each has overwritten the other.",
            "Type: pip uninstall -y pyspark pyspark-client; pip install 'galaxiesml[spark]' pysail==0.7.2",
        )
    absent = next((one for one in _NEEDS[engine.name] if not _is_here(one)), None)
    if absent is None and engine.name == "spark" and not engine.remote and not _is_installed("pyspark"):
        absent = "all of PySpark (pyspark-client, which Sail uses, has no driver)"
    if absent:
        raise UsageError(
            f"--engine {engine.name} needs {absent}, which is not installed.",
            f"Type: {_installing(engine.name, absent)}",
        )


def _installing(name: str, absent: str) -> str:
    """What brings an engine's packages here, and leaves an environment that works."""
    if name == "sail" and absent == "pysail" and _is_installed("pyspark"):
        return "pip install pysail==0.7.2"
    if name == "spark" and _is_installed("pyspark-client"):
        return "pip uninstall -y pyspark-client; pip install 'galaxiesml[spark]' pysail==0.7.2"
    return f"pip install 'galaxiesml[{name}]'"


def version(name: str) -> str:
    """The version of an engine's package here; of a remote server, the client's."""
    if name == "duckdb":
        return importlib.metadata.version("duckdb")
    if name == "sail":
        return importlib.metadata.version("pysail")
    import pyspark

    return pyspark.__version__


def check_path(root: Path) -> None:
    """Raise if the engine would read a catalogue's path as a pattern.

    Raises
    ------
    UsageError
        The path has a character of patterns.
    """
    if found := _PATTERN.search(str(root)):
        raise UsageError(
            f"Spark and Sail take {found[0]!r} in {root} for a pattern, and would read other files or none.",
            "Name the catalogue by a link without such characters: ln -s FOLDER LINK, then -C LINK",
        )


def _is_here(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z][\w.\-]*", key):
        raise UsageError(f"--conf {_shown(text)} is no setting.", "Type it as --conf spark.executor.memory=4g")
    if key in SESSION:
        raise UsageError(f"--conf {key} would change what the models mean.", "Leave it out.")
    if key.startswith(_OURS):
        raise UsageError(f"--conf {key} is not yours to set: galaxiesml sets it for each build.", "Leave it out.")
    return key, value


def _shown(text: str) -> str:
    """A text without what may be secret in it: what follows ';' or '=', and what an address has before '@'."""
    return re.split(r"[;=]", text.rpartition("@")[2])[0]
