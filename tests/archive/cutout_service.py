"""The cutout and PSF services over HTTP, as the notes on the archive have them; pictures by astropy and tarfile."""

from __future__ import annotations

import base64
import email
import io
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.cutouts.service import cutout, name, psf

from .jobs_service import ACCOUNT
from .server import Asked, Reply

BASIC = "Basic " + base64.b64encode(":".join(ACCOUNT.values()).encode()).decode()


@dataclass
class CutoutService:
    """Every row of a list is answered, but those that ``absent`` (of ra, dec) says; a list with a row of ``bad`` fails.

    ``fault`` may answer any request in the service's place, given its number from 0.
    """

    absent: Callable[[float, float], bool] = lambda ra, dec: False
    bad: Callable[[float, float], bool] = lambda ra, dec: False
    fault: Callable[[int, bytes], Reply | None] = lambda number, tar: None
    seconds_a_row: float = 0.0
    asked_rows: list[tuple[str, str, str]] = field(default_factory=list)
    sent_rows: list[tuple[str, str, str]] = field(default_factory=list)
    requests: int = 0
    sizes: list[int] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        number, self.requests = self.requests, self.requests + 1
        if asked.headers.get("Authorization") != BASIC:
            return Reply(401, b"<html><title>401</title>Authorization required</html>", {"Content-Type": "text/html"})
        is_psf = asked.path == "/psf/pdr2/cgi/getpsf"
        assert is_psf or asked.path == "/das_cutout/pdr2/cgi-bin/cutout", asked.path
        form = parsed(asked)
        assert form.get("bulk") == ("on" if is_psf else None)
        header, *lines = form["list"].splitlines()
        names = header.removeprefix("#? ").split()
        rows = [dict(zip(names, line.split(), strict=True)) for line in lines]
        self.sizes.append(len(rows))
        assert 1 <= len(rows) <= 990
        time.sleep(self.seconds_a_row * len(rows))
        places = [(row["filter"], row["ra"], row["dec"]) for row in rows]
        self.asked_rows += places
        if any(self.bad(float(ra), float(dec)) for _, ra, dec in places):
            return Reply(500, b"<h1>Internal Server Error</h1>", {"Content-Type": "text/html"})
        tar = _tar(dict(self._members(rows, is_psf)))
        if (reply := self.fault(number, tar)) is not None:
            return reply
        self.sent_rows += places
        return Reply(200, tar, {"Content-Type": "application/x-tar"})

    def _members(self, rows: list[dict], is_psf: bool):
        for line, row in enumerate(rows, 2):
            ra, dec, band = float(row["ra"]), float(row["dec"]), row["filter"].removeprefix("HSC-")
            if self.absent(ra, dec):
                continue
            if is_psf:
                where = f"{row['tract']}-4,4-{ra:.5f}-{dec:.5f}"
                yield f"arch/{line}-psf-calexp-pdr2_wide-HSC-{band}-{where}.fits", psf(line)[0]
            else:
                half = float(row["sw"].removesuffix("asec"))
                wanted = {"i": "image", "m": "mask", "v": "variance"}
                layers = "".join(k for k, layer in wanted.items() if row.get(layer, str(k == "i").lower()) == "true")
                yield name(line, band), cutout(ra, dec, band=band, half=half, layers=layers)[0]


def parsed(asked: Asked) -> dict[str, str]:
    """The fields of a form, read by the standard library's mail parser."""
    head = f"Content-Type: {asked.headers['Content-Type']}\n\n".encode()
    message = email.message_from_bytes(head + asked.body)
    return {part.get_param("name", header="content-disposition"): part.get_payload() for part in message.get_payload()}


def _tar(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()
