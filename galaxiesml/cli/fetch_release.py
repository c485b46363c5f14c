"""``galaxiesml fetch release``: the published files, checked by their hashes, for the official splits."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.catalog.stores import SPLITS
from galaxiesml.cli import common, fetch, given

Size = StrEnum("Size", {"SMALL": "64", "LARGE": "127"})
Size.__doc__ = "Sides of the published pictures, pixels."
Split = StrEnum("Split", {split.upper(): split for split in SPLITS})
Split.__doc__ = "Splits that have files."


def register(app: typer.Typer) -> None:
    fetch.group.command("release")(release)


def release(
    size: Annotated[Size, typer.Option("--size", help="Side of the pictures, pixels.")] = Size.SMALL,
    split: Annotated[list[Split] | None, typer.Option("--split", help="Split; repeatable; default: all.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the files; default: fetch/release in the catalogue.")
    ] = None,
    download_only: Annotated[bool, typer.Option("--download-only", help="Download, and land nothing.")] = False,
    url: fetch.Url = None,
    retry_for: fetch.RetryFor = fetch.RETRY_FOR,
    wait: fetch.Wait = fetch.WAIT,
    force: fetch.Force = False,
    json: fetch.Json = False,
) -> None:
    """Fetch the published files, check their hashes, and land their splits as ingest release does.

    A download that stopped is resumed by the same command. The files are kept. The 127-pixel files have 66 GB.

    \b
    Examples:
      galaxiesml fetch release --size 64
      galaxiesml fetch release --size 127 --split testing --out /data/galaxiesml --download-only
    """
    from galaxiesml.archive import published
    from galaxiesml.archive.address import ZENODO, root_of
    from galaxiesml.archive.folder import fetching
    from galaxiesml.archive.transfer import Patience, Transfer
    from galaxiesml.catalog.settings import check_space

    catalog = common.catalog()
    splits = [each.value for each in dict.fromkeys(split or list(Split))]
    root, folder = root_of(url, ZENODO), given.check_folder(out, "fetch release")
    transfer = Transfer(patience=Patience(seconds=retry_for))
    files = published.chosen(published.published_files(transfer, root), int(size.value), splits)
    if not download_only:
        _check_landed(catalog, files, splits)
    landed = []
    with fetching(catalog, "release") as own:
        folder = folder or own
        folder.mkdir(parents=True, exist_ok=True)
        check_space(folder, published.bytes_missing(files, folder), force)
        for file, name in zip(files, splits, strict=True):
            with common.progress(f"fetching {file.name}", total=file.size, unit="bytes") as bar:
                bar.advance(published.part_bytes(folder / file.name))
                origin = published.fetch_published(transfer, root, file, folder, bar.advance)
            landed.append(_land(catalog, folder / file.name, name, origin, wait, download_only, json))
    if json:
        common.print_json(landed)
    if not download_only:
        common.say("Next: galaxiesml build")


def _check_landed(catalog, files, splits: list[str]) -> None:
    """Refuse before the download what the landing would refuse after it."""
    from galaxiesml.errors import UsageError

    for entry in catalog.landings("release"):
        for file, split in zip(files, splits, strict=True):
            if entry["split"] == split and entry["source_file"] != file.name:
                raise UsageError(
                    f"The split {split} is already landed, from {entry['source_file']}, with the same objects.",
                    f"Add --download-only; or type: galaxiesml ingest release --remove {entry['source_file']}",
                )


def _land(catalog, path: Path, split: str, origin: dict, wait: float, download_only: bool, as_json: bool) -> dict:
    from galaxiesml.ingest.release_files import land_release

    if download_only:
        if not as_json:
            common.result(f"{path}: {path.stat().st_size:,} bytes, MD5 as published.")
        return {"file": str(path), "bytes": path.stat().st_size} | origin
    with catalog.lock("fetch release", wait), common.progress(f"landing {path.name}", unit="bytes") as bar:
        landing = land_release(catalog, path, split=split, fetched=origin, progress=bar)
    for note in landing.notes:
        common.warn(f"{path.name}: {note}.")
    if not as_json:
        what = f"is landed: {split}, {landing.info['rows']:,} objects" if landing.is_new else "was landed before"
        common.result(f"{path.name} {what}.")
    return landing.info | {"is_new": landing.is_new}
