"""The small simulated sky as an archive for the clients, with an account that occurs nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mock import skies

from .jobs_service import ACCOUNT


@contextlib.contextmanager
def served(**options) -> Iterator:
    """A `galaxiesml.mock.serve.Server`; within the context it is the archive of every command."""
    for package in ("starlette", "uvicorn", "python_multipart"):
        pytest.importorskip(package, reason="the simulated archive needs the extra mock")
    from galaxiesml.mock.serve import Server

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HSC_SSP_CAS_USER", ACCOUNT["account_name"])
        patch.setenv("HSC_SSP_CAS_PASSWORD", ACCOUNT["password"])
        with Server(skies.made(), **options) as server:
            patch.setenv("GALAXIESML_ARCHIVE_URL", server.url)
            if server.authority:
                patch.setenv("REQUESTS_CA_BUNDLE", str(server.authority))
            yield server


def files_with_the_account(folder: Path) -> list[Path]:
    """Files that hold the account's name or password."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert len(paths) > 3
    return [path for path in paths if any(secret.encode() in path.read_bytes() for secret in ACCOUNT.values())]


def type_in(catalog: Path, *words) -> None:
    """Type a command that must succeed."""
    code = skies.run("-q", "-C", str(catalog), *map(str, words))
    assert code == 0, words
