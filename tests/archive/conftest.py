"""An archive's export, an account in the environment, and a search for that account in everything written."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from functools import partial

import pytest

from .jobs_service import ACCOUNT


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> list[list[str]]:
    """A simulated wide export: its header, and its rows by object_id."""
    folder = tmp_path_factory.mktemp("exported")
    words = ["mock", "export", "--rows", "1000", "--format", "csv", "--out", str(folder / "m")]
    subprocess.run([sys.executable, "-m", "galaxiesml", "-q", *words], check=True, stdout=subprocess.DEVNULL)
    with open(folder / "m" / "export.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    header[0] = header[0].lstrip("# ")
    at = header.index("object_id")
    rows = [[row[at], *row[:at], *row[at + 1 :]] for row in rows]
    return [["object_id", *header[:at], *header[at + 1 :]], *sorted(rows, key=lambda row: (int(row[0]), row))]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """The archive is on this machine: no seconds between tries, nor between looks at a job."""
    from galaxiesml.archive import exports, transfer

    monkeypatch.setattr(transfer, "Patience", partial(transfer.Patience, first=0.02, jitter=0.02))
    monkeypatch.setattr(exports, "_FIRST_LOOK", 0.1)


@pytest.fixture
def account(monkeypatch):
    """The account, in the environment."""
    monkeypatch.setenv("HSC_SSP_CAS_USER", ACCOUNT["account_name"])
    monkeypatch.setenv("HSC_SSP_CAS_PASSWORD", ACCOUNT["password"])
    monkeypatch.delenv("GALAXIESML_ARCHIVE_URL", raising=False)
    return ACCOUNT


def _contents(folder):
    """Every file of a folder with its content; one that gets its final name meanwhile is read under that."""
    for _ in range(20):
        try:
            return [(path, path.read_bytes()) for path in folder.rglob("*") if path.is_file()]
        except FileNotFoundError:
            time.sleep(0.1)
    raise AssertionError(f"{folder} does not stand still")


@pytest.fixture
def not_told(account):
    """Check that no file of a folder, nor a text, has the account's name or password."""

    def check(folder, *texts: str) -> None:
        contents = dict(_contents(folder))
        assert len(contents) > 3
        for secret in account.values():
            assert not any(secret in text for text in texts)
            assert [path for path, content in contents.items() if secret.encode() in content] == []

    return check
