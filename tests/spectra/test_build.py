"""A build on our own match of spectra beside one on the archive's: both of the simulated sky, through the commands."""

import json

import pandas as pd
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.query.tables import export_of, table_export

from ..mock import skies


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two builds of one catalogue: the marts of each, by whose spectra they are of."""
    root = tmp_path_factory.mktemp("matched") / "cat"
    command = ["-q", "-C", str(root)]
    assert skies.run("-q", "init", str(root), "--release", "pdr2_wide") == 0
    assert skies.run(*command, "ingest", "hsc", str(skies.made() / "wide.csv.gz")) == 0
    assert skies.run(*command, "ingest", "specz", *map(str, sorted((skies.made() / "specz").iterdir()))) == 0
    # Far from every object, so that it changes no pair; its flag column was lost.
    decided = tmp_path_factory.mktemp("tables") / "no-flag.csv"
    decided.write_text("CATAID,RA,DEC,Z,PROB\n1,10,-80,0.1,0.9\n2,10.1,-80,0.2,0.9\n")
    assert skies.run(*command, "ingest", "specz", str(decided), "--survey", "gama", "--no-flag", "secure") == 0
    assert skies.run(*command, "build") == 0
    builds = {"export": (root / "current").read_text().strip()}
    assert skies.run(*command, "build", "--specz", "matched") == 6
    assert skies.run(*command, "build", "--specz", "matched", "--accept-missing", "specz_mag") == 0
    builds["matched"] = (root / "current").read_text().strip()
    return root, builds


def mart(built, of: str, name: str) -> pd.DataFrame:
    root, builds = built
    return pd.read_parquet(root / "builds" / builds[of] / f"{name}.parquet")


def test_the_build_says_whose_spectra_it_is_of(built, typed):
    root, builds = built
    told = {of: json.loads((root / "builds" / name / "build.json").read_text()) for of, name in builds.items()}
    assert told["export"]["spectra_from"] == "export"
    assert told["matched"]["spectra_from"].startswith("matched, rule hsc")
    assert export_of(Catalog.open(root), "2").facts["spectra_from"] == told["matched"]["spectra_from"]
    assert typed("-C", root, "status")[1].count("spectra matched, rule hsc") == 1
    assert told["matched"]["versions"]["v2"]["missing_cuts"] == ["specz_mag"]
    assert {row["survey"] for row in told["matched"]["specz"]} >= {"vvds", "vipers", "sdss", "deep2"}


def test_flags_that_were_decided_by_hand_are_said_wherever_the_redshifts_are_used(built, typed):
    root, _ = built
    words = "no-flag.csv (gama): all secure"
    assert export_of(Catalog.open(root), "2").facts["spectra_from"] == f"matched, rule hsc; flags by hand: {words}"
    assert table_export(Catalog.open(root), "spectra").facts["flags_by_hand"] == [words]
    found = mart(built, "matched", "spectra").query("source_file == 'no-flag.csv'")
    assert found["specz_original_flag"].tolist() == ["by hand: secure"] * 2 and found["specz_flag_homogeneous"].all()
    (landed,) = [entry for entry in Catalog.open(root).landings("specz") if entry["source_file"] == "no-flag.csv"]
    assert landed["no_flag"] == "secure"
    assert "by hand: secure" in typed("-C", root, "ingest", "list", "specz")[1]
    _, out, err = typed("-C", root, "status")
    assert words in err and "have changed since" not in out


def test_pairs_are_the_matched_redshifts_one_an_object(built):
    pairs, ruled = mart(built, "matched", "int_pairs"), mart(built, "matched", "matched_redshifts")
    ruled = ruled[ruled["specz_rule"] == "hsc"].set_index("object_id")
    assert pairs["object_id"].is_unique and set(pairs["object_id"]) == set(ruled.index)
    pairs = pairs.set_index("object_id")
    for ours, theirs in (("specz_redshift", "specz_redshift"), ("d_pos", "match_distance_arcsec")):
        pd.testing.assert_series_equal(pairs[ours].sort_index(), ruled[theirs].sort_index(), check_names=False)
    assert (pairs["specz_landing"] == 0).all() and (pairs["d_pos"] <= 0.5).all()


def test_our_match_finds_the_archives_redshifts(built):
    """Where the archive gives one survey's redshift, ours is the same to the digits that the survey publishes.

    But for objects that another object's spectrum lies near: ours is then a mean.
    """
    wide = skies.export("wide")
    alone = wide[~wide["specz_name"].str.contains(",") & wide["specz_redshift"].between(0, 9)].set_index("object_id")
    # Only these surveys' own files are simulated; the archive has redshifts of others too.
    files = "VIPERS|ZCOSMOS|VVDS|SDSS|DEEP2|GAMA|PRIMUS"
    alone = alone[alone["specz_name"].str.contains(files, case=False)]
    ours = mart(built, "matched", "int_pairs").set_index("object_id")["specz_redshift"].dropna()
    both = alone.index.intersection(ours.index)
    agree = (alone.loc[both, "specz_redshift"] - ours[both]).abs() < 6e-5
    assert len(both) > 0.9 * len(alone) and agree.mean() > 0.9


@pytest.mark.parametrize("version", [1, 2])
def test_the_diff_is_that_of_the_two_builds(built, typed, version):
    root, _ = built
    command = ["-q", "-C", root, "audit", "diff", "--specz", "export", "matched", "--version", f"v{version}"]
    kept = {of: set(mart(built, of, f"galaxies_v{version}")["object_id"]) for of in ("export", "matched")}
    code, out, _ = typed(*command, "--json")
    counts = {(True, True): 0, (True, False): 0, (False, True): 0}
    for row in json.loads(out):
        counts[row["in_export"], row["in_matched"]] += row["objects"]
    assert code == 0 and counts == {
        (True, True): len(kept["export"] & kept["matched"]),
        (True, False): len(kept["export"] - kept["matched"]),
        (False, True): len(kept["matched"] - kept["export"]),
    }
    rows = json.loads(typed(*command, "--rows", "--json")[1])
    assert {row["object_id"] for row in rows if not row["in_matched"]} == kept["export"] - kept["matched"]
    assert all(row["difference"] for row in rows)


def test_what_is_typed_wrong_is_refused(built, typed):
    command = ["-q", "-C", built[0], "audit", "diff", "--specz"]
    assert typed(*command, "export", "export")[0] == 2
    assert typed(*command, "export", "matched", "--specz-rule", "mean")[0] == 2


def test_the_audit_counts_what_landed(built, typed):
    code, out, _ = typed("-q", "-C", built[0], "audit", "specz", "--json")
    told, spectra = json.loads(out), mart(built, "matched", "spectra")
    assert code == 0
    assert {row["survey"]: row["rows"] for row in told["surveys"]} == spectra.groupby("survey").size().to_dict()
    secure = spectra.groupby("survey")["specz_flag_homogeneous"].sum().to_dict()
    assert {row["survey"]: row["secure"] for row in told["surveys"]} == secure
    code, out, _ = typed("-q", "-C", built[0], "plot", "specz", "--out", built[0] / "specz.svg", "--json")
    assert code == 0 and sum(json.loads(out)["surveys"].values()) == spectra["specz_flag_homogeneous"].sum()
    assert (built[0] / "specz.svg").read_text().lstrip().startswith("<?xml")


def test_lineage_reaches_the_surveys_table(built, typed):
    code, out, _ = typed("-q", "-C", built[0], "audit", "lineage", "galaxies.specz_redshift")
    assert code == 0 and "specz_spectra.redshift_given" in out and "matched_redshifts" in out


def test_objects_without_a_matched_spectrum_are_those_that_no_pair_has(built, typed):
    root, _ = built
    connection = Catalog.open(root).connect()
    lonely = {row[0] for row in connection.execute("select object_id from objects_without_spectrum").fetchall()}
    landed = {row[0] for row in connection.execute("select distinct object_id from hsc_joined").fetchall()}
    pairs = set(mart(built, "matched", "int_pairs")["object_id"])
    ((counted,),) = connection.execute("select objects_without_spectrum from object_counts").fetchall()
    assert lonely == landed - pairs and counted == len(lonely) > 0
    # Of the archive's own match some of them have a spectrum.
    assert lonely & set(mart(built, "export", "int_pairs")["object_id"])
    some = sorted(lonely)[:3]
    code, out, _ = typed("-C", root, "audit", "row", *some, "--json")
    assert code == 0 and [each["object_id"] for each in json.loads(out)] == some
