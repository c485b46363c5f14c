"""``galaxiesml ingest cutouts`` and ``ingest psf``: land pictures in the pixel store."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, ingest

Sources = Annotated[list[Path], typer.Argument(metavar="TAR|FOLDER...", help="Tars, FITS files, or folders of either.")]
ListFile = Annotated[
    Path | None,
    typer.Option("--list", metavar="FILE", help="Upload list of a single tar; default: X.txt next to X.tar."),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", help="Number of processes; each reads one tar at a time.", min=1),
]
AcceptCut = Annotated[
    bool,
    typer.Option(
        "--accept-cut", help="Land the complete members of a tar that is cut short; request cutouts asks for the rest."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Land even if there seems to be too little disk space.")]


def register(app: typer.Typer) -> None:
    ingest.group.command("cutouts")(cutouts)
    ingest.group.command("psf")(psf)


def cutouts(
    sources: Sources,
    list_file: ListFile = None,
    jobs: Jobs = None,
    wait: ingest.Wait = 0.0,
    accept_cut: AcceptCut = False,
    force: Force = False,
    json: ingest.Json = False,
) -> None:
    """Land tars of the cutout service: pixels into the pixel store, headers into tables.

    A tar is landed completely or not at all, and only once. Members that cannot be read or trusted are refused and
    listed with the reason; the other members are landed. A tar without its end mark is cut short, and is refused
    unless --accept-cut is given. The next build matches the pictures to objects.

    \b
    Examples:
      galaxiesml ingest cutouts ../sky/cutouts/*.tar
      galaxiesml ingest cutouts arch-221123-101500.tar --list upload-1.txt
      galaxiesml ingest cutouts folder-of-fits/
      galaxiesml ingest cutouts cutout-HSC-I-9813-pdr2_wide.fits
    """
    _land(sources, "cutouts", list_file, jobs, wait, force, json, accept_cut)


def psf(
    sources: Sources,
    list_file: ListFile = None,
    jobs: Jobs = None,
    wait: ingest.Wait = 0.0,
    accept_cut: AcceptCut = False,
    force: Force = False,
    json: ingest.Json = False,
) -> None:
    """Land tars of PSF pictures from the archive's PSF picker.

    \b
    Examples:
      galaxiesml ingest psf ../sky/psf/*.tar
      galaxiesml ingest psf psf-221123-101500.tar --list upload-1.txt
    """
    _land(sources, "psf", list_file, jobs, wait, force, json, accept_cut)


def _land(sources, kind: str, list_file, jobs, wait: float, force: bool, as_json: bool, accept_cut: bool) -> None:
    import os

    from galaxiesml.cutouts.land import land_pictures

    catalog = common.catalog()
    made = []
    with catalog.lock(f"ingest {kind}", wait), common.progress(f"landing {kind}", unit="bytes") as bar:
        for landed in land_pictures(
            catalog,
            sources,
            psf=kind == "psf",
            list_file=list_file,
            jobs=jobs or os.cpu_count() or 1,
            force=force,
            accept_cut=accept_cut,
            progress=bar,
        ):
            made.append(landed)
            if not as_json:
                _describe(landed)
    if as_json:
        common.print_json([landed.info | {"source": str(landed.source), "state": landed.state} for landed in made])
    _fail(made)
    common.say("Next: galaxiesml build")


def _describe(landed) -> None:
    from galaxiesml.cutouts.picture import PSF_FLAGS

    info = landed.info
    if landed.state == "failed":
        return
    bands = " ".join(f"{band}:{count:,}" for band, count in sorted(info["bands"].items())) or "none"
    words = {"landed": "is landed", "known": "was landed before", "list added": "was landed before; its list is new"}
    listed = f"; requested in {info['list_file']}, {info['requested']:,} lines" if info["list_file"] else ""
    common.result(f"{info['source_file']} {words[landed.state]}: {info['pictures']:,} pictures ({bands}){listed}.")
    if info.get("silence") in ("cut_short", "after_end"):
        common.warn(f"{info['silence_reason']}; request the lines of its list that have no picture again.")
    if landed.state != "landed":
        return
    if not info["pictures"] and not info["refused"] and info.get("silence") is None:
        common.warn(f"{info['source_file']} is empty: the archive has none of the requested pictures.")
    for kind, count in Counter(refused["class"] for refused in info["refused"]).most_common():
        first = next(refused for refused in info["refused"] if refused["class"] == kind)
        more = f" and {count - 1:,} more" if count > 1 else ""
        common.warn(f"{info['source_file']}: {first['member']}{more} refused ({kind}): {first['reason']}.")
    for flag, count in info["psf_flags"].items():
        common.warn(f"{info['source_file']}: {count:,} PSF pictures are flagged {flag}: {PSF_FLAGS[flag]}.")


def _fail(made) -> None:
    from galaxiesml.errors import InputError

    failed = [landed.error for landed in made if landed.error is not None]
    if failed:
        raise InputError("\n".join(str(error) for error in failed), failed[0].hint)
