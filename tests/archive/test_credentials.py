"""The account: from the environment, the keyring, a prompt; and never anywhere else."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time

import keyring
import keyring.backend
import keyring.credentials
import pytest

from galaxiesml.archive.credentials import find_credentials
from galaxiesml.catalog import Catalog
from galaxiesml.errors import UsageError

from .jobs_service import JobsService
from .server import serving


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self, held: dict[str, tuple[str, str]]):
        super().__init__()
        self.held = held

    def get_password(self, service, username):
        user, password = self.held.get(service, (None, None))
        return password if username == user else None

    def set_password(self, service, username, password):
        self.held[service] = (username, password)

    def get_credential(self, service, username):
        user, password = self.held.get(service, (None, None))
        return keyring.credentials.SimpleCredential(user, password) if user and username in (None, user) else None


@pytest.fixture
def ring():
    """Put accounts into a keyring for the time of a test."""
    before, made = keyring.get_keyring(), Ring({})
    keyring.set_keyring(made)
    yield made.held
    keyring.set_keyring(before)


@pytest.fixture(autouse=True)
def no_account(monkeypatch):
    monkeypatch.delenv("HSC_SSP_CAS_USER", raising=False)
    monkeypatch.delenv("HSC_SSP_CAS_PASSWORD", raising=False)


def test_the_environment_comes_before_the_keyring(ring, monkeypatch):
    keyring.set_password("galaxiesml:hsc.example.org", "someone", "in-the-ring")
    found = find_credentials("https://hsc.example.org")
    assert (found.user, found.password, found.origin) == ("someone", "in-the-ring", "the keyring")
    monkeypatch.setenv("HSC_SSP_CAS_USER", "another")
    with pytest.raises(UsageError, match="HSC_SSP_CAS_PASSWORD is not set"):
        find_credentials("https://hsc.example.org")
    monkeypatch.setenv("HSC_SSP_CAS_PASSWORD", "in-the-environment")
    assert find_credentials("https://hsc.example.org").password == "in-the-environment"


def test_an_account_is_for_one_host(ring):
    keyring.set_password("galaxiesml:hsc.example.org", "someone", "in-the-ring")
    with pytest.raises(UsageError, match=r"other\.example\.org needs an account"):
        find_credentials("https://other.example.org")


def test_a_prompt_on_a_terminal_shows_no_password(exported, tmp_path, not_told, monkeypatch, account):
    """Typed into a terminal, the password is neither shown, nor in the process list, nor in any file."""
    catalog = Catalog.create(tmp_path / "cat", "pdr2_wide")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HSC_SSP_CAS")}
    ours, theirs = pty.openpty()
    with serving(JobsService(exported)) as server:
        words = ["-C", catalog.root, "fetch", "hsc", "--query", "wide", "--url", server.root]
        process = subprocess.Popen(
            [sys.executable, "-m", "galaxiesml", *map(str, words)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=environment | {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )
        os.close(theirs)
        screen = _typed(ours, process, {"Account at": account["account_name"], "Password:": account["password"]})
        os.close(ours)
    assert process.returncode == 0, screen
    assert len(catalog.landings()) == 1 and "is landed as 1" in screen
    # The terminal itself echoes the account's name as it is typed.
    not_told(catalog.root)
    assert account["password"] not in screen


def _typed(terminal: int, process, answers: dict[str, str]) -> str:
    screen, began, left = "", time.monotonic(), dict(answers)
    while process.poll() is None or select.select([terminal], [], [], 0)[0]:
        assert time.monotonic() - began < 60, screen
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            screen += os.read(terminal, 4096).decode("utf-8", "replace")
        except OSError:
            break
        for prompt in [prompt for prompt in left if prompt in screen]:
            # The prompt for a password turns the echo off before it is shown.
            os.write(terminal, (left.pop(prompt) + "\n").encode())
    process.wait(10)
    return screen
