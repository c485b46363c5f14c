"""Exceptions for errors that a user can correct, each with its exit code.

The command line prints each of them as one message on standard error (:func:`galaxiesml.cli.main`).  Any other
exception is a bug: the exit code is 1 and the log has the traceback.
"""

from __future__ import annotations


class GalaxiesmlError(Exception):
    """An error that names the file, the row or the object concerned.

    Parameters
    ----------
    message : str
        What is wrong and where.
    hint : str, optional
        What to do next, preferably a command that can be copied.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.hint = hint


class UsageError(GalaxiesmlError):
    """The command or its arguments are wrong, or contradict each other."""

    exit_code = 2


class InputError(GalaxiesmlError):
    """An input file is missing, damaged, or does not contain what is expected."""

    exit_code = 3


class CatalogError(GalaxiesmlError):
    """The folder is not a catalogue, has another format, or does not contain what was requested."""

    exit_code = 4


class LockedError(GalaxiesmlError):
    """Another process is writing to the catalogue."""

    exit_code = 5


class MissingColumnsError(GalaxiesmlError):
    """The landed files do not have the columns that a version's cuts need."""

    exit_code = 6


class BuildError(GalaxiesmlError):
    """A model failed, or its result failed a test."""

    exit_code = 7


class ResourceError(GalaxiesmlError):
    """There is not enough disk space or memory for the command."""

    exit_code = 8


class ArchiveError(GalaxiesmlError):
    """A remote archive cannot be reached, refuses the request, or sends something that cannot be used."""

    exit_code = 9
