"""Printed tables: as long as their cells where they are piped, as wide as the terminal where there is one."""

from pathlib import Path

import pytest

from galaxiesml.cli.tables import aligned, expanded
from galaxiesml.curation.rules import published

from ..made import builds
from ..made.pairs import good_pair
from ..made.terminal import Terminal


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    return builds.mixed(tmp_path_factory.mktemp("mixed") / "cat").root


def screen(root: Path, columns: int, *words) -> list[str]:
    """What a terminal of some columns shows of a command."""
    with Terminal(["-C", root, *words], columns) as terminal:
        assert terminal.end() == 0, terminal.screen
        return terminal.screen.splitlines()


ROWS = [
    {"object_id": 42063608219011286, "why": "The object touches the edge of the coverage", "z": 0.25, "ok": True},
    {"object_id": 1, "why": "x" * 50, "z": None, "ok": None},
]


def test_without_a_width_lines_are_as_long_as_their_cells():
    assert aligned(ROWS, list(ROWS[0])) == (
        [
            "        object_id  why                                                    z  ok",
            "-----------------  --------------------------------------------------  ----  ----",
            "42063608219011286  The object touches the edge of the coverage         0.25  true",
            "                1  " + "x" * 50,
        ],
        [],
    )
    assert aligned([{"a": "two\nlines\x1b[2J"}], ["a"])[0][-1] == "two\nlines\x1b[2J"


def test_texts_are_wrapped_to_the_width_and_numbers_never():
    lines, left_out = aligned(ROWS, list(ROWS[0]), 45)
    assert left_out == [] and max(map(len, lines)) <= 45
    assert lines == [
        "        object_id  why                z  ok",
        "-----------------  --------------  ----  ----",
        "42063608219011286  The object      0.25  true",
        "                   touches the",
        "                   edge of the",
        "                   coverage",
        "                1  xxxxxxxxxxxxxx",
        "                   xxxxxxxxxxxxxx",
        "                   xxxxxxxxxxxxxx",
        "                   xxxxxxxx",
    ]
    short, _ = aligned(ROWS, list(ROWS[0]), 45, most_lines=2)
    assert sum("…" in line for line in short) == 2 and len(short) == 6


@pytest.mark.parametrize("width", [1, 10, 30, 45, 60, 82, 83, 200])
def test_lines_fit_and_columns_without_room_are_named(width):
    lines, left_out = aligned(ROWS, list(ROWS[0]), width)
    kept = [name for name in ROWS[0] if name not in left_out]
    assert lines[0].split() == kept and kept + left_out == list(ROWS[0])
    # A number is shown whole: the first column has its room, whatever the terminal's.
    assert max(map(len, lines)) <= max(width, 17) and lines[2].startswith("42063608219011286")
    assert (left_out == []) == (width >= 17 + 2 + 8 + 2 + 4 + 2 + 4)


def test_a_terminal_is_commanded_by_no_cell():
    row = {"a": "two\nlines\x1b[2J\u202e", "b": "é ∞ …"}
    assert aligned([row], ["a", "b"], 80)[0][-1] == r"two\nlines\x1b[2J\u202e  é ∞ …"
    assert expanded([row], ["a", "b"], on_terminal=True)[1:] == [r"a | two\nlines\x1b[2J\u202e", "b | é ∞ …"]
    assert expanded([row], ["a"])[1] == "a | two\nlines\x1b[2J\u202e"


def test_commands_fit_the_terminal(mixed, typed):
    object_id = good_pair(1)["object_id"]
    for columns in (60, 100):
        lines = screen(mixed, columns, "audit", "row", object_id)
        table = lines[next(at for at, line in enumerate(lines) if line.startswith("cut ")) :]
        assert max(map(len, table)) <= columns
        assert any(line.startswith("best_of") for line in table) and len(table) > len(published().cuts)
    lines = screen(mixed, 80, "sql", "select * from galaxies limit 3")
    assert max(map(len, lines[:-1])) <= 80
    assert "more columns have no room on this terminal" in lines[-1] and "--wide shows all, --expanded" in lines[-1]

    # Wide, and piped, they are as they are.
    piped = typed("-C", mixed, "sql", "select * from galaxies limit 3")[1].splitlines()
    assert screen(mixed, 80, "sql", "--wide", "select * from galaxies limit 3") == piped
    piped = typed("-C", mixed, "audit", "row", object_id)[1].splitlines()
    assert [line for line in screen(mixed, 60, "--wide", "audit", "row", object_id) if line] == [
        line for line in piped if line
    ]
    code, _, err = typed("-C", mixed, "audit", "row", object_id, "--wide")
    assert code == 2 and "Type: galaxiesml --wide audit row ..." in err
