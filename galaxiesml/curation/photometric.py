"""The photometric sample of a version: landed objects that its cuts on objects leave, with a spectrum or without."""

from __future__ import annotations

import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.curation.diff_specz import unjudged
from galaxiesml.curation.rules import of_build
from galaxiesml.curation.states import cut_states
from galaxiesml.errors import CatalogError

#: Objects that stand for the sample; a larger one is drawn from by a hash of the identifiers.
MOST = 200_000


def photometric_sample(catalog: Catalog, version: str, most: int = MOST) -> tuple[pa.Table, int]:
    """Magnitudes of the photometric sample.

    Parameters
    ----------
    version : str
        Of its cuts, those that read the object alone.
    most : int
        The most rows.

    Returns
    -------
    table : pyarrow.Table
        object_id, and {band}_cmodel_mag, NULL where missing; by object_id.
    whole : int
        Objects of the sample, of which the table has `most`.

    Raises
    ------
    CatalogError
        No object is left.
    """
    bands = list(catalog.profile.bands)
    rules = of_build(catalog)
    cuts = [cut for cut in rules.of_version(version) if cut["scope"] == "object" and "sql" in cut]
    macros, skipped = rules.macros(bands), unjudged(cut_states(catalog, rules=rules))
    # A verdict is NULL where a magnitude is missing: the object is not kept, as in the versions.
    where = " and ".join(f"({macros.call('verdict', cut, skipped)})" for cut in cuts)
    columns = ", ".join(f"{band}_cmodel_mag" for band in bands)
    # An object of several rows or files is that of the first.
    sample = f"""
        select distinct on (object_id) object_id, {columns}
        from (
            select object_id, landing, source_row, {columns} from hsc_objects where {where}
            union all
            select object_id, landing, source_row, {columns} from hsc_joined where {where}
        ) as objects order by object_id, landing, source_row
    """
    with catalog.connect() as connection:
        connection.execute(f"create temp table photometric as {sample}")
        (whole,) = connection.execute("select count(*) from photometric").fetchall()[0]
        if not whole:
            raise CatalogError(f"{version} has no photometric sample.", "See why: galaxiesml audit cuts")
        table = connection.sql(f"""
            select * from (select * from photometric order by md5(cast(object_id as varchar)) limit {most}) as drawn
            order by object_id
        """).to_arrow_table()
    return table, whole
