"""A simulated archive for the tests, and plain requests to it: none of this project's clients."""

import contextlib
import io
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from .. import skies

LOGIN = ("simulated", "simulated")


@dataclass(frozen=True)
class Address:
    """Where a server of another process is."""

    url: str


@contextlib.contextmanager
def served(**options) -> Iterator:
    for package in ("starlette", "uvicorn", "python_multipart"):
        pytest.importorskip(package, reason="the simulated archive needs the extra mock")
    from galaxiesml.mock.serve import Server

    with pytest.MonkeyPatch.context() as patch:
        for name in ("HSC_SSP_CAS_USER", "HSC_SSP_CAS_PASSWORD"):
            patch.delenv(name, raising=False)
        with Server(skies.made(), **options) as server:
            yield server


def job(server, name: str, login=LOGIN, **body) -> requests.Response:
    """One of the catalogue's six calls."""
    credential = {"account_name": login[0], "password": login[1]}
    return requests.post(
        f"{server.url}/datasearch/api/catalog_jobs/{name}",
        json={"credential": credential, "clientVersion": 20190514.1, **body},
        allow_redirects=False,
        timeout=20,
    )


def submitted(server, sql: str, form: str = "csv", meta: bool = False, **body) -> requests.Response:
    asked = {"sql": sql, "out_format": form, "include_metainfo_to_body": meta, "release_version": "pdr2"}
    return job(server, "submit", catalog_job=asked, **body)


def ended(server, number: int) -> dict:
    """The status of a job that is done, or has failed."""
    limit = time.monotonic() + 20
    while (told := job(server, "status", id=number).json())["status"] not in ("done", "error"):
        assert time.monotonic() < limit, told
        time.sleep(0.01)
    return told


def downloaded(server, sql: str, form: str = "csv", meta: bool = False) -> bytes:
    number = submitted(server, sql, form, meta).json()["id"]
    assert ended(server, number)["status"] == "done"
    return job(server, "download", id=number).content


def preview(server, sql: str) -> requests.Response:
    return job(server, "preview", catalog_job={"sql": sql, "release_version": "pdr2"})


def upload(server, text: str, service: str = "cutout", login=LOGIN, **form) -> requests.Response:
    path = {"cutout": "/das_cutout/pdr2/cgi-bin/cutout", "psf": "/psf/pdr2/cgi/getpsf"}[service]
    data = {"bulk": "on"} if service == "psf" else {}
    return requests.post(
        server.url + path,
        files={"list": ("list.txt", text)},
        data=data | form,
        auth=login,
        allow_redirects=False,
        timeout=20,
    )


def untarred(data: bytes) -> dict[str, bytes]:
    """File name to bytes; the folder's name is the time of the answer."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name.split("/")[1]: tar.extractfile(member).read() for member in tar}
