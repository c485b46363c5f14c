"""Without torch everything works but measuring, and that says what to install."""

import json
import subprocess
import sys

import pytest

#: Run in a process in which the packages named cannot be imported; prints what was found as JSON.
WITHOUT = """
import contextlib, importlib, io, json, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
import galaxiesml
from galaxiesml.cli import main

def typed(words):
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as left:
            code = left.code or 0
    return [code, out.getvalue(), err.getvalue()]

found = {"typed": [typed(words) for words in json.load(sys.stdin)], "needs": []}
modules = pkgutil.walk_packages(galaxiesml.__path__, "galaxiesml.", onerror=lambda name: None)
for module in modules if sys.argv[2] == "import all" else ():
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        found["needs"].append([module.name, error.name])
found["loaded"] = [name for name in sys.argv[1].split(",") if name in sys.modules]
print(json.dumps(found))
"""


def without(packages: str, commands: list[list[str]], then: str = "") -> dict:
    """What the commands said; then, if told to 'import all', which modules need a package."""
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT, packages, then],
        input=json.dumps([[str(word) for word in words] for words in commands]),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, list]:
    """What was typed without torch, to its exit code, standard output and standard error."""
    folder = tmp_path_factory.mktemp("without")
    cat = ["-C", folder / "cat"]
    commands = {
        "help": ["--help"],
        "help of morphology": ["morphology", "--help"],
        "mock export": ["mock", "export", "--rows", "2000", "--out", folder / "mock"],
        "init": ["init", folder / "cat", "--release", "pdr2_wide"],
        "ingest hsc": [*cat, "ingest", "hsc", folder / "mock" / "export.csv.gz", "--archive-query", "wide"],
        "ingest list": [*cat, "ingest", "list"],
        "status": [*cat, "status"],
        "tables": [*cat, "tables"],
        "sql": [*cat, "sql", "select count(*) as n from hsc_joined", "--format", "json"],
        "surveys": [*cat, "surveys"],
        "config show": [*cat, "config", "show"],
        "gc": [*cat, "gc", "--dry-run"],
        "write-config": ["morphology", "--write-config", folder / "se"],
    }
    wrong = {"morphology": [*cat, "morphology"], "plot morphology": [*cat, "plot", "morphology", "1"]}
    wrong["mock pictures"] = ["mock", "pictures", "--from", folder / "population", "--out", folder / "pictures"]
    told = without("torch", [*commands.values(), *wrong.values()], "import all")
    names = [*commands, *wrong]
    return told | {"typed": dict(zip(names, told["typed"], strict=True)), "right": list(commands)}


def test_nothing_else_needs_torch(found):
    failed = {name: found["typed"][name] for name in found["right"] if found["typed"][name][0] != 0}
    assert failed == {} and found["loaded"] == []
    assert json.loads(found["typed"]["sql"][1]) == [{"n": 2000}]
    # Every module of the package is imported, but for those that measure and draw, and the loader of training files.
    needs = {name for name, package in found["needs"] if package == "torch"}
    assert [entry for entry in found["needs"] if entry[1] != "torch"] == []
    rooms = ("galaxiesml.morphology.", "galaxiesml.photoz.", "galaxiesml.mock.pictures.", "galaxiesml.loader")
    assert needs and all(name.startswith(rooms) for name in needs)
    light = ("catalogued", "config", "data", "external", "grid", "metrics", "named", "released", "stored", "tables")
    assert not {f"galaxiesml.photoz.{name}" for name in light} & needs
    assert (
        not {f"galaxiesml.morphology.{name}" for name in ("settings", "choice", "detect", "source_extractor")} & needs
    )


@pytest.mark.parametrize("command", ["morphology", "plot morphology", "mock pictures"])
def test_computing_says_what_to_install(found, command):
    code, out, err = found["typed"][command]
    assert (code, out) == (2, "")
    assert err.startswith("Error: This command computes with PyTorch, which is not installed.\nType: pip install")
    assert "PyTorch's installation page" in err and "Traceback" not in err


def test_a_simulated_sky_says_what_to_install(tmp_path):
    sky = ["mock", "sky", "--out", tmp_path / "sky"]
    for package in ("galsim", "speclite"):
        ((code, out, err),) = without(package, [sky])["typed"]
        assert (code, out) == (2, "") and err.endswith("Type: pip install 'galaxiesml[mock]'\n"), err
        assert f"needs {package}" in err and not (tmp_path / "sky").exists()


def test_a_simulated_archive_says_what_to_install(tmp_path):
    ((code, out, err),) = without("python_multipart", [["mock", "serve", tmp_path]])["typed"]
    assert (code, out) == (2, "") and err.endswith("Type: pip install 'galaxiesml[mock]'\n"), err
    assert "needs python-multipart" in err


def test_a_hats_catalogue_says_what_to_install(tmp_path):
    # Before the catalogue is looked for: there is none.
    ((code, out, err),) = without("hats_import", [["export", "hats", tmp_path / "out"]])["typed"]
    assert (code, out) == (2, "") and err.endswith("Type: pip install 'galaxiesml[hats]'\n"), err
    assert "export hats needs hats-import" in err and not [*tmp_path.iterdir()]
