"""Write tars as the services send them, member by member; they appear when they are complete."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from galaxiesml.system.atomic import appearing

#: The service names a folder for its reply's time; a simulated one has the time of its list's number.
_DAY = "191101"
#: 2019-11-01, which every member says of itself.
_TIME = 1_572_566_400


class Tars:
    """Tars of several lists, open at once."""

    def __init__(self, folder: Path, stems: list[str]):
        self._folder = folder
        self._names = {stem: f"arch-{_DAY}-{at:06d}" for at, stem in enumerate(sorted(stems), start=1)}
        self._open: dict[str, tarfile.TarFile] = {}

    def add(self, stem: str, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(f"{self._names[stem]}/{name}")
        member.size, member.mtime, member.mode = len(data), _TIME, 0o644
        self._open[stem].addfile(member, io.BytesIO(data))

    @contextlib.contextmanager
    def written(self) -> Iterator[Tars]:
        """Open all; they appear under their names at the end, or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            for stem in self._names:
                making = stack.enter_context(appearing(self._folder / f"{stem}.tar"))
                self._open[stem] = stack.enter_context(tarfile.open(making, "w", format=tarfile.USTAR_FORMAT))
            yield self
