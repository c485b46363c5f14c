"""What a survey has no equal for: its cuts do not apply, and every table and file says why."""

import json
import shutil

import pyarrow.parquet as pq
import pytest

from galaxiesml.releases.check import profile_problems

from .radians import BANDS, THEIRS, tables

WHY_CR = "cosmic rays are removed before the stack"
WHY_MAG = "spectra come without a magnitude"
WHY_BAD = "the camera's u has no map of bad pixels"
LINES = f"""
[not_applicable]
crcenter = "{WHY_CR}"
specz_mag_i = "{WHY_MAG}."
u_pixelflags_bad = "{WHY_BAD}"
coord = "positions are ra and dec"
"""
LEFT_OUT = ('"{band}_pixelflags_crcenter" = {bit = ["{band}_flags", 4]}\n', 'specz_mag_i = "zMag"\n')


def own_profile() -> str:
    text = THEIRS + LINES
    for line in LEFT_OUT:
        assert line in text
        text = text.replace(line, "")
    bad = '"{band}_pixelflags_bad" = {bit = ["{band}_flags", 5]'
    assert bad in text
    return text.replace(bad, f"{bad}, bands = {json.dumps(list(BANDS[1:]))}")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    from galaxiesml.catalog import Catalog
    from galaxiesml.catalog.stores import ensure_empty
    from galaxiesml.curation.build import build
    from galaxiesml.ingest.land import land_hsc

    folder = tmp_path_factory.mktemp("own")
    (folder / "own.toml").write_text(own_profile())
    pq.write_table(tables(2_000)[0], folder / "t.parquet")
    catalog = Catalog.create(folder / "cat", folder / "own.toml")
    ensure_empty(catalog)
    land_hsc(catalog, folder / "t.parquet")
    built = build(catalog)
    assert set(built.info["versions"]) == {"v1", "v2", "v3", "v4"} and not built.left_out
    return catalog


def test_no_version_is_incomplete_and_each_names_its_cuts_that_do_not_apply(root):
    versions = root.build_info()["versions"]
    assert all(version["missing_cuts"] == [] for version in versions.values())
    flags = {"crcenter": WHY_CR, "bad": WHY_BAD}
    assert versions["v1"]["not_applicable"] == flags
    assert versions["v2"]["not_applicable"] == flags | {"specz_mag": f"{WHY_MAG}."}
    states = dict(root.connect().execute("select cut, state from cut_states").fetchall())
    assert states["crcenter"] == f"not applicable, because {WHY_CR}"
    assert states["specz_mag"] == f"not applicable, because {WHY_MAG}"
    assert states["bad"] == f"judged in g, r, i, z, y; not applicable, because {WHY_BAD} in u"
    assert states["edge"] == "judged"


def test_cuts_that_do_not_apply_remove_nothing_and_the_flow_says_why(root, finished):
    rows = json.loads(finished("-C", root.root, "audit", "cuts", "--version", "v2", "--json").stdout)["flow"]
    flow = {row["cut"]: row for row in rows}
    for cut in ("crcenter", "specz_mag"):
        assert flow[cut]["rows_in"] == flow[cut]["rows_out"] and flow[cut]["state"].startswith(
            "not applicable, because"
        )
    assert flow["bad"]["fails"] > 0
    shown = finished("-C", root.root, "audit", "cuts", "--version", "v2").stdout
    assert f"not applicable, because {WHY_CR}" in shown and "INCOMPLETE" not in shown


@pytest.mark.parametrize(
    ("sql", "lacking", "state"),
    [
        ("specz_mag_i < 22", "specz_mag_i", "not in this export"),
        ("not {band}_pixelflags_bad", "u_pixelflags_bad", "judged in g, r, i, z, y; not in this export in u"),
    ],
)
def test_a_cut_of_ones_own_is_not_excused(root, tmp_path, typed, sql, lacking, state):
    from galaxiesml.catalog import Catalog
    from galaxiesml.curation.own_versions import of_catalog
    from galaxiesml.curation.states import cut_states, plan_versions

    shutil.copytree(root.root, tmp_path / "cat")
    command = ("-C", tmp_path / "cat")
    assert typed(*command, "cuts", "new", "ours", "--sql", sql, "--why", "what we need")[0] == 0
    assert typed(*command, "versions", "new", "mine", "--from", "v2", "--with", "ours")[0] == 0
    code, _, err = typed(*command, "build", "--version", "mine")
    assert code == 6 and f"ours: t.parquet has no {lacking}" in err and "--accept-missing ours" in err
    assert "[not_applicable]" not in err and "crcenter:" not in err
    catalog = Catalog.open(tmp_path / "cat")
    states = cut_states(catalog)
    assert {each.text for each in states if each.cut == "ours"} == {state}
    plans = plan_versions(states, catalog.profile, of_catalog(catalog), accepted=("ours",), named="mine")
    mine = next(plan for plan in plans if plan.name == "mine")
    assert mine.built and mine.missing == ("ours",) and set(mine.not_applicable) == {"crcenter", "bad", "specz_mag"}


def test_an_exported_file_says_it(root, tmp_path, finished):
    done = finished("-C", root.root, "export", "ecsv", "--version", "v2", "--out", tmp_path / "v2.ecsv")
    assert done.returncode == 0 and "INCOMPLETE" not in done.stderr, done.stderr
    head = "".join(line for line in (tmp_path / "v2.ecsv").read_text().splitlines(True) if line.startswith("#"))
    assert f"crcenter: {WHY_CR}" in head and f"specz_mag: {WHY_MAG}" in head


def test_the_released_files_say_it_and_their_check_looks(root):
    from galaxiesml.release.hdf5 import not_applicable
    from galaxiesml.verify.attributes import check_facts
    from galaxiesml.verify.expected import read_build
    from galaxiesml.verify.found import Difference

    info = root.build_info()
    version = info["versions"]["v2"]
    told = {
        **{"version": "v2", "bands": ", ".join(BANDS), "cuts": ", ".join(version["cuts"]), "missing_cuts": ""},
        **{"split_seed": info["split_seed"], "spectra_from": info["spectra_from"], "morphology": "absent"},
    }
    build = read_build(root.root, info["id"])
    check_facts(told | not_applicable(version), build)
    with pytest.raises(Difference, match="attribute not_applicable is ''"):
        check_facts(told, build)
    assert not_applicable({"missing_cuts": []}) == {}


def test_without_the_reason_the_version_is_refused_and_the_way_is_told(root, tmp_path, finished):
    text = own_profile()
    (tmp_path / "own.toml").write_text(text[: text.index("[not_applicable]")])
    pq.write_table(tables(200)[0], tmp_path / "t.parquet")
    assert finished("init", tmp_path / "cat", "--release", tmp_path / "own.toml").returncode == 0
    assert finished("-C", tmp_path / "cat", "ingest", "table", tmp_path / "t.parquet").returncode == 0
    done = finished("-C", tmp_path / "cat", "build")
    assert done.returncode == 6 and "crcenter: t.parquet has no" in done.stderr and "[not_applicable]" in done.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('crcentre = "none"', "galaxiesml has no column and no cut 'crcentre'; the nearest is 'crcenter'"),
        ('crcenter = " "', "not_applicable.crcenter is empty; say why"),
        ('ra = "none"', "not_applicable.ra: [columns] names it all the same"),
    ],
)
def test_what_is_wrong_with_a_reason_is_told(line, said):
    problems = profile_problems(f"{THEIRS}[not_applicable]\n{line}\n")
    assert len(problems) == 1 and said in problems[0] and problems[0].place.startswith("not_applicable.")
