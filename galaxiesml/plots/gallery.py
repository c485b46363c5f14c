"""Draw galaxies in every filter, in linear and logarithmic scale: the paper's Figure 1."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.pixels.frame import FRAME, put
from galaxiesml.pixels.store import Shards
from galaxiesml.plots.canvas import GREY, PALE
from galaxiesml.plots.page import Page
from galaxiesml.samples.defects import defect_planes, defects
from galaxiesml.samples.where import read_where, rows_of

#: Galaxies that a page has room for.
MOST = 24
#: Lengths of the page, inches: its width, the margins left of and above the pictures, the largest picture.
WIDTH, LEFT, TOP, LARGEST = 11.0, 0.62, 0.62, 1.3
#: Between the two scales, and between pictures.
BETWEEN, GAP = 0.30, 0.02
#: What is white: a percentile of the pixels of the middle, so many from its centre, for neighbours may outshine it.
WHITE, MIDDLE = 99.0, 15
#: The defect, as a fraction of a picture's pixels, from which it is drawn only if no other can be.
SPOILT = 0.01
#: Median absolute deviation of a normal distribution to its standard deviation.
_SIGMA = 1.4826


@dataclass(frozen=True)
class Shown:
    """One galaxy and its pictures.

    Attributes
    ----------
    object_id : int
    redshift : float
    pictures : ndarray of float32, shape (filters, 127, 127)
        Counts at the zero point of the release as the archive sent them; NaN where there is no pixel.
    """

    object_id: int
    redshift: float
    pictures: np.ndarray


def choose_galaxies(
    catalog: Catalog, version: str | None = None, n: int = 12, seed: int | None = None, where: str | None = None
) -> list[Shown]:
    """Galaxies with pictures in all filters, one from each of ``n`` equal parts of the redshifts.

    Without a seed it is the one of its part that shows best: of those whose pictures have no defect above 1 % of their
    pixels and that are not blended, the largest in the i filter (isophotal area, where morphology is measured;
    a third of the frame is large enough), and of those the brightest.

    Parameters
    ----------
    seed : int, optional
        Decide by a hash of it and object_id instead.

    Raises
    ------
    UsageError
        More than a page has room for, or none.
    CatalogError
        The build does not have the version, or has no pictures.
    """
    if not 1 <= n <= MOST:
        raise UsageError(f"--n {n}: a page has room for 1 to {MOST} galaxies.")
    name = catalog.built_version(version)
    if "pictures" not in catalog.tables():
        raise CatalogError(f"Build {catalog.current_id()} has no table of pictures.", "Type: galaxiesml build")
    shards = Shards(catalog.raw / "cutouts")
    bands = list(catalog.profile.bands)
    chosen: dict[int, tuple[float, list]] = {}
    rows = rows_of(f"galaxies_{name}", read_where(catalog, f"galaxies_{name}", where))
    for object_id, redshift, band, shard, offset, height, width in _query(catalog, rows, n, seed):
        _, pictures = chosen.setdefault(object_id, (redshift, [None] * len(bands)))
        pictures[bands.index(band)] = centred(shards.layer(shard, offset, (height, width), "image"))
    if not chosen:
        raise CatalogError(f"No galaxy of {name} has pictures in all filters.", catalog.next_for("cutouts"))
    return [Shown(object_id, redshift, np.stack(pictures)) for object_id, (redshift, pictures) in chosen.items()]


def _query(catalog: Catalog, rows: str, n: int, seed: int | None) -> list[tuple]:
    """The pictures of the chosen galaxies, by redshift."""
    bands = len(catalog.profile.bands)
    with catalog.connect() as connection:
        if seed is None:
            join, order = _by_showing(catalog, connection)
        else:
            join, order = "", f"md5(concat('{int(seed)}/', parts.object_id))"
        return connection.execute(f"""
            with whole as (
                select object_id from pictures group by object_id having count(image_offset) = {bands}
            ), parts as (
                select galaxies.*,
                    ntile({int(n)}) over (order by galaxies.specz_redshift, galaxies.object_id) as part
                from {rows} as galaxies inner join whole on galaxies.object_id = whole.object_id
                where galaxies.specz_redshift is not null
            ), chosen as (
                select parts.object_id, parts.specz_redshift from parts {join}
                qualify row_number() over (partition by part order by {order}, parts.object_id) = 1
            )
            select chosen.object_id, chosen.specz_redshift, pictures.band, pictures.shard, pictures.image_offset,
                pictures.height, pictures.width
            from chosen inner join pictures on chosen.object_id = pictures.object_id
            order by chosen.specz_redshift, chosen.object_id, pictures.band
        """).fetchall()


def _by_showing(catalog: Catalog, connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """SQL that joins to parts what decides how well a galaxy shows, and the order in which they do."""
    band = "i" if "i" in catalog.profile.bands else list(catalog.profile.bands)[-1]
    has = catalog.tables()
    planes = defect_planes(connection) if "picture_quality" in has else []
    wrong = f"select distinct object_id from ({defects('pictures', planes)}) where defect > {SPOILT}"
    join, order = f"left join ({wrong}) as spoilt on parts.object_id = spoilt.object_id", "spoilt.object_id is not null"
    if "morphology" in has:
        join += (
            f" left join morphology as measured on parts.object_id = measured.object_id and measured.band = '{band}'"
        )
        order += ", coalesce(measured.morphology_reasons, '') like '%blended%'"
        order += f", least(coalesce(measured.isophotal_area, 0), {FRAME**2 // 3}) desc"
    return join, f"{order}, parts.{band}_cmodel_mag nulls last"


def centred(picture: np.ndarray) -> np.ndarray:
    """A picture in the released frame, NaN where it has no pixels.

    Parameters
    ----------
    picture : ndarray, shape (rows, columns)

    Returns
    -------
    ndarray of float32, shape (127, 127)
    """
    out = np.full((FRAME, FRAME), np.nan, np.float32)
    put(picture, out)
    return out


def scaled(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grey values of a picture from black, 0, to white, 1, in linear and in logarithmic scale.

    Both end at the same counts, the 99th percentile of the middle 31 x 31 pixels.  The linear scale begins at the
    median of the picture, the logarithmic one at one standard deviation of its pixels above that, by the median
    absolute deviation: what is fainter is noise.

    Parameters
    ----------
    picture : ndarray, shape (rows, columns)
        NaN stays NaN.

    Returns
    -------
    linear, logarithmic : ndarray of float64, shape (rows, columns)
    """
    counts = np.asarray(picture, np.float64)
    counts = np.where(np.isfinite(counts), counts, np.nan)
    if np.isnan(counts).all():
        return counts, counts
    middle = np.nanmedian(counts)
    above = counts - middle
    rows, columns = (slice(max(0, n // 2 - MIDDLE), n // 2 + MIDDLE + 1) for n in above.shape)
    inner = above[rows, columns]
    inner = above if np.isnan(inner).all() else inner
    white = max(np.nanpercentile(inner, WHITE), np.finfo(np.float64).tiny)
    # A picture without noise still has a scale of a thousand.
    black = min(max(_SIGMA * np.nanmedian(np.abs(above)), white / 1000), white / 2)
    linear = np.clip(above / white, 0, 1)
    logarithmic = np.clip(np.log(np.maximum(above, black) / black) / np.log(white / black), 0, 1)
    return linear, logarithmic


def draw_gallery(galaxies: list[Shown], bands: list[str], title: str) -> Page:
    """Draw galaxies as columns and filters as rows, twice: linear above, logarithmic below.

    Parameters
    ----------
    galaxies : list of Shown
        From left to right.
    bands : list of str
        As the first axis of their pictures.

    Returns
    -------
    Page
        North is up where the archive has it so: rows are drawn upwards.
    """
    cell = min(LARGEST, (WIDTH - LEFT - 0.1) / len(galaxies))
    width = max(LEFT + 0.1 + cell * len(galaxies), 4.0)
    block = cell * len(bands)
    page = Page(width, TOP + 2 * block + BETWEEN + 0.1)
    page.text(LEFT, 0.2, title, 11)
    for column, galaxy in enumerate(galaxies):
        left = LEFT + cell * column
        page.text(left + cell / 2, TOP - 0.13, f"z = {galaxy.redshift:.2f}", min(9, 11 * cell), ha="center")
        for row, band in enumerate(bands):
            for number, grey in enumerate(scaled(galaxy.pictures[row])):
                top = TOP + number * (block + BETWEEN) + cell * row
                _draw_picture(page, grey, left, top, cell, f"{('linear', 'logarithmic')[number]} {band} {column}")
                if column == 0:
                    page.text(LEFT - 0.12, top + cell / 2, band, 11, ha="right")
    for number, words in enumerate(("linear", "logarithmic")):
        y = TOP + number * (block + BETWEEN) + block / 2
        page.text(0.17, y, words, 10, GREY, ha="center", rotation=90)
    return page


def _draw_picture(page: Page, grey: np.ndarray, left: float, top: float, cell: float, label: str) -> None:
    side = cell - GAP
    place = (left / page.width, 1 - (top + side) / page.height, side / page.width, side / page.height)
    axes = page.figure.add_axes(place, label=label)
    axes.set_facecolor(PALE)
    axes.imshow(np.ma.masked_invalid(grey), cmap="gray", vmin=0, vmax=1, origin="lower", aspect="auto")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
