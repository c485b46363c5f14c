"""The SQL shell in a terminal of its own: what is typed, what is shown, what ends it."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build
from galaxiesml.query.completion import Words, following
from galaxiesml.query.statements import typed as typed_text

from ..curation.landed import land_rows
from ..made import builds
from ..made.pairs import good_pair
from ..made.terminal import Terminal

LONG = "select count(*) from range(100000000000) as r(i) where sin(i) > 2;"
PROMPT = "galaxiesml>"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    return builds.mixed(tmp_path_factory.mktemp("mixed") / "cat").root


@pytest.fixture
def shell(mixed, tmp_path):
    """Start a shell; its history is the test's own."""

    def start(*words, root: Path = mixed, **environment) -> Terminal:
        return Terminal(["-C", root, "sql", *words], XDG_STATE_HOME=str(tmp_path / "state"), **environment)

    return start


def left(terminal: Terminal) -> int:
    """Ctrl-D at the prompt: the exit code."""
    terminal.wait_for(PROMPT)
    terminal.type("\x04")
    return terminal.end()


def kept(root: Path) -> int:
    return Catalog.open(root).connect().execute("select count(*) from galaxies").fetchone()[0]


def test_statements_of_several_lines_run_one_after_another(shell, mixed):
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("select 'a;b' as text, -- not; here\rcount(*) + 0.25 as n\r")
        terminal.wait_for("...")
        terminal.type("from galaxies; select 7 as seven;\r")
        shown = terminal.wait_for("seven\n-----\n    7\n")
        assert f"\na;b   {kept(mixed) + 0.25}\n" in shown
        terminal.type(".quit\r")
        assert terminal.end() == 0 and terminal.is_cooked()


def test_errors_suggest_and_end_nothing(shell):
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("select z from galaxies;\r")
        terminal.wait_for("There is no column z in galaxies.\nDid you mean specz_redshift or z_cmodel_mag?")
        terminal.type("from galaxis;\r")
        terminal.wait_for("There is no table galaxis; the nearest is 'galaxies'.")
        terminal.type("select in_con(1, 2, 3, 4, 5);\r")
        terminal.wait_for("There is no function in_con; the nearest is 'in_cone'.")
        terminal.type("drop view galaxies;\r")
        terminal.wait_for("DROP is refused: queries can only read the catalogue.")
        terminal.type(".tabels\r")
        terminal.wait_for("There is no command .tabels; the nearest is '.tables'.")
        terminal.type(".schema\r")
        terminal.wait_for(".schema takes one table.\nType .schema TABLE")
        terminal.type(".schema splitts\r")
        terminal.wait_for("There is no table splitts; the nearest is 'splits'.")
        terminal.type("select 6 * 7 as answer;\r")
        terminal.wait_for("    42")
        assert left(terminal) == 0


def test_the_commands(shell):
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        terminal.type(".tables\r")
        shown = terminal.wait_for("versions ")
        assert "objects_without_spectrum" in shown and "rejections_of_default" in shown and "hsc_joined" in shown
        terminal.type(".schema objects_without_spectrum\r")
        terminal.wait_for("photometric ")
        terminal.wait_for("y_sdsscentroid_flag")
        terminal.type(".versions\r")
        assert "v3" in terminal.wait_for("v4  ")
        terminal.type(".cuts\r")
        shown = terminal.wait_for("best_of_object")
        assert "specz_redshift > 0.01" in shown
        terminal.type(".help\r")
        terminal.wait_for("in_cone(ra, dec, ra0, dec0, arcsec)")
        terminal.type(".expanded\r")
        terminal.wait_for("Rows as lines of names and values.")
        terminal.type("select 1 as one, null as none, 'x' as text;\r")
        terminal.wait_for("-[ row 1 ]\none  | 1\nnone |\ntext | x\n")
        terminal.type("exit\r")
        assert terminal.end() == 0


def test_ctrl_c_interrupts_a_query_and_not_the_shell(shell, record_property):
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        for _ in range(2):
            terminal.type(f"{LONG}\r")
            terminal.wait_for("sin(i) > 2;\n")
            time.sleep(1.5)
            assert "Interrupted" not in terminal.screen.rpartition("sin(i)")[2]
            began = time.monotonic()
            terminal.type("\x03")
            terminal.wait_for("Interrupted.")
            took = time.monotonic() - began
            assert took < 2
            record_property("seconds", took)
            terminal.wait_for(PROMPT)
        print(f"measured: a query ended {took:.2f} s after Ctrl-C")
        # A line is left, and what it held is not run.
        terminal.type("select 'left' || 'over' as text\r")
        terminal.wait_for("...")
        terminal.type("\x03")
        terminal.wait_for(PROMPT)
        terminal.type("select 40 + 2 as answer;\r")
        terminal.wait_for("    42\n")
        assert left(terminal) == 0 and terminal.is_cooked() and "leftover" not in terminal.screen


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("is_at_work", [False, True])
def test_other_signals_end_the_shell(shell, number, code, is_at_work):
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        # After a query: the line editor has used the system's signals by then.
        terminal.type("select 41 + 1 as answer;\r")
        terminal.wait_for("    42\n")
        terminal.wait_for(PROMPT)
        if is_at_work:
            terminal.type(f"{LONG}\r")
            terminal.wait_for("sin(i) > 2;\n")
            time.sleep(0.5)
        began = time.monotonic()
        terminal.send(number)
        assert terminal.end() == code and time.monotonic() - began < 2
        assert terminal.is_cooked() and "Traceback" not in terminal.screen


def test_the_history_is_the_users_and_not_the_catalogues(shell, mixed, tmp_path):
    before = sorted(path for path in mixed.rglob("*") if path.suffix != ".log")
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("select 123 as remembered;\r")
        terminal.wait_for("       123\n")
        assert left(terminal) == 0
    path = tmp_path / "state" / "galaxiesml" / "sql_history"
    assert "+select 123 as remembered;" in path.read_text() and path.stat().st_mode & 0o077 == 0
    assert sorted(path for path in mixed.rglob("*") if path.suffix != ".log") == before
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("\x1b[A")
        terminal.wait_for("select 123 as remembered;")
        terminal.type("\r")
        terminal.wait_for("       123\n")
        assert left(terminal) == 0


def test_a_history_that_cannot_be_kept_stops_nobody(mixed, tmp_path):
    (tmp_path / "file").write_text("")
    with Terminal(["-C", mixed, "sql"], XDG_STATE_HOME=str(tmp_path / "file")) as terminal:
        terminal.wait_for("cannot be written")
        terminal.type("select 41 + 1 as answer;\r")
        terminal.wait_for("    42\n")
        assert left(terminal) == 0


def test_tab_completes(shell):
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("select count(*) as n from objects_w\t")
        terminal.wait_for("objects_without_spectrum")
        terminal.type(";\r")
        terminal.wait_for("n\n-\n0\n")
        terminal.wait_for(PROMPT)
        terminal.type("select count(*) >= 0 as holds from rejections where first_cut = 'interp\t")
        terminal.wait_for("'interpolated")
        terminal.type("';\r")
        terminal.wait_for("holds\n-----\ntrue\n")
        assert left(terminal) == 0


def test_a_build_that_is_published_meanwhile_is_read(mixed, shell, tmp_path):
    root = shutil.copytree(mixed, tmp_path / "cat")
    before = kept(root)
    with shell(root=root) as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("select count(*) as n from galaxies;\r")
        terminal.wait_for(f"\n{before}\n")
        catalog = Catalog.open(root)
        land_rows(catalog, [good_pair(9001, specz_name="another")])
        info = build(catalog).info
        terminal.type("select count(*) as n from galaxies;\r")
        shown = terminal.wait_for(f"\n{before + 1}\n")
        assert f"Build {info['id']} from here on." in shown
        assert left(terminal) == 0


def test_what_is_landed_commands_no_terminal(shell):
    with shell() as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("select 'a' || chr(27) || '[2J' || chr(10) || chr(8238) || 'b' as text;\r")
        terminal.wait_for("\na\\x1b[2J\\n\\u202eb\n")
        assert left(terminal) == 0


def test_without_a_terminal_a_query_is_asked_for(mixed, typed):
    for words in ([], ["--json"], ["--expanded"]):
        code, out, err = typed("-C", mixed, "sql", *words)
        assert (code, out) == (2, "") and "Give a query, or --file FILE." in err
    # A result that is piped out comes of no shell either.
    run = [sys.executable, "-m", "galaxiesml", "-C", str(mixed), "sql"]
    with Terminal(["-C", mixed, "sql", "--out", "x.csv"]) as terminal:
        assert terminal.end() == 2 and "Give a query" in terminal.screen
    done = subprocess.run([*run, "-", "--json"], input="select 1 as one, 'é' as text", capture_output=True, text=True)
    assert (done.returncode, json.loads(done.stdout)) == (0, [{"one": 1, "text": "é"}])


def test_options_that_print(mixed, typed):
    query = "select object_id, ra from galaxies order by 1 limit 2"
    assert typed("-C", mixed, "sql", query, "--json") == typed("-C", mixed, "sql", query, "--format", "json")
    code, out, _ = typed("-C", mixed, "sql", query, "--expanded")
    rows = json.loads(typed("-C", mixed, "sql", query, "--json")[1])
    expected = [
        line
        for number, row in enumerate(rows, 1)
        for line in (f"-[ row {number} ]--", f"object_id | {row['object_id']}", f"ra        | {row['ra']:.10g}")
    ]
    assert code == 0 and out.splitlines() == expected and len(expected) == 6
    for words in (
        ["--json", "--format", "csv"],
        ["--json", "--expanded"],
        ["--wide", "--expanded"],
        ["--json", "--wide"],
    ):
        code, out, err = typed("-C", mixed, "sql", query, *words)
        assert (code, out) == (2, "") and "Error:" in err
    # Two columns of one name are two columns.
    assert typed("-C", mixed, "sql", "select 1 as a, 2 as a")[1].splitlines()[-1].split() == ["1", "2"]


@pytest.mark.parametrize(
    "text, statements, rest, within",
    [
        ("select 1", [], "select 1", ""),
        ("select 1; ", ["select 1"], "", ""),
        (";;", [], "", ""),
        ("select ';' as a; from b;", ["select ';' as a", " from b"], "", ""),
        ("select 'it''s; so", [], "select 'it''s; so", "'"),
        ('select ";" from "a;b', [], 'select ";" from "a;b', '"'),
        ("select 1 -- a; b\n;", ["select 1 -- a; b\n"], "", ""),
        ("select 1; -- done", ["select 1"], "", "--"),
        ("select /* a; */ 2;", ["select /* a; */ 2"], "", ""),
        ("select 1 /* a;", [], "select 1 /* a;", "/*"),
        ("select $$a;b$$;", ["select $$a;b$$"], "", ""),
        ("select $x$a;$$b", [], "select $x$a;$$b", "$"),
        ("select 1 - 2 / 3;", ["select 1 - 2 / 3"], "", ""),
    ],
)
def test_where_a_statement_ends(text, statements, rest, within):
    found = typed_text(text)
    assert found.statements == statements and found.rest == rest and found.within == within


WORDS = Words(
    {"galaxies": ("object_id", "ra", "i_cmodel_mag"), "splits": ("object_id", "split_paper")},
    ("edge", "error"),
    ("v1", "v2"),
    ("vvds", "vipers"),
    (".tables", ".schema "),
)


@pytest.mark.parametrize(
    "before, after, expected",
    [
        ("from gal", "", ["galaxies"]),
        ("select ", " from splits", ["object_id", "split_paper"]),
        ("select I_", " from galaxies", ["i_cmodel_mag"]),
        ("select g.", " from galaxies as g", ["object_id", "ra", "i_cmodel_mag"]),
        ("select s.spl", " from galaxies join splits s using (object_id)", ["split_paper"]),
        ("select x.", " from galaxies as g", []),
        ("select * from rejections where version = '", "", ["v1", "v2"]),
        ("select * from rejections where first_cut in ('edge', 'e", "", ["edge", "error"]),
        ("where list_contains(surveys_of(specz_surveys), 'v", "", ["vvds", "vipers"]),
        ("select 'v", "", ["v1", "v2", "vvds", "vipers"]),
        ("-- fro", "", []),
        ("select in_c", "", ["in_cone"]),
        ("selec", "", ["select"]),
        (".s", "", [".schema "]),
        (".schema sp", "", ["splits"]),
        (".tables sp", "", []),
    ],
)
def test_the_words_that_may_follow(before, after, expected):
    found = following(WORDS, before, after)
    assert [word.text for word in found] == expected
    assert all(before.lower().endswith(word.text[: word.typed].lower()) for word in found)
