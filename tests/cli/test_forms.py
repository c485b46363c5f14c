"""Tables of commands as LaTeX and Markdown."""

import json
import re
import shutil
import subprocess

import pytest

from galaxiesml.cli.forms import are_numbers, escaped, latex, marked

from ..made import real as made
from .typable import commands

#: Commands that print what they have written, beside those that print numbers too.
WITHOUT = {"mock", "fetch", "request", "export", "predict", "plot", "ingest", "gc", "build"}
NUMBERS = {"mock population", "fetch hsc", "fetch jobs", "ingest list"}
#: Commands that print tables of a catalogue.
TABLES = [
    ("audit", "cuts"),
    ("audit", "cuts", "--version", "all"),
    ("audit", "diff", "v1", "v3"),
    ("audit", "splits"),
    ("audit", "specz"),
    ("audit", "row", "40040262113712987"),
    ("versions", "list"),
    ("versions", "show", "v2"),
    ("cuts", "list"),
    ("cuts", "columns"),
    ("status",),
    ("surveys",),
    ("tables",),
    ("ingest", "list"),
    ("config", "show"),
    ("runs",),
]
MARKS = "a_b & 50 % $x$ #1 {c} ~ ^ \\ <d> | [e] *f*"


def has_latex() -> bool:
    words = ["kpsewhich", "booktabs.sty"]
    return shutil.which("pdflatex") is not None and subprocess.run(words, capture_output=True).returncode == 0


def test_every_command_that_lists_has_the_two_forms():
    lacking = {
        name
        for name, command in commands()
        if any(option.name in ("as_json", "json") for option in command.params)
        and not {"latex", "markdown"} <= {option.name for option in command.params}
        and (name.split()[0] not in WITHOUT or name in NUMBERS)
    }
    # A text, a tree and SQL are no tables.
    assert lacking == {"audit lineage", "audit sql", "cuts show"}


def test_escapes():
    text = escaped(MARKS)
    assert text == (
        r"a\_b \& 50 \% \$x\$ \#1 \{c\} \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"\textless{}d\textgreater{} \textbar{} [e] *f*"
    )
    assert escaped("two\nlines") == "two lines"
    assert escaped("λ ± 5 Å e\u0301") == r"\ensuremath{\lambda} ± 5 Å é"
    # What would stop LaTeX, and what it would draw as another sign.
    assert escaped("中\x1b Đ") == r"\texttt{U+4E2D}\texttt{U+001B} \texttt{U+0110}"
    assert escaped("--json ''?`") == "-{}-json '{}'?{}`"
    assert latex(["a"], [["[1]"], ["*"]], [False]).count("\n{}") == 2
    assert are_numbers(["0.01", "-", "-1e-05 [-0.1, 2]"]) and not are_numbers(["-", "-"])
    assert not are_numbers(["0.2 to 0.4", "1"]) and not are_numbers(["1", "v2"])
    assert marked("a|b_c*d <e>") == r"a\|b\_c\*d \<e\>"


@pytest.fixture(scope="module")
def real(tmp_path_factory, shared_data):
    return made.real(shared_data, tmp_path_factory.mktemp("real"))


@pytest.fixture
def sql_rows():
    return f"select '{MARKS}' as \"na_me\", 1.5 as x, null as nothing union all select '[1]', 2, 'é' order by x"


def test_sql_as_latex(real, typed, sql_rows):
    code, out, err = typed("-C", real, "sql", sql_rows, "--latex")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:4] == [r"\begin{tabular}{lrl}", r"\toprule", r"na\_me & x & nothing \\", r"\midrule"]
    assert lines[4] == escaped(MARKS) + r" & 1.5 &  \\" and lines[5] == r"{}[1] & 2.0 & é \\"
    assert lines[6:] == [r"\bottomrule", r"\end{tabular}"]


@pytest.mark.proof
@pytest.mark.skipif(
    not has_latex(), reason="pdflatex and booktabs (apt install texlive-latex-recommended) are not here"
)
def test_pdflatex_sets_every_table(real, typed, sql_rows, tmp_path):
    # Every letter up to the technical signs, a few beyond, and each mark beside itself; but no line ends a cell.
    letters = [chr(code) for code in (*range(1, 0x2400), 0x4E2D, 0x1F600)]
    texts = [f"a{letter}{letter} `{letter}`" for letter in letters if letter.split()]
    assert len(texts) > 9000
    starts = range(0, len(texts), 40)
    page = [latex(["[%]", "n"], [[text, "*"] for text in texts[at : at + 40]], [False, True]) for at in starts]
    page += [latex(["x"], [], [True]), latex(["a", "b"], [["[1]", ""], ["*", "[2]"], ["", "[3]"]], [True, False])]
    for words in (*TABLES, ("sql", sql_rows)):
        code, out, _ = typed("-C", real, *words, "--latex")
        assert code == 0
        page.append(out)
    text = "\n\n".join(["\\documentclass{article}", "\\usepackage{booktabs}", "\\begin{document}", *page])
    (tmp_path / "t.tex").write_text(text + "\n\\end{document}\n", encoding="utf-8")
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    run = subprocess.run(words, cwd=tmp_path, capture_output=True)
    assert run.returncode == 0, run.stdout[-2000:]
    # A letter that the font lacks is left out without an error.
    assert "Missing character" not in (tmp_path / "t.log").read_text(errors="replace")


def test_sql_as_markdown(real, typed, sql_rows):
    from markdown_it import MarkdownIt

    out = typed("-C", real, "sql", sql_rows, "--markdown")[1]
    page = MarkdownIt("commonmark").enable("table").render(out)
    cells = [
        re.sub(r"&(amp|lt|gt|quot);", lambda found: {"amp": "&", "lt": "<", "gt": ">"}[found[1]], cell)
        for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", page)
    ]
    assert cells == ["na_me", "x", "nothing", MARKS, "1.5", "", "[1]", "2.0", "é"]
    assert typed("-C", real, "sql", "select 1 as one where false", "--markdown")[1] == "| one |\n|---|\n\n"


@pytest.mark.parametrize("words", TABLES, ids=" ".join)
def test_a_command_in_both_forms(real, typed, words):
    """What LaTeX prints besides tables are comments; Markdown has the same tables and no row more."""
    code, out, _ = typed("-C", real, *words, "--latex")
    assert code == 0
    inside = re.sub(r"\\begin\{tabular\}.*?\\end\{tabular\}\n", "", out, flags=re.DOTALL)
    assert all(line.startswith("% ") for line in inside.splitlines())
    rows = out.count(" \\\\\n")
    code, out, _ = typed("-C", real, *words, "--markdown")
    table = [line for line in out.splitlines() if line.startswith("| ")]
    assert code == 0 and len(table) == rows
    assert rows > 1 or words in (("runs",), ("audit", "specz"))
    # No table is a part of the paragraph before it.
    for before, line in zip(["", *out.splitlines()], out.splitlines(), strict=False):
        assert not line.startswith("| ") or before == "" or before.startswith("|")


def test_what_needs_no_catalogue_in_both_forms(typed, tmp_path):
    (tmp_path / "t.csv").write_text("object_id,ra,dec,g_cmodel_mag\n40042063608219011,10,-1,20.5\n")
    asked = {
        ("profile", "check", "pdr2_wide", tmp_path / "t.csv"): ("object_id", "-", "40042063608219011"),
        ("profile", "new", tmp_path / "p.toml", "--from-file", tmp_path / "t.csv", "--force"): (
            "object_id",
            "proposed",
        ),
        ("mock", "population", "--galaxies", "10"): (),
    }
    for words, cells in asked.items():
        for form, heads, ends in (("--latex", r"\toprule", r" \\"), ("--markdown", "| ", " |")):
            code, out, err = typed("-q", *map(str, words), form)
            assert code == 0, err
            lines = out.splitlines()
            rows = [line for line in lines if line.endswith(ends)]
            assert any(line.startswith(heads) for line in lines) and len(rows) > 2, out
            assert any(all(cell.replace("_", r"\_") in row for cell in cells) for row in rows), out


@pytest.mark.parametrize(
    "words, said",
    [
        (("audit", "cuts", "--latex", "--markdown"), "--latex cannot be combined with --markdown"),
        (("audit", "cuts", "--latex", "--json"), "--latex cannot be combined with --json"),
        (("audit", "cuts", "--latex", "--graph", "x.svg"), "--latex cannot be combined with --graph"),
        (("audit", "splits", "--markdown", "--plot", "x.png"), "--markdown cannot be combined with --plot"),
        (("sql", "select 1", "--latex", "--format", "csv"), "--latex cannot be combined with --format"),
        (("sql", "select 1", "--markdown", "--out", "x.csv"), "--markdown cannot be combined with --out"),
        (("sql", "select 1", "--latex", "--expanded"), "--latex cannot be combined with --expanded"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_two_forms_are_refused(real, typed, words, said):
    code, out, err = typed("-C", real, *words)
    assert (code, out) == (2, "") and said in err


def test_a_form_is_of_one_command_alone(real, typed):
    assert typed("-C", real, "sql", "select 1 as one", "--latex")[1].startswith("\\begin")
    assert typed("-C", real, "sql", "select 1 as one")[1] == "one\n---\n  1\n"
    assert json.loads(typed("-C", real, "sql", "select 1 as one", "--json")[1]) == [{"one": 1}]
