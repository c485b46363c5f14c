"""A catalogue that has something of everything: an export, pictures, PSFs, spectra, morphology and predictions."""

from pathlib import Path

import pyarrow.parquet as pq

from galaxiesml.catalog import Catalog
from galaxiesml.cutouts.land import land_pictures

from ..cutouts.service import cutout, name, tract_wcs, write_list, write_tar
from ..mock import skies


def whole(folder: Path, rows: int, pictured: int, predicted: str = "all") -> Catalog:
    """Landed, built, measured, predicted, by the commands that a user types; what they brought is not built yet.

    Parameters
    ----------
    folder : Path
        An empty folder.
    rows : int
        Rows of the simulated export, next to those of the simulated sky.
    pictured : int
        Objects of the export that get pictures of noise, next to the sky's own.
    predicted : str
        Whose redshifts are predicted: all, or testing.
    """
    sky, root = skies.made(), folder / "cat"

    def run(*words) -> None:
        assert skies.run("-q", *(str(word) for word in words)) == 0, words

    run("mock", "export", "--rows", rows, "--format", "parquet", "--out", folder / "export")
    run("init", root, "--release", "pdr2_wide")
    run("-C", root, "ingest", "hsc", sky / "wide.csv.gz", folder / "export" / "export.parquet")
    run("-C", root, "ingest", "specz", *sorted((sky / "specz").iterdir()))
    for kind in ("cutouts", "psf"):
        run("-C", root, "ingest", kind, *sorted((sky / kind).glob("*.tar")))
    run("-C", root, "build", "--accept-missing", "all", "--engine", "duckdb")
    catalog = Catalog.open(root)
    land_noise(catalog, folder, pictured)
    run("-C", root, "build", "--accept-missing", "all", "--engine", "duckdb")
    run("-C", root, "morphology", "--workers", 1)
    run("-C", root, "train", "table", "--set", "epochs=1")
    run("-C", root, "predict", "table-1", "--of", predicted)
    return catalog


def land_noise(catalog: Catalog, folder: Path, count: int) -> None:
    """Land pictures of noise, in every filter, of the first objects of the second landed file that a version keeps."""
    build = catalog.current_build()
    kept = pq.read_table(
        build / "galaxies_v2.parquet", columns=["object_id", "ra", "dec"], filters=[("landing", "=", 2)]
    ).slice(0, count)
    places = list(zip(kept["ra"].to_pylist(), kept["dec"].to_pylist(), strict=True))
    tars = []
    for band in "GRIZY":
        members = {
            name(line, band): cutout(ra, dec, band=band, wcs=tract_wcs(ra, dec), seed=line)[0]
            for line, (ra, dec) in enumerate(places, 2)
        }
        tars.append(write_tar(folder / f"{band}.tar", members))
        write_list(folder / f"{band}.txt", places, band)
    assert {landed.state for landed in land_pictures(catalog, tars)} == {"landed"}
