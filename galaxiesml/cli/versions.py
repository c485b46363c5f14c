"""`galaxiesml versions ...`: versions of galaxies of a catalogue beside the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, forms

group = typer.Typer(
    no_args_is_help=True,
    help="""Make versions of galaxies of your own from a published one and cuts.

    \b
    Examples:
      galaxiesml versions new mine --from v2 --with bright --without specz_mag --duplicates best
      galaxiesml build
      galaxiesml audit cuts --version mine
    """,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Name of the version: a-z, 0-9 and _, a letter first.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait while another process writes.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="versions")


@group.command("new")
@forms.tabular()
def new(
    name: Name,
    base: Annotated[str, typer.Option("--from", help="Published version that it begins with: v1 to v4.")] = "v2",
    added: Annotated[
        list[str] | None, typer.Option("--with", help="Add this cut, published or your own; repeatable.", metavar="CUT")
    ] = None,
    removed: Annotated[
        list[str] | None, typer.Option("--without", help="Leave out this cut; repeatable.", metavar="CUT")
    ] = None,
    duplicates: Annotated[
        str, typer.Option(help="Rule of duplicates: first (v1), sole (v2, v4) or best (v3); default: as --from has it.")
    ] = "",
    title: Annotated[str, typer.Option(help="The version, in words.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace the version of this name.")] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Write a version to the catalogue's folder versions/; the next build makes galaxies_NAME.

    Cuts of your own come after the published cuts on single rows, and before the rule of duplicates.

    \b
    Examples:
      galaxiesml versions new mine --from v2 --with bright --with low_z --without specz_mag --duplicates best
      galaxiesml versions new sample_a --from v3 --with bright --title "the sample of this paper"
    """
    from galaxiesml.curation import own_versions
    from galaxiesml.curation.own_cuts import own_cuts
    from galaxiesml.errors import UsageError

    catalog = common.catalog()
    if duplicates not in ("", *own_versions.DUPLICATES):
        raise UsageError(f"--duplicates {duplicates}: no such rule.", f"Rules: {', '.join(own_versions.DUPLICATES)}.")
    title = title or _title(base, added, removed, duplicates)
    version = own_versions.OwnVersion(name, title, base.lower(), tuple(added or ()), tuple(removed or ()), duplicates)
    with catalog.lock("galaxiesml versions new", wait):
        if name in catalog.own_versions and not force:
            raise UsageError(f"There is a version {name!r} already.", "Choose another name, or give --force.")
        rules = own_versions.check_new(catalog, version)
        own_versions.write_version(catalog, version)
    own = own_cuts(catalog)
    if as_json:
        common.print_json({"version": name, "title": version.title, "rule": rules.rule_hash(name)} | rules.rule(name))
    else:
        _print_cuts(rules.of_version(name), own)
    common.say(f"versions/{name}.toml is written: {len(rules.of_version(name))} cuts.")
    common.say("Next: galaxiesml build")


def _title(base: str, added, removed, duplicates: str) -> str:
    parts = [f"with {', '.join(added)}"] if added else []
    parts += [f"without {', '.join(removed)}"] if removed else []
    parts += [f"duplicates {duplicates}"] if duplicates else []
    return " ".join([base.lower(), ", ".join(parts)]).strip()


def _print_cuts(cuts: list[dict], own) -> None:
    common.table(
        [
            {
                "step": step,
                "cut": cut["name"],
                "condition": cut.get("text") or cut.get("sql") or cut["limit"],
                "section": cut["section"],
                "own": cut["name"] in own,
            }
            for step, cut in enumerate(cuts, 1)
        ]
    )


@group.command("list")
@forms.tabular()
def list_versions(as_json: Json = False) -> None:
    """List the published versions and the catalogue's, and what the published build has of them.

    \b
    Examples:
      galaxiesml versions list
      galaxiesml versions list --json
    """
    from galaxiesml.curation.own_versions import of_catalog, own_versions

    catalog = common.catalog()
    rules, own = of_catalog(catalog), own_versions(catalog)
    info = catalog.build_info() if catalog.current_id() else {"versions": {}}
    found = [
        {
            "version": version["name"],
            "cuts": len(rules.of_version(version["name"])),
            "own": version["name"] in own,
            "frozen": version["name"] in own and bool(own[version["name"]].frozen),
            "rows": info["versions"].get(version["name"], {}).get("rows"),
            "build": rules.standing(info, version["name"]) if catalog.current_id() else "not built",
            "title": version["title"],
        }
        for version in rules.versions
    ]
    if as_json:
        common.print_json([row | {"rule": rules.rule_hash(row["version"])} for row in found])
    else:
        common.table(found)


@group.command("show")
@forms.tabular()
def show(name: Name, as_json: Json = False) -> None:
    """Show the cuts of a version as the next build makes it.

    \b
    Examples:
      galaxiesml versions show mine
      galaxiesml versions show v2 --json
    """
    from galaxiesml.curation.own_cuts import own_cuts
    from galaxiesml.curation.own_versions import of_catalog

    catalog = common.catalog()
    rules, name = of_catalog(catalog), catalog.version(name)
    if as_json:
        common.print_json({"version": name, "rule": rules.rule_hash(name)} | rules.rule(name))
    else:
        _print_cuts(rules.of_version(name), own_cuts(catalog))


@group.command("export")
def export(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.", metavar="FILE")] = None,
) -> None:
    """Write a version with its cuts as one file, from which others build it.

    \b
    Examples:
      galaxiesml versions export mine --out mine.toml
    """
    from galaxiesml.curation.own_files import exported
    from galaxiesml.system.atomic import write_atomic

    text = exported(common.catalog(), name)
    if out is None:
        common.result(text.rstrip("\n"))
    else:
        write_atomic(out, text)
        common.result(str(out))


@group.command("import")
def import_version(
    file: Annotated[Path, typer.Argument(help="File of galaxiesml versions export.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a version or cut of the same name.")] = False,
    wait: Wait = 0.0,
) -> None:
    """Add a version and its cuts from one file; nothing in it is run unless it is a condition.

    \b
    Examples:
      galaxiesml versions import mine.toml
    """
    from galaxiesml.curation.own_files import imported

    catalog = common.catalog()
    with catalog.lock("galaxiesml versions import", wait):
        version = imported(catalog, file, force)
    common.result(f"versions/{version.name}.toml is written.")
    common.say("Next: galaxiesml build")


@group.command("freeze")
def freeze(name: Name, wait: Wait = 0.0) -> None:
    """Forbid changes of a version's rule: a build fails if one of its cuts is changed.

    \b
    Examples:
      galaxiesml versions freeze mine
    """
    from galaxiesml.curation.own_versions import freeze as make

    catalog = common.catalog()
    with catalog.lock("galaxiesml versions freeze", wait):
        frozen = make(catalog, name)
    common.result(f"{name} is frozen: {frozen.frozen}")


@group.command("remove")
def remove(name: Name, wait: Wait = 0.0) -> None:
    """Remove a version; builds that have it keep it, and its rule stays in versions/history.

    \b
    Examples:
      galaxiesml versions remove mine
    """
    from galaxiesml.errors import UsageError

    def check(catalog) -> None:
        if name not in catalog.own_versions:
            raise UsageError(f"There is no version {name!r} of this catalogue.", "See: galaxiesml versions list")

    common.remove_own("versions", name, check, wait)
