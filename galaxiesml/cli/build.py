"""`galaxiesml build`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from galaxiesml.cli import common, engines


class Specz(StrEnum):
    """Source of the spectra in the pairs."""

    EXPORT = "export"
    MATCHED = "matched"


class Rule(StrEnum):
    """Rule that chooses one redshift of several."""

    HSC = "hsc"
    BEST = "best"


def register(app: typer.Typer) -> None:
    app.command("build")(build)


def build(
    accept_missing: Annotated[
        list[str] | None,
        typer.Option(help="Build although this cut cannot be applied; repeatable, or 'all'.", metavar="CUT"),
    ] = None,
    version: Annotated[str | None, typer.Option(help="Fail unless this version can be built too.")] = None,
    split_seed: Annotated[int, typer.Option(help="Seed of the random splits.", metavar="N", min=0)] = 1,
    specz: Annotated[
        Specz,
        typer.Option(help="Source of the redshifts: the archive's match in the export, or our match of the surveys."),
    ] = Specz.EXPORT,
    specz_rule: Annotated[
        Rule | None,
        typer.Option(
            help="With --specz matched: choose an object's redshift by the HSC team's rule, or take the best spectrum."
        ),
    ] = None,
    engine: engines.Name = None,
    master: engines.Master = None,
    remote: engines.Remote = None,
    conf: engines.Conf = None,
    threads: Annotated[int | None, typer.Option(help="Number of threads for the queries.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Memory limit of the queries, e.g. 4GB.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another process writes.")] = 0.0,
    force: Annotated[bool, typer.Option("--force", help="Build even if disk space or memory seems too small.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print build.json.")] = False,
) -> None:
    """Build the catalogue's tables from the landed files, and publish them.

    A build contains every version whose columns are in the landed files. If columns are missing for the default
    version, or for the one given by --version, nothing is built and the error lists the cuts concerned.

    \b
    Examples:
      galaxiesml build
      galaxiesml build --accept-missing crcenter --accept-missing bad
      galaxiesml build --version v3 --accept-missing all
      galaxiesml build --specz matched --specz-rule best --accept-missing specz_mag
      galaxiesml build --engine sail
      galaxiesml build --engine spark --master spark://host:7077 --conf spark.executor.memory=4g
      galaxiesml build --engine spark --remote sc://host:15002
    """
    from galaxiesml.catalog.settings import setting
    from galaxiesml.curation.build import build as make
    from galaxiesml.errors import UsageError

    if specz_rule is not None and specz is Specz.EXPORT:
        raise UsageError(
            "--specz-rule applies to the landed surveys' spectra, not to the export's.", "Add --specz matched."
        )
    catalog = common.catalog()
    common.warn_of_profile(catalog)
    runs_on = engines.chosen(catalog, engine, master, remote, conf)
    named = catalog.version(version) if version else None
    with catalog.lock("galaxiesml build", wait):
        _check_resources(catalog, force)
        with common.progress("Building", total=None, unit="models") as bar:
            built = make(
                catalog,
                accept_missing=tuple(accept_missing or ()),
                version=named,
                split_seed=split_seed,
                specz=specz.value,
                specz_rule=(specz_rule or Rule.HSC).value,
                threads=int(setting(catalog.root, "threads", threads)[0]),
                memory_limit=str(setting(catalog.root, "memory_limit", memory_limit)[0]),
                engine=runs_on,
                progress=reporter(bar),
            )
    _say(built)
    empty = _say_splits(catalog, built.info["default_version"])
    common.say("Next: galaxiesml audit cuts")
    if as_json:
        left_out = {name: list(cuts) for name, cuts in built.left_out.items()}
        common.print_json(built.info | {"left_out": left_out, "empty_splits": empty})
    else:
        common.result(built.info["id"])


def reporter(bar):
    """Callback of a build's progress: models done, models in total, and the current model."""
    done = 0

    def report(count: int, total: int, name: str) -> None:
        nonlocal done
        bar.update(description=f"Building {name}", total=total)
        bar.advance(count - done)
        done = count

    return report


def _check_resources(catalog, force: bool) -> None:
    """Check for disk space for a few copies of the landed files, and for memory for the table of pairs."""
    from galaxiesml.catalog.settings import check_memory, check_space

    landed = sum(path.stat().st_size for path in (catalog.raw / "hsc").glob("[0-9]*/*.parquet"))
    check_space(catalog.root, landed + 50_000_000, force)
    pairs = sum(landing["rows"] for landing in catalog.landings() if landing["kind"] != "objects")
    # A pair has some 80 columns of up to 8 bytes; dbt and DuckDB themselves need half a gigabyte.
    check_memory(500_000_000 + 700 * pairs, force)


def _say(built) -> None:
    from galaxiesml.curation.emptied import told
    from galaxiesml.surveys.description import by_hand

    for name, version in built.info["versions"].items():
        if "emptied_by" in version:
            common.warn(told(name, version["emptied_by"]), yellow=True)
    if not built.info["landings"]:
        common.say("No export is landed: every version has zero galaxies.  Type: galaxiesml ingest table FILE")
    if built.info["spectra_from"] != "export":
        common.say(f"Spectra: {built.info['spectra_from']}.")
    for decided in by_hand(built.info["specz"]) if built.info["spectra_from"] != "export" else ():
        common.warn(f"Quality flags were set by hand: {decided}.")
    for name, version in built.info["versions"].items():
        default = " (plain galaxies)" if name == built.info["default_version"] else ""
        common.say(f"galaxies_{name}{default}: {version['rows']:,} rows, {version['title']}")
        if version["missing_cuts"]:
            common.warn(f"galaxies_{name} is INCOMPLETE: {', '.join(version['missing_cuts'])} not applied in full.")
    told = {
        cut: why
        for version in built.info["versions"].values()
        for cut, why in version.get("not_applicable", {}).items()
    }
    for cut, why in told.items():
        common.say(f"{cut}: not applicable, because {why}.")
    for name, cuts in built.left_out.items():
        common.warn(
            f"galaxies_{name} was not built: columns for its cuts {', '.join(cuts)} are missing.  "
            f"Type: galaxiesml build --version {name} --accept-missing all"
        )
    common.warn_of_morphology(built.info)


def _say_splits(catalog, version: str) -> dict[str, dict]:
    """Warn of splits of the default version that have no galaxy, by scheme."""
    from galaxiesml.catalog.stores import SCHEMES
    from galaxiesml.cli.splits import warn_of_empty
    from galaxiesml.splits.seeds import count_splits

    with catalog.connect() as connection:
        rows = {scheme: count_splits(connection, version, scheme) for scheme in SCHEMES}
    told = {scheme: warn_of_empty(catalog, version, scheme, counted) for scheme, counted in rows.items()}
    return {scheme: empty for scheme, empty in told.items() if empty}
