"""The SQL project in a catalogue: the packaged models, and the yml rendered for the release's filters."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from galaxiesml.catalog import Catalog
from galaxiesml.curation.key_docs import documents
from galaxiesml.curation.macros import SPLIT_SEED, picture_variables
from galaxiesml.curation.rules import Rules, published
from galaxiesml.curation.schema import render
from galaxiesml.curation.survey_seeds import survey_seeds
from galaxiesml.dictionary import PROJECT
from galaxiesml.errors import InputError
from galaxiesml.instrument import HSC, Instrument
from galaxiesml.surveys.description import Survey, known_surveys


def project_files(
    bands: dict[str, str],
    boundaries: bool = False,
    split_seed: int = SPLIT_SEED,
    variables: dict | None = None,
    surveys: dict[str, Survey] | None = None,
    rules: Rules | None = None,
    instrument: Instrument = HSC,
    schemas: str = "",
) -> dict[str, str]:
    """Every file of the project: path within it to text.  No SQL depends on the filters, only yml does.

    Of the instrument's facts, the planes of the masks are columns, and so in yml and in the macro ``family``.

    ``schemas`` is the start of the schemas' names on a server of Spark Connect; without it DuckDB runs the project.

    The boundary tests are left out of catalogues: they test the SQL, not the data, and cost dbt's parser seconds.
    """
    rules = rules or published()
    files = {
        str(path.relative_to(PROJECT)): path.read_text(encoding="utf-8")
        for folder in ("models", "sql/macros", "sql/seeds", "sql/tests")
        for path in sorted((PROJECT / folder).rglob("*"))
        if path.suffix in {".sql", ".yml", ".csv"}
    }
    settings = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    settings["vars"] |= {"bands": list(bands), "split_seed": split_seed} | picture_variables(instrument)
    settings["vars"] |= rules.variables() | (variables or {})
    files["dbt_project.yml"] = yaml.safe_dump(settings, sort_keys=False)
    files["profiles.yml"] = (PROJECT / "profiles.yml").read_text(encoding="utf-8")
    for name in set(rules.names) - set(published().names):
        files[f"models/intermediate/int_judged_{name}.sql"] = f"{{{{ judged('{name}') }}}}\n"
        files[f"models/marts/galaxies_{name}.sql"] = f"{{{{ galaxies('{name}') }}}}\n"
    files |= render(bands, rules, boundaries=boundaries, planes=instrument.mask_planes or ())
    if schemas:
        files |= _on_server(files["models/staging/_sources.yml"], schemas)
    return files | ({} if surveys is None else survey_seeds(surveys))


def _on_server(sources: str, schemas: str) -> dict[str, str]:
    """What a project says otherwise that runs by Spark Connect: dbt's profile, and the schemas of the sources."""
    declared = yaml.safe_load(sources)
    for source in declared["sources"]:
        source["schema"] = f"{schemas}_{source['name']}"
    profile = {"target": "server", "outputs": {"server": {"type": "spark", "schema": schemas, "threads": 2}}}
    return {
        "models/staging/_sources.yml": yaml.safe_dump(declared, sort_keys=False),
        "profiles.yml": yaml.safe_dump({"galaxiesml": profile}, sort_keys=False),
    }


def render_project(
    catalog: Catalog,
    split_seed: int = SPLIT_SEED,
    variables: dict | None = None,
    rules: Rules | None = None,
    folder: Path | None = None,
    schemas: str = "",
) -> Path:
    """Write the project into the catalogue; unchanged files are not touched, so dbt need not parse them again."""
    folder = folder or catalog.dbt
    surveys = known_surveys(catalog.raw / "specz")
    variables = {"conversions": conversions(catalog)} | (variables or {})
    wanted = project_files(
        catalog.profile.bands,
        split_seed=split_seed,
        variables=variables,
        surveys=surveys,
        rules=rules,
        instrument=catalog.profile.instrument,
        schemas=schemas,
    )
    for name, text in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for top in ("models", "sql"):
        for path in list((folder / top).rglob("*")):
            if path.is_file() and str(path.relative_to(folder)) not in wanted:
                path.unlink()
    return folder


def conversions(catalog: Catalog) -> dict[str, dict]:
    """The release profile's conversions as dbt's variable: by our column, its SQL and the columns of its places.

    Raises
    ------
    InputError
        A file landed by conversions other than the profile's of today: their columns may be others.
    """
    profile = catalog.profile
    for landing in catalog.landings():
        if changed := catalog.changed_conversions(landing):
            raise InputError(
                f"{catalog.root / 'release.toml'}: {', '.join(changed)} is made of other columns, or in another way, "
                f"than when {landing['source_file']} was landed.",
                f"Land the file again: galaxiesml ingest replace {landing['landing']} FILE",
            )
    return {
        name: {"sql": one.sql, "columns": profile.landed(name)} for name, one in sorted(profile.conversions.items())
    }


def write_rendered(folder: Path = PROJECT) -> list[str]:
    """Write the generated files of a checkout (yml for five bands, pages); returns the files that changed."""
    bands = {"g": "em.opt.B", "r": "em.opt.R", "i": "em.opt.I", "z": "em.opt.I", "y": "em.opt.I"}
    changed = []
    for name, text in (render(bands, published()) | documents()).items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


def discard_parse(catalog: Catalog) -> None:
    """Delete dbt's cached parse; the next build parses everything."""
    shutil.rmtree(catalog.dbt / "target", ignore_errors=True)
