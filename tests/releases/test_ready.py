"""Ready profiles: rows made to each survey's public schema land, convert and build, as an independent reading says."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import ensure_empty
from galaxiesml.curation.build import build
from galaxiesml.dictionary import columns
from galaxiesml.ingest.land import land_hsc
from galaxiesml.releases.check import profile_problems
from galaxiesml.releases.profile import RELEASES, load_profile

ROWS = 400
#: Of the schema: flags a filter, in the order in which the made rows set them.
FLAGS = (
    *("cModel_flag", "pixelFlags_edge", "pixelFlags_interpolatedCenter", "pixelFlags_saturatedCenter"),
    *("pixelFlags_crCenter", "pixelFlags_bad", "centroid_flag"),
)


def spectra(rows: int) -> dict:
    return {
        "specz_name": [f"DESI-{number}" for number in range(rows)],
        "specz_redshift": np.full(rows, 0.5),
        "specz_redshift_err": np.full(rows, 1e-4),
        "specz_flag_homogeneous": np.ones(rows, bool),
        "specz_error_kind": ["measured"] * rows,
    }


def dp1_rows() -> pa.Table:
    """The columns of the schema's table Object that the profile reads, in its types and units, and one more."""
    draw, fields, values = np.random.default_rng(5), [], []

    def add(name: str, array, unit: str = "") -> None:
        values.append(pa.array(array))
        fields.append(pa.field(name, values[-1].type, metadata={"unit": unit} if unit else None))

    add("objectId", np.arange(ROWS, dtype=np.int64) + 611_255_759_837_069_000)
    add("coord_ra", draw.uniform(52.5, 53.5, ROWS), "deg")
    add("coord_dec", draw.uniform(-28.5, -27.5, ROWS), "deg")
    add("tract", np.full(ROWS, 5063, np.int64))
    add("patch", draw.integers(0, 99, ROWS))
    add("parentObjectId", np.zeros(ROWS, np.int64))
    add("deblend_nChild", np.zeros(ROWS, np.int32))
    add("ebv", np.full(ROWS, 0.01, np.float32), "mag")
    for place, band in enumerate("ugrizy"):
        flux = draw.uniform(1e3, 1e5, ROWS).astype(np.float32)
        flux[place] *= -1
        add(f"{band}_cModelFlux", flux, "nJy")
        add(f"{band}_cModelFluxErr", (np.abs(flux) / 50).astype(np.float32), "nJy")
        for number, flag in enumerate(FLAGS):
            add(f"{band}_{flag}", np.arange(ROWS) == 10 + 10 * place + number)
    return pa.table(values, schema=pa.schema(fields))


def legacy_rows() -> Table:
    """Columns of a Tractor catalogue that the profile reads, in its types and units."""
    draw, table = np.random.default_rng(6), Table()
    table["release"] = np.full(ROWS, 10_000, np.int16)
    table["brickid"] = draw.integers(1, 662_174, ROWS).astype(np.int32)
    table["objid"] = np.arange(ROWS, dtype=np.int32)
    table["brick_primary"] = np.arange(ROWS) != 3
    table["maskbits"] = np.where(np.arange(ROWS) == 5, 1 << 10, 1 << 3).astype(np.int32)
    table["type"] = np.full(ROWS, "REX")
    table["ra"], table["dec"] = draw.uniform(0, 360, ROWS), draw.uniform(-60, 30, ROWS)
    table["ra"].unit = table["dec"].unit = "deg"
    for place, band in enumerate("griz"):
        flux = draw.uniform(1, 100, ROWS).astype(np.float32)
        ivar = draw.uniform(10, 100, ROWS).astype(np.float32)
        flux[place], ivar[20 + place] = 0, 0
        table[f"flux_{band}"], table[f"flux_ivar_{band}"] = flux, ivar
        mask = np.zeros(ROWS, np.int16)
        # One row for each bit; 6 and 7 are of no cut.
        for number, bit in enumerate((0, 1, 2, 4, 8, 9, 6, 7)):
            mask[40 + 10 * place + number] = 1 << bit
        table[f"allmask_{band}"] = mask
    return table


def built(folder, release: str, files) -> Catalog:
    catalog = Catalog.create(folder / "cat", release)
    ensure_empty(catalog)
    for file in files:
        land_hsc(catalog, file)
    # Nothing is accepted as missing: the profile says what does not apply.
    build(catalog)
    return catalog


@pytest.fixture(scope="module")
def dp1(tmp_path_factory):
    folder, table = tmp_path_factory.mktemp("dp1"), dp1_rows()
    pq.write_table(table, folder / "objects.parquet")
    pq.write_table(pa.table({"objectId": table["objectId"]} | spectra(ROWS)), folder / "specz.parquet")
    return built(folder, "rubin_dp1", [folder / "objects.parquet", folder / "specz.parquet"]), table


@pytest.fixture(scope="module")
def legacy(tmp_path_factory):
    folder, table = tmp_path_factory.mktemp("legacy"), legacy_rows()
    hdu = fits.table_to_hdu(table)
    for band in "griz":
        # As the catalogues have it; astropy writes no TUNIT for it.
        hdu.columns[f"flux_{band}"].unit = "nanomaggy"
    hdu.writeto(folder / "tractor-0001m002.fits")
    keys = {name: np.asarray(table[name]) for name in ("release", "brickid", "objid")}
    pq.write_table(pa.table(keys | spectra(ROWS)), folder / "specz.parquet")
    return built(folder, "legacy_dr10", [folder / "tractor-0001m002.fits", folder / "specz.parquet"]), table


@pytest.mark.parametrize("release", ["rubin_dp1", "legacy_dr10"])
def test_a_ready_profile_names_its_source_and_gives_every_column_a_name_or_a_reason(release):
    text = (RELEASES / f"{release}.toml").read_text()
    assert profile_problems(text + "\n") == [] and "https://" in text.splitlines()[1]
    profile = load_profile(release)
    known = [name for name, column in columns({"{band}": ""}).items() if column.of]
    patterns = {name.replace(f"{band}_", "{band}_", 1) for name in profile.columns for band in profile.bands}
    told = patterns | set(profile.columns) | set(profile.not_applicable)
    assert [name for name in known if name not in told and name != "specz_surveys"] == []


def test_dp1_fluxes_are_magnitudes_and_flags_cut(dp1):
    catalog, table = dp1
    assert all(version["missing_cuts"] == [] for version in catalog.build_info()["versions"].values())
    connection = catalog.connect()
    kept = connection.sql("select * from galaxies_v2 order by object_id").to_arrow_table()
    place = kept["object_id"].to_numpy() - 611_255_759_837_069_000
    # Six rows have a negative flux in a filter, six times seven a flag.
    cut = {*range(6), *(10 + 10 * band + flag for band in range(6) for flag in range(7))}
    assert place.tolist() == [row for row in range(ROWS) if row not in cut]
    for band in "ugrizy":
        flux = table[f"{band}_cModelFlux"].to_numpy().astype(float)[place]
        error = table[f"{band}_cModelFluxErr"].to_numpy().astype(float)[place]
        np.testing.assert_allclose(kept[f"{band}_cmodel_mag"].to_numpy(), 31.4 - 2.5 * np.log10(flux), rtol=1e-14)
        sigma = 2.5 / np.log(10) * error / flux
        np.testing.assert_allclose(kept[f"{band}_cmodel_magsigma"].to_numpy(), sigma, rtol=1e-14)
    (landing,) = [one for one in catalog.landings() if one["kind"] == "objects"]
    assert [entry["rows"] for entry in landing["not_positive"]] == [1] * 6
    reasons = dict(
        connection.execute("select cut, state from cut_states where state like 'not applicable%'").fetchall()
    )
    assert set(reasons) == {"specz_mag", "primary"}


def test_legacy_identifiers_masks_and_inverse_variances(legacy):
    catalog, table = legacy
    assert all(version["missing_cuts"] == [] for version in catalog.build_info()["versions"].values())
    connection = catalog.connect()
    packed = (
        (np.asarray(table["release"]).astype(np.int64) << 42)
        + (np.asarray(table["brickid"]).astype(np.int64) << 22)
        + np.asarray(table["objid"])
    )
    kept = connection.sql("select * from galaxies_v4 order by specz_redshift, object_id").to_arrow_table()
    row_of = {int(one): row for row, one in enumerate(packed)}
    place = np.array([row_of[one] for one in kept["object_id"].to_pylist()])
    cut = {5, *range(4), *(40 + 10 * band + number for band in range(4) for number in range(6))}
    # brick_primary is a cut of v3 alone; row 3 goes for its flux.
    assert sorted(place.tolist()) == [row for row in range(ROWS) if row not in cut]
    for band in "griz":
        flux, ivar = (np.asarray(table[name]).astype(float)[place] for name in (f"flux_{band}", f"flux_ivar_{band}"))
        np.testing.assert_allclose(kept[f"{band}_cmodel_mag"].to_numpy(), 22.5 - 2.5 * np.log10(flux), rtol=1e-14)
        with np.errstate(divide="ignore"):
            sigma = np.where(ivar > 0, 2.5 / np.log(10) / (np.sqrt(ivar) * flux), np.nan)
        found = kept[f"{band}_cmodel_magsigma"].to_numpy()
        np.testing.assert_allclose(found, sigma, rtol=1e-14, equal_nan=True)
    assert connection.execute("select isprimary from hsc_objects where source_row = 4").fetchone() == (False,)
    reasons = dict(
        connection.execute("select cut, state from cut_states where state like 'not applicable%'").fetchall()
    )
    assert set(reasons) == {"specz_mag", "centroid"} and "there is no flag of a centroid" in reasons["centroid"]


CUT = """\
sql = "i_cModelFlux > 50000"
why = "bright in nJy"
section = "here"

[columns.i_cModelFlux]
type = "double"
unit = "nJy"
description = "Flux of the composite model in i."
of = "object"
"""


def test_what_asks_landed_tables_reads_converted_columns(dp1, tmp_path, finished):
    """An object without a spectrum, the photometric sample, the boxes around objects: of the landed tables."""
    from galaxiesml.archive.boxes import boxes_near
    from galaxiesml.curation.photometric import photometric_sample

    catalog, table = dp1
    more = table.slice(200, 2).set_column(0, "objectId", pa.array([7, 8], pa.int64()))
    pq.write_table(more, tmp_path / "more.parquet")
    root = tmp_path / "cat"
    shutil.copytree(catalog.root, root)
    assert finished("-C", root, "ingest", "table", tmp_path / "more.parquet").returncode == 0
    # A cut of one's own reads the release's column behind a conversion.
    (root / "cuts").mkdir(exist_ok=True)
    (root / "cuts" / "bright.toml").write_text(CUT)
    assert finished("-C", root, "versions", "new", "mine", "--from", "v2", "--with", "bright").returncode == 0
    assert finished("-C", root, "build").returncode == 0
    connection = Catalog.open(root).connect()
    kept = connection.execute("select object_id, i_cmodel_mag from galaxies_mine order by 1").fetchall()
    in_v2 = {one for (one,) in connection.execute("select object_id from galaxies_v2").fetchall()}
    flux = dict(zip(table["objectId"].to_pylist(), table["i_cModelFlux"].to_pylist(), strict=True))
    assert [one for one, _ in kept] == sorted(one for one in in_v2 if flux[one] > 50_000)
    assert 0 < len(kept) < len(in_v2) and max(mag for _, mag in kept) < 31.4 - 2.5 * np.log10(50_000)
    row = json.loads(finished("-C", root, "audit", "row", 7, "--json").stdout)
    cuts = {cut["cut"]: cut for cut in row["cuts"]}
    magnitude = 31.4 - 2.5 * np.log10(float(table["u_cModelFlux"][200].as_py()))
    assert row["pairs"] == [] and cuts["magnitudes"]["verdict"] == "pass"
    first = cuts["magnitudes"]["value"].split(",")[0]
    assert float(first.removeprefix("u ")) == pytest.approx(magnitude, abs=1e-7)
    assert cuts["primary"]["verdict"] == "not applicable, because the table Object has no such column"
    sample, whole = photometric_sample(Catalog.open(root), "v2")
    assert whole == ROWS - 48 + 2 and sample["object_id"][0].as_py() == 7
    boxes = boxes_near(Catalog.open(root))
    assert boxes and all(52 < box.ra_low < 54 for box in boxes)


@pytest.mark.parametrize("survey", ["dp1", "legacy"])
def test_sail_makes_the_same_rows_of_converted_columns(survey, request, typed):
    pytest.importorskip("pysail", reason="Sail is not installed: pip install 'galaxiesml[sail]'")
    catalog, _ = request.getfixturevalue(survey)
    code, out, err = typed("-C", catalog.root, "audit", "engines", "--json")
    assert code == 0 and json.loads(out)["equal"], out or err
