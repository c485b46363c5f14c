"""dbt parses each project once in a run of the tests: a catalogue begins with the parse of one that has the same files.

dbt itself decides whether a kept parse is right, by the sums of all files, as it does in a catalogue that was moved.
Commands that run in a process of their own parse for themselves.
"""

import hashlib
import shutil
from pathlib import Path

from .once import alone, shared

_FILE = "target/partial_parse.msgpack"


def _kept(project: Path) -> Path:
    """Where the parse of a project with these files is kept."""
    files = [project / "dbt_project.yml", project / "profiles.yml"]
    files += sorted(path for top in ("models", "sql") for path in (project / top).rglob("*") if path.is_file())
    sums = hashlib.sha256()
    for path in files:
        sums.update(f"{path.relative_to(project)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return shared() / f"{sums.hexdigest()}.parse"


def share(patch) -> None:
    """Builds of this process take and leave parses."""
    from galaxiesml.curation import build

    invoke = build.invoke

    def sharing(arguments, project, *rest, **options):
        ours, kept = project / _FILE, _kept(project)
        if not ours.is_file() and kept.is_file():
            ours.parent.mkdir(exist_ok=True)
            shutil.copyfile(kept, ours)
        ran = invoke(arguments, project, *rest, **options)
        with alone("parses"):
            if not kept.is_file():
                shutil.copyfile(ours, kept.with_suffix(".growing"))
                kept.with_suffix(".growing").rename(kept)
        return ran

    patch.setattr(build, "invoke", sharing)
