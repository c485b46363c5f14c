"""`galaxiesml init`, `status`, `gc`, `upgrade` and `config`: the catalogue as a folder."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, forms, given
from galaxiesml.errors import GalaxiesmlError

config = typer.Typer(
    no_args_is_help=True,
    help="""Show or change settings.

    \b
    Examples:
      galaxiesml config show --json
      galaxiesml config set threads 4
    """,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait while another process writes.")]
_LANDED = ("landing", "source_file", "kind", "rows", "rejected")


def register(app: typer.Typer) -> None:
    app.command("init")(init)
    app.command("status")(status)
    app.command("gc")(gc)
    app.command("upgrade")(upgrade)
    app.add_typer(config, name="config")


def init(
    directory: Annotated[Path, typer.Argument(help="Folder to create.", metavar="DIR")],
    release: Annotated[
        str,
        typer.Option(
            metavar="PROFILE",
            help="Release profile: your own .toml file, or pdr2_wide, pdr3_wide, s16a_wide, rubin_dp1, legacy_dr10.",
        ),
    ],
) -> None:
    """Create an empty catalogue for one release of a survey.

    `galaxiesml profile new` proposes a profile for a survey of your own.

    \b
    Examples:
      galaxiesml init cat --release my_release.toml
      galaxiesml init cat --release pdr2_wide
    """
    import shlex

    from galaxiesml.catalog import Catalog
    from galaxiesml.catalog.stores import ensure_empty
    from galaxiesml.curation.states import refresh

    given.refuse_catalog("init", "init makes the folder that its argument names.")
    catalog = Catalog.create(directory, release)
    with catalog.lock("galaxiesml init"):
        ensure_empty(catalog)
        refresh(catalog)
    common.say(f"An empty catalogue for {catalog.profile.title}, filters {', '.join(catalog.profile.bands)}.")
    common.say(f"Next: cd {shlex.quote(str(directory))} && galaxiesml {catalog.profile.lands} FILE")
    common.result(str(catalog.root))


@forms.tabular()
def status(as_json: Json = False) -> None:
    """Show what is landed and built, what is missing, and the next command.

    \b
    Examples:
      galaxiesml status
      galaxiesml -C cat status --json
    """
    from galaxiesml.surveys.description import by_hand

    catalog = common.catalog()
    found = catalog_status(catalog)
    if as_json:
        common.print_json(found)
        return
    common.result(f"{found['catalog']}: {catalog.profile.title}, filters {', '.join(catalog.profile.bands)}")
    common.result(f"\nlanded files: {len(found['landings'])}, {sum(row['rows'] for row in found['landings']):,} rows")
    common.table([{key: row[key] for key in _LANDED} | _doubtful_words(row) for row in found["landings"]])
    if found["spectra"]:
        rows = sum(row["rows"] for row in found["spectra"])
        common.result(f"spectra: {len(found['spectra']):,} tables of surveys, {rows:,} rows")
        for decided in by_hand(found["spectra"]):
            common.warn(f"Quality flags were set by hand: {decided}.")
    for store, of in found["pictures"].items():
        if of["tars"]:
            common.result(f"{store}: {of['tars']:,} tars, {of['pictures']:,} pictures, {of['refused']:,} refused")
    if found["build"] is None:
        common.result("\nbuilt: nothing yet")
    else:
        since = "" if found["up_to_date"] else "; inputs, measurements or rules have changed since this build"
        origin = "" if found["spectra_from"] == "export" else f", spectra {found['spectra_from']}"
        engine = found["engine"]
        ran = "" if engine["name"] == "duckdb" else f", on {engine['name']} {engine['version']}"
        common.result(f"\nbuilt: {found['build']}, {found['built_at']}{ran}{origin}{since}")
        common.table(found["versions"])
        if of := found["morphology"]:
            common.result(f"morphology: settings {of['settings']}, psf {of['psf_source']}")
            common.warn_of_morphology(catalog.build_info())
        for line in _statistics_words(found):
            common.result(line)
    if found["writer"]:
        common.result(f"\nbeing written by {found['writer']}")
    common.result(f"\nnext: {found['next']}")


def catalog_status(catalog) -> dict:
    """The facts that `galaxiesml status` shows, as one dict."""
    from galaxiesml.catalog.inputs import is_current
    from galaxiesml.catalog.measured import PREDICTIONS
    from galaxiesml.catalog.stores import LANDED

    landings = [{key: row[key] for key in _LANDED} | _doubtful(row) for row in catalog.landings()]
    info = catalog.build_info() if catalog.current_id() else None
    versions = _versions(catalog, info) if info else []
    changed = [row["version"] for row in versions if row["now"] and (row["built"] or row["now"] == _NEW)]
    up_to_date = info is not None and is_current(catalog, info) and not changed
    if not landings:
        step = f"galaxiesml {catalog.profile.lands} FILE"
    elif not up_to_date:
        step = "galaxiesml build"
    else:
        step = "galaxiesml audit cuts"
    return {
        "catalog": str(catalog.root),
        "release": catalog.profile.name,
        "landings": landings,
        "spectra": [
            {key: row[key] for key in ("survey", "source_file", "rows", "rejected", "no_flag") if key in row}
            | _doubtful(row)
            for row in catalog.landings("specz")
        ],
        "pictures": {store: _pictures(catalog, store) for store, of in LANDED.items() if of.group},
        "predictions": {row["photoz_run"]: row["n_predictions"] for row in PREDICTIONS.chosen(catalog)},
        "build": info and info["id"],
        "built_at": info and info["created"],
        # Builds of earlier versions do not say it: there was DuckDB alone.
        "engine": info and info.get("engine", {"name": "duckdb"}),
        "morphology": info and _morphology(info),
        "normalisation": _statistics(catalog),
        "spectra_from": info and info.get("spectra_from", "export"),
        "up_to_date": up_to_date,
        "versions": versions,
        "writer": catalog.writer(),
        "next": step,
    }


def _doubtful(landing: dict) -> dict:
    """Counts of doubtful values in landing.json; landings of older versions have none."""
    counted = ("pairs_apart", "off_the_sky")
    return {"out_of_range": landing.get("out_of_range", [])} | {key: landing[key] for key in counted if key in landing}


def _doubtful_words(landing: dict) -> dict[str, str]:
    """The same in a cell."""
    return {"out of range": common.out_of_range(landing)}


def _pictures(catalog, store: str) -> dict:
    shards = catalog.landings(store)
    return {
        "tars": len(shards),
        "pictures": sum(shard["pictures"] for shard in shards),
        "refused": sum(len(shard["refused"]) for shard in shards),
    }


def _morphology(info: dict) -> dict | None:
    """Settings of the published build's morphology, and the number of its measured pictures."""
    found = info.get("morphology")
    share = info.get("morphology_share") or {}
    keys = ("settings", "psf_source")
    return found and {key: found[key] for key in keys} | {key: share.get(key) for key in ("pictures", "measured")}


def _statistics(catalog) -> list[dict]:
    """Of each choice of galaxies and image size, the newest build that statistics of its training images are of."""
    from galaxiesml.catalog.normalisation import IDENTITY, kept_statistics

    newest = {}
    for one in kept_statistics(catalog):
        choice = tuple(one[name] for name in IDENTITY if name not in ("statistics_build", "sample_sha256"))
        newest.setdefault(choice, one)
    return list(newest.values())


def _statistics_words(found: dict) -> list[str]:
    lines = []
    for one in found["normalisation"]:
        old = "" if one["statistics_build"] == found["build"] else ", before this one"
        chosen = f" where {one['sample_condition']}" if one["sample_condition"] else ""
        missing = "" if one["missing_pictures"] == "leave-out" else ", missing pictures zero"
        lines.append(
            f"normalisation: {one['version']}{chosen}, splits {one['split_scheme']}{missing}, "
            f"{one['image_size']} pixels, of build {one['statistics_build']}{old}"
        )
    return lines


#: What is said of a version that was made after the build.
_NEW = "new since this build"


def _versions(catalog, info: dict) -> list[dict]:
    """Every version, including those that the published build does not contain."""
    import pyarrow.parquet as pq

    from galaxiesml.curation.own_versions import of_catalog

    try:
        rules = of_catalog(catalog)
    except GalaxiesmlError as error:
        common.warn(f"{error}  {error.hint or ''}".rstrip())
        rules = None
    rows = pq.read_table(catalog.current_build() / "versions.parquet", partitioning=None).to_pylist()
    found = [
        {
            "version": row["version"],
            "built": row["built"],
            "rows": row["rows_kept"],
            "missing cuts": row["missing_cuts"],
            "now": _now(rules, info, row["version"]) if row["built"] else "",
            "follows": row["title"],
        }
        for row in sorted(rows, key=lambda row: row["version"])
    ]
    known = {row["version"] for row in found}
    return found + [
        {"version": one["name"], "built": False, "rows": None, "missing cuts": "", "now": _NEW, "follows": one["title"]}
        for one in (rules.versions if rules else ())
        if one["name"] not in known and one["name"] in catalog.own_versions
    ]


def _now(rules, info: dict, version: str) -> str:
    if rules is None:
        return ""
    return rules.standing(info, version) if version in rules.names else "removed since this build"


def gc(
    keep: Annotated[int, typer.Option(help="Number of builds to keep, including the published one.", min=1)] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be deleted; delete nothing.")] = False,
    wait: Wait = 0.0,
) -> None:
    """Delete old builds and the leftovers of interrupted commands.

    Close connections to an old build first.

    \b
    Examples:
      galaxiesml gc --dry-run
      galaxiesml gc --keep 2 --wait 60
    """
    import shutil

    catalog = common.catalog()
    # Who only looks needs no lock, and a catalogue that cannot be written has none.
    writer = catalog.writer() if dry_run else None
    with contextlib.nullcontext() if dry_run else catalog.lock("galaxiesml gc", wait):
        leftovers = catalog.leftovers(is_written=writer is not None)
        stale = catalog.stale_builds(keep)
        if not dry_run:
            catalog.discard_builds(keep)
            for path in leftovers:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    if writer:
        common.say(f"The catalogue is being written by {writer}. Unfinished folders may belong to it and are kept.")
    for path in [*(catalog.builds / build for build in stale), *leftovers]:
        common.result(str(path))
    common.say(f"{len(stale)} old builds and {len(leftovers)} leftovers {'would be' if dry_run else 'were'} deleted.")


def upgrade() -> None:
    """Upgrade a catalogue of an older format; landed files and builds are kept.

    \b
    Example:
      galaxiesml -C cat upgrade
    """
    import os

    from galaxiesml.catalog.folder import FORMAT, catalog_root
    from galaxiesml.catalog.upgrade import upgrade_folder

    root = catalog_root(common.STATE.catalog or os.environ.get("GALAXIESML_CATALOG"))
    steps = upgrade_folder(root)
    for step in steps:
        common.say(step)
    common.result(f"{root}: format {FORMAT}" + ("" if steps else ", nothing to do"))


@config.command("show")
@forms.tabular()
def show(as_json: Json = False) -> None:
    """Show every setting, its value and its source.

    \b
    Examples:
      galaxiesml config show
      galaxiesml config show --json
    """
    from galaxiesml.catalog.settings import SETTINGS, setting
    from galaxiesml.errors import CatalogError

    try:
        root = common.catalog().root
    except CatalogError:
        root = None
    rows = []
    for key, (variable, _, text) in SETTINGS.items():
        value, origin = setting(root, key, common.STATE.catalog if key == "catalog" else None)
        if key == "catalog" and value is None and root is not None:
            value, origin = root, "working folder"
        rows.append({"setting": key, "value": str(value), "from": origin, "environment": variable, "meaning": text})
    if as_json:
        common.print_json(rows)
    else:
        common.table(rows)


@config.command("set")
def set_value(
    key: Annotated[str, typer.Argument(help="Name of the setting, as config show lists it.")],
    value: Annotated[str, typer.Argument(help="New value of the setting.")],
) -> None:
    """Write a setting to the catalogue's galaxiesml.toml.

    \b
    Examples:
      galaxiesml config set threads 4
      galaxiesml config set memory_limit 8GB
      galaxiesml config set engine sail
    """
    from galaxiesml.catalog.folder import CONFIG
    from galaxiesml.catalog.settings import check, with_setting
    from galaxiesml.errors import UsageError
    from galaxiesml.system.atomic import write_atomic

    if key == "catalog":
        raise UsageError("The catalogue's own path is not a setting.", "Set GALAXIESML_CATALOG, or give -C DIR.")
    catalog = common.catalog()
    checked = check(key, value, is_stored=True)
    with catalog.lock("galaxiesml config set"):
        path = catalog.root / CONFIG
        write_atomic(path, with_setting(path.read_text(encoding="utf-8"), key, checked))
    common.result(f"{key} = {checked}")
