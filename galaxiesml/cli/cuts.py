"""`galaxiesml cuts ...`: the cuts of a catalogue beside the published ones."""

from __future__ import annotations

from typing import Annotated

import typer

from galaxiesml.cli import common, forms

group = typer.Typer(
    no_args_is_help=True,
    help="""Make cuts of your own; a version of your own uses them.

    \b
    Examples:
      galaxiesml cuts new bright --sql "i_cmodel_mag < 22.5" --why "complete sample" --section "this paper, 2.1"
      galaxiesml versions new mine --from v2 --with bright
      galaxiesml build
    """,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Name of the cut: a-z, 0-9 and _, a letter first.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait while another process writes.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="cuts")


@group.command("new")
@forms.tabular()
def new(
    name: Name,
    sql: Annotated[str, typer.Option(help="Condition that a kept pair meets; {band} stands for every filter.")],
    why: Annotated[str, typer.Option(help="Reason for the cut.")],
    section: Annotated[str, typer.Option(help="Publication or section that states it.")] = "this catalogue",
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:TYPE:UNIT:WHAT",
            help="A landed column that galaxiesml has no name for, with its type, unit and meaning; repeatable.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the cut of this name.")] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Write a cut to the catalogue's folder cuts/, and show what it says at its limits.

    The condition reads the columns of a pair of object and spectrum: `galaxiesml cuts columns` lists them. What may
    stand in it is in docs/conditions.md. NULL is not kept. A cut has no effect until a version uses it.

    \b
    Examples:
      galaxiesml cuts new bright --sql "i_cmodel_mag < 22.5" --why "complete sample" --section "this paper, 2.1"
      galaxiesml cuts new low_z --sql "specz_redshift < 1.5" --why "no [OII] beyond"
      galaxiesml cuts new precise --sql "{band}_cmodel_magsigma < 0.1" --why "colours of 10 per cent"
      galaxiesml cuts new stars --sql "i_ext < 0.5" --why "points" --column "i_ext:double::0 of a point source"
    """
    from galaxiesml.curation import own_cuts
    from galaxiesml.curation.own_files import write_cut

    catalog = common.catalog()
    with catalog.lock("galaxiesml cuts new", wait):
        raw = {"sql": sql, "why": why, "section": section, "columns": _columns(catalog, column or [])}
        cut = own_cuts.cut_of(name, raw, catalog, f"cuts/{name}.toml")
        cut = write_cut(catalog, cut, force)
    if as_json:
        common.print_json(_facts(cut, []))
    else:
        _print_limits(cut)
    common.say(f"cuts/{name}.toml is written: {cut.condition.text}")
    common.say(f"Next: galaxiesml versions new mine --from v2 --with {name}")


def _columns(catalog, given: list[str]) -> dict[str, dict]:
    from galaxiesml.curation.own_cuts import landed_columns
    from galaxiesml.errors import UsageError

    landed, found = landed_columns(catalog), {}
    for words in given:
        parts = words.split(":", 3)
        if len(parts) != 4:
            raise UsageError(
                f"--column {words!r} has not four parts.",
                'Give "NAME:TYPE:UNIT:WHAT", e.g. "ebv:double:mag:reddening".',
            )
        name, kind, unit, what = (part.strip() for part in parts)
        kinds = landed.get(name)
        if kinds is None:
            raise UsageError(
                f"No landed file has a column {name!r} that galaxiesml has no name for.",
                f"There are: {', '.join(sorted(landed)) or 'none'}.",
            )
        of = "spectrum" if kinds == {"specz"} else "object"
        found[name] = {"type": kind, "unit": unit, "description": what, "of": of}
    return found


def _facts(cut, versions: list[str]) -> dict:
    return {
        "cut": cut.name,
        "sql": cut.condition.text,
        "why": cut.why,
        "section": cut.section,
        "scope": cut.entry([])["scope"],
        "versions": versions,
        "rows": list(cut.rows),
    }


def _print_limits(cut) -> None:
    common.table(
        [
            {"at": ", ".join(f"{name} = {value}" for name, value in row["given"].items()), "verdict": row["verdict"]}
            for row in cut.rows
        ]
    )


@group.command("list")
@forms.tabular()
def list_cuts(as_json: Json = False) -> None:
    """List the published cuts and the catalogue's, with the versions that have them.

    \b
    Examples:
      galaxiesml cuts list
      galaxiesml cuts list --json
    """
    from galaxiesml.curation.own_cuts import own_cuts
    from galaxiesml.curation.own_versions import of_catalog

    catalog = common.catalog()
    rules = of_catalog(catalog)
    found = [
        {
            "cut": cut["name"],
            "condition": cut.get("text") or cut.get("sql") or cut["limit"],
            "versions": cut["versions"],
            "section": cut["section"],
            "own": cut["group"] == "own",
        }
        for cut in rules.cuts
    ]
    listed = {row["cut"] for row in found}
    found += [
        {"cut": cut.name, "condition": cut.sql, "versions": [], "section": cut.section, "own": True}
        for cut in own_cuts(catalog).values()
        if cut.name not in listed
    ]
    if as_json:
        common.print_json(found)
    else:
        common.table([row | {"versions": " ".join(row["versions"]) or "none"} for row in found])


@group.command("show")
def show(name: Name, as_json: Json = False) -> None:
    """Show a cut of the catalogue: its condition, its reason, what it says at its limits.

    \b
    Examples:
      galaxiesml cuts show bright
    """
    from galaxiesml.curation.own_cuts import own_cuts, unknown_cut
    from galaxiesml.curation.own_versions import own_versions

    catalog = common.catalog()
    cuts = own_cuts(catalog)
    if name not in cuts:
        raise unknown_cut(name, cuts)
    using = [version.name for version in own_versions(catalog).values() if name in version.added]
    if as_json:
        common.print_json(_facts(cuts[name], using))
        return
    cut = cuts[name]
    common.result(f"{name}: {cut.condition.text}\n{cut.why} ({cut.section}); versions: {', '.join(using) or 'none'}\n")
    _print_limits(cut)


@group.command("columns")
@forms.tabular()
def columns(as_json: Json = False) -> None:
    """List the columns that a condition may read, with type, unit and meaning.

    \b
    Examples:
      galaxiesml cuts columns --json
    """
    from galaxiesml import dictionary
    from galaxiesml.conditions import pair_columns
    from galaxiesml.curation.own_cuts import landed_columns

    catalog = common.catalog()
    described = dictionary.columns(catalog.profile.bands)
    found = [
        {
            "column": name,
            "type": known.type,
            "unit": described[name].unit,
            "of": known.side,
            "meaning": described[name].description,
        }
        for name, known in pair_columns(catalog.profile.bands).items()
    ]
    found += [
        {"column": name, "type": "", "unit": "", "of": " ".join(sorted(kinds)), "meaning": "landed; needs --column"}
        for name, kinds in sorted(landed_columns(catalog).items())
    ]
    if as_json:
        common.print_json(found)
    else:
        common.table(found)


@group.command("check")
def check(name: Annotated[str | None, typer.Argument(help="A cut; default: all.")] = None) -> None:
    """Check the catalogue's cuts: keys, conditions, boundary rows, types of landed columns.

    \b
    Examples:
      galaxiesml cuts check
      galaxiesml cuts check bright
    """
    from galaxiesml.curation.own_cuts import own_cuts, unknown_cut
    from galaxiesml.curation.own_files import check_cut

    catalog = common.catalog()
    cuts = own_cuts(catalog)
    if name is not None and name not in cuts:
        raise unknown_cut(name, cuts)
    for cut in [cuts[name]] if name else cuts.values():
        check_cut(catalog, cut)
        common.result(f"{cut.name}: right; {len(cut.rows):,} boundary rows")


@group.command("remove")
def remove(name: Name, wait: Wait = 0.0) -> None:
    """Remove a cut that no version uses.

    \b
    Examples:
      galaxiesml cuts remove bright
    """
    from galaxiesml.curation import own_cuts
    from galaxiesml.curation.own_versions import check_removable

    def check(catalog) -> None:
        known = own_cuts.own_cuts(catalog)
        if name not in known:
            raise own_cuts.unknown_cut(name, known)
        check_removable(catalog, name)

    common.remove_own("cuts", name, check, wait)
