"""The one account that the simulated archive knows."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from dataclasses import dataclass, field

#: Where public clients of the archive look for an account.
USER, PASSWORD = "HSC_SSP_CAS_USER", "HSC_SSP_CAS_PASSWORD"
#: The account where the server's own environment has none: no secret, since it opens nothing but this server.
_DEFAULT = "simulated"


@dataclass(frozen=True)
class Account:
    """A name and a password, which no representation shows."""

    name: str
    password: str = field(repr=False)

    @classmethod
    def of_environment(cls) -> Account:
        """The account in the server's environment, or the public one."""
        name, password = os.environ.get(USER), os.environ.get(PASSWORD)
        return cls(name, password) if name and password else cls(_DEFAULT, _DEFAULT)

    @property
    def is_public(self) -> bool:
        return self == Account(_DEFAULT, _DEFAULT)

    def opens(self, name: object, password: object) -> bool:
        """Whether a login is this account's."""
        if not isinstance(name, str) or not isinstance(password, str):
            return False
        same = hmac.compare_digest(name.encode(), self.name.encode())
        return hmac.compare_digest(password.encode(), self.password.encode()) and same

    def opens_basic(self, header: str | None) -> bool:
        """Whether an Authorization header is HTTP Basic with this account."""
        kind, _, word = (header or "").partition(" ")
        if kind.lower() != "basic":
            return False
        try:
            name, _, password = base64.b64decode(word.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return False
        return self.opens(name, password)
