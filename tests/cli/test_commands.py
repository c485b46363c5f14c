"""The commands as typed, on the real export and on a simulated one."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse
from astropy.table import Table

from ..made import real as made


@pytest.fixture(scope="module")
def real(tmp_path_factory, shared_data) -> Path:
    """The real export, landed and built."""
    return made.real(shared_data, tmp_path_factory.mktemp("real"))


def test_build_refuses_by_name_and_says_what_to_type(tmp_path, typed, shared_data):
    root = tmp_path / "cat"
    assert typed("init", root, "--release", "s16a_wide")[0] == 0
    code, out, err = typed("-C", root, "build")
    assert code == 0 and "zero galaxies" in err
    assert typed("-C", root, "ingest", "hsc", shared_data / "hsc_s16a_wide_gama.fits")[0] == 0
    code, out, err = typed("-C", root, "build")
    assert (code, out) == (6, "")
    for cut in ("crcenter", "bad", "centroid", "specz_mag"):
        assert f"  {cut}: hsc_s16a_wide_gama.fits has no" in err
    # In the export's own words: the release calls this column so, and we g_sdsscentroid_flag.
    assert "centroid: hsc_s16a_wide_gama.fits has no gcentroid_sdss_flags," in err
    assert "galaxiesml build --accept-missing all" in err
    assert typed("-C", root, "build", "--accept-missing", "nosuch")[0] == 2


def test_the_cut_flow_of_the_real_export(real, typed):
    code, out, _ = typed("-C", real, "audit", "cuts")
    assert code == 0
    assert "972 object rows landed; 56 objects without a spectrum; 916 (object, spectrum) pairs" in out
    assert "X = 730" in out and "Y = 693" in out
    assert "688 galaxies, INCOMPLETE: crcenter, bad, centroid, specz_mag" in out
    flow = json.loads(typed("-C", real, "audit", "cuts", "--json")[1])
    assert [row["rows_out"] for row in flow["flow"]][:4] == [912, 730, 730, 695]
    flows = json.loads(typed("-C", real, "audit", "cuts", "--version", "all", "--json")[1])
    assert [flow["version"]["rows_kept"] for flow in flows] == [688, 688, 3, 688]


def test_without_a_cut(real, typed):
    result = json.loads(typed("-C", real, "audit", "cuts", "--without", "secure", "--json")[1])
    assert (result["rows"], result["rows_without"], len(result["gained"]), result["lost"]) == (
        688,
        693,
        5,
        [],
    )
    assert typed("-C", real, "audit", "cuts", "--without", "nosuch")[0] == 2


def test_without_several_cuts(real, typed, tmp_path):
    both = ("-C", real, "audit", "cuts", "--without", "secure", "--without", "edge")
    result = json.loads(typed(*both, "--json")[1])
    alone = {
        cut: json.loads(typed("-C", real, "audit", "cuts", "--without", cut, "--json")[1])["rows_without"]
        for cut in ("secure", "edge")
    }
    # 156 fail at the edge alone, 5 are insecure alone; the last cuts on duplicates remove none of them here.
    assert alone == {"secure": 693, "edge": 844} and result["without"] == ["secure", "edge"]
    assert result["rows_without"] >= 693 + 844 - 688 and result["rows_without"] > max(alone.values())
    told = typed(*both, "--limit", "3")[1]
    assert f"v2 without secure, edge: 688 -> {result['rows_without']} rows" in told
    flow = result["flow"]
    assert flow[-1]["rows_out"] == result["rows_without"] and not {"secure", "edge"} & {row["cut"] for row in flow}
    assert "the first 3; --limit 0 for all" in told

    # The chart is drawn, and is that of the version without them.
    graph = tmp_path / "flow.svg"
    code, out, err = typed(*both, "--graph", graph)
    words = [text.strip() for text in re.findall(r"<!--(.*?)-->", graph.read_text(), re.S)]
    assert (code, out) == (0, f"{graph}\n") and err == ""
    assert f"galaxies_v2 without secure, edge: {result['rows_without']:,} rows" in words
    assert not {"secure", "edge"} & set(words) and "saturated" in words
    # X and Y are counts of the photometric flags, of which edge is one.
    assert not [text for text in words if "objects pass every flag that was applied" in text]
    code, out, err = typed(*both, "--graph", tmp_path / "again.svg", "--json")
    assert json.loads(out) == result and "again.svg" in err
    assert (tmp_path / "again.svg").read_bytes() == graph.read_bytes()

    names = [row["cut"] for row in json.loads(typed("-C", real, "audit", "cuts", "--json")[1])["flow"]]
    every = [word for name in names for word in ("--without", name)]
    code, _, err = typed("-C", real, "audit", "cuts", *every)
    assert code == 2 and "has no cut left" in err
    code, out, _ = typed("-C", real, "audit", "cuts", *every[2:])
    assert code == 0 and "-> 912 rows" in out


def test_a_picture_and_json_are_both_given(real, typed, tmp_path):
    for number, words in enumerate(
        (
            ["cuts", "--graph"],
            ["lineage", "galaxies.i_cmodel_mag", "--graph"],
            ["splits", "--scheme", "release", "--plot"],
        )
    ):
        path = tmp_path / f"{number}.png"
        code, out, err = typed("-C", real, "audit", *words, path, "--json")
        assert code == 0 and path.read_bytes().startswith(b"\x89PNG") and f"The picture is {path}." in err
        assert json.loads(out) == json.loads(typed("-C", real, "audit", *words[:-1], "--json")[1])


@pytest.mark.parametrize(
    "words, said",
    [
        (["audit", "diff", "v1", "v2", "--version", "v3"], "--version can only be given with --specz"),
        (["audit", "diff", "v1", "v2", "--specz-rule", "best"], "--specz-rule can only be given with --specz"),
        (["audit", "splits", "--scheme", "paper", "--scheme", "release", "--plot", "x.png"], "--plot draws one scheme"),
        (["export", "csv", "--splits", "--force"], "--splits cannot be combined with --force"),
        (["export", "csv", "--out", "x.fits"], "export csv writes CSV, but x.fits does not end in .csv or .txt"),
        (
            ["export", "csv", "--out", "x.csv.gz"],
            "export csv writes CSV, but x.csv.gz does not end in .csv or .txt",
        ),
        (
            ["export", "csv", "--out", "x.ecsv"],
            "export csv writes CSV, but x.ecsv does not end in .csv or .txt",
        ),
        (
            ["export", "parquet", "--out", "x.csv"],
            "export parquet writes Parquet, but x.csv does not end in .parquet or .pq",
        ),
        (["export", "ecsv", "--out", "x.csv"], "export ecsv writes ECSV, but x.csv does not end in .ecsv"),
        (["export", "csv", "--splits", "--out", "x.csv"], "x.csv is the name of a file"),
        (["export", "hdf5", "--out", "x.hdf5"], "x.hdf5 is the name of a file"),
        (["request", "cutouts", "--out", "x.txt"], "x.txt is the name of a file"),
        (
            ["sql", "select 1", "--format", "csv", "--out", "x.parquet"],
            "sql --format csv writes CSV, but x.parquet does not end in .csv or .txt",
        ),
        (["sql", "select 1", "--format", "table", "--out", "x.csv"], "--format table is only for the screen"),
        (["sql", "select 1", "--limit", "3", "--format", "csv"], "--limit applies to a table on the screen"),
        (["sql", "select 1", "--limit", "3", "--out", "x.csv"], "--limit applies to a table on the screen"),
        (["ingest", "release", "--list", "--wait", "3"], "--list cannot be combined with --wait"),
        (
            ["ingest", "hsc", "a.csv", "--rejects", "x.fits"],
            "--rejects writes CSV, but x.fits does not end in .csv or .txt",
        ),
        (["build", "--specz-rule", "best"], "--specz-rule applies to the landed surveys' spectra"),
        (["ingest", "cutouts", "a.tar", "--jobs", "0"], "--jobs"),
    ],
    ids=" ".join,
)
def test_no_option_is_dropped(real, typed, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = typed("-C", real, *words)
    assert (code, out) == (2, "") and said in err
    assert not list(tmp_path.iterdir())


def test_the_seed_that_is_offered_keeps_the_builds_other_choices(real, typed):
    """Three galaxies are all in the training split; without the accepted cuts the command would be refused."""
    code, _, err = typed("-C", real, "audit", "splits", "--version", "v3", "--scheme", "release")
    offered = re.search(r"galaxiesml build --split-seed \d+ (.*?) \(", err)[1]
    assert code == 0 and "galaxies_v3 has no galaxy in validation" in err
    assert offered.split()[::2] == ["--accept-missing"] * 4
    assert set(offered.split()[1::2]) == {"crcenter", "bad", "centroid", "specz_mag"}


def test_what_goes_together_is_written(real, typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (
        ["export", "ecsv", "--out", "x.ecsv"],
        ["export", "csv", "--out", "cut_0.5"],
        ["export", "parquet", "--out", "x.PQ"],
        ["sql", "select 1 as one", "--out", "y.JSON"],
        ["sql", "select 1 as one", "--format", "csv", "--out", "y.txt"],
    ):
        code, out, _ = typed("-C", real, *words)
        assert (code, out) == (0, f"{words[-1]}\n") and Path(words[-1]).stat().st_size
    assert json.loads(Path("y.JSON").read_text()) == [{"one": 1}] and Path("y.txt").read_text() == "one\n1\n"
    schemes = json.loads(
        typed("-C", real, "audit", "splits", "--scheme", "paper", "--scheme", "leak-free", "--json")[1]
    )
    assert [entry["scheme"] for entry in schemes] == ["paper", "leak_free"]


def test_one_object(real, typed, shared_data):
    table = Table.read(shared_data / "hsc_s16a_wide_gama.fits")
    edge = np.asarray(table["iflags_pixel_edge"]) & ~np.asarray(table["gflags_pixel_edge"])
    lonely = int(table["object_id"][(np.asarray(table["specz_id"]) == -9999)][0])
    at_edge = int(table["object_id"][edge & (np.asarray(table["specz_id"]) != -9999)][0])
    found = json.loads(typed("-C", real, "audit", "row", at_edge, "--json")[1])
    verdicts = {cut["cut"]: cut for cut in found["pairs"][0]["cuts"]}
    assert verdicts["edge"]["verdict"] == "fail" and "i true" in verdicts["edge"]["value"]
    assert verdicts["crcenter"]["verdict"] == "not in this export"
    assert verdicts["unique_spectrum"]["verdict"] == "not reached"
    assert not any(version["kept"] for version in found["pairs"][0]["versions"].values())
    assert "without a spectrum, so in no version" in typed("-C", real, "audit", "row", lonely)[1]
    code, _, err = typed("-C", real, "audit", "row", 123)
    assert code == 4 and "123" in err and "ingest list" in err


def test_the_other_questions(real, typed):
    assert "keep the same rows" in typed("-C", real, "audit", "diff", "v1", "v2")[1]
    diff = json.loads(typed("-C", real, "audit", "diff", "v2", "v3", "--json")[1])
    assert diff == [
        {
            "only_in": "v2",
            "removed_by": "v3",
            "first_cut": "measured_error",
            "first_verdict": "fail",
            "rows": 685,
        }
    ]
    assert "0.005 * (" in typed("-C", real, "audit", "sql", "error")[1]
    assert typed("-C", real, "audit", "sql", "nosuch")[0] == 2
    lineage = typed("-C", real, "audit", "lineage", "galaxies.specz_redshift")[1]
    assert "z_hsc" in lineage and "c5b6bb0bf039" in lineage and "cmodel_flux_flags" in lineage
    assert typed("-C", real, "audit", "lineage", "galaxies")[0] == 2


def test_pictures(real, typed, tmp_path):
    for words, name in (
        (["cuts"], "flow.svg"),
        (["cuts"], "flow.png"),
        (["lineage", "galaxies.i_cmodel_mag"], "line.svg"),
    ):
        code, out, _ = typed("-C", real, "audit", *words, "--graph", tmp_path / name)
        assert code == 0 and out.strip() == str(tmp_path / name)
        head = (tmp_path / name).read_bytes()[:200]
        assert head.startswith(b"\x89PNG") or b"<?xml" in head
    text = (tmp_path / "flow.svg").read_text()
    assert "916" in text and "688" in text


def test_sql_reads_and_only_reads(real, typed, tmp_path):
    query = "select count(*) as n, sum(specz_redshift) as z from galaxies"
    answer = json.loads(typed("-C", real, "sql", query, "--format", "json")[1])
    assert answer[0]["n"] == 688
    rows = list(csv.DictReader(io.StringIO(typed("-C", real, "sql", query, "--format", "csv")[1])))
    assert float(rows[0]["z"]) == answer[0]["z"]
    out = tmp_path / "ids.parquet"
    assert typed("-C", real, "sql", "select object_id from galaxies", "--out", out)[1].strip() == str(out)
    assert pq.read_metadata(out).num_rows == 688
    for bad in (
        "insert into galaxies select * from galaxies",
        f"copy galaxies to '{tmp_path}/x.csv'",
        "attach 'x.db'",
        "set threads = 1",
        "select 1; select 2",
        "create table t as select 1",
        "select nosuch from galaxies",
        "selec 1",
    ):
        code, text, err = typed("-C", real, "sql", bad)
        assert (code, text) == (2, ""), bad
        assert err.startswith("Error:"), bad
    assert "Tables: columns, cut_flow" in typed("-C", real, "sql", "select * from nosuch")[2]
    assert not (tmp_path / "x.csv").exists()


def test_the_dictionary_answers_for_every_name_that_sql_knows(real, typed):
    def asked(query):
        return json.loads(typed("-C", real, "sql", query, "--format", "json")[1])

    units = {row["name"]: row["unit"] for row in asked("select name, unit from columns where table_name = 'galaxies'")}
    assert (units["ra"], units["i_cmodel_mag"], units["object_id"]) == ("deg", "mag", None)
    # Every mart is in it by each of its names, and no column twice.
    build = real / "builds" / (real / "current").read_text().strip()
    marts = {path.stem: set(pq.read_schema(path).names) for path in build.glob("*.parquet")}
    known = {}
    for row in asked("select table_name, name from columns"):
        known.setdefault(row["table_name"], set()).add(row["name"])
    views = {"galaxies": marts["galaxies_v2"], "rejections_of_default": marts["rejections"]}
    lonely = {row["column_name"] for row in asked("describe objects_without_spectrum")}
    assert known == marts | views | {"objects_without_spectrum": lonely} and set(units) == known["galaxies"]
    assert asked("select table_name, name from columns group by all having count(*) > 1") == []


def test_the_notebook_on_the_real_export(real, notebook):
    # GAMA's errors are arbitrary: of the 688 the strict version keeps 3.
    out = notebook("polars_quickstart.py", real)
    assert "in v2 and not in v3: 685 galaxies" in out and "measured_error" in out


def test_sql_needs_no_lock(real, typed):
    from galaxiesml.catalog import Catalog

    with Catalog.open(real).lock("a long build"):
        assert typed("-C", real, "sql", "select 1 as one")[0] == 0
        code, _, err = typed("-C", real, "build", "--accept-missing", "all")
        assert code == 5 and "a long build" in err
        assert "a long build" in typed("-C", real, "status")[1]


@pytest.mark.parametrize("query", ["redshift_distribution", "what_each_cut_costs", "who_loses_a_duplicate"])
def test_worked_questions(real, typed, repo, query):
    code, out, _ = typed("-C", real, "sql", "--file", repo / "sql" / "analyses" / f"{query}.sql")
    assert code == 0 and out


def test_ecsv_export_carries_units_and_says_incomplete(real, typed):
    code, out, err = typed("-C", real, "export", "ecsv")
    assert code == 0 and "INCOMPLETE: crcenter" in err and "in its header" in err
    path = Path(out.strip())
    table = Table.read(path)
    mart = pq.read_table(real / "builds" / (real / "current").read_text().strip() / "galaxies_v2.parquet")
    assert table.colnames == mart.column_names
    assert (table["object_id"].dtype, str(table["ra"].unit)) == (np.int64, "deg")
    assert table["object_id"].tolist() == mart["object_id"].to_pylist()
    assert table["specz_redshift"].tolist() == mart["specz_redshift"].to_pylist()
    assert table["specz_flag_homogeneous"].dtype == bool
    assert table["isprimary"].mask.all()
    assert table.meta["incomplete"] == ["crcenter", "bad", "centroid", "specz_mag"]
    again = path.read_bytes()
    typed("-C", real, "export", "ecsv")
    assert path.read_bytes() == again
    assert len(pd.read_csv(path, comment="#")) == len(pl.read_csv(path, comment_prefix="#")) == 688
    code, out, err = typed("-C", real, "export", "csv")
    plain = Path(out.strip())
    assert plain.read_text().startswith("object_id,") and len(pl.read_csv(plain)) == 688
    assert "INCOMPLETE" in err and f"in {plain.name}.json" in err
    assert json.loads(plain.with_name(f"{plain.name}.json").read_text())["incomplete"]


def test_parquet_export_carries_units(real, typed):
    path = Path(typed("-C", real, "export", "parquet", "--version", "v1")[1].strip())
    schema = pq.read_schema(path)
    assert schema.field("ra").metadata[b"unit"] == b"deg"
    assert schema.field("i_cmodel_mag").metadata[b"ucd"] == b"phot.mag;em.opt.I"
    facts = json.loads(schema.metadata[b"galaxiesml"])
    assert facts["version"] == "v1" and "crcenter" in facts["incomplete"]
    document = parse(io.BytesIO(schema.metadata[b"IVOA.VOTable-Parquet.content"]))
    fields = {field.name: field for field in document.get_first_table().fields}
    assert list(fields) == schema.names
    assert str(fields["ra"].unit) == "deg" and fields["object_id"].datatype == "long"
    assert pl.read_parquet(path).height == 688
    assert typed("-C", real, "export", "parquet", "--version", "v9")[0] == 2


def test_settings_and_where_they_come_from(real, typed, monkeypatch):
    def origin(key):
        rows = json.loads(typed("-C", real, "config", "show", "--json")[1])
        return next((row["value"], row["from"]) for row in rows if row["setting"] == key)

    assert origin("threads")[1] == "default"
    assert typed("-C", real, "config", "set", "threads", "1")[0] == 0
    assert origin("threads") == ("1", "galaxiesml.toml")
    monkeypatch.setenv("GALAXIESML_THREADS", "2")
    assert origin("threads") == ("2", "GALAXIESML_THREADS")
    assert origin("catalog")[1] == "option"
    assert typed("-C", real, "config", "set", "threads", "none")[0] == 2
    assert typed("-C", real, "sql", "select 1", "--threads", "0")[0] == 2


def test_status_gc_and_upgrade(real, typed):
    status = json.loads(typed("-C", real, "status", "--json")[1])
    assert status["up_to_date"] and status["next"] == "galaxiesml audit cuts"
    assert typed("-C", real, "upgrade")[1].endswith("nothing to do\n")
    (real / "builds" / ".next").mkdir()
    assert ".next" in typed("-C", real, "gc", "--dry-run")[1]
    assert typed("-C", real, "gc")[0] == 0 and not (real / "builds" / ".next").exists()


def test_an_older_catalogue_is_upgraded_and_a_newer_one_refused(tmp_path, typed):
    root = tmp_path / "old"
    root.mkdir()
    (root / "galaxiesml.toml").write_text('format = 0\nrelease = "pdr2_wide"\n')
    code, _, err = typed("-C", root, "status")
    assert code == 4 and "galaxiesml upgrade" in err
    assert typed("-C", root, "upgrade")[0] == 0
    assert typed("-C", root, "status")[0] == 0
    (root / "galaxiesml.toml").write_text('format = 99\nrelease = "pdr2_wide"\n')
    assert typed("-C", root, "upgrade")[0] == 4 and typed("-C", root, "status")[0] == 4


def test_no_catalogue_here(tmp_path, typed, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GALAXIESML_CATALOG", raising=False)
    code, _, err = typed("status")
    assert code == 4 and "galaxiesml init" in err


def test_secrets_are_not_logged():
    from galaxiesml.cli.common import redacted

    words = ["fetch", "--password", "hunter2", "--token=abc", "--user", "me"]
    assert redacted(words) == ["fetch", "--password", "***", "--token=***", "--user", "me"]


def plain_dbt_build(real, repo, *words: str) -> None:
    """`dbt build` in the project, with nothing but GALAXIESML_CATALOG."""
    command = [Path(sys.executable).parent / "dbt", "build", "--profiles-dir", repo, "--project-dir", repo]
    folder = real / "dbt-plain"
    run = subprocess.run(
        [*command, "--target-path", folder, "--log-path", folder, *words],
        env=os.environ | {"GALAXIESML_CATALOG": str(real)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert pq.read_metadata(real / "builds" / ".dbt" / "galaxies_v2.parquet").num_rows == 688


#: What one version is made of, with the tests of that alone.
_ONE_VERSION = ("--select", "+galaxies_v2", "--exclude", "test_type:unit", "--indirect-selection", "cautious")


def test_plain_dbt_build(real, repo):
    plain_dbt_build(real, repo, *_ONE_VERSION)


@pytest.mark.proof
def test_plain_dbt_build_of_everything(real, repo):
    plain_dbt_build(real, repo)
