"""`galaxiesml audit ...`: inspect the published build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, forms, given

audit = typer.Typer(
    no_args_is_help=True,
    help="""Inspect the published build: cuts, single objects, lineage, splits, spectra.

    \b
    Examples:
      galaxiesml audit cuts --version v1
      galaxiesml audit row 40040262113712987
    """,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Version = Annotated[str, typer.Option(help="Version of the galaxies: v1 to v4, or one of your own.")]


def register(app: typer.Typer) -> None:
    app.add_typer(audit, name="audit")


@audit.command("cuts")
@forms.tabular("graph")
def cuts(
    version: Annotated[str, typer.Option(help="Version of the galaxies: v1 to v4, one of your own, or all.")] = "v2",
    without: Annotated[
        list[str] | None, typer.Option(help="Evaluate the version again without this cut; repeatable.", metavar="CUT")
    ] = None,
    limit: Annotated[
        int, typer.Option(help="With --without: rows shown of those gained and lost; 0: all.", metavar="N", min=0)
    ] = 20,
    graph: Annotated[Path | None, typer.Option(help="Draw the flow chart to an .svg, .png or .pdf file.")] = None,
    landscape: Annotated[bool, typer.Option("--landscape", help="With --graph: two columns, for a slide.")] = False,
    as_json: Json = False,
) -> None:
    """Show the cut flow: the number of pairs that each cut removes.

    \b
    Examples:
      galaxiesml audit cuts
      galaxiesml audit cuts --version all --json
      galaxiesml audit cuts --version v3 --without agreement --without measured_error
      galaxiesml audit cuts --graph flow.svg
      galaxiesml audit cuts --graph slide.pdf --landscape
    """
    from galaxiesml.curation import audit as questions
    from galaxiesml.curation.rules import of_build
    from galaxiesml.errors import UsageError

    catalog = common.catalog()
    connection = catalog.connect()
    catalog.current_build()
    rules = of_build(catalog)
    if version == "all":
        built = {row[0] for row in connection.execute("select version from versions where built").fetchall()}
        names = [name for name in rules.names if name in built]
    else:
        names = [catalog.version(version)]
    if landscape and not graph:
        raise UsageError("--landscape is of the flow chart.", "Add --graph FILE.")
    if (without or graph) and len(names) != 1:
        raise UsageError("--without and --graph need a single version.", "Type: galaxiesml audit cuts --version v1 ...")
    if without:
        found = questions.without(connection, names[0], without, rules, catalog.profile.bands)
        flow = questions.flow_without(connection, names[0], without)
        if graph:
            _draw(catalog, flow, graph, landscape, as_json)
        if as_json:
            common.print_json(found | {"flow": flow["flow"]})
        elif not graph:
            _print_without(found, flow, limit)
        return
    flows = [questions.cut_flow(connection, name) for name in names]
    if graph:
        _draw(catalog, flows[0], graph, landscape, as_json)
    if as_json:
        common.print_json(flows if version == "all" else flows[0])
    elif not graph:
        for flow in flows:
            _print_flow(flow)


def _print_flow(flow: dict) -> None:
    version, head = flow["version"], flow["head"]
    common.result(f"galaxies_{version['version']}: {version['title']}")
    common.result(
        f"{head['objects']:,} object rows landed; {head['objects_without_spectrum']:,} objects without a spectrum; "
        f"{head['pairs']:,} (object, spectrum) pairs"
    )
    if head["photometric_objects"] is not None:
        common.result(
            f"X = {head['photometric_objects']:,} objects pass the photometric flags; "
            f"Y = {head['photometric_with_spectrum']:,} of them have a spectrum"
        )
    common.result("")
    common.table(
        [
            {
                "cut": row["cut"],
                "section": row["section"],
                "in": row["rows_in"],
                "out": row["rows_out"],
                "failed": row["fails"],
                "null": row["nulls"],
                "sole reason": row["only_this"],
                "published": _published(row),
                "where": row["state"],
            }
            for row in flow["flow"]
        ]
    )
    inputs = {row["input_rows"] for row in flow["flow"] if row["published_rows"] and row["expected_rows"] is None}
    if inputs:
        common.result(f"* count for the authors' own input of {inputs.pop():,} rows; not comparable with this build")
    common.result(f"\n{version['rows_kept']:,} galaxies" + _incomplete(version))
    if "duplicates" in flow:
        _print_duplicates(flow["duplicates"])
    common.result("")


def _print_duplicates(metrics: dict) -> None:
    fraction = metrics.get("fraction_in_duplicate_groups")
    if fraction is not None:
        common.result(
            f"{metrics['pairs_in_duplicate_groups']:,.0f} pairs ({fraction:.1%} of those that reach the duplicate "
            f"steps) share their spectrum with another (the paper: about 70 %)"
        )
    # A build of an earlier version may hold neither.
    not_primary, unknown = metrics.get("kept_not_primary"), metrics.get("kept_primary_unknown")
    if not_primary is not None and (not_primary or not unknown):
        common.result(f"{not_primary:,.0f} kept rows are not primary detections")
    if unknown:
        common.result(f"The primary flag is not available for {unknown:,.0f} kept rows")
    for name, value in metrics.items():
        if name.startswith("median_offset") and value is not None:
            common.result(f"{name.split('_')[2]} magnitudes of duplicates differ by {value:.4f} mag (median, absolute)")


def _published(row: dict) -> str:
    if row["published_rows"] is None:
        return ""
    return f"{row['published_rows']:,}" + ("*" if row["expected_rows"] is None else "")


def _incomplete(version: dict) -> str:
    return f", INCOMPLETE: {version['missing_cuts']} not applied in full" if version["missing_cuts"] else ""


def _print_without(result: dict, flow: dict, limit: int) -> None:
    _print_flow(flow)
    common.result(
        f"{result['version']} without {', '.join(result['without'])}: "
        f"{result['rows']:,} -> {result['rows_without']:,} rows "
        f"(gained {len(result['gained']):,}, lost {len(result['lost']):,})"
    )
    for name in ("gained", "lost"):
        if result[name]:
            shown = result[name][: limit or None]
            more = f" (the first {len(shown):,}; --limit 0 for all)" if len(shown) < len(result[name]) else ""
            common.result(f"\n{name}{more}:")
            common.table(shown)


def _draw(catalog, flow: dict, path: Path, landscape: bool, as_json: bool) -> None:
    from galaxiesml.plots.flow import draw_flow

    info = catalog.build_info()
    version = flow["version"]
    head = flow["head"] | {
        "version": version["version"],
        "title": version["title"],
        "rows_kept": version["rows_kept"],
        "build_id": info["id"],
        "missing_cuts": [name for name in version["missing_cuts"].split(", ") if name],
        "landings": [landing["source_file"] for landing in info["landings"]],
    }
    draw_flow(flow["flow"], head, path, f"galaxies_{version['version']}: {version['title']}", landscape)
    common.drawn(path, as_json)


@audit.command("row")
@forms.tabular()
def row(
    object_ids: Annotated[
        list[int] | None, typer.Argument(help="HSC identifiers of objects.", metavar="OBJECT_ID...")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", help="Read the identifiers from this file: one a line, or CSV with a column object_id."
        ),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Show the cuts and the outcome of this version alone; default: all versions.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain why objects are in or out: value, limit and verdict of every cut, and their morphology.

    Several objects are shown with a line each; --json has every cut of each, as a list.

    \b
    Examples:
      galaxiesml audit row 42063608219011286
      galaxiesml audit row 42063608219011286 --version v2 --json
      galaxiesml audit row 42063608219011286 40040262113712987
      galaxiesml audit row --file ids.txt --json
    """
    from galaxiesml.curation.audit_row import audit_morphology, audit_objects
    from galaxiesml.curation.id_files import read_ids
    from galaxiesml.errors import CatalogError, UsageError

    if bool(object_ids) == (file is not None):
        raise UsageError("Give identifiers of objects, or --file FILE.", "Type: galaxiesml audit row OBJECT_ID ...")
    asked = read_ids(file) if file else object_ids
    catalog = common.catalog()
    catalog.current_build()
    chosen = catalog.built_version(version) if version else None
    found, unknown = audit_objects(catalog, catalog.connect(), asked, chosen)
    if not found:
        raise CatalogError(_unknown(unknown), "Type: galaxiesml ingest list, to see what is landed.")
    measured = audit_morphology(catalog, [each["object_id"] for each in found])
    for each in found:
        each["morphology"] = measured[each["object_id"]]
    is_list = file is not None or len(asked) > 1
    if as_json:
        common.print_json(found if is_list else found[0])
    elif is_list:
        versions = next((list(each["pairs"][0]["versions"]) for each in found if each["pairs"]), [])
        common.table([_summary(each, versions) for each in found])
    else:
        _print_object(found[0])
    if unknown:
        common.warn(_unknown(unknown))


#: Objects that one message names.
_NAMED = 100


def _unknown(object_ids: list[int]) -> str:
    named = ", ".join(map(str, object_ids[:_NAMED]))
    more = f" and {len(object_ids) - _NAMED:,} more" if len(object_ids) > _NAMED else ""
    return f"No landed file of the build holds {'object' if len(object_ids) == 1 else 'the objects'} {named}{more}."


def _summary(found: dict, versions: list[str]) -> dict:
    """One line of an object: where it landed, and for each version 'in' or the cuts that remove its spectra."""
    pairs = found["pairs"]
    place = pairs[0] if pairs else found
    line = {
        "object_id": found["object_id"],
        "file": place["source_file"],
        "row": place["source_row"],
        "spectra": len(pairs),
    }
    for name in versions:
        outcomes = [pair["versions"][name] for pair in pairs]
        removed_by = ", ".join(dict.fromkeys(each["first_cut"] for each in outcomes if not each["kept"]))
        is_in = any(each["kept"] for each in outcomes)
        line[name] = "in" if is_in else f"removed by {removed_by}" if pairs else "no spectrum"
    return line


def _print_object(found: dict) -> None:
    object_id = found["object_id"]
    if not found["pairs"]:
        common.result(
            f"object {object_id}: {found['source_file']}, row {found['source_row']}; "
            "without a spectrum, so in no version"
        )
        _print_cuts(found["cuts"])
    for pair in found["pairs"]:
        common.result(
            f"object {object_id}: {pair['source_file']}, row {pair['source_row']}; spectrum {pair['specz_name']}: "
            f"{pair['specz_source_file']}"
            + (f", row {pair['specz_source_row']}" if pair["specz_source_row"] is not None else "")
        )
        for name, outcome in pair["versions"].items():
            common.result(
                f"  {name}: in"
                if outcome["kept"]
                else f"  {name}: removed by {outcome['first_cut']} ({outcome['first_verdict']}); "
                f"all failed cuts: {outcome['failed_cuts']}"
            )
        _print_cuts(pair["cuts"])
    _print_morphology(found["morphology"])


#: What is shown of a measurement; --json has it whole.
_SHOWN = (
    *("band", "detected", "major_axis", "ellipticity", "half_light_radius", "petro_rad", "sersic_index"),
    *("sersic_index_error", "sersic_r_e_arcsec", "sersic_chi2_per_px", "morphology_reasons"),
)


def _print_morphology(rows: list[dict]) -> None:
    if not rows:
        return
    common.result(f"morphology, settings {rows[0]['morphology_settings']}")
    shown = [{key: row[key] for key in _SHOWN} for row in rows]
    common.table(
        [{key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()} for row in shown]
    )


def _print_cuts(cuts: list[dict]) -> None:
    common.result("")
    common.table(
        [
            {
                "cut": cut["cut"],
                "verdict": cut["verdict"],
                "versions": " ".join(cut["versions"]),
                "value": cut["value"],
                "limit": cut["limit"],
            }
            for cut in cuts
        ]
    )
    common.result("")


@audit.command("diff")
@forms.tabular()
def diff(
    first: Annotated[str, typer.Argument(help="Version; with --specz: export.")],
    second: Annotated[str, typer.Argument(help="Version to compare with; with --specz: matched.")],
    context: typer.Context,
    specz: Annotated[
        bool, typer.Option("--specz", help="Compare one version built on the archive's match of spectra and on ours.")
    ] = False,
    version: Annotated[str, typer.Option(help="With --specz: version of the galaxies.")] = "v2",
    rule: Annotated[
        str, typer.Option("--specz-rule", help="With --specz: rule that chooses the redshift, hsc or best.")
    ] = "hsc",
    list_rows: Annotated[bool, typer.Option("--rows", help="List every row.")] = False,
    as_json: Json = False,
) -> None:
    """Count the rows in one version and not in the other, by the cut that makes the difference.

    \b
    Examples:
      galaxiesml audit diff v1 v2
      galaxiesml audit diff v2 v3 --rows
      galaxiesml audit diff --specz export matched --version v2
    """
    from galaxiesml.curation import audit as questions
    from galaxiesml.errors import UsageError

    catalog = common.catalog()
    catalog.current_build()
    if specz:
        found = _diff_specz(catalog, {first, second}, catalog.built_version(version), rule, list_rows)
    else:
        if wrong := given.typed(context, ("list_rows", "as_json")):
            raise UsageError(
                f"{' and '.join(wrong)} can only be given with --specz.", "To compare two versions, give their names."
            )
        ask = questions.diff_rows if list_rows else questions.diff
        found = ask(catalog.connect(), catalog.version(first), catalog.version(second))
    if as_json:
        common.print_json(found)
    elif found:
        common.table(found)
    else:
        common.result(f"{first} and {second} keep the same rows.")


def _diff_specz(catalog, sides: set[str], version: str, rule: str, list_rows: bool) -> list[dict]:
    from galaxiesml.curation.diff_specz import diff_specz, diff_specz_rows
    from galaxiesml.errors import UsageError

    if sides != {"export", "matched"} or rule not in ("hsc", "best"):
        raise UsageError(
            "--specz compares export with matched, whose rule is hsc or best.", "See --help for an example."
        )
    return (diff_specz_rows if list_rows else diff_specz)(catalog, version, rule)


@audit.command("sql")
def sql(cut: Annotated[str, typer.Argument(help="Name of the cut.")], as_json: Json = False) -> None:
    """Show a cut's SQL as the published build ran it.

    \b
    Examples:
      galaxiesml audit sql error
      galaxiesml audit sql sole_object --json
    """
    from galaxiesml.curation.audit import cut_sql
    from galaxiesml.curation.rules import of_build

    catalog = common.catalog()
    found = cut_sql(catalog, cut)
    if as_json:
        common.print_json(found)
        return
    entry = of_build(catalog).cut(cut)
    versions = ", ".join(entry["versions"])
    common.result(f"-- {cut}: {entry['why']}\n-- section {entry['section']}; made by {versions}")
    for place in found:
        common.result(f"-- {place['model']} ({place['file']})\n{place['sql']}")


@audit.command("lineage")
def lineage(
    column: Annotated[str, typer.Argument(help="Column as TABLE.COLUMN, e.g. galaxies.specz_redshift.")],
    graph: Annotated[Path | None, typer.Option(help="Draw the lineage to an .svg or .png file.")] = None,
    as_json: Json = False,
) -> None:
    """Trace a column back to the landed files, with the cuts that filter it.

    \b
    Examples:
      galaxiesml audit lineage galaxies.specz_redshift
      galaxiesml audit lineage galaxies_v3.i_cmodel_mag --graph lineage.svg
    """
    from galaxiesml.curation.lineage import Lineage
    from galaxiesml.curation.lineage_text import as_json as tree_json
    from galaxiesml.curation.lineage_text import text_tree
    from galaxiesml.errors import UsageError

    table, _, name = column.rpartition(".")
    if not table:
        raise UsageError(f"{column!r} is not TABLE.COLUMN.", "Type: galaxiesml audit lineage galaxies.specz_redshift")
    catalog = common.catalog()
    tree = Lineage.load(catalog.current_build(), catalog.landings()).column(table, name)
    if graph:
        from galaxiesml.plots.lineage import draw

        draw(tree_json(tree), graph)
        common.drawn(graph, as_json)
    if as_json:
        common.print_json(tree_json(tree))
    elif not graph:
        common.result(text_tree(tree))
