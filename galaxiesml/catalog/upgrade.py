"""Upgrade catalogues of older formats, one format number at a time.

Each step converts a folder from one format number to the next.  The number is written last, so that a killed
upgrade continues where it stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from galaxiesml.catalog.folder import CONFIG, FORMAT, read_settings
from galaxiesml.errors import CatalogError
from galaxiesml.releases.profile import known_releases, load_profile
from galaxiesml.system.atomic import write_atomic


def _keep_the_profile(root: Path) -> str:
    """Format 0 to 1: copy the release profile into the catalogue, which no longer reads the package's."""
    release = read_settings(root).get("release")
    if not release:
        raise CatalogError(f"{root / CONFIG} does not name a release.", f'Add to it: release = "{known_releases()[0]}"')
    profile = load_profile(release)
    write_atomic(root / "release.toml", profile.text)
    return f"release.toml: the profile of {profile.name} as this galaxiesml has it"


#: Format number to the step that leads from it to the next.
STEPS: dict[int, Callable[[Path], str]] = {0: _keep_the_profile}


def upgrade_folder(root: Path) -> list[str]:
    """Bring a catalogue to this format.

    Returns
    -------
    list of str
        What each step did; empty when there was nothing to do.

    Raises
    ------
    CatalogError
        The folder is not a catalogue, or a newer galaxiesml made it.
    """
    found = read_settings(root).get("format")
    if not isinstance(found, int) or found > FORMAT or (found < FORMAT and found not in STEPS):
        raise CatalogError(
            f"{root} has the catalogue format {found!r}; this galaxiesml reads {min(STEPS)} to {FORMAT}.",
            "Install the version of galaxiesml that made it, or a newer one.",
        )
    done = []
    for number in range(found, FORMAT):
        done.append(STEPS[number](root))
        text = (root / CONFIG).read_text(encoding="utf-8")
        write_atomic(root / CONFIG, re.sub(r"(?m)^format\s*=.*$", f"format = {number + 1}", text))
    return done
