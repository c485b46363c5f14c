"""The exports land through the real commands, and what is built is what the truth says."""

import gzip
import re

import duckdb
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table

from . import skies

VERSIONS = (1, 2, 3, 4)


@pytest.fixture(scope="module", params=["export", "wide"])
def built(request, tmp_path_factory):
    """A catalogue with one of the exports landed and every version built."""
    folder = tmp_path_factory.mktemp(request.param) / "cat"
    assert skies.run("-q", "init", str(folder), "--release", "pdr2_wide") == 0
    asked = ["--archive-query", "paper"] if request.param == "export" else []
    export = skies.made() / f"{request.param}.csv.gz"
    assert skies.run("-q", "-C", str(folder), "ingest", "hsc", str(export), *asked) == 0
    assert skies.run("-q", "-C", str(folder), "build", "--accept-missing", "all") == 0
    return request.param, folder


def rows(capsys, folder, sql: str) -> list[str]:
    capsys.readouterr()
    assert skies.run("-q", "-C", str(folder), "sql", sql, "--format", "csv") == 0
    return capsys.readouterr().out.splitlines()[1:]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_build_keeps_the_objects_that_the_truth_names(built, version, capsys):
    name, folder = built
    kept = [int(row) for row in rows(capsys, folder, f"select object_id from galaxies_v{version} order by 1")]
    told = skies.truth("kept").query("export == @name and version == @v", local_dict={"name": name, "v": f"v{version}"})
    assert kept == sorted(told["object_id"]) and len(kept) > skies.GALAXIES // 2


def test_nothing_is_rejected_on_landing(built, capsys):
    name, folder = built
    (count,) = rows(capsys, folder, "select count(*) from int_pairs")
    assert int(count) == len(skies.export(name))


def test_about_as_many_galaxies_stay_as_were_asked_for():
    told = skies.truth("kept")
    for name in ("export", "wide"):
        kept = told[(told["export"] == name) & (told["version"] == "v2")]
        assert abs(len(kept) - skies.GALAXIES) <= 2


def test_the_papers_query_leaves_what_its_conditions_leave_of_the_wide_one():
    paper, wide = skies.export("export"), skies.export("wide")
    flags = [name for name in wide if re.search("cmodel_flag|pixelflags|sdsscentroid_flag", name)]
    assert len(flags) == 35
    good = ~wide[flags].any(axis=1) & wide["specz_redshift"].between(0, 9.999, inclusive="neither")
    left = wide[good & wide["specz_redshift_err"].between(0, 1, inclusive="neither")]
    pd.testing.assert_frame_equal(left[list(paper)].reset_index(drop=True), paper)
    assert len(paper) < len(wide)


@pytest.mark.parametrize("name, query", [("export", "paper"), ("wide", "wide")])
def test_columns_are_those_that_the_query_asks_for(name, query, repo):
    text = re.sub("--.*", "", (repo / "sql" / "archive" / f"{query}.sql").read_text())
    asked = [word.strip() for word in re.search("SELECT(.*?)FROM", text, re.DOTALL).group(1).split(",")]
    with gzip.open(skies.made() / f"{name}.csv.gz", "rt") as file:
        header = file.readline()
    assert header == "# " + ",".join(asked) + "\n"


def test_identifiers_positions_and_coordinates_agree():
    wide = skies.export("wide")
    numbers = wide["object_id"].to_numpy()
    assert all(len(str(number)) == 17 for number in numbers)
    np.testing.assert_array_equal(numbers >> 42, wide["tract"])
    np.testing.assert_array_equal(wide["skymap_id"], wide["tract"] * 10_000 + wide["patch"])
    np.testing.assert_array_equal((numbers >> 37 & 31) * 100 + (numbers >> 32 & 31), wide["patch"])
    parts = np.array([[float(v) for v in text.strip("()").split(",")] for text in wide["coord"]])
    np.testing.assert_allclose(np.degrees(np.arcsin(parts[:, 2])), wide["dec"], atol=1e-7)
    assert (wide["d_pos"] < 0.5).all()


def test_objects_of_the_catalogue_are_all_in_the_truth_and_near_it():
    galaxies = skies.truth("galaxies").set_index("object_id")
    wide = skies.export("wide").drop_duplicates("object_id").set_index("object_id")
    assert set(wide.index) == set(galaxies.index)
    off = np.hypot(wide["ra"] - galaxies["ra"].loc[wide.index], wide["dec"] - galaxies["dec"].loc[wide.index]) * 3600
    sole = galaxies["sources"].loc[wide.index] == 1
    assert off[sole].max() < 0.1
    spectra = skies.truth("spectra")
    assert set(skies.export("wide")["specz_name"]) == set(spectra["specz_name"])
    measured = spectra[(spectra["specz_redshift"] > 0) & (spectra["specz_redshift"] < 9)]
    pull = (measured["specz_redshift"] - measured["redshift"]) / measured["specz_redshift_err"]
    assert 0.6 < 1.4826 * pull.abs().median() < 1.5


def test_coverage_in_the_truth_says_which_pictures_are_there():
    coverage = skies.truth("coverage").set_index(["tract", "patch_x", "patch_y"])["bands_served"]
    objects = skies.truth("galaxies").set_index("object_id")
    faults = skies.truth("faults").set_index("object_id")["fault"]
    for row in skies.truth("pictures").query("own_tract").to_dict("records"):
        if faults.get(row["object_id"]) == "truncated":
            continue
        x, y = (int(part) for part in objects.loc[row["object_id"], "patch"].split(","))
        assert (row["band"] in coverage[row["tract"], x, y]) == (row["member"] is not None)


def test_surveys_publish_the_spectra_that_the_catalogue_matches():
    names = {
        "VIPERS-PDR1": ("vipers_w1_spectro_pdr2.csv", "num", "zspec", "zflg"),
        "ZCOSMOS-DR3": ("zcosmos_bright_dr3.csv", "zCOSMOS", "z", "CC"),
        "VVDS": ("vvds_final.csv", "NUM", "Z", "ZFLAGS"),
        "SDSS-DR14": ("sdss_dr14.csv", "specObjID", "z", "zWarning"),
        "DEEP3-V201701": ("deep2_dr4.fits", "OBJNO", "ZBEST", "ZQUALITY"),
        "GAMA-DR2": ("gama_dr3.fits", "CATAID", "Z", "NQ"),
        "PRIMUS-DR1": ("primus_dr1.fits", "OBJNAME", "Z", "ZQUALITY"),
    }
    assert {name for name, *_ in names.values()} == {path.name for path in (skies.made() / "specz").iterdir()}
    singles = skies.export("wide").drop_duplicates("specz_name")
    singles = singles[~singles["specz_name"].str.contains(",")]
    found = 0
    for label, (name, key, z, quality) in names.items():
        path = skies.made() / "specz" / name
        table = pd.read_csv(path) if path.suffix == ".csv" else Table.read(path).to_pandas()
        if label == "PRIMUS-DR1" or not len(table):
            continue
        theirs = table.set_index(key)
        for row in singles[singles["specz_name"].str.startswith(label + "-")].to_dict("records"):
            one = theirs.loc[int(row["specz_name"].removeprefix(label + "-"))]
            assert abs(one[z] - row["specz_redshift"]) < 6e-5
            assert float(one[quality]) == pytest.approx(float(row["specz_original_flag"]), abs=0.51)
            found += 1
    assert found > 10


def test_native_tables_have_the_columns_of_the_real_ones(shared_data):
    for name, real in (("vvds_final.csv", "vvds_final_release"), ("primus_dr1.fits", "primus_dr1")):
        path = skies.made() / "specz" / name
        ours = list(pd.read_csv(path, nrows=0)) if path.suffix == ".csv" else fits.open(path)[1].columns.names
        (table,) = (shared_data / "specz_native").glob(f"{real}_*.parquet")
        theirs = [column[0] for column in duckdb.connect().sql(f"describe select * from '{table}'").fetchall()]
        assert set(ours) <= set(theirs)
