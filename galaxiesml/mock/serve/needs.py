"""Import the packages that only the simulated archive needs."""

from __future__ import annotations

import importlib
from types import ModuleType

from galaxiesml.errors import UsageError


def load(name: str) -> ModuleType:
    """Import an optional package.

    Raises
    ------
    UsageError
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != name:
            raise
        raise UsageError(
            f"The simulated archive needs {name.replace('_', '-')}, which is not installed.",
            "Type: pip install 'galaxiesml[mock]'",
        ) from error
