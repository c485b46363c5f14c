"""``profile new`` and ``profile check`` as typed: proposals from tables, faults by their lines, what would land."""

import json
import shlex
import tomllib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from galaxiesml.releases.check import profile_problems
from galaxiesml.toml_keys import key_lines

from .radians import OURS, THEIRS, tables
from .test_ready import dp1_rows, legacy_rows


def proposed(typed, folder, file):
    code, _, err = typed("profile", "new", folder / "own.toml", "--from-file", file)
    assert code == 0, err
    text = (folder / "own.toml").read_text()
    assert profile_problems(text) == []
    return text, tomllib.loads(text)


def test_a_proposal_for_rubin_reads_names_units_and_filters(tmp_path, typed):
    pq.write_table(dp1_rows(), tmp_path / "dp1_objects.parquet")
    text, raw = proposed(typed, tmp_path, tmp_path / "dp1_objects.parquet")
    assert list(raw["bands"]) == list("ugrizy") and raw["name"] == "own"
    assert raw["columns"] == {
        "object_id": "objectId",
        "ra": "coord_ra",
        "dec": "coord_dec",
        "tract": "tract",
        "patch": "patch",
        "parent_id": "parentObjectId",
        "nchild": "deblend_nChild",
        "{band}_cmodel_mag": {"source": "{band}_cModelFlux", "flux": "nJy"},
        "{band}_cmodel_magsigma": {"source": "{band}_cModelFlux", "flux_err": "{band}_cModelFluxErr"},
        "{band}_cmodel_flag": "{band}_cModel_flag",
        "{band}_pixelflags_edge": "{band}_pixelFlags_edge",
        "{band}_pixelflags_interpolatedcenter": "{band}_pixelFlags_interpolatedCenter",
        "{band}_pixelflags_saturatedcenter": "{band}_pixelFlags_saturatedCenter",
        "{band}_pixelflags_crcenter": "{band}_pixelFlags_crCenter",
        "{band}_pixelflags_bad": "{band}_pixelFlags_bad",
        "{band}_sdsscentroid_flag": "{band}_centroid_flag",
    }
    assert '# coord = "why the survey has no equal for it"' in text


def test_a_proposal_for_a_fits_table_packs_the_identifier_and_tells_of_masks_and_other_filters(tmp_path, typed):
    table = legacy_rows()
    table["flux_w1"] = table["flux_g"]
    hdu = fits.table_to_hdu(table)
    for band in "griz":
        hdu.columns[f"flux_{band}"].unit = "nanomaggy"
    hdu.writeto(tmp_path / "tractor.fits")
    text, raw = proposed(typed, tmp_path, tmp_path / "tractor.fits")
    assert list(raw["bands"]) == list("griz") and '# w1 = "em.IR.3-4um"' in text
    assert raw["columns"]["object_id"] == {"id": ["release", "brickid", "objid"]}
    assert raw["columns"]["{band}_cmodel_mag"] == {"source": "flux_{band}", "flux": "nanomaggy"}
    assert raw["columns"]["{band}_cmodel_magsigma"] == {"source": "flux_{band}", "ivar": "flux_ivar_{band}"}
    assert "maskbits" in text and "allmask_g" in text


def test_what_is_unsure_is_a_comment_with_the_candidates(tmp_path, typed):
    table = pa.table(
        {"ID": range(60), "SOURCE_ID": range(60), "RA": np.linspace(0.1, 6, 60), "DEC": np.linspace(-1, 1, 60)}
        | {f"MAG_AUTO_{band}": np.full(60, 21.0) for band in "GRI"}
        | {"Z_FLAG": np.arange(60) % 5, "Z_SPEC": np.full(60, 0.4)}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    text, raw = proposed(typed, tmp_path, tmp_path / "t.parquet")
    assert raw["columns"]["object_id"] == "SOURCE_ID" and 'object_id = "SOURCE_ID"  # or ID' in text
    assert list(raw["bands"]) == list("GRI")
    assert raw["columns"]["{band}_cmodel_mag"] == "MAG_AUTO_{band}"
    assert (
        "ra" not in raw["columns"] and '# ra = {source = "RA", unit = "rad"}' in text and "or radians as here?" in text
    )
    assert "which are secure?" in text and '# specz_flag_homogeneous = "Z_FLAG"' in text
    # A file that states degrees leaves no doubt.
    named = Table({name: column.to_numpy() for name, column in zip(table.column_names, table.columns, strict=True)})
    named["RA"].unit = named["DEC"].unit = "deg"
    named.write(tmp_path / "t.fits")
    code, _, _ = typed("profile", "new", tmp_path / "own.toml", "--from-file", tmp_path / "t.fits", "--force")
    assert code == 0 and tomllib.loads((tmp_path / "own.toml").read_text())["columns"]["ra"] == "RA"


def test_a_profile_is_not_replaced_unless_asked(tmp_path, typed):
    pq.write_table(pa.table({"id": [1], "ra": [1.0]}), tmp_path / "t.parquet")
    (tmp_path / "own.toml").write_text("mine\n")
    code, out, err = typed("profile", "new", tmp_path / "own.toml", "--from-file", tmp_path / "t.parquet")
    assert (code, out) == (2, "") and "own.toml exists" in err and (tmp_path / "own.toml").read_text() == "mine\n"
    code, _, err = typed("profile", "new", tmp_path / "own.txt", "--from-file", tmp_path / "t.parquet")
    assert code == 2 and "does not end in .toml" in err
    code, _, err = typed("profile", "new", tmp_path / "new.toml", "--from-file", tmp_path / "none.parquet")
    assert code == 3 and "There is no file" in err and not (tmp_path / "new.toml").exists()


@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "{{ env_var('HOME') }}", "näme", "x'y", "# c", "[t]", "a\nb", "\n[x]\ny = 1"]
)
def test_names_and_units_of_a_hostile_file_stay_texts(name, tmp_path, typed):
    table = {"id": [1], f"mask {name}": [2], "ra": [1.0], "g_flux": [1.0], "r_flux": [1.0], "dec": [0.5]}
    fields = [
        pa.field(one, pa.array(values).type, metadata={"unit": f"nJy{name}"} if "flux" in one or one == "dec" else None)
        for one, values in table.items()
    ]
    path = tmp_path / f"{name.replace('/', '')}.parquet"
    pq.write_table(pa.table(table, schema=pa.schema(fields)), path)
    text, raw = proposed(typed, tmp_path, path)
    # What the file says is in comments alone, a line each.
    assert raw["columns"] == {"object_id": "id", "ra": "ra"} and list(raw["bands"]) == ["g", "r"]
    assert (
        "has no AB zero point" in text
        and "# Columns of bits" in text
        and set(raw) == {*("name", "title", "reference", "nulls", "bands", "columns")}
    )


def test_the_next_commands_lead_from_the_table_to_a_build(tmp_path, typed, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(dp1_rows(), "my objects.parquet")
    *_, err = typed("profile", "new", "own.toml", "--from-file", "my objects.parquet")
    words = shlex.split(err.split(", then ")[1])
    code, out, err = typed(*words[1:])
    assert code == 0 and "own.toml: no fault" in out, err
    assert typed("init", "cat", "--release", "own.toml")[2].endswith("Next: cd cat && galaxiesml ingest table FILE\n")
    assert typed("-C", "cat", "ingest", "table", "my objects.parquet")[0] == 0


#: A line of the profile, what is put instead, and what is told of it, on its line.
FAULTS = {
    "a unit": ('unit = "rad"}', 'unit = "rda"}', "columns.ra.unit = 'rda' is not a known unit", "rad"),
    "a column": ("specz_redshift =", "specz_redshfit =", "galaxiesml has no column 'specz_redshfit'", "specz_redshift"),
    "a key": ('flux_err = "', 'flux_eror = "', "has no key 'flux_eror'", "flux_err"),
    "a filter": ('g = "em.opt.B"', 'g = "em.opt.Bleu"', "bands.g = 'em.opt.Bleu' is not a word", "em.opt.B"),
    "a flux's unit": ('flux = "nJy"', 'flux = "nJj"', "flux = 'nJj' has no AB zero point", "nJy"),
    "the syntax": ("[columns]", "[columns", "TOMLDecodeError", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_its_line_and_the_nearest_right_word(fault, tmp_path, typed):
    old, new, said, near = FAULTS[fault]
    assert old in THEIRS
    text = THEIRS.replace(old, new, 1)
    (tmp_path / "own.toml").write_text(text)
    line = next(number for number, one in enumerate(text.splitlines(), 1) if new in one)
    code, out, err = typed("profile", "check", tmp_path / "own.toml")
    told = [one for one in out.splitlines() if one.startswith(f"{tmp_path / 'own.toml'}:{line}: ")]
    assert code == 1 and err == "" and len(told) == 1 and said in told[0] and near in told[0], out
    code, out, _ = typed("profile", "check", tmp_path / "own.toml", "--json")
    (found,) = json.loads(out)["faults"]
    assert code == 1 and found["line"] == line and said in found["fault"]


def test_a_table_is_read_as_it_would_land(tmp_path, typed):
    (tmp_path / "own.toml").write_text(THEIRS.replace('specz_mag_i = "zMag"\n', ""))
    pq.write_table(tables(5_000)[0], tmp_path / "t.parquet")
    code, out, err = typed("profile", "check", tmp_path / "own.toml", tmp_path / "t.parquet", "--json")
    assert code == 0, err
    told = json.loads(out)["file"]
    assert (told["kind"], told["rows"], told["rejected"], told["all"]) == ("joined", 5_000, 0, True)
    columns = {row["column"]: row for row in told["columns"]}
    flux = tables(5_000)[0]["i_cModelFlux"]
    assert columns["i_cmodel_mag"]["not_positive"] == int((flux.to_numpy() <= 0).sum()) > 0
    assert columns["i_cmodel_mag"]["conversion"] == "flux in nJy to AB mag, zero point 31.4"
    nulls = (flux.null_count + columns["i_cmodel_mag"]["not_positive"]) / 5_000
    assert columns["i_cmodel_mag"]["null_share"] == pytest.approx(nulls)
    assert columns["ra"]["source"] == ["coord_ra"] and 0 <= min(columns["ra"]["sample"]) < 360
    assert columns["object_id"]["source"] == ["field", "number"]
    assert {row["cut"] for row in told["cuts"]} == {"specz_mag", "match_distance", "not_star"}
    assert told["incomplete"] == {"v2": ["specz_mag"], "v3": ["specz_mag"]}
    assert not list(tmp_path.glob("**/landing.json"))
    out = typed("profile", "check", tmp_path / "own.toml", tmp_path / "t.parquet")[1]
    assert "v2 would be INCOMPLETE: specz_mag not applied in full" in out


def test_a_table_that_would_be_refused_is_a_fault(tmp_path, typed):
    (tmp_path / "own.toml").write_text(OURS.replace('ra = "coord_ra"', 'ra = {source = "coord_ra", unit = "rad"}', 1))
    theirs, ours = tables(500)
    pq.write_table(ours, tmp_path / "t.parquet")
    code, out, _ = typed("profile", "check", tmp_path / "own.toml", tmp_path / "t.parquet")
    assert code == 1 and "values are outside 0 to 360 deg" not in out.split("refused")[0]
    assert "refused:" in out and "farther than 60 arcsec" in out
    pq.write_table(theirs, tmp_path / "t.parquet")
    code, out, _ = typed("profile", "check", tmp_path / "own.toml", tmp_path / "t.parquet")
    assert code == 1 and "has no column objectId" in out


def test_a_part_of_a_large_table_is_enough(tmp_path, typed):
    (tmp_path / "own.toml").write_text(THEIRS)
    pq.write_table(tables(3_000)[0], tmp_path / "t.parquet", row_group_size=500)
    code, out, _ = typed("profile", "check", tmp_path / "own.toml", tmp_path / "t.parquet", "--rows", 100, "--json")
    told = json.loads(out)["file"]
    assert code == 0 and not told["all"] and 100 <= told["rows"] < 3_000


def test_packaged_profiles_are_checked_by_their_names(typed):
    assert typed("profile", "check", "rubin_dp1") == (0, typed("profile", "check", "rubin_dp1")[1], "")
    code, _, err = typed("profile", "check", "rubin_dp2")
    assert code == 2 and "no packaged release of that name" in err


def test_lines_are_those_of_the_keys():
    text = """name = "a"
nulls = [
  "x",
]

[bands]
g = "em.opt.B" # c
[columns]
"{band}_m" = {source = "s", bits = [1,
  2]}
dec = {source = "d", unit = "rad"}
"""
    assert key_lines(text) == {
        **{"name": 1, "nulls": 2, "bands": 6, "bands.g": 7, "columns": 8},
        **{f"columns.{{band}}_m{key}": 9 for key in ("", ".source", ".bits")},
        **{f"columns.dec{key}": 11 for key in ("", ".source", ".unit")},
    }
