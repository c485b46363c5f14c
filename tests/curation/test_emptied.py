"""A build of pairs of which every version loses all, and of a survey that the user describes: built once."""

import json
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.cli import common
from galaxiesml.curation.emptied import emptied_by, told
from galaxiesml.surveys.description import SURVEYS

from ..mock import skies


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Twelve galaxies, none of them secure, one with a redshift of 9; and a table of a survey of one's own."""
    folder = tmp_path_factory.mktemp("emptied")
    count = np.arange(12)
    table = {"object_id": 4 * 10**16 + count, "ra": 150 + count, "dec": 2.0, "specz_name": [f"S{n}" for n in count]}
    table |= {"specz_redshift": np.where(count == 3, 9.0, 0.5), "specz_redshift_err": 1e-4}
    table |= {"specz_flag_homogeneous": False, "specz_mag_i": 20.0}
    table |= {f"{band}_cmodel_mag": 20.0 for band in "grizy"}
    pd.DataFrame(table).to_parquet(folder / "export.parquet")
    text = (SURVEYS / "vvds.toml").read_text().replace('"NUM"', '"OUR_ID"').replace('"VVDS"', '"Ours, it\'s"')
    (folder / "our_survey.toml").write_text(text)
    ours = {"OUR_ID": [1, 2], "ALPHA": [150.0, 151.0], "DELTA": [2.0, 2.0], "Z": [0.5, 9.9999], "ZFLAGS": [4, 2]}
    pd.DataFrame(ours).to_csv(folder / "ours.csv", index=False)
    cat = ["-q", "-C", str(folder / "cat")]
    assert skies.run("-q", "init", str(folder / "cat"), "--release", "pdr2_wide") == 0
    assert skies.run(*cat, "ingest", "hsc", str(folder / "export.parquet")) == 0
    words = ["ingest", "specz", str(folder / "ours.csv"), "--survey", str(folder / "our_survey.toml")]
    assert skies.run(*cat, *words) == 0
    return folder / "cat"


@pytest.fixture(scope="module")
def build(root):
    """Exit code, standard output and error of the build."""
    import contextlib
    import io

    from galaxiesml.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as left:
        main(["-C", str(root), "build", "--accept-missing", "all", "--json"])
    return left.value.code or 0, out.getvalue(), err.getvalue()


def test_a_version_without_galaxies_says_first_which_cut_took_them(build):
    code, _, err = build
    assert code == 0
    said = [line for line in err.splitlines() if line.startswith("Warning:")]
    assert said[:2] == [
        f"Warning: galaxies_v{number} has 0 galaxies of 12 pairs: the cut {cut} removed the last 11; before it "
        f"redshift removed 1.  Type: galaxiesml audit cuts --version v{number}"
        for number, cut in ((1, "secure"), (2, "secure"))
    ]
    assert err.index("has 0 galaxies") < err.index("0 rows")


def test_json_and_the_build_say_it_too(build, root):
    told = json.loads(build[1])["versions"]["v2"]["emptied_by"]
    assert (told["cut"], told["pairs"], told["rows_in"], told["before"]) == ("secure", 12, 11, {"redshift": 1})
    assert Catalog.open(root).build_info()["versions"]["v2"]["emptied_by"] == told


def test_a_survey_of_one_s_own_is_judged_by_its_own_rules(build, root):
    rows = pq.read_table(Catalog.open(root).current_build() / "spectra.parquet").to_pylist()
    found = {row["specz_name"]: (row["specz_flag_homogeneous"], row["no_redshift"]) for row in rows}
    assert {row["survey"] for row in rows} == {"our_survey"} and len(found) == 2
    assert set(found.values()) == {(True, None), (False, "a sentinel: 9.9999")}
    assert all(name.startswith("Ours, it's") for name in found)


def test_another_description_of_the_same_table_asks_for_a_build(build, root, typed, tmp_path):
    assert json.loads(typed("-C", root, "status", "--json")[1])["up_to_date"]
    (landing,) = Catalog.open(root).landings("specz")
    assert typed("-C", root, "ingest", "remove", "--kind", "specz", "ours.csv")[0] == 0
    text = (root.parent / "our_survey.toml").read_text()
    (tmp_path / "our_survey.toml").write_text(text.replace("[9.9999]", "[9.9999, 8]"))
    words = ["ingest", "specz", root.parent / "ours.csv", "--survey", tmp_path / "our_survey.toml"]
    assert typed("-C", root, *words)[0] == 0
    (again,) = Catalog.open(root).landings("specz")
    assert landing["source_sha256"] == again["source_sha256"]
    assert not json.loads(typed("-C", root, "status", "--json")[1])["up_to_date"]


def test_versions_that_keep_a_pair_or_had_none_are_not_told(tmp_path):
    def flow(version, *rows):
        return [
            {"version": version, "step": step, "cut": f"c{step}", "rows_in": into, "rows_out": out, "nulls": 0}
            | {"fails": into - out}
            for step, (into, out) in enumerate(rows, 1)
        ]

    rows = [*flow("v1", (5, 3), (3, 1)), *flow("v2", (0, 0)), *flow("v3", (5, 0), (0, 0))]
    pd.DataFrame(rows).to_parquet(tmp_path / "cut_flow.parquet")
    found = emptied_by(tmp_path / "cut_flow.parquet")
    assert set(found) == {"v3"} and "the cut c1 removed all." in told("v3", found["v3"])


def test_such_a_warning_is_yellow_on_a_terminal_alone(monkeypatch, capsys):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    common.warn("none is left", yellow=True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    common.warn("none is left", yellow=True)
    assert capsys.readouterr().err == "Warning: none is left\n\x1b[33mWarning: none is left\x1b[0m\n"
