"""Make a build: plan it, run the models into a new folder, publish the folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from galaxiesml import __version__
from galaxiesml.catalog import Catalog
from galaxiesml.catalog.folder import DEFAULT_VERSION, now
from galaxiesml.catalog.inputs import told
from galaxiesml.catalog.normalisation import refresh_statistics
from galaxiesml.catalog.stores import ensure_empty
from galaxiesml.curation import own_versions, states, without_spectrum
from galaxiesml.curation import rules as of_galaxies
from galaxiesml.curation.content import content_sha256
from galaxiesml.curation.dbt import Settings, invoke
from galaxiesml.curation.diff_specz import unjudged
from galaxiesml.curation.emptied import emptied_by
from galaxiesml.curation.engines.choice import Engine
from galaxiesml.curation.known_metrics import refresh_known
from galaxiesml.curation.macros import SPLIT_SEED, VARS
from galaxiesml.curation.measured_share import measured_share
from galaxiesml.curation.project import render_project
from galaxiesml.surveys.description import by_hand
from galaxiesml.system.atomic import sync as sync_folder
from galaxiesml.system.atomic import write_atomic

#: What runs the models where nothing else is asked for.
DUCKDB = Engine()
#: Where a build grows until it is whole.
NEXT = ".next"
#: Builds that stay after a new one is published: it, and the one that readers may still have open.
KEEP = 2


@dataclass(frozen=True)
class Built:
    """A published build.

    Attributes
    ----------
    info : dict
        build.json.
    left_out : dict of str to tuple of str
        Versions that were not built, each with its required cuts whose columns are missing.
    """

    info: dict
    left_out: dict[str, tuple[str, ...]]


def build(
    catalog: Catalog,
    *,
    accept_missing: tuple[str, ...] = (),
    version: str | None = None,
    split_seed: int = SPLIT_SEED,
    specz: str = VARS["specz"],
    specz_rule: str = VARS["specz_rule"],
    threads: int = 2,
    memory_limit: str = "4GB",
    engine: Engine = DUCKDB,
    progress: Callable | None = None,
) -> Built:
    """Build every version that the landed files allow, and publish the build; the caller holds the lock.

    Parameters
    ----------
    accept_missing : tuple of str
        Required cuts that may be missing, or 'all'.
    version : str, optional
        A version that must be built, in addition to the default one.
    split_seed : int
        Seed of the splits that hash; another seed gives other splits.
    specz : str
        'export': the pairs are of the export's own match; 'matched': of the landed surveys, matched here.
    specz_rule : str
        'hsc' or 'best': which redshift a matched object gets.
    engine : Engine
        What runs the models.
    progress : callable, optional
        Called as ``progress(done, total, name)``.

    Raises
    ------
    MissingColumnsError
        Columns of the default version, or of ``version``, are missing; nothing was changed.
    BuildError
        A model or a test failed; the published build is unchanged.
    """
    ready = prepare(catalog, accept_missing, version, split_seed, specz, specz_rule)
    try:
        info = grow(ready, NEXT, engine, threads, memory_limit, progress)
        own_versions.keep(catalog, ready.rules)
        _publish(catalog, catalog.builds / NEXT, info)
    finally:
        # Published, it has another name; a build that failed leaves no tables behind.
        shutil.rmtree(catalog.builds / NEXT, ignore_errors=True)
    return Built(info, {plan.name: plan.missing for plan in ready.plans if not plan.built})


@dataclass(frozen=True)
class Ready:
    """What is built: the same for every engine.

    Attributes
    ----------
    catalog : Catalog
    rules : Rules
    plans : list of VersionPlan
    unjudged : dict
        By cut and filter, the landed files to which it cannot be applied.
    split_seed : int
    spectra : dict of str to str
        specz and specz_rule.
    """

    catalog: Catalog
    rules: of_galaxies.Rules
    plans: list[states.VersionPlan]
    unjudged: dict
    split_seed: int
    spectra: dict[str, str]

    def render(self, folder: Path | None = None, schemas: str = "") -> Path:
        """Write the project, for DuckDB or for schemas on a server of Spark Connect."""
        return render_project(self.catalog, self.split_seed, self.spectra, self.rules, folder, schemas)


def prepare(
    catalog: Catalog,
    accept_missing: tuple[str, ...] = (),
    version: str | None = None,
    split_seed: int = SPLIT_SEED,
    specz: str = VARS["specz"],
    specz_rule: str = VARS["specz_rule"],
) -> Ready:
    """Plan a build, and write the plan where the models read it; as :func:`build` says."""
    ensure_empty(catalog)
    rules = own_versions.of_catalog(catalog)
    found = states.cut_states(catalog, specz, rules)
    plans = states.plan_versions(found, catalog.profile, rules, accept_missing, version)
    states.refresh(catalog, plans, specz)
    refresh_known(catalog)
    refresh_statistics(catalog)
    return Ready(catalog, rules, plans, unjudged(found), split_seed, {"specz": specz, "specz_rule": specz_rule})


def grow(
    ready: Ready, name: str, engine: Engine, threads: int, memory_limit: str, progress: Callable | None = None
) -> dict:
    """Make a build's folder, whole but for its build.json; returns that.

    Parameters
    ----------
    name : str
        Of the folder below builds/; what is in it is removed first.
    """
    catalog = ready.catalog
    folder = catalog.builds / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    catalog.logs.mkdir(exist_ok=True)
    project = ready.render()
    ran, told = _run(ready, engine, Settings(catalog.root, name, threads, memory_limit), progress)
    _write_manifest(project, ran.results, folder)
    write_atomic(folder / of_galaxies.FILE, ready.rules.text())
    info = _build_info(catalog, ready.plans, ready.rules, folder)
    info |= {"split_seed": ready.split_seed, "engine": told}
    info["spectra_from"] = _spectra_from(info, **ready.spectra)
    without_spectrum.write(folder, ready.rules, catalog.profile.bands, ready.unjudged, info)
    return info


def _run(ready: Ready, engine: Engine, settings: Settings, progress: Callable | None):
    """Run the models of the planned versions.

    Returns
    -------
    ran : dbt.contracts.results.RunExecutionResult
        With DuckDB's form of every model.
    told : dict
        What build.json keeps of the engine.
    """
    catalog = ready.catalog
    skipped = [plan.name for plan in ready.plans if not plan.built]
    # The boundary tests test the SQL, not the data: the test suite runs them.
    chosen = ["--exclude", "test_type:unit"]
    chosen += [f"file:{stem}_{name}.sql" for name in skipped for stem in ("int_judged", "galaxies")]
    if not engine.is_distributed:
        return invoke(["build", *chosen], catalog.dbt, catalog.logs, settings, progress), engine.told()
    from galaxiesml.curation.engines.run import run

    told = run(catalog, engine, ["build", *chosen], ready.render, settings, progress)
    # Lineage and `audit sql` read one dialect, whatever ran.
    return invoke(["compile", *chosen], catalog.dbt, catalog.logs, settings), told


def _publish(catalog: Catalog, folder: Path, info: dict) -> None:
    """Write build.json, then publish the folder."""
    for name, by in emptied_by(folder / "cut_flow.parquet").items():
        if name in info["versions"]:
            info["versions"][name]["emptied_by"] = by
    write_atomic(folder / "build.json", json.dumps(info, indent=1) + "\n")
    sync_folder(folder)
    catalog.publish(folder, info["id"])
    catalog.discard_builds(KEEP)


def _spectra_from(info: dict, specz: str, specz_rule: str) -> str:
    """The source of the spectra, and flags that were set by hand; every exported file carries this text."""
    if specz == "export":
        return specz
    decided = by_hand(info["specz"])
    return f"{specz}, rule {specz_rule}" + (f"; flags by hand: {'; '.join(decided)}" if decided else "")


def _build_info(catalog: Catalog, plans: list[states.VersionPlan], rules: of_galaxies.Rules, folder: Path) -> dict:
    import pyarrow.parquet as pq

    made_of = told(catalog)
    versions = {
        plan.name: {
            "title": plan.title,
            "rows": pq.read_metadata(folder / f"galaxies_{plan.name}.parquet").num_rows,
            "missing_cuts": list(plan.missing),
            "cuts": [cut["name"] for cut in rules.of_version(plan.name)],
            "rule": rules.rule_hash(plan.name),
            "conditions": {cut["name"]: cut["condition"] for cut in rules.rule(plan.name)["cuts"]},
            **({"not_applicable": plan.not_applicable} if plan.not_applicable else {}),
        }
        for plan in plans
        if plan.built
    }
    marts = hashlib.sha256()
    for path in sorted((folder).glob("*.parquet")):
        marts.update(path.name.encode() + bytes.fromhex(content_sha256(path)))
    number = max((int(build.split("-")[0]) for build in catalog.build_ids()), default=0) + 1
    return {
        # The number orders builds; the hash is of the marts, so equal marts show by their name.
        "id": f"{number:04d}-{marts.hexdigest()[:12]}",
        "created": now(),
        "galaxiesml": __version__,
        "release": catalog.profile.name,
        "default_version": DEFAULT_VERSION,
        **made_of,
        "versions": versions,
        "morphology_share": made_of["morphology"] and measured_share(folder),
    }


def _write_manifest(project: Path, results: list, folder: Path) -> None:
    """Keep the SQL of a build with it, for lineage and `audit sql`."""
    ran = {result.node.unique_id: result.node for result in results}
    kept = {name: node for name, node in ran.items() if str(node.resource_type) in ("model", "seed")}
    sources = dict(_sources(project))
    taken = {node.alias for node in kept.values()}
    # The name that a table has in SQL: galaxies_v2; plan.versions where a mart has the name versions.
    names = {unique_id: node.alias for unique_id, node in kept.items()}
    for unique_id in sources:
        source, name = unique_id.split(".")[-2:]
        names[unique_id] = f"{source}.{name}" if name in taken else name
    models = {
        names[unique_id]: {
            "unique_id": unique_id,
            "kind": str(node.resource_type),
            "sql": getattr(node, "compiled_code", None),
            "depends_on": [names[parent] for parent in node.depends_on.nodes if parent in names]
            if str(node.resource_type) == "model"
            else [],
            "columns": {name: column.data_type for name, column in node.columns.items()},
            "file": node.original_file_path,
        }
        for unique_id, node in kept.items()
    } | {
        names[unique_id]: {
            "unique_id": unique_id,
            "kind": "source",
            "sql": None,
            "depends_on": [],
            "columns": {},
            "file": file,
        }
        for unique_id, file in sources.items()
    }
    ordered = {name: models[name] for name in sorted(models)}
    write_atomic(folder / "manifest.json", json.dumps({"models": ordered}, indent=1) + "\n")


def _sources(project: Path):
    """Unique ids of the landed tables, and the file that declares each."""
    import yaml

    for path in sorted(project.glob("models/**/_sources.yml")):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            for table in source["tables"]:
                yield f"source.galaxiesml.{source['name']}.{table['name']}", str(path.relative_to(project))
