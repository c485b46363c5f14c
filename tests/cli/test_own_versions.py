"""The referee's story as she types it: her cuts, her version, its audit and exports, and the file that she sends."""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from astropy.io import fits, votable
from astropy.table import Table

from galaxiesml.catalog import Catalog

from ..curation.landed import land_rows, new_catalog
from ..curation.own import bright, drawn_pairs, low_z, mine

PAIRS = drawn_pairs(1500)
CUTS = (
    ("bright", "i_cmodel_mag < 22.5", "complete {{ env_var('HOME') }} sample's $x$ & <b>", "this paper, 2.1"),
    ("low_z", "specz_redshift < 1.5", "no [OII] beyond", "this paper, 2.2"),
)
MINE = ("--from", "v2", "--with", "bright", "--with", "low_z", "--without", "specz_mag", "--duplicates", "best")


def digests(catalog: Catalog) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(catalog.current_build().glob("*.parquet"))
    }


def hers(typed, root) -> None:
    for name, sql, why, section in CUTS:
        typed("-C", root, "cuts", "new", name, "--sql", sql, "--why", why, "--section", section)
    typed("-C", root, "versions", "new", "mine", *MINE)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A catalogue without versions of its own, built; and the same with hers, built."""
    from galaxiesml.curation.build import build

    folder = tmp_path_factory.mktemp("own")
    plain = new_catalog(folder / "plain")
    land_rows(plain, PAIRS)
    shutil.copytree(plain.root, folder / "hers")
    build(plain)
    return plain, Catalog.open(folder / "hers")


@pytest.fixture
def built(made, typed):
    _, catalog = made
    if catalog.current_id() is None:
        hers(typed, catalog.root)
        code, _, err = typed("-C", catalog.root, "build")
        assert code == 0, err
    return catalog


def reading() -> list[int]:
    frame = pd.DataFrame(PAIRS).astype(object)
    frame = frame.where(frame.notna(), None)
    return mine(frame, bright(frame) & low_z(frame))


def test_rows_flow_and_ledger(built, typed):
    kept = reading()
    rows = json.loads(
        typed("-C", built.root, "sql", "select source_row - 1 as at from galaxies_mine order by 1", "--format", "json")[
            1
        ]
    )
    assert [row["at"] for row in rows] == kept
    flow = json.loads(typed("-C", built.root, "audit", "cuts", "--version", "mine", "--json")[1])
    steps = [row["cut"] for row in flow["flow"]]
    assert steps.index("magnitudes") < steps.index("bright") < steps.index("low_z") < steps.index("best_of_spectrum")
    assert "specz_mag" not in steps and flow["version"]["rows_kept"] == len(kept)
    bright = next(row for row in flow["flow"] if row["cut"] == "bright")
    assert (bright["cut_group"], bright["section"]) == ("own", "this paper, 2.1")
    assert bright["why"] == CUTS[0][2]
    code, out, _ = typed("-C", built.root, "audit", "diff", "v2", "mine")
    assert code == 0 and "low_z" in out and "specz_mag" in out


def test_published_versions_and_splits_are_the_same_bytes(made, built):
    plain, _ = made
    before, after = digests(plain), digests(built)
    same = [f"galaxies_v{number}.parquet" for number in (1, 2, 3, 4)]
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert set(after) - set(before) == {"galaxies_mine.parquet"}
    with plain.connect() as one, built.connect() as other:
        old = dict(one.execute("select object_id, splits from splits").fetchall())
        new = dict(other.execute("select object_id, splits from splits").fetchall())
    assert len(new) > len(old) and {object_id: new[object_id] for object_id in old} == old


def test_words_of_users_are_words_everywhere(built, typed, tmp_path):
    yml = (built.dbt / "models" / "intermediate" / "int_verdicts.yml").read_text()
    assert "env_var" in yml
    manifest = json.loads((built.current_build() / "manifest.json").read_text())
    assert "env_var('HOME')" not in manifest["models"]["int_verdicts"]["sql"]
    assert CUTS[0][2] in typed("-C", built.root, "audit", "sql", "bright")[1]
    picture = tmp_path / "flow.svg"
    typed("-C", built.root, "audit", "cuts", "--version", "mine", "--graph", picture)
    assert picture.stat().st_size > 10_000


def test_a_row_says_the_value_and_the_limit(built, typed):
    with built.connect() as connection:
        (object_id,) = connection.execute("""
            select object_id from rejections
            where version = 'mine' and failed_cuts = 'bright' and first_verdict = 'fail' order by pair_id
        """).fetchone()
    found = json.loads(typed("-C", built.root, "audit", "row", object_id, "--json")[1])
    cut = next(each for each in found["pairs"][0]["cuts"] if each["cut"] == "bright")
    assert (cut["verdict"], cut["limit"], cut["versions"]) == ("fail", "i_cmodel_mag < 22.5", ["mine"])
    assert float(cut["value"]) >= 22.5


def test_lineage_has_her_cuts(built, typed):
    tree = json.loads(typed("-C", built.root, "audit", "lineage", "galaxies_mine.specz_redshift", "--json")[1])
    assert {"bright", "low_z", "best_of_object"} <= {cut["name"] for cut in tree["cuts"]}


def _told(path: Path) -> str:
    """What a file says of itself, as a reader of its format has it."""
    if path.suffix == ".csv":
        return path.with_name(f"{path.name}.json").read_text()
    if path.suffix == ".vot":
        return " ".join(str(info.value) for info in votable.parse(path).resources[0].infos)
    if path.suffix == ".fits":
        return " ".join(map(str, fits.getheader(path, 1).values()))
    return json.dumps(Table.read(path).meta)


def test_the_dictionary_has_her_version(built, typed):
    query = "select name, unit from columns where table_name = '{}' order by name"
    found = {
        table: json.loads(typed("-C", built.root, "sql", query.format(table), "--format", "json")[1])
        for table in ("galaxies_mine", "galaxies_v2", "galaxies")
    }
    assert found["galaxies_mine"] == found["galaxies_v2"] == found["galaxies"]
    assert {"name": "ra", "unit": "deg"} in found["galaxies_mine"]


def test_a_condition_on_finished_rows_travels_in_the_file(built, typed, tmp_path):
    typed(
        "-C",
        built.root,
        "export",
        "parquet",
        "--version",
        "mine",
        "--where",
        "specz_redshift < 1.2",
        "--out",
        tmp_path / "a.parquet",
    )
    whole, part = built.current_build() / "galaxies_mine.parquet", pd.read_parquet(tmp_path / "a.parquet")
    expected = pd.read_parquet(whole)
    pd.testing.assert_frame_equal(part, expected[expected["specz_redshift"] < 1.2].reset_index(drop=True))
    import pyarrow.parquet as pq

    facts = json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"galaxiesml"])
    assert facts["where"] == "specz_redshift < 1.2 (applied after all cuts, duplicates included)"
    assert facts["conditions"]["bright"] == "i_cmodel_mag < 22.5" and len(facts["rule"]) == 64
    # Every format says it, each in its own way.
    words = ("--version", "mine", "--where", "specz_redshift < 1.2", "--out", tmp_path)
    for form in ("csv", "ecsv", "fits", "votable"):
        code, out, _ = typed("-C", built.root, "export", form, *words)
        path = Path(out.strip())
        assert code == 0 and path.stem == "galaxies_mine"
        text = _told(path)
        assert all(
            word in text
            for word in ("specz_redshift < 1.2 (applied after", "i_cmodel_mag < 22.5", facts["rule"], facts["build"])
        ), (form, text)
    code, _, err = typed("-C", built.root, "export", "csv", "--where", "z < 1")
    assert code == 2 and "specz_redshift" in err
    code, _, err = typed("-C", built.root, "export", "csv", "--where", "object_id in (select 1)")
    assert code == 2


def test_a_file_from_which_another_builds_it(built, made, typed, tmp_path):
    plain, _ = made
    there = Catalog.open(shutil.copytree(plain.root, tmp_path / "there"))
    code, _, err = typed("-C", built.root, "versions", "export", "mine", "--out", tmp_path / "mine.toml")
    assert code == 0, err
    code, _, err = typed("-C", there.root, "versions", "import", tmp_path / "mine.toml")
    assert code == 0, err
    assert typed("-C", there.root, "build")[0] == 0
    assert digests(there)["galaxies_mine.parquet"] == digests(built)["galaxies_mine.parquet"]
    changed = (tmp_path / "mine.toml").read_text().replace("i_cmodel_mag < 22.5", "i_cmodel_mag < 23.5")
    (tmp_path / "other.toml").write_text(changed)
    code, _, err = typed("-C", there.root, "versions", "import", tmp_path / "other.toml")
    assert code in (2, 3) and ("boundary" in err or "another cut" in err)


def test_a_rule_that_changes_is_told_and_a_frozen_one_may_not(made, typed, tmp_path):
    plain, _ = made
    root = shutil.copytree(plain.root, tmp_path / "cat")
    hers(typed, root)
    assert "new since this build" in typed("-C", root, "status")[1]
    assert typed("-C", root, "build")[0] == 0
    assert json.loads(typed("-C", root, "status", "--json")[1])["up_to_date"]
    code, _, err = typed("-C", root, "cuts", "new", "bright", "--sql", "i_cmodel_mag < 22", "--why", "w")
    assert code == 2 and "--force" in err
    typed("-C", root, "cuts", "new", "bright", "--sql", "i_cmodel_mag < 22", "--why", "w", "--force")
    status = json.loads(typed("-C", root, "status", "--json")[1])
    assert not status["up_to_date"]
    assert next(row for row in status["versions"] if row["version"] == "mine")["now"].startswith("changed since build")
    # Questions to the build are answered by the rule that it was made by.
    assert "22.5" in typed("-C", root, "audit", "sql", "bright")[1]
    kept = sorted((root / "versions" / "history").iterdir())
    assert len(kept) == 1 and "22.5" in kept[0].read_text()
    assert typed("-C", root, "versions", "freeze", "mine")[0] == 0
    code, _, err = typed("-C", root, "cuts", "new", "bright", "--sql", "i_cmodel_mag < 21", "--why", "w", "--force")
    assert code == 2 and "frozen" in err
    cut = root / "cuts" / "bright.toml"
    cut.write_text(cut.read_text().split("\n[[rows]]")[0].replace("< 22", "< 21") + "\n")
    code, _, err = typed("-C", root, "build")
    assert code == 3 and "frozen" in err and "history" in err


def test_names_that_cannot_be(built, typed):
    def refused(*words) -> str:
        code, _, err = typed("-C", built.root, *words)
        assert code in (2, 3), words
        return err

    new = ("--sql", "i_cmodel_mag < 22", "--why", "w")
    for name in ("edge", "mine", "v7", "select", "Bright", "a b", "x" * 32, "splits", "object_id", "all"):
        refused("cuts", "new", name, *new)
    for name in ("v2", "v9", "bright", "morphology", "group", "../up"):
        refused("versions", "new", name, "--with", "bright")
    assert "low_z" in refused("versions", "new", "other", "--with", "low_zz")
    assert "specz_redshift" in refused("cuts", "new", "near", "--sql", "z < 1", "--why", "w")
    assert "--without" not in refused("audit", "cuts", "--version", "nosuch")
    refused("versions", "remove", "v2")
    code, _, err = typed("-C", built.root, "cuts", "remove", "bright")
    assert code == 4 and "versions remove mine" in err


def test_a_landed_column_without_a_name_of_ours(tmp_path, typed):
    """A column that only the file knows is read for the verdict, by the type that the cut gives it."""
    root = tmp_path / "cat"
    typed("init", root, "--release", "pdr2_wide")
    typed("mock", "export", "--rows", "2000", "--out", tmp_path / "mock")
    assert typed("-C", root, "ingest", "hsc", tmp_path / "mock" / "export.csv.gz")[0] == 0
    words = ("--why", "taken by VVDS", "--column", "specz_flag_vvds:boolean::flag of VVDS")
    code, _, err = typed(
        "-C", root, "cuts", "new", "vvds", "--sql", "specz_flag_vvds and match_distance_arcsec < 0.5", *words
    )
    assert code == 0, err
    typed("-C", root, "versions", "new", "vvds_only", "--from", "v1", "--with", "vvds")
    code, _, err = typed("-C", root, "build")
    assert code == 0, err
    with Catalog.open(root).connect() as connection:
        found = connection.execute("""
            select count(*) filter (hsc_joined.specz_flag_vvds::boolean), count(*)
            from galaxies_vvds_only as g inner join hsc_joined using (landing, source_row)
        """).fetchone()
        expected = connection.execute("""
            select count(*) from galaxies_v1 as g inner join hsc_joined using (landing, source_row)
            where hsc_joined.specz_flag_vvds::boolean and g.match_distance_arcsec < 0.5
        """).fetchone()[0]
    assert found[0] == found[1] > 0
    # Without duplicates among them the cut could as well come last.
    assert found[1] >= expected
    code, _, err = typed(
        "-C",
        root,
        "cuts",
        "new",
        "bad_type",
        "--sql",
        "specz_flag_vvds > 1",
        "--why",
        "w",
        "--column",
        "specz_flag_vvds:double::x",
    )
    assert code == 4 and "row" in err and "specz_flag_vvds" in err
    assert not (root / "cuts" / "bad_type.toml").exists()
    words = ("--sql", "specz_flag_vvds > 1", "--why", "w", "--column", "specz_flag_vvds:integer:degrees:x")
    code, _, err = typed("-C", root, "cuts", "new", "bad_unit", *words)
    assert code == 3 and "cuts/bad_unit.toml is not a cut: columns.specz_flag_vvds.unit: 'degrees'" in err
    assert not (root / "cuts" / "bad_unit.toml").exists()


@pytest.mark.parametrize(
    "unit, said",
    [
        ("degrees", "write 'deg'"),
        ("mag(AB)", "write 'mag'"),
        ("km s^^-1", "is not a unit in VOUnit syntax"),
        ("nanomaggy", "\"'nanomaggy'\""),
        ("[-]", "leave it empty"),
        ("m" * 100, "more than 60 letters"),
        ("deg", None),
        ("km.s**-1", None),
        ("'nanomaggy'", None),
        ("", None),
    ],
)
def test_the_unit_of_a_landed_column_is_a_vounit(tmp_path, typed, unit, said):
    catalog = new_catalog(tmp_path / "cat")
    text = '# mine\nsql = "ext > 1"\nwhy = "w"\nsection = "2"\n[columns.ext]\ntype = "double"\ndescription = "d"\n'
    (catalog.root / "cuts").mkdir()
    (catalog.root / "cuts" / "wide.toml").write_text(f'{text}of = "object"\nunit = {json.dumps(unit)}\n')
    code, _, err = typed("-C", catalog.root, "cuts", "list")
    if said is None:
        assert code == 0, err
    else:
        assert code == 3 and said in err
        assert f"{catalog.root}/cuts/wide.toml is not a cut: columns.ext.unit: " in err


def test_a_cut_goes_after_the_versions_that_use_it(tmp_path, typed):
    root = new_catalog(tmp_path / "cat").root
    typed("-C", root, "cuts", "new", "near", "--sql", "specz_redshift < 1.5", "--why", "w", "--section", "2")
    typed("-C", root, "versions", "new", "mine", "--from", "v2", "--with", "near")
    assert typed("-C", root, "cuts", "remove", "near")[0] == 4
    assert typed("-C", root, "cuts", "remove", "../versions/mine")[0] == 2
    assert typed("-C", root, "versions", "remove", "../cuts/near")[0] == 2
    assert typed("-C", root, "versions", "remove", "mine")[:2] == (0, "versions/mine.toml is removed.\n")
    assert typed("-C", root, "cuts", "remove", "near")[:2] == (0, "cuts/near.toml is removed.\n")
    assert not list((root / "cuts").glob("*.toml")) and not list((root / "versions").glob("*.toml"))
    code, _, err = typed("-C", root, "versions", "remove", "mine")
    assert code == 2 and "There is no version 'mine' of this catalogue." in err
