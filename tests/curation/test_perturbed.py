"""The real export, with faults put into known rows: every cut and every duplicate step removes just those."""

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import ensure_empty
from galaxiesml.curation.build import build
from galaxiesml.curation.rules import published
from galaxiesml.ingest.land import land_hsc

from ..made.real import real
from .reading import BANDS, VERSIONS

#: The export's names for what the independent reading reads.
NAMES = {
    "object_id": "object_id",
    "specz_name": "specz_id",
    "specz_redshift": "z_hsc",
    "specz_redshift_err": "z_hsc_err",
    "specz_flag_homogeneous": "specz_flag",
    "specz_mag_i": "specz_mag_i",
    "specz_class": "specz_class",
    "isprimary": "detect_is_primary",
    "d_pos": "d_pos",
}
for _band in BANDS:
    NAMES |= {
        f"{_band}_cmodel_mag": f"{_band}cmodel_mag",
        f"{_band}_cmodel_flag": f"{_band}cmodel_flux_flags",
        f"{_band}_pixelflags_edge": f"{_band}flags_pixel_edge",
        f"{_band}_pixelflags_interpolatedcenter": f"{_band}flags_pixel_interpolated_center",
        f"{_band}_pixelflags_saturatedcenter": f"{_band}flags_pixel_saturated_center",
        f"{_band}_pixelflags_crcenter": f"{_band}flags_pixel_cr_center",
        f"{_band}_pixelflags_bad": f"{_band}flags_pixel_bad",
        f"{_band}_sdsscentroid_flag": f"{_band}centroid_sdss_flags",
    }

#: Cut to the fault that only it sees: column there, value.  Errors between the two limits fail v1 alone.
FAULTS = {
    "cmodel_flag": ("rcmodel_flux_flags", True),
    "edge": ("zflags_pixel_edge", True),
    "interpolated": ("gflags_pixel_interpolated_center", True),
    "saturated": ("yflags_pixel_saturated_center", True),
    "crcenter": ("iflags_pixel_cr_center", True),
    "bad": ("rflags_pixel_bad", True),
    "centroid": ("gcentroid_sdss_flags", True),
    "redshift": ("z_hsc", 0.01),
    "error_divided": ("z_hsc_err", 0.005),
    "error": ("z_hsc_err", 0.0065),
    "secure": ("specz_flag", 0.0),
    "magnitudes": ("ycmodel_mag", 55.0),
    "magnitude_range": ("icmodel_mag", -1.0),
    "specz_mag": ("specz_mag_i", -1.0),
    "match_distance": ("d_pos", 0.5),
    "primary": ("detect_is_primary", False),
    "not_star": ("specz_class", "STAR"),
    "measured_error": ("specz_gama_flag", 1.0),
    "detected": ("gcmodel_mag", np.nan),
}
EACH = 3


def perturb(table: Table) -> tuple[Table, dict[str, list[int]]]:
    """The export with the columns that it lacks, and the rows in which each fault stands."""
    count = len(table)
    for band in BANDS:
        for name in ("flags_pixel_cr_center", "flags_pixel_bad", "centroid_sdss_flags"):
            if f"{band}{name}" not in table.colnames:
                table[f"{band}{name}"] = np.zeros(count, bool)
    table["specz_mag_i"] = np.full(count, 19.5)
    table["d_pos"] = np.linspace(0.01, 0.49, count)
    table["detect_is_primary"] = np.ones(count, bool)
    table["specz_class"] = np.array(["GALAXY"] * count, "U6")
    table["specz_sdss_flag"], table["specz_gama_flag"] = 1.0, 0.0
    frame = reading_frame(table)
    strict = set(VERSIONS[3](frame))
    rows = iter([row for row in VERSIONS[1](frame) if row in strict])
    planted = {}
    for cut, (column, value) in FAULTS.items():
        planted[cut] = [next(rows) for _ in range(EACH)]
        table[column][planted[cut]] = value
    planted["groups"] = plant_groups(table, rows)
    return table, planted


def plant_groups(table: Table, rows) -> list[int]:
    """Rows that share a spectrum, objects with two spectra that agree, and with two that do not."""
    touched = []
    for _ in range(EACH):
        first, second, third = (next(rows) for _ in range(3))
        table["specz_id"][[first, second, third]] = table["specz_id"][first]
        # v3 takes the nearest of them, not the first.
        table["d_pos"][second] = 0.001
        one, other = next(rows), next(rows)
        table["object_id"][other] = table["object_id"][one]
        table["z_hsc"][other] = table["z_hsc"][one] + 1e-4
        far, away = next(rows), next(rows)
        table["object_id"][away] = table["object_id"][far]
        table["z_hsc"][away] = table["z_hsc"][far] + 0.02
        touched += [first, second, third, one, other, far, away]
    return touched


def reading_frame(table: Table) -> pd.DataFrame:
    """The export's rows that have a spectrum, under the names that the reading knows."""
    frame = pd.DataFrame({ours: np.asarray(table[theirs]).tolist() for ours, theirs in NAMES.items()}, dtype=object)
    gama, sdss = np.asarray(table["specz_gama_flag"]) == 1, np.asarray(table["specz_sdss_flag"]) == 1
    frame["specz_error_kind"] = np.where(gama, "arbitrary", np.where(sdss, "measured", None))
    has_spectrum = np.asarray(table["specz_id"]) != -9999
    return frame[has_spectrum]


@pytest.fixture(scope="module")
def perturbed(tmp_path_factory, shared_data):
    folder = tmp_path_factory.mktemp("perturbed")
    table, planted = perturb(Table.read(shared_data / "hsc_s16a_wide_gama.fits"))
    table.write(folder / "perturbed.fits")
    catalog = Catalog.create(folder / "cat", "s16a_wide")
    ensure_empty(catalog)
    land_hsc(catalog, folder / "perturbed.fits")
    build(catalog)
    return catalog, table, planted


def test_every_version_keeps_what_pandas_keeps(perturbed):
    catalog, table, _ = perturbed
    connection = catalog.connect()
    frame = reading_frame(table)
    for version, reading in VERSIONS.items():
        query = f"select source_row - 1 from galaxies_v{version} order by 1"
        assert [row[0] for row in connection.execute(query).fetchall()] == reading(frame)


def test_every_cut_removes_the_rows_that_were_planted(perturbed):
    catalog, _, planted = perturbed
    connection = catalog.connect()
    for cut, rows in planted.items():
        if cut == "groups":
            continue
        for version in next(each for each in published().cuts if each["name"] == cut)["versions"]:
            found = connection.execute(
                "select source_row - 1 from rejections where version = ? and failed_cuts = ? order by 1",
                [version, cut],
            ).fetchall()
            assert set(rows) <= {row[0] for row in found}, f"{cut} in {version}"
    flow = connection.execute("select cut, max(only_this) from cut_flow group by cut").fetchall()
    assert not [cut for cut, only in flow if only == 0]
    assert len(flow) == len(published().cuts)


def test_both_duplicate_steps_remove_known_rows(perturbed):
    catalog, _, _ = perturbed
    removed = dict(
        catalog.connect()
        .execute("select version || ' ' || cut, fails from cut_flow where cut_group = 'duplicates'")
        .fetchall()
    )
    assert removed == {
        "v1 unique_spectrum": 2 * EACH,
        "v1 unique_object": 2 * EACH,
        "v2 unique_spectrum": 2 * EACH,
        "v2 sole_object": 4 * EACH,
        "v3 agreement": 2 * EACH,
        "v3 best_of_spectrum": 2 * EACH,
        "v3 best_of_object": EACH,
        "v4 unique_spectrum": 2 * EACH,
        "v4 sole_object": 4 * EACH,
    }


def test_the_real_export_as_it_is(tmp_path, shared_data):
    """The figures of an independent reading of the file, cut by cut."""
    connection = Catalog.open(real(shared_data, tmp_path)).connect()
    counts = connection.execute(
        "select objects, objects_without_spectrum, pairs, photometric_objects, photometric_with_spectrum"
        " from object_counts"
    ).fetchone()
    assert counts == (972, 56, 916, 730, 693)
    flow = connection.execute("select cut, rows_out from cut_flow where version = 'v2' order by step").fetchall()
    judged = {"crcenter", "bad", "specz_mag"}
    assert [rows for cut, rows in flow if cut not in judged] == [
        912,
        730,
        730,
        695,
        693,
        693,
        693,
        688,
        688,
        688,
        688,
    ]
