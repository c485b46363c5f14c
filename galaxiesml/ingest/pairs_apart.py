"""Check the distances of spectra from their objects, which reveal a wrong unit or a wrong column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import parquet
from galaxiesml.errors import InputError
from galaxiesml.ingest.converted import Conversions
from galaxiesml.releases.conversions import converted

#: Pairs farther apart than this are none of the same source.
APART_ARCSEC = 60.0
#: Spectra of a file of their own, or of the files before, that are looked up among the objects.
SAMPLE = 20_000
_POSITIONS = ("ra", "dec", "specz_ra", "specz_dec")


class Pairs:
    """Pairs with both positions, and those farther apart than `APART_ARCSEC`, counted block by block."""

    def __init__(self, path: Path, names: dict[str, str]):
        self.path, self.names, self.pairs, self.apart, self.farthest = path, names, 0, 0, 0.0

    def add(self, table: pa.Table) -> None:
        """Count a block's pairs; without all four positions there are none."""
        if not set(_POSITIONS) <= set(table.column_names):
            return
        self.count(*(table[name].cast(pa.float64()).to_numpy() for name in _POSITIONS))

    def count(self, ra: np.ndarray, dec: np.ndarray, specz_ra: np.ndarray, specz_dec: np.ndarray) -> None:
        """Count pairs of positions, deg; NaN, or none on the sky, makes no pair."""
        both = np.isfinite(ra + dec + specz_ra + specz_dec) & (np.abs(dec) <= 90) & (np.abs(specz_dec) <= 90)
        both &= (ra >= 0) & (ra < 360) & (specz_ra >= 0) & (specz_ra < 360)
        ra, dec, other_ra, other_dec = (np.radians(one[both]) for one in (ra, dec, specz_ra, specz_dec))
        half = np.sin((dec - other_dec) / 2) ** 2
        half += np.cos(dec) * np.cos(other_dec) * np.sin((ra - other_ra) / 2) ** 2
        apart = np.degrees(2 * np.arcsin(np.sqrt(np.clip(half, 0, 1)))) * 3600
        self.pairs += len(apart)
        self.apart += int((apart > APART_ARCSEC).sum())
        self.farthest = max(self.farthest, float(apart.max(initial=0)))

    def refuse(self) -> None:
        """Raise where more than half are apart.

        Raises
        ------
        InputError
        """
        if self.apart * 2 <= self.pairs:
            return
        ours, theirs = (
            ", ".join(self.names.get(name, name) for name in two) for two in (_POSITIONS[:2], _POSITIONS[2:])
        )
        raise InputError(
            f"{self.path}: {self.apart:,} of {self.pairs:,} spectra are farther than {APART_ARCSEC:g} arcsec from "
            f"their object, up to {self.farthest:,.0f}: {ours} and {theirs} are not both in degrees, not in the same "
            "frame, or not of the same source; nothing was landed.",
            "Degrees of J2000 are expected, 0 to 360 and -90 to 90; a release profile can name other columns.",
        )

    def notes(self) -> list[str]:
        """Messages for the user about distant pairs."""
        told = f"{self.apart:,} of {self.pairs:,} spectra are farther than {APART_ARCSEC:g} arcsec from their object"
        return [f"{told}, up to {self.farthest:,.0f}"] if self.apart else []


def count_across(
    pairs: Pairs, new: Path, kind: str, catalog: Catalog, landed_kinds: set[str], conversions: Conversions
) -> None:
    """Count pairs of a new file of objects with spectra landed before, or the other way round.

    Some of the spectra are taken, the first of them: what is wrong with a unit is wrong with all.

    Parameters
    ----------
    new : Path
        The new file's Parquet.
    kind : str
        'objects' or 'specz'; a joined file has its pairs in its own rows.
    landed_kinds : set of str
        Landed files; the folder also has empty tables of every kind.
    conversions : Conversions
        Of the new file.
    """
    other = {"objects": "specz", "specz": "objects"}[kind]
    if other not in landed_kinds:
        return
    import duckdb

    landed = parquet(catalog.raw / "hsc", f"[0-9]*/{other}.parquet", union_by_name=True)
    sides = {
        kind: converted(parquet(new), conversions.named, conversions.types),
        other: catalog.with_conversions(landed, other),
    }
    with duckdb.connect(config={"memory_limit": "256MB", "threads": 2}) as connection:
        try:
            found = connection.execute(
                f"""
                with spectra as (
                    select object_id, specz_ra, specz_dec from {sides["specz"]}
                    where specz_ra is not null and specz_dec is not null limit {SAMPLE}
                )
                select objects.ra, objects.dec, spectra.specz_ra, spectra.specz_dec
                from {sides["objects"]} as objects
                inner join spectra on objects.object_id = spectra.object_id
                where objects.ra is not null and objects.dec is not null
                """
            ).fetchnumpy()
        except duckdb.BinderException:
            # A file without positions has no pairs.
            return
    pairs.count(*(np.ma.filled(found[name], np.nan).astype(float) for name in _POSITIONS))
