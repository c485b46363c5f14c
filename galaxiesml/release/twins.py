"""Write the CSV twins of the released HDF5 files: the same galaxies in the same order, without images."""

from __future__ import annotations

from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.catalog.stores import SPLITS
from galaxiesml.pixels.frame import FRAME
from galaxiesml.release.layout import in_sql, keys
from galaxiesml.samples import morphology
from galaxiesml.samples.selection import Selection, counts, select
from galaxiesml.system.atomic import appearing


def export_twins(catalog: Catalog, selection: Selection, folder: Path, fill: float = 0.0) -> list[dict]:
    """Write one CSV a split, a column a key in alphabetical order; NULL is an empty field.

    Returns
    -------
    list of dict
        path, split, galaxies.

    Raises
    ------
    CatalogError
        No galaxy has pictures in all filters and a split; nothing is written.
    """
    connection = select(catalog, selection)
    rows = counts(catalog, connection, selection)
    bands = len(catalog.profile.bands)
    measured = morphology.is_measured(catalog)
    listed = [key for key in keys(catalog.profile, FRAME) if key.source != "image"]
    columns = ", ".join(in_sql(key, fill, measured) for key in listed)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for split in SPLITS:
        path = folder / f"{bands}x{FRAME}x{FRAME}_{split}_with_morphology.csv"
        with appearing(path) as making:
            connection.execute(f"""
                copy (
                    select {columns} from galaxies_{selection.version} as galaxies
                    inner join chosen on galaxies.object_id = chosen.object_id
                    {morphology.join(measured)}
                    where chosen.split = '{split}' order by galaxies.object_id
                ) to {quote(making)} (header, delimiter ',')
            """)
        made.append({"path": str(path), "split": split, "galaxies": rows[split]})
    return made
