"""Settings (option > environment > galaxiesml.toml > default), and checks of free disk space and memory."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from pathlib import Path

from galaxiesml.errors import CatalogError, ResourceError, UsageError

CONFIG = "galaxiesml.toml"


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _default_memory() -> str:
    """Half of the machine's memory, at least 1 GB."""
    return f"{max(1, _memory_bytes() // 2 // 10**9)}GB"


#: What can run the models.
ENGINES = ("duckdb", "sail", "spark")
#: What a setting has that is a credential.
_SECRET = re.compile(r"token|password|secret|credential|access.?key|authorization|@", re.IGNORECASE)
#: Setting to (environment variable, default, what it is).
SETTINGS = {
    "catalog": ("GALAXIESML_CATALOG", None, "the catalogue's folder"),
    "threads": ("GALAXIESML_THREADS", lambda: os.cpu_count() or 1, "threads for the queries"),
    "memory_limit": ("GALAXIESML_MEMORY_LIMIT", _default_memory, "memory for the queries, as 4GB"),
    "engine": ("GALAXIESML_ENGINE", "duckdb", "what runs the models: duckdb, sail or spark"),
    "spark_master": ("GALAXIESML_SPARK_MASTER", "", "Spark's cluster, as spark://host:7077"),
    "spark_remote": ("GALAXIESML_SPARK_REMOTE", "", "a Spark Connect server that runs, as sc://host:15002"),
    "spark_conf": ("GALAXIESML_SPARK_CONF", "", "Spark's settings, as key=value, with spaces between them"),
}


def setting(root: Path | None, key: str, option=None) -> tuple[object, str]:
    """The value of a setting, and its source.

    Parameters
    ----------
    root : Path, optional
        The catalogue's folder, for its galaxiesml.toml.
    key : str
        One of SETTINGS.
    option : optional
        What was typed; None when nothing was.

    Returns
    -------
    value : object
    origin : str
        'option', the environment variable, 'galaxiesml.toml' or 'default'.
    """
    variable, default, _ = SETTINGS[key]
    if option is not None:
        return check(key, option), "option"
    if os.environ.get(variable):
        return check(key, os.environ[variable]), variable
    if root is not None:
        written = tomllib.loads((Path(root) / CONFIG).read_text(encoding="utf-8"))
        if key in written:
            return check(key, written[key], is_stored=True), CONFIG
    return (default() if callable(default) else default), "default"


def check(key: str, value, is_stored: bool = False):
    """Convert and check the value of a setting; what is stored in galaxiesml.toml may hold no credential.

    Raises
    ------
    UsageError
        The setting or its value is not valid.
    """
    if key not in SETTINGS:
        raise UsageError(f"There is no setting {key!r}.", f"Settings: {', '.join(SETTINGS)}.")
    if key == "threads":
        if not str(value).isdecimal() or int(value) < 1:
            raise UsageError(f"threads = {value!r} is not a number of threads.", "Give 1 or more.")
        return int(value)
    if key == "memory_limit" and not re.fullmatch(r"\d+(\.\d+)?\s*[KMGT]i?B", str(value)):
        raise UsageError(f"memory_limit = {value!r} is not a size.", "Give a size such as 4GB or 512MB.")
    if key == "engine" and value not in ENGINES:
        raise UsageError(f"There is no engine {value!r}.", f"Engines: {', '.join(ENGINES)}.")
    if is_stored and key.startswith("spark_") and _SECRET.search(str(value)):
        raise UsageError(
            f"{key} would keep a password or a token in the catalogue.",
            "Set the environment variable SPARK_CONNECT_AUTHENTICATE_TOKEN, or spark-defaults.conf in SPARK_CONF_DIR.",
        )
    if not re.fullmatch(r'[^"\\\x00-\x1f]*', str(value)):
        raise UsageError(f"{key} = {value!r} has a quote, a backslash or a line break.", "Leave them out.")
    return str(value)


def with_setting(text: str, key: str, value: object) -> str:
    """The text of a galaxiesml.toml with one setting changed or added; every other line stays."""
    line = f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"'
    kept = [old for old in text.splitlines() if not re.match(rf"\s*{key}\s*=", old)]
    return "\n".join([*kept, line]) + "\n"


def check_space(folder: Path, needed: int, force: bool = False) -> None:
    """Raise an error if there is not enough disk space for a long command.

    Raises
    ------
    ResourceError
        Fewer than ``needed`` bytes are free in ``folder``, and ``force`` is not given.
    """
    if not Path(folder).exists():
        raise CatalogError(f"{folder} does not exist.")
    free = shutil.disk_usage(folder).free
    if free < needed and not force:
        raise ResourceError(
            f"{folder} has {free / 1e9:.1f} GB free, but about {needed / 1e9:.1f} GB are needed.",
            "Make room (galaxiesml gc deletes old builds), or type the command again with --force.",
        )


def check_memory(needed: int, force: bool = False) -> None:
    """Raise an error if the machine has not enough memory for a long command.

    Raises
    ------
    ResourceError
        The machine has fewer than ``needed`` bytes of memory, and ``force`` is not given.
    """
    if _memory_bytes() < needed and not force:
        raise ResourceError(
            f"This machine has {_memory_bytes() / 1e9:.1f} GB of memory, but about {needed / 1e9:.1f} GB are needed.",
            "Type the command again with --force to try anyway.",
        )
