"""What a referee asks of the splits: their shares, what is lost, how alike they are, what they may share."""

from __future__ import annotations

from fractions import Fraction

import duckdb
import numpy as np

from galaxiesml.catalog.stores import SCHEMES, SPLITS
from galaxiesml.errors import CatalogError
from galaxiesml.splits.pairs import close_pairs

BUFFER = "buffer"


def audit_splits(
    connection: duckdb.DuckDBPyConnection,
    version: str,
    band: str,
    shares: dict[str, list],
    schemes=SCHEMES,
    *,
    near_arcsec: float,
) -> list[dict]:
    """Each scheme on one version of galaxies.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Of a catalogue: its views of the published build.
    version : str
        Version of galaxies.
    band : str
        Filter of the magnitudes that are compared.
    shares : dict of str to list
        Scheme to (split, part, whole); the official scheme is held against the release's.
    schemes : sequence of str
    near_arcsec : float
        Twice the radius of a cutout.

    Returns
    -------
    list of dict
        A scheme each: ``scheme``, ``version``, ``rows`` (of the version), ``in_files``, ``buffer``,
        ``buffer_fraction``, ``no_split``, ``close_pairs``, ``testing_near_training``, ``near_arcsec``, and
        ``splits``, a dict each: ``split``, ``rows``, ``share`` of what is in files, ``hashed`` (rows whose own cell
        or object hashes to it, buffers among them), ``expected`` share of those, ``sigmas`` that they are off, and
        the Kolmogorov-Smirnov distances to training ``ks_redshift`` and ``ks_magnitude``.

    Raises
    ------
    CatalogError
        The published build has no splits, or not that version.
    """
    load_objects(connection, version, band)
    pairs = close_pairs(connection, list(schemes), near_arcsec)
    return [
        _audit(connection, scheme, shares.get(scheme, shares["release"]))
        | {"version": version, "near_arcsec": near_arcsec}
        | {"close_pairs": pairs[scheme]["pairs"]}
        | {"testing_near_training": pairs[scheme]["testing_near_training"]}
        for scheme in schemes
    ]


def load_objects(connection: duckdb.DuckDBPyConnection, version: str, band: str) -> None:
    """Make the temporary table ``split_objects``: one version's galaxies with their splits."""
    try:
        connection.execute(f"""
            create or replace temp table split_objects as
            select g.object_id, g.ra, g.dec, g.specz_redshift as redshift, g.{band}_cmodel_mag as magnitude,
                {", ".join(f"s.split_{scheme}" for scheme in SCHEMES)}, s.sky_cell, c.split as cell_split
            from galaxies_{version} as g
            inner join splits as s using (object_id)
            left join split_cells as c using (sky_cell)
        """)
    except duckdb.CatalogException as error:
        raise CatalogError(
            f"The published build has no splits of {version}: {str(error).splitlines()[0]}",
            f"Type: galaxiesml build --version {version}",
        ) from None


def _audit(connection: duckdb.DuckDBPyConnection, scheme: str, shares: list) -> dict:
    columns = connection.execute(
        f"select split_{scheme} as split, {'cell_split' if scheme == 'leak_free' else f'split_{scheme}'} as hashed, "
        "sky_cell, redshift, magnitude from split_objects order by object_id"
    ).fetchnumpy()
    split, hashed = (np.ma.filled(np.ma.asarray(columns[name], object), "") for name in ("split", "hashed"))
    in_files = int(np.isin(split, SPLITS).sum())
    buffers = int((split == BUFFER).sum())
    placed = hashed != ""
    # Objects of one cell go together, so a share scatters as the cells' squared sizes say; alone, as binomial.
    cells = np.ma.filled(columns["sky_cell"], -1)[placed]
    sizes = np.unique(cells, return_counts=True)[1] if scheme == "leak_free" else np.ones(placed.sum())
    values = {name: np.ma.filled(np.ma.asarray(columns[name], float), np.nan) for name in ("redshift", "magnitude")}
    entries = []
    for name, part, whole in [*shares, (BUFFER, 0, 1)] if buffers else shares:
        count = int((hashed == name).sum()) if name != BUFFER else None
        entries.append(
            {
                "split": name,
                "rows": int((split == name).sum()),
                "share": float((split == name).sum() / in_files) if in_files and name != BUFFER else None,
                "hashed": count,
                "expected": part / whole if name != BUFFER else None,
                "sigmas": None if name == BUFFER else sigmas_off(count, Fraction(part, whole), sizes),
            }
            | {f"ks_{key}": _distance(value, split, name) for key, value in values.items()}
        )
    return {
        "scheme": scheme,
        "rows": len(split),
        "in_files": in_files,
        "buffer": buffers,
        "buffer_fraction": buffers / len(split) if len(split) else None,
        "no_split": int((split == "").sum()),
        "splits": entries,
    }


def sigmas_off(count: int, share: Fraction, sizes: np.ndarray) -> float | None:
    """How many standard deviations a count is from its share of groups that are drawn whole.

    Parameters
    ----------
    count : int
        Objects drawn.
    share : Fraction
        Probability of each group.
    sizes : ndarray
        Objects of each group; all 1 gives the binomial deviation.
    """
    total, scatter = float(np.sum(sizes)), float(np.sum(np.square(sizes, dtype=float)))
    if not total:
        return None
    return float((count - total * share) / np.sqrt(scatter * float(share * (1 - share))))


def _distance(values: np.ndarray, split: np.ndarray, name: str) -> float | None:
    return None if name == SPLITS[0] else kolmogorov_smirnov(values[split == SPLITS[0]], values[split == name])


def kolmogorov_smirnov(first: np.ndarray, second: np.ndarray) -> float | None:
    """Largest difference of two samples' cumulative distributions; NaN left out, None where a sample is empty."""
    first, second = (np.sort(sample[~np.isnan(sample)]) for sample in (first, second))
    if not len(first) or not len(second):
        return None
    steps = np.concatenate([first, second])
    cumulated = (np.searchsorted(sample, steps, side="right") / len(sample) for sample in (first, second))
    return float(np.max(np.abs(np.subtract(*cumulated))))


def redshifts(connection: duckdb.DuckDBPyConnection, scheme: str) -> dict[str, np.ndarray]:
    """Redshifts of each split's objects, of the table that :func:`load_objects` made."""
    query = f"select redshift from split_objects where split_{scheme} = ? and redshift is not null order by object_id"
    return {name: connection.execute(query, [name]).fetchnumpy()["redshift"] for name in SPLITS}


def cells(connection: duckdb.DuckDBPyConnection) -> dict[str, np.ndarray]:
    """Borders (deg) and leak-free split of the cells that hold the table's objects, by number."""
    return connection.execute(
        "select split, ra_low, ra_high, dec_low, dec_high from split_cells "
        "where sky_cell in (select sky_cell from split_objects) order by sky_cell"
    ).fetchnumpy()
