"""How much memory a process can still take."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Bytes that the machine, and the group of processes that this one is in, can still give."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):
        # 'max' is no number: there is no limit.
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        free = min(free, limit - int((_CGROUP / "memory.current").read_text(encoding="ascii")))
    return max(free, 0)
