"""A survey of six filters, as LSST: one profile file, contracts on, no SQL changed."""

import csv

import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import ensure_empty
from galaxiesml.curation.build import build
from galaxiesml.dictionary import PROJECT
from galaxiesml.ingest.land import land_hsc

PROFILE = """
name = "lsst_like"
title = "A survey like LSST, six filters"
reference = "https://sdm-schemas.lsst.io/"
nulls = ["", "NULL"]
archive_cuts = ["match_distance"]

[bands]
u = "em.opt.U"
g = "em.opt.B"
r = "em.opt.R"
i = "em.opt.I"
z = "em.opt.I"
y = "em.opt.I"

[columns]
object_id = "objectId"
ra = "coord_ra"
dec = "coord_dec"
isprimary = "detect_isPrimary"
"{band}_cmodel_mag" = "{band}_cModelMag"
"{band}_cmodel_magsigma" = "{band}_cModelMagErr"
"{band}_cmodel_flag" = "{band}_cModel_flag"
"{band}_pixelflags_edge" = "{band}_pixelFlags_edge"
"{band}_pixelflags_interpolatedcenter" = "{band}_pixelFlags_interpolatedCenter"
"{band}_pixelflags_saturatedcenter" = "{band}_pixelFlags_saturatedCenter"
"{band}_pixelflags_crcenter" = "{band}_pixelFlags_crCenter"
"{band}_pixelflags_bad" = "{band}_pixelFlags_bad"
"{band}_sdsscentroid_flag" = "{band}_centroid_flag"
specz_name = "z_name"
specz_ra = "z_ra"
specz_dec = "z_dec"
specz_redshift = "z_spec"
specz_redshift_err = "z_spec_err"
specz_flag_homogeneous = "z_secure"
specz_mag_i = {source = "z_imag", nulls = ["-99"]}

[surveys]
desi = {column = "in_desi", error = "measured"}
"""
FLAGS = ["cModel_flag", "pixelFlags_edge", "pixelFlags_interpolatedCenter", "pixelFlags_saturatedCenter",
         "pixelFlags_crCenter", "pixelFlags_bad", "centroid_flag"]  # fmt: skip


def row(number: int, **changes) -> dict:
    made = {
        "objectId": 3 * 10**17 + number,
        "coord_ra": 10 + number,
        "coord_dec": 1,
        "detect_isPrimary": "true",
    }
    for band in "ugrizy":
        made |= {f"{band}_cModelMag": 21, f"{band}_cModelMagErr": 0.01} | {f"{band}_{flag}": "false" for flag in FLAGS}
    made |= {"z_name": f"DESI-{number}", "z_ra": 10 + number, "z_dec": 1, "z_spec": 0.6, "z_spec_err": 1e-4}
    return made | {"z_secure": "true", "z_imag": 20.5, "in_desi": "true"} | changes


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    folder = tmp_path_factory.mktemp("six")
    (folder / "lsst_like.toml").write_text(PROFILE)
    rows = [
        row(1),
        row(2, u_cModelMag="NULL"),
        row(3, u_pixelFlags_bad="true"),
        row(4, z_imag="-99"),
        row(5, z_name="DESI-1"),
    ]
    with open(folder / "objects.csv", "w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    catalog = Catalog.create(folder / "cat", folder / "lsst_like.toml")
    ensure_empty(catalog)
    land_hsc(catalog, folder / "objects.csv")
    build(catalog)
    return catalog


def test_the_sixth_filter_is_cut_on_and_carried(catalog):
    connection = catalog.connect()
    kept = connection.execute("select object_id % 10, u_cmodel_mag from galaxies order by 1").fetchall()
    assert kept == [(1, 21.0)]
    reasons = connection.execute(
        "select object_id % 10, failed_cuts from rejections where version = 'v2' order by 1"
    ).fetchall()
    assert reasons == [(2, "magnitudes"), (3, "bad"), (4, "specz_mag"), (5, "unique_spectrum")]
    missing = connection.execute("select missing_cuts from versions").fetchall()
    assert set(missing) == {("",)}


def test_contracts_are_on_and_the_sql_is_the_packaged_one(catalog):
    schema = (catalog.dbt / "models" / "marts" / "galaxies.yml").read_text()
    assert "u_cmodel_mag" in schema
    assert "enforced: true" in schema
    for path in (catalog.dbt / "models").rglob("*.sql"):
        assert path.read_text() == (PROJECT / path.relative_to(catalog.dbt)).read_text()
