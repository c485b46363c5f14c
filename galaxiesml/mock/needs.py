"""Import the packages that only the simulated sky and archive need."""

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
        package = name.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise
        raise UsageError(
            f"The simulated sky needs {package.replace('_', '-')}, which is not installed.",
            "Type: pip install 'galaxiesml[mock]'",
        ) from error
