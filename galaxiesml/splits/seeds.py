"""Splits without galaxies, and another seed that would fill them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import duckdb

from galaxiesml import dictionary
from galaxiesml.catalog.parquet import quote
from galaxiesml.catalog.stores import SPLITS

#: Seeds that are tried, from 1.
TRIED = 100
_MODELS = ("int_object_cells", "int_border_objects", "int_touched_cells")


@dataclass(frozen=True)
class Filled:
    """A seed with which every split has galaxies.

    Attributes
    ----------
    seed : int
    rows : dict of str to int
        Galaxies of each split.
    """

    seed: int
    rows: dict[str, int]


def empty_splits(rows: dict[str, int]) -> list[str]:
    """The splits that have no galaxy although others have; none where no split has one."""
    return [split for split in SPLITS if not rows.get(split)] if sum(rows.get(split, 0) for split in SPLITS) else []


def count_splits(connection: duckdb.DuckDBPyConnection, version: str, scheme: str) -> dict[str, int]:
    """Galaxies of a version by split; buffers and galaxies without a split are not counted.

    Parameters
    ----------
    scheme : str
        As in the column's name: release, paper, official or leak_free.
    """
    return dict(
        connection.execute(f"""
            select split_{scheme}, count(*) from galaxies_{version} inner join splits using (object_id)
            where split_{scheme} in ({", ".join(map(quote, SPLITS))}) group by all
        """).fetchall()
    )


def filling_seed(connection: duckdb.DuckDBPyConnection, objects: str, macros, scheme: str) -> Filled | None:
    """The seed, of the first 100, whose smallest split is largest for its share.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Gets temporary tables of the models' names.
    objects : str
        A query of the galaxies: object_id, ra, dec (degrees).
    macros : galaxiesml.curation.macros.Macros
        The project's.
    scheme : str
        release, paper or leak_free.

    Returns
    -------
    Filled or None
        None where every seed leaves some split without galaxies.
    """
    connection.execute(f"create or replace temp table int_kept_objects as {objects}")
    for model in _MODELS:
        text = (dictionary.PROJECT / "models" / "intermediate" / f"{model}.sql").read_text(encoding="utf-8")
        connection.execute(f"create or replace temp table {model} as {macros.render(text)}")
    query = _BY_CELL if scheme == "leak_free" else _BY_OBJECT
    key = "sky_cell" if scheme == "leak_free" else "object_id"
    # The macro split_hash with a column of seeds in place of the build's one.
    split = macros.call("split_of", scheme, f"md5(concat(seed, '/{scheme}/', cast({key} as string)))")
    found: dict[int, dict[str, int]] = {}
    for seed, name, count in connection.execute(query.format(split=split, after=TRIED + 1)).fetchall():
        found.setdefault(seed, {})[name] = count
    expected = {name: Fraction(part, of) for name, part, of in macros.call("split_schemes")[scheme]}
    whole = [Filled(seed, rows) for seed, rows in sorted(found.items()) if all(rows.get(name) for name in SPLITS)]
    return max(whole, key=lambda one: min(one.rows[name] / expected[name] for name in SPLITS), default=None)


#: Objects that touch the same cells have one fate, so they are counted together before any seed is tried.
_BY_CELL = """
    with cells as (
        select
            objects.object_id,
            objects.sky_cell,
            list_sort(list_distinct(list(coalesce(touched.sky_cell, objects.sky_cell)))) as touches
        from int_object_cells as objects
        left join int_touched_cells as touched on objects.object_id = touched.object_id
        where objects.sky_cell is not null
        group by all
    ),
    alike as (select row_number() over () as place, sky_cell, touches, count(*) as objects from cells group by all),
    seeds as (select unnest(range(1, {after})) as seed),
    touching as (select place, unnest(touches) as sky_cell from alike),
    hashed as (
        select seed, sky_cell, {split} as split
        from seeds cross join (select sky_cell from touching union select sky_cell from alike)
    ),
    fate as (
        select touching.place, hashed.seed, min(hashed.split) = max(hashed.split) as is_whole
        from touching inner join hashed on touching.sky_cell = hashed.sky_cell
        group by all
    )
    select fate.seed, hashed.split, sum(alike.objects)::bigint
    from fate
    inner join alike on fate.place = alike.place
    inner join hashed on fate.seed = hashed.seed and alike.sky_cell = hashed.sky_cell
    where fate.is_whole
    group by all
"""
_BY_OBJECT = """
    select seed, {split} as split, count(*)
    from int_object_cells cross join (select unnest(range(1, {after})) as seed)
    group by all
"""
