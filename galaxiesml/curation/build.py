"""A build: plan, run the models into a folder of their own, publish the folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from galaxiesml import __version__
from galaxiesml.catalog import DEFAULT_VERSION, Catalog, now, sync_folder, write_atomic
from galaxiesml.curation import states
from galaxiesml.curation.cuts import version_cuts
from galaxiesml.curation.dbt import Settings, invoke
from galaxiesml.curation.project import render_project

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
        Versions that were not made, each with the required cuts that it lacks.
    """

    info: dict
    left_out: dict[str, tuple[str, ...]]


def build(
    catalog: Catalog,
    *,
    accept_missing: tuple[str, ...] = (),
    version: int | None = None,
    threads: int = 2,
    memory_limit: str = "4GB",
    progress: Callable | None = None,
) -> Built:
    """Make every version that the landed files allow, and publish them; the caller holds the lock.

    Parameters
    ----------
    accept_missing : tuple of str
        Required cuts that may be missing, or 'all'.
    version : int, optional
        A version that must be made, beside the default one.
    progress : callable, optional
        Called as ``progress(done, total, name)``.

    Raises
    ------
    MissingColumnsError
        The default version, or ``version``, needs a cut that cannot be judged; nothing was changed.
    BuildError
        A model or a test failed; the published build stands.
    """
    found = states.cut_states(catalog)
    plans = states.plan_versions(found, accept_missing, version)
    states.refresh(catalog, plans)
    project = render_project(catalog)
    folder = catalog.builds / NEXT
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    catalog.logs.mkdir(exist_ok=True)

    skipped = [plan.number for plan in plans if not plan.built]
    excluded = [f"{stem}_v{number}" for number in skipped for stem in ("int_judged", "galaxies")]
    invoke(
        # The boundary tests judge the SQL, not the data: the test suite runs them.
        ["build", "--exclude", "test_type:unit", *excluded],
        project,
        catalog.logs,
        Settings(catalog.root, NEXT, threads, memory_limit),
        progress,
    )
    _write_manifest(project, folder)
    info = _build_info(catalog, plans, folder)
    write_atomic(folder / "build.json", json.dumps(info, indent=1) + "\n")
    sync_folder(folder)
    catalog.publish(folder, info["id"])
    catalog.discard_builds(KEEP)
    left_out = {f"v{plan.number}": plan.missing for plan in plans if not plan.built}
    return Built(info, left_out)


def _build_info(catalog: Catalog, plans: list[states.VersionPlan], folder: Path) -> dict:
    import pyarrow.parquet as pq

    landings = [
        {key: landing[key] for key in ("landing", "source_file", "source_sha256", "kind", "rows")}
        for landing in catalog.landings()
    ]
    versions = {
        f"v{plan.number}": {
            "title": plan.title,
            "rows": pq.read_metadata(folder / f"galaxies_v{plan.number}.parquet").num_rows,
            "missing_cuts": list(plan.missing),
            "cuts": [cut["name"] for cut in version_cuts(plan.number)],
        }
        for plan in plans
        if plan.built
    }
    inputs = hashlib.sha256()
    for path in sorted((folder).glob("*.parquet")):
        inputs.update(path.name.encode() + hashlib.file_digest(path.open("rb"), "sha256").digest())
    number = max((int(build.split("-")[0]) for build in catalog.build_ids()), default=0) + 1
    return {
        # The number orders builds; the hash is of the marts, so equal marts show by their name.
        "id": f"{number:04d}-{inputs.hexdigest()[:12]}",
        "created": now(),
        "galaxiesml": __version__,
        "release": catalog.profile.name,
        "default_version": DEFAULT_VERSION,
        "landings": landings,
        "versions": versions,
    }


def _write_manifest(project: Path, folder: Path) -> None:
    """Keep, with the build, the SQL that made it: what lineage and `audit sql` read."""
    manifest = json.loads((project / "target" / "manifest.json").read_text())
    results = json.loads((project / "target" / "run_results.json").read_text())
    ran = {result["unique_id"] for result in results["results"]}
    nodes = manifest["nodes"] | manifest["sources"]
    kept = {
        unique_id: node
        for unique_id, node in nodes.items()
        if node["resource_type"] in ("source", "seed") or (node["resource_type"] == "model" and unique_id in ran)
    }
    taken = {node["alias"] for node in kept.values() if node["resource_type"] != "source"}

    def name_of(node: dict) -> str:
        """The name that the table has in SQL: galaxies_v2; raw.versions where a mart has the name versions."""
        name = node.get("alias") or node["name"]
        return f"raw.{name}" if node["resource_type"] == "source" and name in taken else name

    models = {
        name_of(node): {
            "unique_id": unique_id,
            "kind": node["resource_type"],
            "sql": node.get("compiled_code"),
            "depends_on": [
                name_of(nodes[parent]) for parent in node.get("depends_on", {}).get("nodes", []) if parent in kept
            ],
            "columns": {name: column["data_type"] for name, column in node["columns"].items()},
            "file": node["original_file_path"],
        }
        for unique_id, node in kept.items()
    }
    ordered = {name: models[name] for name in sorted(models)}
    write_atomic(folder / "manifest.json", json.dumps({"models": ordered}, indent=1) + "\n")
