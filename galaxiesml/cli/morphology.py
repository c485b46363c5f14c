"""``galaxiesml morphology``: Source Extractor's columns and Sersic fits of the catalogue's pictures."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, forms, given, ingest


class Device(StrEnum):
    cpu = "cpu"
    cuda = "cuda"


class Counting(StrEnum):
    labels = "labels"
    centroids = "centroids"
    diagonal = "diagonal"


class Sky(StrEnum):
    fitted = "fitted"
    background = "background"


def register(app: typer.Typer) -> None:
    app.command("morphology")(morphology)


@forms.tabular("use", "write_config")
def morphology(
    context: typer.Context,
    bands: Annotated[str | None, typer.Option(metavar="grizy", help="Filters to measure; default: all.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", metavar="N", help="Number of processes.", min=1)
    ] = None,
    device: Annotated[Device, typer.Option(help="Device for the Sersic fits.")] = Device.cpu,
    psf: Annotated[
        str,
        typer.Option(
            metavar="catalogue|moffat:FWHM_ARCSEC[:BETA]|FILE|FOLDER",
            help="PSF: landed with the pictures, a Moffat profile, a FITS file, or a folder of <band>.fits files.",
        ),
    ] = "catalogue",
    gain: Annotated[
        float,
        typer.Option(
            metavar="E", help="Gain, electrons per count, for pictures without a variance plane; 0: sky noise only."
        ),
    ] = 0.0,
    neighbours: Annotated[
        int, typer.Option(metavar="N", help="Fit the N brightest neighbours together with the target.", min=0, max=5)
    ] = 0,
    counting: Annotated[
        Counting, typer.Option(help="How objects near the centre are counted; labels follows the paper's text.")
    ] = Counting.labels,
    sky: Annotated[
        Sky, typer.Option(help="Sky level under a profile: fitted, or fixed at Source Extractor's background.")
    ] = Sky.fitted,
    use: Annotated[
        str | None,
        typer.Option(
            metavar="SETTINGS", help="Measure nothing; builds use the measurements made with these settings (a hash)."
        ),
    ] = None,
    write_config: Annotated[
        Path | None,
        typer.Option(
            "--write-config", metavar="DIR", help="Measure nothing; write Source Extractor's configuration to DIR."
        ),
    ] = None,
    wait: ingest.Wait = 0.0,
    force: Annotated[
        bool, typer.Option("--force", help="Start even if there seems to be too little disk space.")
    ] = False,
    json: ingest.Json = False,
) -> None:
    """Measure every galaxy in every filter: detection, shape, radii, neighbours, Sersic profile.

    Pictures that were measured with the same settings and PSF are skipped, so an interrupted run continues where it
    stopped. The next build uses the measurements of the last completed run, unless that run covers fewer pictures
    of some filter than the run before it; --use selects those as well.

    \b
    Examples:
      galaxiesml morphology
      galaxiesml morphology --bands i --workers 2
      galaxiesml morphology --psf moffat:0.7 --gain 3000
      galaxiesml morphology --device cuda --psf psfs/
      galaxiesml morphology --use 3f2a91c07b4d
      galaxiesml morphology --write-config source-extractor/
    """
    if write_config is not None:
        given.refuse_with(context, "--write-config", ("write_config", "json"), "It measures nothing.")
        _write_config(write_config, json)
        return
    if use is not None:
        given.refuse_with(context, "--use", ("use", "wait", "json"), "It measures nothing.")
        _use(use, wait, json)
        return
    from galaxiesml.errors import UsageError
    from galaxiesml.morphology.psf_source import source_of
    from galaxiesml.morphology.settings import Settings

    catalog = common.catalog()
    chosen = chosen_bands(bands, list(catalog.profile.bands))
    _check_device(device.value)
    source = source_of(psf, list(catalog.profile.bands))
    if not 0 <= gain < float("inf"):
        raise UsageError(f"--gain must be 0 or more electrons per count, not {gain}.", "Type: --gain 3000")
    settings = Settings(gain=gain, neighbours=neighbours, counting=counting.value, sky=sky.value)
    with catalog.lock("galaxiesml morphology", wait):
        told = _measure(catalog, settings, source, chosen, workers, device.value, force)
    if json:
        common.print_json(told)
        return
    if told["builds_take"] == told["settings"]:
        common.say("Next: galaxiesml build")
    common.result(f"{told['measured']:,} pictures measured, {told['measured_before']:,} before")
    common.table([{"reason": reason, "pictures": count} for reason, count in told["reasons"].items()])


def _measure(catalog, settings, source, bands: list[str], workers: int | None, device: str, force: bool) -> dict:
    """Measure the pictures that are not measured yet, and report which settings builds now use."""
    from galaxiesml.catalog.settings import check_space
    from galaxiesml.morphology.run import plan, run

    wanted = plan(catalog, settings, source, bands)
    check_space(catalog.root, 1000 * len(wanted.todo), force)
    _say_first(catalog, wanted)
    with common.progress("Measuring", total=len(wanted.todo), unit="pictures") as bar:
        try:
            told = run(catalog, wanted, workers or len(os.sched_getaffinity(0)), device, bar.advance)
        except BaseException:
            _say_stopped(catalog)
            raise
    choice = told.pop("choice")
    _say_choice(wanted.digest, choice)
    return told | {"settings": wanted.digest, "psf": source.words} | _choice(choice)


def chosen_bands(words: str | None, known: list[str]) -> list[str]:
    """Parse ``gri`` or ``g,r,i`` into filters in the release's order; all filters if nothing is given."""
    from galaxiesml.errors import UsageError

    if words is None:
        return known
    named = [band.strip() for band in words.split(",")] if "," in words or words in known else list(words)
    wrong = [band for band in named if band not in known]
    if wrong or not named:
        raise UsageError(
            f"--bands {words!r}: the release's filters are {', '.join(known)}.", "Type: --bands " + known[0]
        )
    return [band for band in known if band in named]


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    from galaxiesml.errors import UsageError

    if not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch finds no GPU on this machine.", "Type: --device cpu")


def _say_stopped(catalog) -> None:
    """Report which settings builds use after an unfinished run."""
    from galaxiesml.catalog.measured import MORPHOLOGY

    row = next(iter(MORPHOLOGY.chosen(catalog)), None)
    taken = f"settings {row['morphology_settings']}, psf {row['psf_source']}" if row else "no measurement"
    common.warn(
        f"This run did not finish, so builds still use {taken}.  "
        "Its measurements are kept; type the command again to continue."
    )


def _use(settings: str, wait: float, as_json: bool) -> None:
    from galaxiesml.morphology.choice import use_settings

    catalog = common.catalog()
    with catalog.lock("galaxiesml morphology", wait):
        choice = use_settings(catalog, settings)
    _say_choice(choice.settings, choice)
    if as_json:
        common.print_json(_choice(choice))
        return
    common.say("Next: galaxiesml build")
    common.result(f"Builds use settings {choice.settings}: {choice.share} measured")


def _choice(choice) -> dict:
    """The settings that builds use, for --json."""
    return {"builds_take": choice.settings, "pictures": choice.pictures, "measured_of_pictures": choice.measured}


def _say_choice(settings: str, choice) -> None:
    """Warn if builds do not use a run's settings, or if pictures are missing from them."""
    from galaxiesml.morphology.choice import share

    pictures = sum(choice.pictures.values())
    if not choice.taken:
        common.warn(
            f"Builds still use settings {choice.settings}, which measured "
            f"{share(sum(choice.before.values()), pictures)}; settings {settings} measured {choice.share}.  "
            f"To use the new ones anyway, type: galaxiesml morphology --use {settings}"
        )
    elif sum(choice.measured.values()) < pictures:
        common.warn(f"Settings {settings} measured {choice.share}; the others will have no values (not_measured).")


def _say_first(catalog, wanted) -> None:
    """Report what the run will measure, after warning of what it cannot."""
    without = wanted.without_psf
    if without and wanted.source.of_catalog and catalog.landed_since_build("psf"):
        common.warn(
            f"{without:,} of {len(wanted.todo):,} pictures have no PSF in the published build, and PSFs were landed "
            "after it.  Interrupt this and type: galaxiesml build && galaxiesml morphology"
        )
    elif without:
        common.warn(
            f"{without:,} of {len(wanted.todo):,} pictures have no PSF: their Sersic columns will be NULL (no_psf). "
            "Land PSFs (galaxiesml ingest psf TAR...) or give one: --psf moffat:FWHM_ARCSEC"
        )
    for flag, count in wanted.flagged_psf.items():
        common.warn(
            f"The PSF of {count:,} pictures is flagged {flag}: do not trust their Sersic columns. "
            'To list them: galaxiesml sql "select object_id, band, psf_member from pictures where psf_flag is not null"'
        )
    common.say(
        f"{len(wanted.todo):,} pictures to measure, {wanted.before:,} measured before, settings {wanted.digest}."
    )


def _write_config(folder: Path, as_json: bool) -> None:
    from galaxiesml.errors import UsageError
    from galaxiesml.morphology.source_extractor import write_config

    if next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()).is_file():
        raise UsageError(f"--write-config {folder} is a file.", "Give the name of a folder.")
    paths = [*write_config(folder / "as-printed", printed=True), *write_config(folder / "corrected", printed=False)]
    if as_json:
        common.print_json({"files": [str(path) for path in paths]})
        return
    for path in paths:
        common.result(str(path))
