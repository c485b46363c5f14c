"""Every edit that CONTRIBUTING promises to be enough, made in one copy of the project and built once."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: A cut on one filter, and one whose window reads a column that no cut has needed before.
CUTS = """
    {'name': 'bright', 'scope': 'object', 'group': 'quality', 'required': true, 'versions': ['v5'],
     'sql': 'i_cmodel_mag < 22.0', 'needs': ['i_cmodel_mag'],
     'rows': [[{'i_cmodel_mag': '21.999'}, true], [{'i_cmodel_mag': '22.0'}, false], [{'i_cmodel_mag': 'null'}, none]],
     'section': 'this test', 'why': 'Brighter than the limit of a test.'},

    {'name': 'nearest_match', 'scope': 'object', 'group': 'duplicates', 'required': true, 'versions': ['v5'],
     'window': 'row_number() over (partition by {alive}, object_id order by d_pos nulls last, pair_id) = 1',
     'needs': ['object_id'], 'reads': ['d_pos'], 'duplicates_by': 'object_id', 'rows': [],
     'limit': 'the pair of its object with the smallest d_pos',
     'section': 'this test', 'why': 'The object has a nearer spectrum in the archive table.'},
"""
VERSION = "    {'name': 'v5', 'title': 'bright galaxies'},\n"
#: A column that an export may bring, and a measurement of it.
COLUMNS = """
[colour]
type = "double"
unit = "mag"
ucd = "phot.color;em.opt.I"
families = ["colours"]
description = "The difference that a test measures."

[colours_run]
type = "text"
ucd = "meta.id"
families = ["colours_keys", "colours_settings"]
description = "The run that a test measured by."
"""
EXTENDEDNESS = """
[extendedness]
type = "double"
of = "object"
ucd = "src.class.starGalaxy"
families = ["object", "galaxy"]
description = "How much wider than a star, as the archive says."

[coord]"""
MODELS = """
[staging.colours.stg_colours__parts]
description = "Colours of a test, columns cast; one row per object and run."
columns = ["object_id", "colours_run", "@colours"]

[staging.colours.stg_colours__settings]
description = "Runs of a test that builds take, columns cast; one row a run."
columns = ["colours_run"]
"""
MART = """
[marts.colours]
order_by = "object_id, colours_run"
description = "One row per object and run of a test: its colour."
columns = ["object_id", "colours_run", "colour"]
not_null = ["object_id"]
"""
STAGING = """with measured as (
    select * from {{{{ source('derived', 'colours_{table}') }}}}
),

cast_columns as (
    select
        {{{{- cast_family('colours_{family}') }}}}{rest}
    from measured
)

select * from cast_columns
"""
COLOURS = """with parts as (
    select * from {{ ref('stg_colours__parts') }}
),

settings as (
    select * from {{ ref('stg_colours__settings') }}
)

select parts.object_id, parts.colours_run, parts.colour
from parts inner join settings on parts.colours_run = settings.colours_run
"""
COMMAND = '''"""`galaxiesml greet`."""

import typer


def register(app: typer.Typer) -> None:
    app.command("greet")(greet)


def greet() -> None:
    """Greet.

    Example:
      galaxiesml greet
    """
    typer.echo("a command of a test")
'''
#: Two runs of the measurement, side by side.
MEASURE = """
import sys
import pyarrow as pa
from galaxiesml.catalog import find_catalog
from galaxiesml.catalog.measured import MEASUREMENTS

(colours,) = [one for one in MEASUREMENTS if one.name == "colours"]
catalog = find_catalog(sys.argv[1])
landed = catalog.connect().sql("select distinct object_id from hsc_joined order by 1 limit 40")
ids = [row[0] for row in landed.fetchall()]
for run, colour in (("first", 0.5), ("second", 0.75), ("left", 9.0)):
    table = pa.table({"object_id": ids, "colours_run": [run] * 40, "colour": [colour] * 40})
    colours.note_run(catalog, {"colours_run": run})
    colours.write_part(catalog, run, table)
    if run != "left":
        colours.choose(catalog, {"colours_run": run})
"""


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) >= 1, (path, old)
    path.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module")
def project(tmp_path_factory, repo) -> Path:
    """A copy of the project with one edit of each kind, and its generated files rendered."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("galaxiesml", "sql", "models"):
        shutil.copytree(repo / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(repo / name, folder)
    (folder / "docs").mkdir()
    cuts, versions = folder / "sql/macros/published_cuts.sql", folder / "sql/macros/published_versions.sql"
    cuts.write_text(cuts.read_text().replace("'v3', 'v4'] -%}", "'v3', 'v4', 'v5'] -%}"))
    edit(cuts, "\n]) }}", CUTS + "]) }}")
    edit(versions, "]) }}", VERSION + "]) }}")
    for model in ("intermediate/int_judged", "marts/galaxies"):
        text = (folder / f"models/{model}_v2.sql").read_text()
        (folder / f"models/{model}_v5.sql").write_text(text.replace("'v2'", "'v5'"))

    survey = (folder / "galaxiesml/surveys/wigglez.toml").read_text().replace('"Qop"]', '"MYQ"]')
    (folder / "galaxiesml/surveys/mine.toml").write_text(survey.replace('["Qop", "Q"]', '["MYQ"]'))
    release = (folder / "galaxiesml/releases/pdr2_wide.toml").read_text().replace('"pdr2_wide"', '"later"')
    (folder / "galaxiesml/releases/later.toml").write_text(
        release.replace("[columns]\n", '[columns]\nextendedness = "i_extendedness_value"\n')
    )

    columns = folder / "sql/columns.toml"
    edit(columns, "\n[coord]", EXTENDEDNESS)
    edit(
        columns,
        'families = ["object", "galaxy", "released"',
        'families = ["colours_keys", "object", "galaxy", "released"',
    )
    columns.write_text(columns.read_text() + COLUMNS)
    models = folder / "models/models.toml"
    edit(models, "\n[intermediate.int_pairs]", MODELS + "\n[intermediate.int_pairs]")
    models.write_text(models.read_text() + MART)
    (folder / "models/staging/colours").mkdir()
    for table, family, rest in (
        ("parts", "keys", ",\n        {{- cast_family('colours') }}"),
        ("settings", "settings", ""),
    ):
        text = STAGING.format(table=table, family=family, rest=rest)
        (folder / f"models/staging/colours/stg_colours__{table}.sql").write_text(text)
    (folder / "models/marts/colours.sql").write_text(COLOURS)
    measured = folder / "galaxiesml/catalog/measured.py"
    entry = 'Measurement("colours", run="colours_run", row="object", written_by="a test", '
    entry += 'told={"run": "colours_run"}, is_one=False)'
    edit(measured, "MEASUREMENTS = (MORPHOLOGY, PREDICTIONS)", f"MEASUREMENTS = (MORPHOLOGY, PREDICTIONS, {entry})")

    (folder / "galaxiesml/cli/greet.py").write_text(COMMAND)
    commands = folder / "galaxiesml/cli/__init__.py"
    edit(commands, "    given,\n", "    given,\n    greet,\n")
    edit(commands, "        catalog,\n        ingest,", "        catalog,\n        greet,\n        ingest,")
    python(folder, "-c", "from galaxiesml.curation.project import write_rendered; write_rendered()")
    return folder


def python(project: Path, *words: str | Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(project)}
    run = subprocess.run([sys.executable, "-P", *map(str, words)], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def built(project, tmp_path_factory) -> Path:
    """A catalogue of the copy, with all that was added, built once."""
    folder = tmp_path_factory.mktemp("built")
    cat = folder / "cat"
    python(project, "-m", "galaxiesml", "mock", "export", "--rows", "3000", "--format", "csv", "--out", folder / "m")
    export = folder / "m" / "export.csv"
    with export.open() as file:
        rows = list(csv.reader(file))
    with export.open("w") as file:
        added = [[*rows[0], "i_extendedness_value"], *([*row, f"{n % 7 / 8}"] for n, row in enumerate(rows[1:]))]
        csv.writer(file, lineterminator="\n").writerows(added)
    spectra = folder / "spectra.csv"
    spectra.write_text("ID,RA,DEC,Redshift,MYQ\na,150.1,2.1,0.5,4\nb,150.2,2.2,0.6,3\n")
    for words in (
        ["init", cat, "--release", "later"],
        ["-C", cat, "ingest", "hsc", export],
        ["-C", cat, "ingest", "specz", spectra],
    ):
        python(project, "-m", "galaxiesml", *words)
    python(project, "-c", MEASURE, cat)
    python(project, "-m", "galaxiesml", "-C", cat, "build", "--accept-missing", "all")
    return cat


@pytest.fixture
def ask(project, built):
    """A command of the copy in its catalogue, as JSON or text."""

    def run(*words: str | Path):
        out = python(project, "-m", "galaxiesml", "-C", built, *words)
        return json.loads(out) if "--json" in words or "json" in words else out

    return run


def test_a_fifth_version_is_known_everywhere(ask, tmp_path):
    flow = {row["cut"]: row for row in ask("sql", "select * from cut_flow where version = 'v5'", "--format", "json")}
    assert flow["bright"]["fails"] > 0 and "nearest_match" in flow
    assert "bright galaxies" in ask("audit", "cuts", "--version", "v5")
    path = tmp_path / "five.csv"
    ask("export", "csv", "--version", "v5", "--out", path)
    with path.open() as file:
        exported = list(csv.DictReader(file))
    assert exported and max(float(row["i_cmodel_mag"]) for row in exported) < 22.0
    assert len({row["object_id"] for row in exported}) == len(exported)
    assert "bright" in ask("audit", "diff", "v2", "v5")


def test_a_window_may_read_any_column_of_a_pair(ask):
    """Of the pairs of an object that reach the cut, the one with the smallest d_pos stays, told by plain SQL."""
    kept = ask("sql", "select object_id, d_pos from galaxies_v5 order by all", "--format", "json")
    wrong = """
        select count(*) as n from rejections as lost inner join int_pairs as pair using (pair_id)
        inner join galaxies_v5 as kept on pair.object_id = kept.object_id
        where lost.version = 'v5' and lost.first_cut = 'nearest_match' and pair.d_pos < kept.d_pos
    """
    assert kept and ask("sql", wrong, "--format", "json") == [{"n": 0}]


def test_a_column_a_survey_and_a_release_arrive(ask):
    values = ask("sql", "select distinct extendedness from galaxies order by 1", "--format", "json")
    assert len(values) == 7
    described = ask("sql", "select unit, ucd from columns where name = 'extendedness' limit 1", "--format", "json")
    assert described == [{"unit": None, "ucd": "src.class.starGalaxy"}]
    (survey,) = ask("ingest", "list", "specz", "--json")
    assert (survey["survey"], survey["rows"]) == ("mine", 2)
    assert ask("status", "--json")["release"] == "later"


def test_a_second_measurement_is_a_table_beside_the_first(ask):
    rows = ask(
        "sql",
        "select colours_run, count(*) as n, min(colour) as c from colours group by all order by 1",
        "--format",
        "json",
    )
    assert rows == [{"colours_run": "first", "n": 40, "c": 0.5}, {"colours_run": "second", "n": 40, "c": 0.75}]
    names = {row["table"] for row in ask("tables", "--json")}
    assert {"colours", "colours_parts", "colours_settings", "morphology_parts"} <= names


def test_a_command_is_there(ask):
    assert ask("greet") == "a command of a test\n"
