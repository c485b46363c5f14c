"""Addresses of the services: the public ones, or all of them below one root that ``--url`` names."""

from __future__ import annotations

import ipaddress
import os
import re
from urllib.parse import quote, urlsplit

from galaxiesml.errors import UsageError

#: The environment variable that names another root.
VARIABLE = "GALAXIESML_ARCHIVE_URL"
HSC = "https://hsc-release.mtk.nao.ac.jp"
ZENODO = "https://zenodo.org"
#: The published release's record.
RECORD = 11117528
_PUBLIC = re.compile(r"(pdr[1-9])_\w+", re.ASCII)


def root_of(option: str | None, public: str) -> str:
    """The root of a service: ``--url``, else the environment's, else the public one; without a slash at its end.

    Raises
    ------
    UsageError
        Not a URL, http:// to another machine, or a URL with an account in it.
    """
    typed = option or os.environ.get(VARIABLE)
    source = "--url" if option else VARIABLE
    root = (typed or public).rstrip("/")
    parts = urlsplit(root)
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{source} holds an account; a URL is logged and stored.",
            "Leave the account out of the URL, and set HSC_SSP_CAS_USER and HSC_SSP_CAS_PASSWORD.",
        )
    if parts.query or parts.fragment or not is_safe(root):
        raise UsageError(
            f"{source} is {root!r}, which is not https://HOST.",
            "http:// is for this machine's own addresses only, e.g. http://127.0.0.1:8008",
        )
    return root


def is_safe(url: str) -> bool:
    """Whether a URL is https, or http to this machine itself."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        # A port that is not a number is an error only when it is read.
        _ = parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host)))


def is_this_machine(host: str) -> bool:
    """Whether a host is a loopback address, or localhost."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def public_release(profile_name: str) -> str:
    """The archive's name of a release: pdr2 of pdr2_wide.

    Raises
    ------
    UsageError
        The public archive does not serve it.
    """
    found = _PUBLIC.fullmatch(profile_name)
    if found is None:
        raise UsageError(
            f"The release {profile_name} is not one that the public archive serves (pdr1, pdr2, pdr3).",
            "Land its files with galaxiesml ingest, or make a catalogue with: galaxiesml init DIR --release pdr2_wide",
        )
    return found[1]


def jobs_url(root: str, action: str) -> str:
    """Of a call to the catalogue jobs: preview, submit, status, cancel, download or delete."""
    return f"{root}/datasearch/api/catalog_jobs/{action}"


def cutouts_url(root: str, release: str) -> str:
    return f"{root}/das_cutout/{release}/cgi-bin/cutout"


def psf_url(root: str, release: str) -> str:
    return f"{root}/psf/{release}/cgi/getpsf"


def record_url(root: str, record: int = RECORD) -> str:
    """Of the published record's description."""
    return f"{root}/api/records/{record}"


def record_file_url(root: str, name: str, record: int = RECORD) -> str:
    """Of one published file; this address serves ranges."""
    return f"{root}/records/{record}/files/{quote(name)}"
