"""The account at the archive: from the environment, the system's keyring, or a prompt on a terminal; never stored."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from galaxiesml.errors import UsageError

USER, PASSWORD = "HSC_SSP_CAS_USER", "HSC_SSP_CAS_PASSWORD"
_HIDDEN = "***"


@dataclass(frozen=True)
class Credentials:
    """An account; neither its name nor its password is shown when it is printed.

    Attributes
    ----------
    user, password : str
    origin : str
        Where it came from, in words, for messages.
    """

    user: str = field(repr=False)
    password: str = field(repr=False)
    origin: str = "the environment"

    def body(self) -> dict[str, str]:
        """As the catalogue jobs take it, in the request's body."""
        return {"account_name": self.user, "password": self.password}

    def hidden(self, text: str) -> str:
        """A text from the archive without the account: servers repeat what they were sent."""
        for secret in sorted({self.user, self.password} - {""}, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text


def find_credentials(root: str) -> Credentials:
    """The account for the archive at ``root``.

    Raises
    ------
    UsageError
        There is none, and standard input is not a terminal.
    """
    user, password = os.environ.get(USER), os.environ.get(PASSWORD)
    if user and password:
        return Credentials(user, password, f"{USER} and {PASSWORD}")
    host = urlsplit(root).netloc
    return _of_keyring(host, user) or _of_terminal(host, user, password)


def _of_keyring(host: str, user: str | None) -> Credentials | None:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        found = keyring.get_credential(f"galaxiesml:{host}", user)
    except keyring.errors.KeyringError:
        # No keyring runs on most servers.
        return None
    return Credentials(found.username, found.password, "the keyring") if found and found.password else None


def _of_terminal(host: str, user: str | None, password: str | None) -> Credentials:
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        unset = " and ".join(name for name, value in ((USER, user), (PASSWORD, password)) if not value)
        raise UsageError(
            f"{host} needs an account, but {unset} is not set.",
            f"Type: export {USER}=NAME; then read -rs {PASSWORD} and export {PASSWORD}, so that no history keeps it.",
        )
    import getpass

    if not user:
        sys.stderr.write(f"Account at {host}: ")
        sys.stderr.flush()
        user = sys.stdin.readline().strip()
    if not user:
        raise UsageError(f"No account for {host} was typed.", f"Set {USER} and {PASSWORD}.")
    return Credentials(user, password or getpass.getpass("Password: ", sys.stderr), "the terminal")
