"""Determine from a build's tables what a released file must contain: its galaxies, and the picture of each.

No code is shared with the export.  The tract is chosen again, from the tables of the landed tars: the galaxy's own if
it has every filter, else the lowest one that has.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.verify.found import Difference
from galaxiesml.verify.survey import Survey, read_survey

SCHEMES = ("release", "paper", "official", "leak-free")
#: A picture is of a galaxy within so many arcsec, rounded to millionths as a build's separations are.
NEAR_ARCSEC = 1.0
#: Separations nearer to each other than this, in arcsec, may be one where they are rounded to millionths.
SAME_ARCSEC = 1.1e-6


@dataclass(frozen=True)
class Build:
    """A build as its folder says, and the survey as the release profile does; `root` as DuckDB is told of it."""

    root: Path
    name: str
    info: dict
    survey: Survey

    @property
    def bands(self) -> tuple[str, ...]:
        """The release's filters, in order."""
        return self.survey.bands

    def mart(self, name: str) -> str:
        """A mart as DuckDB reads it."""
        path = self.root / "builds" / self.name / f"{name}.parquet"
        if not path.is_file():
            raise CatalogError(f"Build {self.name} has no table {name}.", "Build again, and export again.")
        return parquet(path)


def parquet(path: Path) -> str:
    """Parquet files as DuckDB reads them."""
    # Without the last option the folder tract=9813 above a file would be a column, and win over the file's own.
    return "read_parquet('" + str(path).replace("'", "''") + "', union_by_name = true, hive_partitioning = false)"


@contextlib.contextmanager
def plainly_named(root: Path) -> Iterator[Path]:
    """The folder, through a link for as long as it is read where DuckDB would take its name for a pattern."""
    if not set(str(root)) & set("[*?\\"):
        yield root
        return
    place = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(dir="/tmp" if set(place) & set("[*?\\") else place) as folder:
        link = Path(folder) / "catalog"
        link.symlink_to(root.absolute())
        yield link


def read_build(root: Path, name: str) -> Build:
    """The build that a file names.

    Raises
    ------
    CatalogError
        It no longer stands, or this is another catalogue.
    """
    path = root / "builds" / name / "build.json"
    is_name = name not in ("", ".", "..") and Path(name).name == name
    if not is_name or not path.is_file():
        raise CatalogError(
            f"{root} has no build {name!r}: the file is of another catalogue, or the build was deleted.",
            "Name the catalogue with -C DIR, or export again: galaxiesml export hdf5",
        )
    return Build(root, name, json.loads(path.read_text(encoding="utf-8")), read_survey(root / "release.toml"))


def load_expected(connection: duckdb.DuckDBPyConnection, build: Build, told: dict, number: int) -> np.ndarray:
    """Make the tables ``galaxies_<number>`` and ``chosen_<number>`` of one file.

    ``galaxies_`` has a row for every galaxy of the version: object_id, split, and its row in the file, NULL where it
    is in none; for those of the split also the tract that shows it, and how many filters that has.  ``chosen_`` has
    the pictures that may show it.

    Parameters
    ----------
    told : dict
        The file's attributes: version, split_scheme, split, missing.

    Returns
    -------
    ndarray of int64
        object_id of the file's rows, in order.
    """
    if f"split_{_column(told)}" not in _columns(connection, build.mart("splits")):
        raise CatalogError(f"Build {build.name} has no split scheme {told['split_scheme']}.", "Type: galaxiesml build")
    _load_objects(connection, build, told, number)
    _load_near(connection, build, told, number)
    has_all = "true" if told["missing"] == "zero" else f"coalesce(filters, 0) = {len(build.bands)}"
    connection.execute(f"""
        create temp table galaxies_{number} as
        with tracts as (
            select near.object_id, near.tract, count(distinct near.band) as filters,
                bool_or(near.tract = objects.own_tract) as is_own
            from near_{number} as near inner join objects_{number} as objects using (object_id)
            group by all
        ), best as (
            select distinct on (object_id) object_id, tract, filters from tracts
            order by object_id, filters desc, coalesce(is_own, false) desc, tract
        ), joined as (
            select objects.*, best.tract, best.filters,
                coalesce(split = '{told["split"]}', false) and {has_all} as is_in
            from objects_{number} as objects left join best using (object_id)
        )
        select *, case when is_in then row_number() over (partition by is_in order by object_id) - 1 end as file_row
        from joined
    """)
    connection.execute(f"""
        create temp table chosen_{number} as
        select near.* from near_{number} as near
        inner join galaxies_{number} as galaxies
            on near.object_id = galaxies.object_id and near.tract = galaxies.tract and galaxies.is_in
        qualify separation <= min(separation) over (partition by near.object_id, near.band) + {SAME_ARCSEC}
    """)
    connection.execute(f"drop table near_{number}")
    ids = connection.execute(f"select object_id from galaxies_{number} where is_in order by file_row").fetchnumpy()
    return np.asarray(ids["object_id"], np.int64)


def _column(told: dict) -> str:
    return told["split_scheme"].replace("-", "_")


def _columns(connection, table: str) -> set[str]:
    return {row[0] for row in connection.execute(f"describe select * from {table}").fetchall()}


def _load_objects(connection, build: Build, told: dict, number: int) -> None:
    connection.execute(f"""
        create temp table objects_{number} as
        select galaxies.object_id, galaxies.ra, galaxies.dec,
            coalesce(galaxies.tract, galaxies.skymap_id // 10000) as own_tract, splits.split_{_column(told)} as split
        from (
            select * from {build.mart(f"galaxies_{told['version']}")}
            where {_condition(connection, build, told)}
        ) as galaxies
        left join {build.mart("splits")} as splits on galaxies.object_id = splits.object_id
    """)


def _condition(connection, build: Build, told: dict) -> str:
    """The file's own condition on the rows, as SQL; what stands in a file is read before anything of it is run."""
    from galaxiesml.conditions import bind, parse, row_columns

    if not (typed := told.get("where")):
        return "true"
    kinds = {"BIGINT": "bigint", "INTEGER": "integer", "DOUBLE": "double", "BOOLEAN": "boolean", "VARCHAR": "text"}
    mart = build.mart(f"galaxies_{told['version']}")
    described = connection.sql(f"select * from {mart} limit 0")
    types = dict(zip(described.columns, map(str, described.types), strict=True))
    known = row_columns({name: kinds[kind] for name, kind in types.items() if kind in kinds})
    try:
        return bind(parse(str(typed), build.bands), known, build.bands).sql(bands=build.bands)
    except UsageError as error:
        raise Difference(f"attribute where is no condition: {error}", key="where") from error


def _load_near(connection, build: Build, told: dict, number: int) -> None:
    """Landed pictures within 1 arcsec of each galaxy of the split: of the place asked for, else of their own middle."""
    raw = build.root / "raw" / "cutouts" / "*"
    known = ", ".join(f"'{shard}'" for shard in _known_shards(build)) or "''"
    sides = " union all ".join(f"select {side} as side" for side in (-1, 0, 1))
    connection.execute(f"""
        create temp table near_{number} as
        with pictures as (
            select pictures.shard, pictures.member, pictures.band, pictures.tract, pictures.image_crc,
                coalesce(requests.ra, pictures.ra) as at_ra, coalesce(requests.dec, pictures.dec) as at_dec
            from {parquet(raw / "pictures.parquet")} as pictures
            left join {parquet(raw / "requests.parquet")} as requests
                on pictures.shard = requests.shard and pictures.line = requests.line
            where pictures.image_offset is not null and pictures.shard in ({known})
        ), strips as (
            select object_id, ra, dec, cast(floor(dec * 1800) as bigint) + side as strip
            from objects_{number}, ({sides}) where split = '{told["split"]}'
        ), met as (
            select strips.object_id, pictures.*,
                2 * 3600 * degrees(asin(least(1, sqrt(sin(radians(at_dec - dec) / 2) ** 2
                    + cos(radians(dec)) * cos(radians(at_dec)) * sin(radians(at_ra - ra) / 2) ** 2)))) as separation
            from strips inner join pictures on strips.strip = cast(floor(pictures.at_dec * 1800) as bigint)
        )
        select * from met where round(1e6 * separation) <= 1e6 * {NEAR_ARCSEC}
    """)


def _known_shards(build: Build) -> list[str]:
    """Shards that stood when the build was made."""
    return sorted(build.info["shards"]["cutouts"])


def load_uses(connection: duckdb.DuckDBPyConnection, build: Build, number: int) -> None:
    """Add the file's pictures to the table ``uses``, once the manifest is found to name those chosen here.

    Raises
    ------
    Difference
        The manifest names another picture: which object and filter.
    """
    bands = ", ".join(f"({at}, '{band}')" for at, band in enumerate(build.bands))
    connection.execute(f"""
        create temp table uses_{number} as
        select galaxies.object_id, galaxies.file_row, bands.band_at, bands.band, galaxies.tract, shown.shard,
            shown.member, shown.image_offset, shown.height, shown.width, shown.picture_tract, chosen.image_crc
        from galaxies_{number} as galaxies
        cross join (values {bands}) as bands(band_at, band)
        left join {build.mart("pictures")} as shown
            on galaxies.object_id = shown.object_id and bands.band = shown.band and shown.image_offset is not null
        left join chosen_{number} as chosen
            on galaxies.object_id = chosen.object_id and bands.band = chosen.band
            and shown.shard = chosen.shard and shown.member = chosen.member
        where galaxies.is_in
    """)
    wrong = connection.execute(f"""
        select uses.object_id, uses.band, uses.member, uses.picture_tract, chosen.member, chosen.tract
        from uses_{number} as uses
        left join chosen_{number} as chosen on uses.object_id = chosen.object_id and uses.band = chosen.band
        where (uses.image_crc is null) <> (chosen.member is null)
            or (uses.image_crc is null) <> (uses.member is null)
        order by file_row, band_at, chosen.shard, chosen.member limit 1
    """).fetchone()
    if wrong:
        object_id, band, member, tract, better, its_tract = wrong
        raise Difference(
            f"object {object_id}: the build shows {band} by {_picture(member, tract)}, "
            f"but the landed pictures give {_picture(better, its_tract)}",
            object_id,
            "image",
        )
    connection.execute(f"insert into uses select {number}, * exclude (tract, picture_tract) from uses_{number}")
    connection.execute(f"drop table uses_{number}; drop table chosen_{number}")


def _picture(member: str | None, tract: int | None) -> str:
    return "no picture" if member is None else f"{member} of tract {tract}"


def why_not(connection: duckdb.DuckDBPyConnection, number: int, told: dict, object_id: int) -> str:
    """Why an object has no place in a file."""
    row = connection.execute(
        f"select split, filters from galaxies_{number} where object_id = {int(object_id)}"
    ).fetchone()
    if row is None:
        return f"it is not in galaxies_{told['version']}"
    split, filters = row
    if split != told["split"]:
        return f"its split in the scheme {told['split_scheme']} is {split or 'none'}"
    return f"{filters or 0} filters have a picture of it in one tract"
