"""dbt parses each project once in a run of the tests: a catalogue begins with the parse of one that has the same files.

dbt itself decides whether a kept parse is right, by the sums of all files, as it does in a catalogue that was moved;
where a few files differ it parses those.  Commands that run in a process of their own parse for themselves.
"""

import gc
import hashlib
import itertools
import shutil
from pathlib import Path

from .once import alone, shared

_FILE = "target/partial_parse.msgpack"
#: Of so many builds in a process one looks for what the others have left, 55 MB each: it takes a fifth of a build.
_COLLECTED = 6


def _kept(project: Path) -> Path:
    """Where the parse of a project with these files is kept; the name begins with what dbt parses all for."""
    settings = [project / "dbt_project.yml", project / "profiles.yml"]
    files = sorted(path for top in ("models", "sql") for path in (project / top).rglob("*") if path.is_file())
    return shared() / f"{_sum(project, settings)}-{_sum(project, files)}.parse"


def _sum(project: Path, files: list[Path]) -> str:
    sums = hashlib.sha256()
    for path in files:
        sums.update(f"{path.relative_to(project)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return sums.hexdigest()


def _nearest(kept: Path) -> Path | None:
    """That parse, else one of a project that differs in models alone."""
    if kept.is_file():
        return kept
    return next(iter(sorted(kept.parent.glob(f"{kept.name.split('-')[0]}-*.parse"))), None)


class _Sparing:
    """The garbage collector, as builds use it."""

    def __init__(self):
        self._builds = itertools.count(1)

    def __getattr__(self, name):
        return getattr(gc, name)

    def get_freeze_count(self) -> int:
        return 0 if next(self._builds) % _COLLECTED else gc.get_freeze_count()


def share(patch) -> None:
    """Builds of this process take and leave parses, and generate the yml of each set of filters once."""
    from galaxiesml.curation import build, dbt
    from galaxiesml.curation import project as projects

    invoke, render = build.invoke, projects.render

    made: dict[tuple, dict[str, str]] = {}

    def rendered(bands, rules, boundaries=True, **planes) -> dict[str, str]:
        key = (tuple(bands.items()), rules.text(), boundaries, *planes.values())
        if key not in made:
            made[key] = render(bands, rules, boundaries=boundaries, **planes)
        return dict(made[key])

    def sharing(arguments, project, *rest, **options):
        ours, kept = project / _FILE, _kept(project)
        if not ours.is_file() and (nearest := _nearest(kept)) is not None:
            ours.parent.mkdir(exist_ok=True)
            shutil.copyfile(nearest, ours)
        ran = invoke(arguments, project, *rest, **options)
        with alone("parses"):
            if not kept.is_file():
                shutil.copyfile(ours, kept.with_suffix(".growing"))
                kept.with_suffix(".growing").rename(kept)
        return ran

    patch.setattr(build, "invoke", sharing)
    patch.setattr(projects, "render", rendered)
    patch.setattr(dbt, "gc", _Sparing())
