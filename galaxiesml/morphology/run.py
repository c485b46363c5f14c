"""Measure the new and changed pictures of a catalogue, block by block, in several processes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.measured import MORPHOLOGY
from galaxiesml.catalog.parquet import quote
from galaxiesml.catalog.stores import ensure_empty
from galaxiesml.errors import CatalogError
from galaxiesml.morphology.choice import list_pictures, measured_of, run_of, settle
from galaxiesml.morphology.flags import Flag
from galaxiesml.morphology.psf_source import Source
from galaxiesml.morphology.settings import Settings
from galaxiesml.pixels.store import Shards
from galaxiesml.releases.instrument import facts_for
from galaxiesml.system.workers import pool

#: Pictures of a block: what is lost when a run is killed, and what a process holds.  A GPU asks for many at once.
BLOCK = {"cpu": 256, "cuda": 4096}
#: Angles that need the picture's place on the sky, and what each is made from.
_ON_THE_SKY = {"pos_angle_sky_deg": "pos_angle", "sersic_pos_angle_sky_deg": "sersic_pos_angle_deg"}
#: What a block's row says of its picture.
_FIELDS = (
    "psf_key",
    *("object_id", "band", "shard", "height", "width", "image_offset", "mask_offset", "variance_offset"),
    *("zero_point_mag", "psf_shard", "psf_offset", "psf_height", "psf_width", "cd1_1", "cd1_2", "cd2_1", "cd2_2"),
)


@dataclass(frozen=True)
class Plan:
    """The pictures to measure.

    Attributes
    ----------
    todo : pyarrow.Table
        `_FIELDS` of the pictures to measure, by shard and place.
    before : int
        Pictures measured already, by the same settings and unchanged.
    settings : Settings
    source : Source
        Of the PSF.
    digest : str
        Hash of both.
    flagged_psf : dict of str to int
        Pictures of the build whose landed PSF is flagged, by flag; empty where the PSF is from elsewhere.
    """

    todo: pa.Table
    before: int
    settings: Settings
    source: Source
    digest: str
    flagged_psf: dict[str, int] = field(default_factory=dict)

    @property
    def without_psf(self) -> int:
        """Pictures that will have no Sersic fit."""
        return sum(not known for rows in _blocks(self.todo, 65_536) for known in self.source.known(rows))


def plan(catalog: Catalog, settings: Settings, source: Source, bands: list[str]) -> Plan:
    """Find the pictures of the published build that are to be measured.

    Raises
    ------
    CatalogError
        There is no build, or it has no pictures.
    InputError
        The release profile does not say which planes of a mask mark unusable pixels.
    """
    facts = facts_for(catalog.profile, "morphology", "pixel_scale_arcsec", "mask_planes", "unusable_planes")
    settings = replace(settings, unusable_bits=facts.unusable_bits)
    digest = settings.digest(source.identity)
    ensure_empty(catalog)
    catalog.current_build()
    connection = catalog.connect()
    if "pictures" not in catalog.tables() or not connection.execute("select count(*) from pictures").fetchall()[0][0]:
        raise CatalogError(
            "The published build has no pictures.",
            # Pictures that landed since have yet to meet the galaxies.
            catalog.next_for("cutouts"),
        )
    list_pictures(connection, source.of_catalog)
    wanted = ", ".join(quote(band) for band in bands)
    connection.execute(f"create temp table wanted as select * from standing where band in ({wanted})")
    same = " and ".join(f"done.{key} = wanted.{key}" for key in MORPHOLOGY.keys[:-1])
    todo = connection.sql(f"""
        select {", ".join(_FIELDS)} from wanted
        anti join ({measured_of(catalog, digest)}) as done on {same}
        order by shard, image_offset, object_id
    """).to_arrow_table()
    total = connection.execute("select count(*) from wanted").fetchall()[0][0]
    return Plan(todo, total - len(todo), settings, source, digest, _flagged(connection) if source.of_catalog else {})


def _flagged(connection) -> dict[str, int]:
    """Pictures by the flag of their PSF; a build from before there were flags has none."""
    if "psf_flag" not in connection.table("wanted").columns:
        return {}
    flagged = "where psf_flag is not null and psf_offset is not null group by psf_flag order by psf_flag"
    return dict(connection.execute(f"select psf_flag, count(*) from wanted {flagged}").fetchall())


def run(
    catalog: Catalog, wanted: Plan, workers: int = 1, device: str = "cpu", progress: Callable | None = None
) -> dict:
    """Measure the pictures of a plan; the caller holds the lock.

    Parameters
    ----------
    workers : int
        Processes; each works on one core.
    progress : callable, optional
        Called with the number of pictures of each block that is done.

    Returns
    -------
    dict
        measured, measured_before, pictures by reason, and choice: the :class:`Choice` of what builds take now.  Only a
        run that ends chooses.
    """
    text = wanted.settings.text(wanted.source.identity)
    MORPHOLOGY.note_run(catalog, run_of(wanted.digest, wanted.source.words, text))
    work = _Work(catalog.root, wanted.settings, wanted.source, wanted.digest, device)
    counted: dict[str, int] = {}
    # Closed here: an interrupt of this loop ends the processes, too.
    with contextlib.closing(_results(work, wanted.todo, workers)) as results:
        for flags in results:
            for flag in flags:
                for bit in Flag:
                    if bit & flag:
                        counted[bit.name.lower()] = counted.get(bit.name.lower(), 0) + 1
            if progress is not None:
                progress(len(flags))
    return {
        "measured": len(wanted.todo),
        "measured_before": wanted.before,
        "reasons": dict(sorted(counted.items())),
        "choice": settle(catalog, wanted.digest, wanted.source.words, text),
    }


@dataclass(frozen=True)
class _Work:
    """Settings for every block, sent to the worker processes."""

    root: Path
    settings: Settings
    source: Source
    digest: str
    device: str


def _blocks(table: pa.Table, size: int) -> Iterator[list[dict]]:
    for at in range(0, len(table), size):
        yield table.slice(at, size).to_pylist()


def _results(work: _Work, todo: pa.Table, workers: int) -> Iterator[list[int]]:
    """Flags of each block's pictures, as blocks end."""
    size = BLOCK[work.device]
    workers, blocks = min(workers, -(-len(todo) // size)), _blocks(todo, size)
    if workers <= 1:
        for block in blocks:
            yield _measure(work, block)
        return
    with pool(workers, option="--workers") as processes:
        # A few ahead of the workers, not all: there may be tens of thousands.
        waiting = {processes.submit(_measure, work, block) for block in islice(blocks, 2 * workers)}
        while waiting:
            ended, waiting = futures.wait(waiting, return_when=futures.FIRST_COMPLETED)
            waiting |= {processes.submit(_measure, work, block) for block in islice(blocks, len(ended))}
            for one in ended:
                yield one.result()


def _measure(work: _Work, block: list[dict]) -> list[int]:
    """Measure a block and write its part; returns the flags of its pictures."""
    catalog = _catalog(work.root)
    tables = []
    for rows in _alike(block):
        table = _of_one_shape(catalog, work, rows)
        keys = {key: [row[key] for row in rows] for key in MORPHOLOGY.keys[:-1]}
        keys |= {MORPHOLOGY.run: [work.digest] * len(rows)}
        keys |= {name: _east_of_north(table, name, rows) for name in _ON_THE_SKY}
        for name, values in keys.items():
            table = table.append_column(name, pa.array(values, MORPHOLOGY.schema((name,)).field(name).type))
        tables.append(table.select(list(MORPHOLOGY.types)))
    whole = pa.concat_tables(tables).sort_by([("object_id", "ascending"), ("band", "ascending")])
    MORPHOLOGY.write_part(catalog, work.digest, whole)
    return whole.column("morphology_flags").to_pylist()


@lru_cache(maxsize=1)
def _catalog(root: Path) -> Catalog:
    return Catalog.open(root)


def _alike(block: list[dict]) -> list[list[dict]]:
    """Rows of a block by what their arrays look like and how large their pixels are."""
    groups: dict[tuple, list[dict]] = {}
    for row in block:
        shape = (row["height"], row["width"], row["psf_height"], row["psf_width"], row["variance_offset"] is None)
        groups.setdefault((*shape, pixel_scale(row)), []).append(row)
    return list(groups.values())


def _of_one_shape(catalog: Catalog, work: _Work, rows: list[dict]) -> pa.Table:
    from galaxiesml.morphology.measuring import Block, measure_block

    shards = Shards(catalog.raw / "cutouts")
    shape = rows[0]["height"], rows[0]["width"]
    # As a signed number, like the mask's: bit 31 is its sign.
    unusable = np.uint32(work.settings.unusable_bits).astype(np.int32)

    def layers(kind: str) -> np.ndarray:
        return np.stack([shards.layer(row["shard"], row[f"{kind}_offset"], shape, kind) for row in rows])

    images = layers("image")
    kept = np.isfinite(images)
    for at, row in enumerate(rows):
        if row["mask_offset"] is not None:
            kept[at] &= shards.layer(row["shard"], row["mask_offset"], shape, "mask") & unusable == 0
    variance = None if rows[0]["variance_offset"] is None else layers("variance")
    if variance is not None:
        kept &= np.isfinite(variance) & (variance > 0)
    scale = pixel_scale(rows[0])
    psf, psf_rows = work.source.load(catalog, rows, scale)
    zero = np.array([row["zero_point_mag"] for row in rows], float)
    block = Block(images, kept, None, variance, psf, psf_rows, zero, scale)
    return measure_block(block, work.settings, work.device)


def pixel_scale(row: dict) -> float:
    """Arcsec, from the picture's own WCS; rounded, so that pictures of one camera have one."""
    return round(float(3600 * np.sqrt(abs(row["cd1_1"] * row["cd2_2"] - row["cd1_2"] * row["cd2_1"]))), 7)


def _east_of_north(table: pa.Table, name: str, rows: list[dict]) -> list[float | None]:
    """An angle of the picture's pixels as one on the sky, 0 to 180 degrees."""
    made = []
    for angle, row in zip(table.column(_ON_THE_SKY[name]).to_pylist(), rows, strict=True):
        if angle is None:
            made.append(None)
            continue
        x, y = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        east, north = row["cd1_1"] * x + row["cd1_2"] * y, row["cd2_1"] * x + row["cd2_2"] * y
        made.append(float(np.rad2deg(np.arctan2(east, north)) % 180.0))
    return made
