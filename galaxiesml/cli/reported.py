"""Errors as messages, with their exit codes."""

from __future__ import annotations

import sys
import traceback

from galaxiesml.cli import common
from galaxiesml.errors import GalaxiesmlError, UsageError
from galaxiesml.system.refusals import refusal


def report(error: Exception) -> int:
    """Print an error and return its exit code."""
    from galaxiesml.cli.older import older_build

    known = (
        error
        if isinstance(error, GalaxiesmlError)
        else _not_installed(error) or older_build(error) or refusal(error, common.STATE.root)
    )
    if known is None:
        return _report_fault(error)
    if known is error:
        common.LOG.error("%s", error)
    else:
        common.LOG.error("%s", "".join(traceback.format_exception(error)))
    sys.stderr.write(f"Error: {known}\n")
    if known.hint:
        sys.stderr.write(f"{known.hint}\n")
    return known.exit_code


def _not_installed(error: Exception) -> UsageError | None:
    """An error that says what to install if an optional package is missing; None for any other error."""
    if not isinstance(error, ModuleNotFoundError) or (error.name or "").partition(".")[0] != "torch":
        return None
    return UsageError(
        "This command computes with PyTorch, which is not installed.",
        "Type: pip install torch\n"
        "The build without CUDA is much smaller: choose CPU on PyTorch's installation page and type what it shows.",
    )


def _report_fault(error: Exception) -> int:
    common.LOG.error("%s", traceback.format_exc())
    sys.stderr.write(f"Error: {type(error).__name__}: {error}\n")
    files = [handler.baseFilename for handler in common.LOG.handlers if hasattr(handler, "baseFilename")]
    if files and not common.STATE.verbose:
        sys.stderr.write(f"This is a bug in galaxiesml; the traceback is in {files[0]}.\n")
    else:
        traceback.print_exc()
    return 1
