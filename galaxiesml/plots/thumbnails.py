"""Galaxies in colour: three filters as one picture by Lupton et al. (2004, PASP 116, 133), on sheets or in files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError, InputError, UsageError
from galaxiesml.pixels.frame import FRAME, put
from galaxiesml.pixels.store import Shards
from galaxiesml.plots.canvas import GREY
from galaxiesml.plots.page import Page
from galaxiesml.samples.pictures import with_pixels
from galaxiesml.samples.where import APPLIED, read_where, rows_of
from galaxiesml.system import interrupts
from galaxiesml.system.atomic import write_atomic

#: Galaxies of a sheet: columns, rows.
COLUMNS, ROWS = 8, 6
#: Inches: a picture on a sheet, the words below it, the margins, the title's height.
CELL, WORDS, MARGIN, TOP = 1.3, 0.34, 0.2, 0.55
#: Counts at which the scale begins to turn from linear to logarithmic, and how strongly; of what zero point.
STRETCH, SOFTENING, ZERO_POINT_MAG = 0.5, 8.0, 27.0
#: Rows that the query gives at a time.
_ROWS = 256


@dataclass(frozen=True)
class Chosen:
    """The galaxies that are drawn, and how.

    Attributes
    ----------
    build, version : str
    bands : list of str
        For red, green and blue.
    magnitude : str
        The column that is printed on a sheet; '' for none.
    rows : str
        SQL of the galaxies: object_id, specz_redshift and magnitude.
    galaxies, left_out : int
        Those that are drawn, and those of the rows without a picture in one of the filters.
    where : str or None
        The condition, in canonical form.
    stretch, softening : float
        Of Lupton's asinh.
    """

    build: str
    version: str
    bands: list[str]
    magnitude: str
    rows: str
    galaxies: int
    left_out: int
    where: str | None
    stretch: float
    softening: float

    @property
    def facts(self) -> dict[str, str]:
        """What a file says of itself."""
        facts = {
            "Build": self.build,
            "Version": self.version,
            "Filters": f"red {self.bands[0]}, green {self.bands[1]}, blue {self.bands[2]}",
            "Scale": f"Lupton et al. (2004), stretch {self.stretch:g} counts of zero point {ZERO_POINT_MAG:g}, "
            f"Q {self.softening:g}, minimum 0",
        }
        return facts | ({"Where": f"{self.where} ({APPLIED})"} if self.where else {})


@dataclass(frozen=True)
class Thumbnail:
    """One galaxy in colour.

    Attributes
    ----------
    object_id : int
    redshift, magnitude : float or None
    picture : ndarray of uint8, shape (127, 127, 3)
        Red, green and blue; rows upwards.  Black where there is no pixel.
    """

    object_id: int
    redshift: float | None
    magnitude: float | None
    picture: np.ndarray


def choose(
    catalog: Catalog,
    version: str | None = None,
    *,
    where: str | None = None,
    rgb: str | None = None,
    n: int = COLUMNS * ROWS,
    seed: int = 1,
    stretch: float = STRETCH,
    softening: float = SOFTENING,
) -> Chosen:
    """Choose galaxies with a picture in each of three filters, by a hash of the seed and object_id.

    Parameters
    ----------
    where : str, optional
        A condition on the version's rows, as it was typed.
    rgb : str, optional
        Filters for red, green and blue, as 'irg' or 'i,r,g'; None: i, r and g, or else the release's last three.
    n : int
        Galaxies at most; 0 for all.

    Raises
    ------
    UsageError
        ``rgb`` does not name three filters of the release, or a number is out of range.
    CatalogError
        There is no build, it has no pictures, or no galaxy has a picture in all three.
    """
    if n < 0 or not (0 < stretch < np.inf and 0 < softening < np.inf):
        raise UsageError(
            "--n must be 0 or more, --stretch and --softening above 0.", "Type: galaxiesml plot thumbnails"
        )
    bands = _three(rgb, list(catalog.profile.bands))
    name = catalog.built_version(version)
    if "pictures" not in catalog.tables():
        raise CatalogError(f"Build {catalog.current_id()} has no table of pictures.", "Type: galaxiesml build")
    condition = read_where(catalog, f"galaxies_{name}", where)
    table = rows_of(f"galaxies_{name}", condition)
    brightness = f"{'i' if 'i' in catalog.profile.bands else bands[0]}_cmodel_mag"
    with catalog.connect() as connection:
        has = _having(connection, bands)
        ((wanted, whole),) = connection.execute(
            f"select count(*), count(*) filter (object_id in ({has})) from {table} as galaxies"
        ).fetchall()
    if not whole:
        raise CatalogError(f"No galaxy of {name} has pictures in {', '.join(bands)}.", catalog.next_for("cutouts"))
    rows = f"select object_id, specz_redshift, {brightness} as magnitude from {table} as galaxies"
    rows += f" where object_id in ({has})"
    if n:
        rows += f" order by md5(concat('{int(seed)}/', object_id)), object_id limit {int(n)}"
    galaxies, text = min(n or whole, whole), condition.text if condition else None
    build = catalog.current_id()
    return Chosen(build, name, bands, brightness, rows, galaxies, wanted - whole, text, stretch, softening)


def _having(connection: duckdb.DuckDBPyConnection, bands: list[str]) -> str:
    """SQL of the objects with a picture in each filter."""
    names = ", ".join(f"'{band}'" for band in sorted(set(bands)))
    return f"""
        select object_id from ({with_pixels(connection)}) where band in ({names})
        group by object_id having count(distinct band) = {len(set(bands))}
    """


def _three(rgb: str | None, known: list[str]) -> list[str]:
    if rgb is None:
        usual = ["i", "r", "g"]
        last = (known[::-1] * 3)[:3]
        return usual if set(usual) <= set(known) else last
    named = [band.strip() for band in rgb.split(",")] if "," in rgb else list(rgb)
    if len(named) != 3 or set(named) - set(known):
        raise UsageError(
            f"--rgb {rgb!r}: give three of the release's filters, for red, green and blue: {', '.join(known)}.",
            f"Type: --rgb {','.join((known[::-1] * 3)[:3])}",
        )
    return named


def thumbnails(catalog: Catalog, chosen: Chosen, progress: Callable[[int], None] | None = None) -> Iterator[Thumbnail]:
    """Chosen galaxies in colour, by object_id, read block by block.

    Parameters
    ----------
    progress : callable, optional
        Called with 1 after each galaxy.
    """
    shards = Shards(catalog.raw / "cutouts")
    with catalog.connect(memory_limit="512MB") as connection:
        names = sorted(set(chosen.bands))
        places = ", ".join(
            f"max({column}) filter (pictures.band = '{band}')"
            for band in names
            for column in ("pictures.shard", "image_offset", "height", "width", "zero_point_mag")
        )
        reader = connection.sql(f"""
            select chosen.object_id, any_value(specz_redshift), any_value(magnitude), {places}
            from ({chosen.rows}) as chosen
            inner join ({with_pixels(connection)}) as pictures on chosen.object_id = pictures.object_id
            group by chosen.object_id order by chosen.object_id
        """).to_arrow_reader(_ROWS)
        for batch in reader:
            for object_id, redshift, magnitude, *found in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                interrupts.check()
                layers = {}
                for at, band in enumerate(names):
                    shard, offset, height, width, zero_point = found[5 * at : 5 * at + 5]
                    counts = framed(shards.layer(shard, offset, (height, width), "image"))
                    layers[band] = counts * 10 ** (0.4 * (ZERO_POINT_MAG - (zero_point or ZERO_POINT_MAG)))
                picture = lupton([layers[band] for band in chosen.bands], chosen.stretch, chosen.softening)
                yield Thumbnail(object_id, redshift, magnitude, picture)
                if progress:
                    progress(1)
            shards.forget()


def framed(picture: np.ndarray) -> np.ndarray:
    """A picture in the released frame, 127 x 127 pixels; 0 where it has none, or one that is not finite."""
    out = np.zeros((FRAME, FRAME), np.float64)
    put(picture, out)
    out[~np.isfinite(out)] = 0
    return out


def lupton(layers: list[np.ndarray], stretch: float = STRETCH, softening: float = SOFTENING) -> np.ndarray:
    """Red, green and blue of three pictures.

    Parameters
    ----------
    layers : list of ndarray, shape (rows, columns)
        Counts of the filters for red, green and blue, on one zero point.
    stretch : float
        Counts of the linear part.
    softening : float
        Lupton's Q; a larger one shows more of what is bright.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    from astropy.visualization import make_lupton_rgb

    # astropy divides by the mean of the three before it looks whether it is 0.
    with np.errstate(divide="ignore", invalid="ignore"):
        return make_lupton_rgb(*layers, minimum=0, stretch=stretch, Q=softening)


def write_sheets(
    catalog: Catalog, chosen: Chosen, path: Path, title: str, progress: Callable[[int], None] | None = None
) -> list[Path]:
    """Draw sheets of 8 x 6 galaxies: object_id, redshift and magnitude below each.

    Parameters
    ----------
    path : Path
        Of the first sheet: .png, .pdf or .svg; the second one is <name>-2.
    title : str
        Words at the top of each.

    Returns
    -------
    list of Path
        The sheets written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    written, some = [], []
    sheets = -(-chosen.galaxies // (COLUMNS * ROWS))
    for number, one in enumerate(thumbnails(catalog, chosen, progress), 1):
        some.append(one)
        if len(some) == COLUMNS * ROWS or number == chosen.galaxies:
            at = len(written) + 1
            words = f"{title}, sheet {at} of {sheets}" if sheets > 1 else title
            page = draw_sheet(some, words, f"{chosen.facts['Filters']}; build {chosen.build}", chosen.magnitude)
            written.append(path if at == 1 else path.with_name(f"{path.stem}-{at}{path.suffix}"))
            page.save(written[-1])
            some = []
    return written


def draw_sheet(some: list[Thumbnail], title: str, words: str, magnitude: str) -> Page:
    """One sheet; the galaxies from left to right, then downwards."""
    rows = -(-len(some) // COLUMNS)
    page = Page(2 * MARGIN + COLUMNS * CELL, TOP + MARGIN + rows * (CELL + WORDS))
    page.text(MARGIN, 0.17, title, 10)
    page.text(MARGIN, 0.38, words, 7, GREY)
    for at, one in enumerate(some):
        left, top = MARGIN + at % COLUMNS * CELL, TOP + at // COLUMNS * (CELL + WORDS)
        side = CELL - 0.03
        place = (left / page.width, 1 - (top + side) / page.height, side / page.width, side / page.height)
        axes = page.figure.add_axes(place, label=str(one.object_id))
        axes.imshow(one.picture, origin="lower", interpolation="nearest", aspect="auto")
        axes.axis("off")
        page.text(left, top + side + 0.09, str(one.object_id), 5.5)
        facts = [f"z = {one.redshift:.3f}"] if one.redshift is not None else []
        facts += [f"{magnitude.partition('_')[0]} = {one.magnitude:.2f}"] if one.magnitude is not None else []
        page.text(left, top + side + 0.2, ", ".join(facts), 5.5, GREY)
    return page


def write_files(
    catalog: Catalog, chosen: Chosen, folder: Path, progress: Callable[[int], None] | None = None
) -> Iterator[Path]:
    """Write a PNG of 127 x 127 pixels for each galaxy, <object_id>.png, and yield its path.

    Raises
    ------
    InputError
        ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, not a folder.", "Give another folder to --out.")
    folder.mkdir(parents=True, exist_ok=True)
    for one in thumbnails(catalog, chosen, progress):
        path = folder / f"{one.object_id}.png"
        write_atomic(path, _png(one, chosen))
        yield path


def _png(one: Thumbnail, chosen: Chosen) -> bytes:
    from matplotlib.image import imsave

    out = io.BytesIO()
    told = {"Software": None, "Title": f"Object {one.object_id}"} | chosen.facts
    imsave(out, one.picture, format="png", origin="lower", metadata=told)
    return out.getvalue()
