"""The catalogue's folder of Parquet files: its lock, its builds and read-only connections to it.

::

    galaxiesml.toml            format number and settings
    release.toml               the release profile, as it was at ``init``
    raw/hsc/<NNNN-sha12>/      one landed file: objects, specz or joined .parquet and landing.json
    raw/release/<sha12>/       one released file: splits.parquet (object_id, split) and landing.json
    raw/specz/<survey-sha12>/  one survey's table: spectra.parquet, own.parquet (the survey's columns), landing.json
    raw/cutouts/<sha12>/       one tar of cutouts: pixels.bin, pictures.parquet, requests.parquet, landing.json
    raw/psf/<sha12>/           one tar of PSF pictures, likewise
    raw/landings.parquet       all landings, rewritten from the landing.json files
    derived/<name>/            one measurement: its runs, and which of them builds take (catalog/measured.py)
    derived/normalisation/     statistics of exported training images, one file a build, choice and image size
    derived/normalisation.parquet    the same as one table, for the next build (catalog/normalisation.py)
    photoz/<run>/              a trained estimator: run.json, weights, curve, the galaxies that it has seen
    plan/                      input of dbt: which cuts can be applied, which versions to build
    dbt/  dbt_spark/           the SQL project as last rendered, for DuckDB and for Spark, each with dbt's target/
    builds/<id>/               one build: marts as Parquet, build.json, manifest.json
    current                    one line: the id of the published build
    fetch/                     what is fetched from the archives: jobs, files on their way (archive/folder.py)
    versions/  cuts/           the catalogue's own versions and cuts
    exports/  logs/            exported files, and logs
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from galaxiesml.catalog.functions import definitions
from galaxiesml.catalog.inputs import landed_since
from galaxiesml.catalog.parquet import parquet, plain, quote
from galaxiesml.catalog.stores import EMPTY, LANDED, SIDES, STORES, is_of, of_exports
from galaxiesml.catalog.views import is_view, views
from galaxiesml.dictionary import published_versions, sql_type
from galaxiesml.errors import CatalogError, LockedError, UsageError
from galaxiesml.releases.check import checked_profile
from galaxiesml.releases.conversions import converted
from galaxiesml.releases.profile import Profile, parse_profile
from galaxiesml.system import atomic, interrupts
from galaxiesml.system.atomic import write_atomic

#: Layout of the folder.  1: this one.
FORMAT = 1
CONFIG = "galaxiesml.toml"
#: A relative path that begins as an address does; such a folder here has to be named by its whole path.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)
#: The version that plain ``galaxies`` is.
DEFAULT_VERSION = "v2"


@dataclass(frozen=True)
class Catalog:
    """A catalogue's folder and its release profile.

    Attributes
    ----------
    root : Path
        Absolute path of the folder.
    profile : Profile
        The release profile that was copied in at ``init``.
    settings : dict
        galaxiesml.toml as read.
    """

    root: Path
    profile: Profile
    settings: dict

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def landings_file(self) -> Path:
        return self.raw / "landings.parquet"

    @property
    def plan(self) -> Path:
        return self.root / "plan"

    @property
    def dbt(self) -> Path:
        return self.root / "dbt"

    @property
    def builds(self) -> Path:
        return self.root / "builds"

    @property
    def exports(self) -> Path:
        return self.root / "exports"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @classmethod
    def create(cls, root: Path, release: str | Path) -> Catalog:
        """Create an empty catalogue.  The folder may contain other files, but not a catalogue."""
        root = _folder(root)
        profile = checked_profile(release)
        if (root / CONFIG).exists():
            raise CatalogError(f"{root} is already a catalogue.", "Use it as it is, or give another folder.")
        # Where plain `dbt build` writes; it cannot make the folder.
        (root / "builds" / ".dbt").mkdir(parents=True, exist_ok=True)
        write_atomic(root / "release.toml", profile.text)
        # Written last: a folder is a catalogue only when everything else is there.
        write_atomic(root / CONFIG, f'format = {FORMAT}\nrelease = "{profile.name}"\n')
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> Catalog:
        """Open an existing catalogue of this format."""
        root = _folder(root)
        settings = read_settings(root)
        if settings.get("format") != FORMAT:
            raise CatalogError(
                f"{root} has the catalogue format {settings.get('format')!r}; this galaxiesml writes {FORMAT}.",
                "Type: galaxiesml upgrade"
                if isinstance(settings.get("format"), int) and settings["format"] < FORMAT
                else "Install the version of galaxiesml that made it, or a newer one.",
            )
        profile = root / "release.toml"
        if not profile.is_file():
            raise CatalogError(f"{root} has no release.toml.", "Make the catalogue again with galaxiesml init.")
        return cls(root, parse_profile(profile.read_text(encoding="utf-8"), str(profile)), settings)

    def landings(self, kind: str = "hsc") -> list[dict]:
        """The landing.json of every landing of one kind, in order, read from the folders: no index can go stale.

        Parameters
        ----------
        kind : str
            hsc: exports, in landing order; release: released files; specz: tables of surveys; cutouts, psf: tars.
        """
        paths = (self.raw / kind).glob("*/landing.json")
        found = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.parent.name != EMPTY]
        return sorted(found, key=lambda landing: [landing[key] for key in LANDED[kind].order])

    # -- builds ------------------------------------------------------------------------------------------

    def current_id(self) -> str | None:
        """Identifier of the published build, or None before the first one."""
        try:
            return (self.root / "current").read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def current_build(self) -> Path:
        """Folder of the published build."""
        build = self.current_id()
        if build is None:
            raise CatalogError(f"{self.root} has no build yet.", "Type: galaxiesml build")
        return self.builds / build

    def build_info(self) -> dict:
        """build.json of the published build: id, landings, versions, incomplete cuts, package versions."""
        info = json.loads((self.current_build() / "build.json").read_text(encoding="utf-8"))
        # Earlier builds have the number alone, the first ones none.
        return info | {"default_version": version_name(info.get("default_version", DEFAULT_VERSION))}

    @property
    def own_versions(self) -> list[str]:
        """Names of the versions that the catalogue has beside the published ones."""
        return sorted(path.stem for path in (self.root / "versions").glob("*.toml"))

    def version(self, text: str | int) -> str:
        """The name of a version of galaxies as it was typed: 'v2' of 'V2', '2' or 2.

        Raises
        ------
        UsageError
            There is no such version, neither now nor in the published build.
        """
        name, known = version_name(text), [*published_versions(), *self.own_versions]
        if name not in known and not (self.current_id() and name in self.build_info()["versions"]):
            *others, last = known
            raise UsageError(f"There is no version {text!r} of galaxies.", f"Versions: {', '.join(others)} and {last}.")
        return name

    def built_version(self, name: str | int | None = None) -> str:
        """The name of a version that the published build has, e.g. 'v2' of 'V2', '2' or None, the default.

        Raises
        ------
        UsageError
            There is no such version of galaxies.
        CatalogError
            There is no build, or it does not have the version.
        """
        info = self.build_info()
        found = info["default_version"] if name is None else version_name(name)
        if found not in info["versions"]:
            self.version(found)
            raise CatalogError(
                f"Build {info['id']} has no {found}.",
                f"Type: galaxiesml build --version {found} --accept-missing all",
            )
        return found

    def landed_since_build(self, kind: str) -> int:
        """Number of landings of one kind that are not in the published build."""
        return landed_since(self, self.build_info() if self.current_id() else {}, kind)

    def next_for(self, kind: str) -> str:
        """The next command to type if the published build has no 'cutouts', 'psf' or 'specz'."""
        if self.landed_since_build(kind):
            return "Type: galaxiesml build"
        return f"Type: galaxiesml ingest {kind} {'FILE' if kind == 'specz' else 'TAR'}..., then galaxiesml build"

    def publish(self, folder: Path, build: str) -> None:
        """Publish a finished folder: rename it, then replace the pointer to the current build."""
        interrupts.check()
        with interrupts.held():
            os.replace(folder, self.builds / build)
            atomic.sync(self.builds)
            write_atomic(self.root / "current", build + "\n")

    def build_ids(self) -> list[str]:
        """Ids of all builds, oldest first."""
        if not self.builds.is_dir():
            return []
        return sorted(path.name for path in self.builds.iterdir() if path.name[0].isdigit())

    def stale_builds(self, keep: int) -> list[str]:
        """All but the newest ``keep`` builds (1 or more); never the published one."""
        return [build for build in self.build_ids()[:-keep] if build != self.current_id()]

    def discard_builds(self, keep: int) -> list[str]:
        """Delete the stale builds."""
        stale = self.stale_builds(keep)
        for build in stale:
            shutil.rmtree(self.builds / build)
        return stale

    def leftovers(self, is_written: bool = False) -> list[Path]:
        """Leftovers of killed commands: unfinished landings, builds and files, and DuckDB's spill files.

        Parameters
        ----------
        is_written : bool
            Another process holds the lock: half a landing and half a build may be its own, and are not listed.
        """
        half = [
            *self.raw.glob(".tmp-*"),
            # As an earlier galaxiesml left them.
            *(self.raw / "hsc").glob(".tmp-*"),
            *(path for path in self.builds.glob(".[a-z]*") if path.name != ".dbt"),
            self.root / ".tmp",
        ]
        found = [] if is_written else half
        folders = [self.root, *(path for path in self.root.rglob("*") if path.is_dir())]
        return [path for path in found if path.exists()] + [path for each in folders for path in atomic.left_in(each)]

    # -- reading -----------------------------------------------------------------------------------------

    def tables(self) -> dict[str, str]:
        """Plain table names and the DuckDB expression that reads each.

        Marts of the published build (``galaxies`` is the default version), and what is landed and measured, under the
        names that `galaxiesml.catalog.stores` declares.
        """
        found = {}
        for store in STORES:
            folder, _, pattern = store.path.partition("/*")
            if store.source != "plan" and (
                any((self.root / folder).glob(f"*{pattern}")) if pattern else (self.root / folder).is_file()
            ):
                # Landings of earlier versions have fewer columns.
                read = parquet(self.root / folder, f"*{pattern}" if pattern else "", union_by_name=True)
                found[store.name] = self.with_conversions(read, store.name.removeprefix("hsc_"))
        if build := self.current_id():
            for path in sorted((self.builds / build).glob("*.parquet")):
                found[path.stem] = parquet(path)
            default = f"galaxies_{DEFAULT_VERSION}"
            if default in found:
                found["galaxies"] = found[default]
            found |= views(self.builds / build, found, DEFAULT_VERSION)
        return found

    def with_conversions(self, read: str, kind: str) -> str:
        """A landed table with our columns that staging makes of the release's; others come back as they are.

        Parameters
        ----------
        read : str
            A DuckDB table expression that has every column which a landed table of the kind may have.
        kind : str
            objects, specz or joined.
        """
        if kind not in SIDES or not self.profile.conversions:
            return read
        known = {name: column for name, column in of_exports(self.profile).items() if is_of(kind, column)}
        named = {name: (one, self.profile.landed(name)) for name, one in self.profile.conversions.items()}
        wanted = {name: pair for name, pair in named.items() if name in known}
        return converted(read, wanted, {name: sql_type(known[name].type) for name in wanted})

    def changed_conversions(self, landing: dict) -> list[str]:
        """Columns of a landed file that the release profile of today converts in another way, or no more."""
        was = landing.get("conversions", {})
        now = {name: one.written(self.profile.landed(name)) for name, one in self.profile.conversions.items()}
        changed = [name for name in landing["columns"] if was.get(name) != now.get(name)]
        # What landed before the profile converted it has the file's type, and its sentinels.
        present = {name.lower() for name in (*landing["extra_columns"], *landing.get("inputs", ()))}
        late = [name for name in now if all(one.lower() in present for one in self.profile.landed(name))]
        return changed + [name for name in late if name not in landing["columns"]]

    def connect(self, threads: int | None = None, memory_limit: str | None = None):
        """Open a DuckDB connection with a view for each table, and the functions of `galaxiesml.catalog.functions`.

        It takes no lock and does not write to the catalogue.

        Returns
        -------
        duckdb.DuckDBPyConnection
            In memory; every view reads the build that was published when it was opened.
        """
        import duckdb

        # A table that this build does not have must not be looked for among the program's own variables.
        config = {"temp_directory": str(atomic.spill_of(plain(self.root))), "python_enable_replacements": "false"}
        connection = duckdb.connect(config=config)
        if threads:
            connection.execute(f"set threads = {int(threads)}")
        if memory_limit:
            connection.execute(f"set memory_limit = {quote(memory_limit)}")
        for definition in definitions():
            connection.execute(definition)
        for name, source in self.tables().items():
            try:
                connection.execute(f'create view "{name}" as select * from {source}')
            except duckdb.BinderException:
                # Landed files may have lost a column since the build: that must not keep readers from the tables.
                if not is_view(source):
                    raise
        return connection

    # -- writing -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, command: str, wait: float = 0.0):
        """Hold the catalogue's single write lock.  The system releases it when the process ends, even if it is killed.

        Parameters
        ----------
        command : str
            What the holder does, for the message that another writer sees.
        wait : float
            Seconds to wait for another writer before giving up.
        """
        handle = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._acquire(handle, time.monotonic() + wait)
            holder = {"pid": os.getpid(), "host": os.uname().nodename, "command": command, "since": now()}
            # Only information for others: a full disk is reported by the code that writes data.
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(holder).encode(), 0)
            yield
        finally:
            os.close(handle)

    def _acquire(self, handle: int, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(0.2)
                    continue
                raise LockedError(
                    f"{self.root} is being written by {_holder(handle)}.",
                    "Wait for it, or type the command again with --wait 600.",
                ) from None

    def writer(self) -> str | None:
        """The process that holds the write lock; None if the catalogue is not locked."""
        if not (self.root / ".lock").exists():
            return None
        # For reading alone: the catalogue may be one that cannot be written.
        handle = os.open(self.root / ".lock", os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            return _holder(handle)
        finally:
            os.close(handle)


def _holder(handle: int) -> str:
    """The process that wrote the lock file, as text."""
    try:
        return "{command} (process {pid} on {host}, since {since})".format(**json.loads(os.pread(handle, 4096, 0)))
    except (ValueError, KeyError):
        return "another process"


def find_catalog(directory: Path | None = None) -> Catalog:
    """Open the catalogue in ``directory``, else in GALAXIESML_CATALOG, else in the working folder or above it."""
    return Catalog.open(catalog_root(directory or os.environ.get("GALAXIESML_CATALOG")))


def catalog_root(named: Path | str | None) -> Path:
    """The catalogue's folder: the one given, else the working folder or the nearest catalogue above it."""
    if named:
        return _folder(named)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / CONFIG).is_file():
            return folder
    raise CatalogError(
        f"No catalogue in {here} or above it.",
        "Type: galaxiesml init cat --release pdr2_wide && cd cat; or name one with -C DIR or GALAXIESML_CATALOG.",
    )


def _folder(named: Path | str) -> Path:
    """A path, resolved; an address such as s3://bucket/cat would otherwise become a folder named s3: here.

    Raises
    ------
    UsageError
        It is an address.
    """
    # A Path has one slash of the two.
    if found := _ADDRESS.match(str(named)):
        raise UsageError(
            f"{found[1]}://{found[2]} is an address: a catalogue is a folder that this machine mounts.",
            "Mount the storage, on a cluster on the same path on every machine, and give the folder's path.",
        )
    return Path(named).resolve()


def read_settings(root: Path) -> dict:
    """galaxiesml.toml of a folder, whatever its format number."""
    try:
        return tomllib.loads((Path(root) / CONFIG).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        what = "a file, not a catalogue's folder" if Path(root).is_file() else "no catalogue"
        raise CatalogError(f"{root} is {what}.", "Type: galaxiesml init DIR --release RELEASE") from None
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{Path(root) / CONFIG} cannot be read: {error}.") from error


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def version_name(text: str | int) -> str:
    """A version's name as it was typed: 'v2' of 'V2', '2' or 2."""
    name = str(text).strip().lower()
    return f"v{name}" if name.isdecimal() else name
