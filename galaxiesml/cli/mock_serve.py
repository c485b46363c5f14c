"""``galaxiesml mock serve``: the simulated sky as an archive on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, mock


def register(app: typer.Typer) -> None:
    mock.group.command("serve")(serve)


Sky = Annotated[
    Path, typer.Argument(metavar="SKY", help="Folder that `galaxiesml mock sky` wrote.", show_default=False)
]
Port = Annotated[int, typer.Option(metavar="PORT", help="Port of 127.0.0.1; 0 chooses a free one.")]
Fault = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND:SHARE",
        help="A fault and the share of requests that meet it, as 503:0.1; repeatable. Kinds: 401, 406, 429, 502, 503, "
        "slow, drop, length, hash, tar, row, html, redirect, never.",
    ),
]
Seed = Annotated[int, typer.Option(help="Random seed of the faults.")]
Delay = Annotated[
    float, typer.Option("--delay-row", metavar="MS", help="Milliseconds that a line of a picture list takes.")
]
Tls = Annotated[bool, typer.Option("--tls", help="Serve https, with a certificate authority made for this run.")]
Release = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder whose files are served as the published release's record.")
]
MostRows = Annotated[int, typer.Option("--most-rows", metavar="N", help="Refuse catalogue results of more rows.")]


def serve(
    sky: Sky,
    port: Port = 8008,
    fault: Fault = None,
    seed: Seed = 1,
    delay_row: Delay = 0.0,
    tls: Tls = False,
    release: Release = None,
    most_rows: MostRows = 5_000_000,
) -> None:
    """Serve a simulated sky as an archive on this machine, until Ctrl-C.

    Prints the URL. It answers catalogue queries, the cutout and PSF services, VizieR, and with --release the record
    of the published files. --fault makes it misbehave as real services do; URL/_counts says what was asked and sent.

    \b
    Examples:
      galaxiesml mock serve sky
      galaxiesml mock serve sky --port 0 --fault 503:0.1 --fault drop:0.05 --seed 7
      galaxiesml mock serve sky --tls --release exports
    """
    import os
    import shlex
    import time

    from galaxiesml.mock.needs import load
    from galaxiesml.system import interrupts

    for package in ("starlette", "uvicorn", "python_multipart", *(["trustme"] if tls else [])):
        load(package)
    from galaxiesml.mock.serve import Server

    options = {"faults": fault or (), "seed": seed, "delay_row_ms": delay_row, "release": release}
    with Server(sky, port, tls=tls, most_rows=most_rows, **options) as server:
        if server.authority:
            common.say(f"Its certificate: export REQUESTS_CA_BUNDLE={shlex.quote(str(server.authority))}")
        if server.account.is_public:
            name = server.account.name
            common.say(f"Account: export HSC_SSP_CAS_USER={name} HSC_SSP_CAS_PASSWORD={name}")
        else:
            common.say("Account: that of HSC_SSP_CAS_USER and HSC_SSP_CAS_PASSWORD here.")
        end = f"`kill {os.getpid()}` (Ctrl-C is ignored here)" if interrupts.is_deaf_to_ctrl_c() else "Ctrl-C"
        common.say(f"Serving until {end}; the counts of requests and bytes are at /_counts.")
        common.result(server.url)
        # In short sleeps: a signal that another thread gets does not wake this one.
        while True:
            time.sleep(0.1)
