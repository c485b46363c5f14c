"""The exceptions that galaxiesml raises for what a user can mend, each with its exit code.

Everything here becomes one message on standard error (:func:`galaxiesml.cli.main`); any other exception
is a fault of ours and ends with exit code 1 and a traceback in the log.
"""

from __future__ import annotations


class GalaxiesmlError(Exception):
    """What went wrong, naming the file, the row or the object.

    Parameters
    ----------
    message : str
        What is wrong and where.
    hint : str, optional
        What to do next, preferably a command that can be typed as it stands.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.hint = hint


class UsageError(GalaxiesmlError):
    """The command or the arguments do not fit together."""

    exit_code = 2


class InputError(GalaxiesmlError):
    """A file from outside does not hold what it should."""

    exit_code = 3


class CatalogError(GalaxiesmlError):
    """The folder is no catalogue, or a newer or an older one, or lacks what was asked of it."""

    exit_code = 4


class LockedError(GalaxiesmlError):
    """Another process is writing to the catalogue."""

    exit_code = 5


class MissingColumnsError(GalaxiesmlError):
    """A version's required cut cannot be judged on what is landed."""

    exit_code = 6


class BuildError(GalaxiesmlError):
    """A model failed, or what it made broke its own test."""

    exit_code = 7


class ResourceError(GalaxiesmlError):
    """Too little disk or memory for the work asked for."""

    exit_code = 8
