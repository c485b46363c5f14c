"""What the project says of itself, outside of its code: licence, citation, generated files."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml

import galaxiesml
from galaxiesml.curation.key_docs import documents
from galaxiesml.curation.rules import published
from galaxiesml.curation.schema import render

from .curation.replay import BANDS


def test_the_citation_names_this_version_and_the_data_set(repo):
    citation = yaml.safe_load((repo / "CITATION.cff").read_text())
    project = tomllib.loads((repo / "pyproject.toml").read_text())["project"]
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert {"message", "title", "authors", "license", "references"} <= citation.keys()
    assert citation["title"] == project["name"] and citation["license"] == project["license"]
    assert str(citation["version"]) == project["version"] == galaxiesml.__version__
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in project["authors"]]
    (data,) = citation["references"]
    assert {"type", "title", "authors"} <= data.keys() and data["type"] == "data"
    assert data["doi"] == "10.5281/zenodo.11117528" and project["urls"]["GalaxiesML data set"].endswith(data["doi"])
    assert (data["authors"][0]["family-names"], data["year"]) == ("Do", 2024)


def test_the_licence_is_the_one_that_is_declared(repo):
    project = tomllib.loads((repo / "pyproject.toml").read_text())["project"]
    text = (repo / "LICENSE").read_text()
    assert text.startswith(f"{project['license']} License\n") and project["authors"][0]["name"] in text
    assert project["license-files"] == ["LICENSE"]


def test_generated_files_are_marked_and_no_others(repo):
    lines = [line.split() for line in (repo / ".gitattributes").read_text().splitlines() if not line.startswith("#")]
    assert {attribute for _, attribute in lines} == {"linguist-generated"}
    marked = {str(path.relative_to(repo)) for pattern, _ in lines for path in repo.glob(pattern)}
    assert marked == {*render(BANDS, published()), *documents()}


@pytest.mark.parametrize("room", ["galaxiesml", "sql", "models", "tests"])
def test_the_tree_in_the_docs_is_the_folders_that_exist(repo, room):
    text = (repo / "docs" / "structure.md").read_text()
    told = re.findall(rf"^({room}/\S*) +\S", text, re.MULTILINE)
    folders = [repo / room, *(path for path in (repo / room).rglob("*") if path.is_dir())]
    kept = [path for path in folders if path.name != "__pycache__" and any(path.glob("*.*"))]
    assert sorted(told) == sorted(f"{path.relative_to(repo)}/" for path in kept)


def test_the_modules_in_the_docs_are_those_that_exist(repo):
    told = re.findall(r"^\| `(galaxiesml/\w+\.py)` ", (repo / "docs" / "structure.md").read_text(), re.MULTILINE)
    assert told == sorted(
        str(path.relative_to(repo)) for path in (repo / "galaxiesml").glob("*.py") if path.name != "__init__.py"
    )


def test_links_between_pages_lead_somewhere(repo):
    for page in [repo / "README.md", repo / "CONTRIBUTING.md", *(repo / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_folder_of_modules_is_a_package(repo):
    """import-linter checks what Python can import from above: a folder without __init__.py would escape it."""
    folders = {path.parent for path in (repo / "galaxiesml").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_program_starts_without_loading_what_is_slow_to_load():
    slow = ["pyarrow", "duckdb", "numpy", "pandas", "torch", "astropy", "sqlglot", "h5py", "yaml", "jinja2", "dbt"]
    program = f"import sys, galaxiesml.cli; print([name for name in {slow} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("[]\n", "")


def test_layers_of_models_run_one_way(repo):
    """Staging reads sources, intermediate models read staging and each other, marts read anything below them."""
    layers = ("staging", "intermediate", "marts")
    models = {path.stem: path for path in (repo / "models").rglob("*.sql")}
    layer = {name: layers.index(path.relative_to(repo / "models").parts[0]) for name, path in models.items()}
    seeds = {path.stem for path in (repo / "sql" / "seeds").glob("*.csv")}
    macros = "".join(path.read_text(encoding="utf-8") for path in (repo / "sql" / "macros").glob("*.sql"))
    read = {name: set(re.findall(r"ref\('(\w+?)'", path.read_text("utf-8"))) for name, path in models.items()}
    wrong = [
        f"{name} reads {other}"
        for name, others in read.items()
        for other in others - seeds
        if other in layer and (layer[other] > layer[name] or layer[name] == 0)
    ]
    assert not wrong and sum(map(len, read.values())) > 50
    # What macros read, intermediate models may read.
    assert {layer[name] for name in re.findall(r"ref\('(\w+?)'\)", macros)} <= {0, 1}


def test_the_folder_of_a_catalogue_is_described_as_it_is_declared(repo):
    from galaxiesml.catalog import folder
    from galaxiesml.catalog.stores import LANDED, STORES

    for store in STORES:
        top, below, *_ = store.path.split("/")
        assert any(f" {top}/{name}" in folder.__doc__ for name in (below, "<name>", " ")), store.path
    assert all(f"raw/{kind}/" in folder.__doc__ for kind in LANDED)
