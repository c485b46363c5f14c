"""What ``fetch cutouts`` and ``fetch psf`` do: lists of the manifest, tars of the archive, landings of ``ingest``."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from galaxiesml.archive import batches
from galaxiesml.archive.address import HSC, cutouts_url, psf_url, public_release, root_of
from galaxiesml.archive.batches import Batch, Service, batch_of
from galaxiesml.archive.folder import fetching
from galaxiesml.catalog.landing import write_note
from galaxiesml.catalog.settings import check_space
from galaxiesml.cli import common
from galaxiesml.cli import fetch as command
from galaxiesml.cutouts.answered import Tally, answered, answered_since_build, tally
from galaxiesml.cutouts.land import NEEDS, land_pictures, store_of
from galaxiesml.cutouts.wanted import Ask, wanted_lists
from galaxiesml.cutouts.wanted_psf import wanted_psfs
from galaxiesml.errors import InputError
from galaxiesml.releases.instrument import facts_for
from galaxiesml.system.atomic import write_atomic

#: Bytes of a pixel in all three layers; warps have one picture for each exposure.
_PIXEL_BYTES, _WARPS = 12, 64
#: Lists for each connection at least, unless they have fewer lines than are worth a request.
_LISTS, _LEAST_ROWS = 4, 100
#: The lines that the last command of a kind could not get.
REFUSED = "refused.csv"
#: A PSF picture has some 40 pixels on a side.
_PSF_BYTES = 1 << 20


@dataclass(frozen=True)
class Options:
    """Options of both commands, as typed; ``kind`` is cutouts or psf."""

    kind: str
    jobs: int
    rows: int
    keep_tars: bool
    wait: float
    force: bool


@dataclass
class Total:
    """What came of all lines: ``asked`` is the sum of the lines landed, absent and refused.

    Attributes
    ----------
    not_asked : list of str
        Members that came and that no line asks for: refused, and in none of these sums.
    left : int
        Tars of an interrupted command that were landed first; their lines are not counted.
    """

    asked: int = 0
    landed: int = 0
    absent: int = 0
    refused: list[dict] = field(default_factory=list)
    not_asked: list[str] = field(default_factory=list)
    tars: int = 0
    bytes: int = 0
    left: int = 0

    def add(self, batch: Batch, found: Tally) -> None:
        self.asked += found.asked
        self.landed += found.landed
        self.absent += found.absent
        self.not_asked += [f"{batch.name}.tar: {member}" for member in found.not_asked]
        self.refused += [{"line": batch.lines[line - 2], "reason": why} for line, why in sorted(found.refused.items())]


def fetch_batches(catalog, ask: Ask, options: Options) -> list[Batch]:
    """The lists of what is missing, in the order in which the service answers fastest: by tract, then by filter."""
    folder, kind = catalog.root, options.kind
    since = answered_since_build(catalog, kind)
    find, but = wanted_lists, since
    if kind == "psf":
        find, but = wanted_psfs, since if ask.again else answered(catalog, kind)
    found = find(catalog, ask, folder, rows=options.rows, but=but)
    rows = _even_rows(sum(made.lines for made in found.lists), options)
    if rows < options.rows:
        found = find(catalog, ask, folder, rows=rows, but=but)
    if found.impossible or found.unplaced:
        lost = len(found.impossible) + found.unplaced
        common.warn(
            f"{lost:,} galaxies have no position on the sky and are left out; galaxiesml request cutouts names them."
        )
    # The number at the end of a list's name counts along the tracts.
    lists = sorted(found.lists, key=lambda made: (made.path.stem[-4:], ask.bands.index(made.band)))
    return [batch_of(kind, made.band, made.text) for made in lists]


def _even_rows(lines: int, options: Options) -> int:
    """Lines of a list, so that no connection is idle for long while the last lists are answered."""
    if options.jobs == 1:
        return options.rows
    return min(options.rows, max(_LEAST_ROWS, -(-lines // (options.jobs * _LISTS))))


def fetch(catalog, ask: Ask, options: Options, url: str | None, retry_for: float) -> Total:
    """Fetch and land everything that is missing."""
    service = _service(catalog, ask, options, url, retry_for)
    total, kind = Total(), options.kind
    with fetching(catalog, kind) as folder, common.progress(f"fetching {kind}", unit="bytes") as bar:
        _clear(folder)
        for tar in sorted(folder.glob("*.tar")):
            total.left += _land_left(catalog, tar, options)
        wanted = fetch_batches(catalog, ask, options)
        most = max((len(batch.lines) for batch in wanted), default=0)
        check_space(catalog.root, min(options.jobs, len(wanted)) * most * service.row_bytes, options.force)
        lines = sum(len(batch.lines) for batch in wanted)
        if wanted:
            common.say(f"{lines:,} lines in {len(wanted):,} lists are asked of {service.url}.")

        def receive(batch: Batch) -> Path:
            return service.fetch(batch, folder, bar.advance)

        def land(batch: Batch, tar: Path) -> Tally:
            total.bytes += tar.stat().st_size
            total.tars += 1
            return _land(catalog, tar, options)

        named = {"connections": options.jobs, "transfer": service.transfer}
        # Closed here: an error would keep the generator, and with it its threads, for as long as it is known.
        with contextlib.closing(batches.answers(wanted, receive, land, **named)) as answers:
            for done in answers:
                if done.reason is not None:
                    _forget(folder / f"{done.batch.name}.tar", False)
                found = Tally(0, 0, {2: done.reason}) if done.reason is not None else done.outcome
                total.add(done.batch, found)
                bar.update(description=f"fetching {kind}: {total.asked:,} of {lines:,} lines")
        _clear(folder)
        _write_refused(folder / REFUSED, total.refused)
    return total


def _service(catalog, ask: Ask, options: Options, url: str | None, retry_for: float) -> Service:
    listed = ("list_columns",) if options.kind == "cutouts" else ("psf_list_columns",)
    facts = facts_for(catalog.profile, f"fetch {options.kind}", "archive", *listed, *NEEDS[options.kind])
    release, root = public_release(catalog.profile.name), root_of(url, HSC)
    transfer = command.transfer_to(root, retry_for)
    if options.kind == "psf":
        return Service(transfer, psf_url(root, release), {"bulk": "on"}, release, _PSF_BYTES)
    side = 2 * ask.semi_width / facts.pixel_scale_arcsec + 2
    pictures = _WARPS if ask.type == "warp" else 1
    return Service(transfer, cutouts_url(root, release), {}, release, int(side * side * _PIXEL_BYTES) * pictures)


def _write_refused(path: Path, refused: list[dict]) -> None:
    """Write the lines that were refused, each with its reason; no file where there are none."""
    if not refused:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    rows = csv.DictWriter(text, ["line", "reason"], lineterminator="\n")
    rows.writeheader()
    rows.writerows(refused)
    write_atomic(path, text.getvalue())
    common.say(f"The lines that were refused are in {path}.")


def _clear(folder: Path) -> None:
    """Remove parts of answers that a killed command left: they cannot be resumed."""
    for path in (*folder.glob(".*.part"), *folder.glob(".*.part.json"), *folder.glob("*.tar.new")):
        path.unlink()
    for path in (*folder.glob("*.txt"), *folder.glob("*.json")):
        if not path.with_suffix(".tar").exists():
            path.unlink()


def _land_left(catalog, tar: Path, options: Options) -> int:
    """Land a tar that an interrupted command received; 1 if it could be used."""
    try:
        _land(catalog, tar, options)
    except InputError as error:
        common.LOG.info("a tar of an earlier command is fetched again: %s", error)
        return 0
    return 1


def _land(catalog, tar: Path, options: Options) -> Tally:
    """Land a tar with its list, then forget or keep it.

    Raises
    ------
    InputError
        It cannot be used; it is removed.
    """
    with catalog.lock(f"fetch {options.kind}", options.wait):
        (landed,) = land_pictures(
            catalog,
            [tar],
            psf=options.kind == "psf",
            list_file=tar.with_suffix(".txt"),
            force=options.force,
            fetched=batches.origin_of(tar),
        )
        if options.keep_tars and landed.info.get("source_path") == str(tar.resolve()):
            # Before the move: killed between the two, the next command finds the tar and moves it.
            kept = str(_kept(tar).resolve())
            write_note(
                store_of(catalog, options.kind == "psf") / landed.info["shard"], landed.info | {"source_path": kept}
            )
    _forget(tar, options.keep_tars and landed.error is None)
    if landed.error is not None:
        raise landed.error
    return tally(catalog, landed.info, options.kind)


def _kept(tar: Path) -> Path:
    return tar.parent / "kept" / tar.name


def _forget(tar: Path, keep: bool) -> None:
    """Remove a tar, its list and its origin, or move them to ``kept/``; a tar is nowhere without its list."""
    beside = (tar.with_suffix(".txt"), tar.with_suffix(".json"))
    if keep:
        kept = _kept(tar).parent
        kept.mkdir(exist_ok=True)
        for path in beside:
            shutil.copyfile(path, kept / path.name)
        os.replace(tar, _kept(tar))
    for path in (tar, *beside):
        path.unlink(missing_ok=True)
