"""``galaxiesml ingest release`` and ``audit splits``: training, validation and testing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import audit, common, forms, given, ingest


def register(app: typer.Typer) -> None:
    ingest.group.command("release")(release)
    audit.audit.command("splits")(splits)


def release(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help="Released HDF5 files or their CSV twins.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of the file if its name does not contain it: training, validation or testing."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the landed released files.")] = False,
    remove: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Remove a landed file, given by name or by the first characters of its SHA-256."
        ),
    ] = None,
    wait: ingest.Wait = 0.0,
    json: ingest.Json = False,
) -> None:
    """Land released files: the next build reads the official split from them.

    Only object_id is read, no picture. The split is taken from the file name. An object may be in one landed file
    only: the 127-pixel, 64-pixel and CSV files hold the same objects, so land one kind of them.

    \b
    Examples:
      galaxiesml ingest release 5x64x64_training_with_morphology.hdf5 5x64x64_testing_with_morphology.hdf5
      galaxiesml ingest release mine.csv --split testing
      galaxiesml ingest release --list
      galaxiesml ingest release --remove 5x64x64_testing_with_morphology.hdf5
    """
    from galaxiesml.errors import UsageError

    if sum((bool(files), show, remove is not None)) != 1:
        raise UsageError("Give files to land, or --list, or --remove FILE.", "Type: galaxiesml ingest release FILE...")
    if show:
        given.refuse_with(context, "--list", ("show", "json"), "It changes nothing.")
    if split is not None and (not files or len(files) > 1):
        raise UsageError("--split is for one file.", "Land the files one by one.")
    catalog = common.catalog()
    if show:
        _print(catalog.landings("release"), json)
    elif remove is not None:
        _remove(catalog, remove, wait, json)
    else:
        _land(catalog, files, split, wait, json)


def _land(catalog, files: list[Path], split: str | None, wait: float, json: bool) -> None:
    from galaxiesml.ingest.release_files import land_release

    landed = []
    with catalog.lock("ingest release", wait):
        for file in files:
            with common.progress(f"landing {file.name}", unit="bytes") as bar:
                landing = land_release(catalog, file, split=split, progress=bar)
            landed.append(landing)
            info = landing.info
            for note in landing.notes:
                common.warn(f"{info['source_file']}: {note}.")
            what = f"{info['source_file']} is landed: {info['split']}, {info['rows']:,} objects."
            if not landing.is_new:
                what = f"{file.name}: the same file is already landed, as {info['source_file']}; nothing changed."
            if not json:
                common.result(what)
    if json:
        common.print_json([landing.info | {"is_new": landing.is_new} for landing in landed])
    common.say("Next: galaxiesml build")


def _remove(catalog, reference: str, wait: float, json: bool) -> None:
    from galaxiesml.ingest.release_files import remove_release

    with catalog.lock("ingest release", wait):
        removed = remove_release(catalog, reference)
    if json:
        common.print_json(removed)
    else:
        common.result(f"{removed['source_file']} ({removed['split']}) is removed.")


def _print(landed: list[dict], json: bool) -> None:
    if json:
        common.print_json(landed)
    elif not landed:
        common.say("No released file is landed.  Type: galaxiesml ingest release FILE")
    else:
        common.table([entry | {"source_sha256": entry["source_sha256"][:12]} for entry in landed])


@forms.tabular("plot")
def splits(
    scheme: Annotated[
        list[str] | None,
        typer.Option(help="Split scheme: release, paper, official or leak-free; repeatable; default: all."),
    ] = None,
    version: Annotated[str, typer.Option(help="Version of the galaxies: v1 to v4, or one of your own.")] = "v2",
    plot: Annotated[Path | None, typer.Option(help="Draw the sky cells and n(z) to an .svg or .png file.")] = None,
    as_json: audit.Json = False,
) -> None:
    """Audit the splits: shares, galaxies lost to buffers, similarity, and pairs that may share pixels.

    A pair is two galaxies of different splits closer than 30.2 arcsec: the circles around their cutouts overlap.

    \b
    Examples:
      galaxiesml audit splits
      galaxiesml audit splits --scheme leak-free --json
      galaxiesml audit splits --plot splits.png
    """
    from galaxiesml.catalog.stores import SCHEMES, SPLITS
    from galaxiesml.curation.macros import Macros
    from galaxiesml.errors import UsageError
    from galaxiesml.splits import audit as questions

    schemes = list(dict.fromkeys(map(_check_scheme, scheme or SCHEMES)))
    if plot and scheme and len(schemes) > 1:
        raise UsageError("--plot draws one scheme.", "Give one --scheme with it.")
    catalog = common.catalog()
    name = catalog.built_version(version)
    bands = list(catalog.profile.bands)
    band = "i" if "i" in bands else bands[-1]
    with catalog.connect() as connection:
        if plot:
            questions.load_objects(connection, name, band)
            _draw(connection, schemes[0] if scheme else "leak_free", name, plot, as_json)
            if not as_json:
                return
        shares, near = Macros(bands).call("split_schemes"), 2 * catalog.profile.instrument.cutout_radius_arcsec
        found = questions.audit_splits(connection, name, band, shares, schemes, near_arcsec=near)
    if as_json:
        seed = catalog.build_info().get("split_seed")
        common.print_json([entry | {"split_seed": seed, "band": band} for entry in found])
    else:
        for entry in found:
            _print_scheme(entry, band)
    for entry in found:
        rows = {row["split"]: row["rows"] for row in entry["splits"] if row["split"] in SPLITS}
        warn_of_empty(catalog, name, entry["scheme"], rows)


def warn_of_empty(catalog, version: str, scheme: str, rows: dict[str, int], *, pictures: bool = False) -> dict | None:
    """Warn of splits that have no galaxy, and suggest a seed that would fill them.

    Parameters
    ----------
    scheme : str
        As the split's column has it: leak_free.
    rows : dict of str to int
        Galaxies by split.
    pictures : bool
        Whether only galaxies with pictures in all filters count.

    Returns
    -------
    dict or None
        The same for a script: ``empty``, the splits, and ``seed``, the one that fills them or None.  None where no
        split is empty.
    """
    from galaxiesml.catalog.stores import SPLITS
    from galaxiesml.curation.macros import Macros, picture_variables
    from galaxiesml.splits.seeds import TRIED, empty_splits, filling_seed

    empty = empty_splits(rows)
    if not empty:
        return None
    name, bands = scheme.replace("_", "-"), list(catalog.profile.bands)
    what = f"galaxies_{version} has no galaxy in {' and '.join(empty)} of the splits {name}"
    what += " (of those with pictures in all filters)" if pictures else ""
    if scheme == "official":
        common.warn(f"{what}.  Type: galaxiesml ingest release FILE..., with the published files of every split")
        return {"empty": empty, "seed": None}
    objects = f"select object_id, ra, dec from galaxies_{version}"
    if pictures:
        objects += (
            " where object_id in (select object_id from pictures"
            f" group by object_id having count(image_offset) = {len(bands)})"
        )
    macros = Macros(bands, variables=picture_variables(catalog.profile.instrument))
    with catalog.connect() as connection:
        found = filling_seed(connection, objects, macros, scheme)
    if found:
        counted = ", ".join(f"{split} {found.rows[split]:,}" for split in SPLITS)
        common.warn(f"{what}.  Another seed fills all: {_build_again(catalog, found.seed)} ({counted})")
    else:
        other = "; --split-scheme release splits galaxies one by one" if scheme == "leak_free" else ""
        common.warn(f"{what}, nor with any other seed up to {TRIED}: there are too few galaxies{other}.")
    return {"empty": empty, "seed": found.seed if found else None}


def _build_again(catalog, seed: int) -> str:
    """The command of the published build with another seed and otherwise the same options."""
    import re

    info = catalog.build_info()
    words = ["galaxiesml build", f"--split-seed {seed}"]
    if matched := re.match(r"matched, rule (\w+)", info.get("spectra_from", "export")):
        words.append(f"--specz matched --specz-rule {matched[1]}")
    missing = dict.fromkeys(cut for version in info["versions"].values() for cut in version["missing_cuts"])
    words += [f"--accept-missing {cut}" for cut in missing]
    return " ".join(words)


def _check_scheme(name: str) -> str:
    from galaxiesml.catalog.stores import SCHEMES
    from galaxiesml.errors import UsageError

    found = name.replace("-", "_")
    if found not in SCHEMES:
        raise UsageError(f"No scheme {name!r}.", "Schemes: release, paper, official and leak-free.")
    return found


def _print_scheme(found: dict, band: str) -> None:
    name = found["scheme"].replace("_", "-")
    if not found["in_files"]:
        why = "; no landed released file contains them" if name == "official" else ""
        common.result(f"{name}: none of the {found['rows']:,} galaxies of {found['version']} has a split{why}\n")
        return
    common.result(f"{name}: {found['in_files']:,} of the {found['rows']:,} galaxies of {found['version']} in its files")
    common.table(
        [
            {
                "split": row["split"],
                "rows": row["rows"],
                **({"hashed": row["hashed"]} if found["buffer"] else {}),
                "share": _number(row["share"], ".4f"),
                "expected": _number(row["expected"], ".4f"),
                "sigmas": _number(row["sigmas"], "+.2f"),
                "KS z": _number(row["ks_redshift"], ".4f"),
                f"KS {band}": _number(row["ks_magnitude"], ".4f"),
            }
            for row in found["splits"]
        ]
    )
    if found["buffer"]:
        common.result(
            f"{found['buffer']:,} galaxies ({found['buffer_fraction']:.2%}) are in a buffer, and so in no file"
        )
    if found["no_split"]:
        common.result(f"{found['no_split']:,} galaxies have no split")
    common.result(
        f"{found['close_pairs']:,} pairs across splits nearer than {found['near_arcsec']:.1f} arcsec; "
        f"{found['testing_near_training']:,} testing galaxies have a training galaxy as near\n"
    )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _draw(connection, scheme: str, version: str, path: Path, as_json: bool) -> None:
    from galaxiesml.plots.canvas import picture_format
    from galaxiesml.plots.splits import draw_splits
    from galaxiesml.splits.audit import cells, redshifts

    picture_format(path)
    title = f"galaxies_{version}, splits {scheme.replace('_', '-')}"
    draw_splits(cells(connection), redshifts(connection, scheme), path, title)
    common.drawn(path, as_json)
