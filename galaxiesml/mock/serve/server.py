"""The server: what it holds, its application, and the thread in which it runs."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.errors import InputError, ResourceError, UsageError
from galaxiesml.mock.serve.account import Account
from galaxiesml.mock.serve.counts import Counts
from galaxiesml.mock.serve.faults import Draw, parse_faults

#: This machine alone.
HOST = "127.0.0.1"
#: Name of the authority's certificate, for REQUESTS_CA_BUNDLE.
AUTHORITY = "authority.pem"
#: Seconds that requests have to end when the server does, and that it has to start.
_END, _START = 0.5, 20.0


@dataclass(frozen=True)
class Options:
    """How a simulated archive behaves.

    Attributes
    ----------
    faults : sequence of str
        ``KIND:SHARE`` texts.
    seed : int
        Of the faults.
    delay_row_ms : float
        Milliseconds that a line of a picture list takes.
    release : Path, optional
        Folder whose files are those of the published record.
    tls : bool
        https alone, with an authority of its own.
    slow_seconds : float
        How long an answer with the fault ``slow`` takes.
    job_seconds, most_rows : float, int
        A query's longest time and largest result.
    a_minute : int
        Requests to the published record that are answered in a minute.
    """

    faults: Sequence[str] = ()
    seed: int = 1
    delay_row_ms: float = 0.0
    release: Path | None = None
    tls: bool = False
    slow_seconds: float = 2.0
    job_seconds: float = 600.0
    most_rows: int = 5_000_000
    a_minute: int = 60


class Server:
    """A simulated sky, served on this machine while the context lasts.

    Parameters
    ----------
    sky : Path
        A folder of ``galaxiesml mock sky``.
    port : int
        0 chooses a free one.
    **options
        Those of `Options`.

    Attributes
    ----------
    account : Account
        The login that it takes.
    authority : Path, optional
        With TLS: the certificate that clients are to trust, deleted at the end.

    Examples
    --------
    >>> with Server("sky", faults=["503:0.1"]) as server:  # doctest: +SKIP
    ...     print(server.url, server.counts()["total"])
    """

    def __init__(self, sky: Path | str, port: int = 0, **options):
        self.sky, self.port, self.options = Path(sky), port, Options(**options)
        self.account = Account.of_environment()
        self.authority: Path | None = None
        self._held, self._counts, self._interrupt = contextlib.ExitStack(), Counts(), []

    @property
    def url(self) -> str:
        """The archive's base, as clients want it; with TLS by the name that its certificate has first."""
        return f"https://localhost:{self.port}" if self.options.tls else f"http://{HOST}:{self.port}"

    def counts(self) -> dict:
        """What was asked for and sent so far: requests, rows, bytes, faults."""
        return self._counts.told()

    def __enter__(self) -> Server:
        _check(self.options, self.port)
        shares = parse_faults(self.options.faults)
        with contextlib.ExitStack() as held:
            folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="galaxiesml-serve-")))
            app = self._app(held, folder, Draw(shares, self.options.seed))
            listening = held.enter_context(_listen(self.port))
            self.port = listening.getsockname()[1]
            self._start(held, app, listening, folder)
            self._held = held.pop_all()
        return self

    def __exit__(self, *exception) -> None:
        self._held.close()

    def _app(self, held: contextlib.ExitStack, folder: Path, draw: Draw):
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route

        from galaxiesml.mock.serve.catalogue import Catalogue
        from galaxiesml.mock.serve.holdings import Pictures, load_tables
        from galaxiesml.mock.serve.http import Refused, answer_refused
        from galaxiesml.mock.serve.jobs import Jobs
        from galaxiesml.mock.serve.outside import COUNTS, Outside, answer_fault
        from galaxiesml.mock.serve.pictures import Service
        from galaxiesml.mock.serve.record import Record
        from galaxiesml.mock.serve.spectra import load_spectra
        from galaxiesml.mock.serve.sql.sandbox import Sandbox
        from galaxiesml.mock.serve.vizier import Vizier

        options, counts = self.options, self._counts
        sandbox = Sandbox(load_tables(self.sky), "pdr2_wide")
        held.callback(sandbox.close)
        jobs = Jobs(sandbox, folder, options.job_seconds, options.most_rows)
        held.callback(jobs.close)
        vizier = Vizier(load_spectra(self.sky / "specz"), counts)
        held.callback(vizier.close)
        self._interrupt = [sandbox.interrupt, vizier.interrupt]
        parts = [
            Catalogue(self.account, sandbox, jobs, counts, options.most_rows),
            Service("cutout", self.account, Pictures(self.sky / "cutouts"), counts, options.delay_row_ms),
            Service("psf", self.account, Pictures(self.sky / "psf"), counts, options.delay_row_ms),
            vizier,
        ]
        if options.release is not None:
            parts.append(Record(options.release, counts, options.a_minute))
        routes = [route for part in parts for route in part.routes()]
        routes.append(Route(COUNTS, lambda request: JSONResponse(self.counts())))
        app = Starlette(routes=routes, exception_handlers={Refused: answer_refused, Exception: answer_fault})
        return Outside(app, draw, counts, options.slow_seconds)

    def _start(self, held: contextlib.ExitStack, app, listening: socket.socket, folder: Path) -> None:
        import uvicorn

        secure = {"ssl_context_factory": lambda *_: self._secured(folder)} if self.options.tls else {}
        config = uvicorn.Config(
            app, log_level="critical", access_log=False, lifespan="off", http="h11", loop="asyncio", ws="none", **secure
        )
        config.timeout_graceful_shutdown = _END
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), name="simulated archive", daemon=True)

        def end() -> None:
            # First of all: a request that waits for its query would wait for the query's own end.
            for interrupt in self._interrupt:
                interrupt()
            server.should_exit = True
            thread.join(timeout=_END + 1.0)

        thread.start()
        held.callback(end)
        limit = time.monotonic() + _START
        while not server.started:
            if not thread.is_alive() or time.monotonic() > limit:
                raise ResourceError(f"The server on port {self.port} did not start.", "Try another --port.")
            time.sleep(0.01)

    def _secured(self, folder: Path):
        """A TLS context with a certificate for this machine's two names, signed by an authority made now."""
        import ssl

        import trustme

        authority = trustme.CA()
        self.authority = folder / AUTHORITY
        authority.cert_pem.write_to_path(self.authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", HOST).configure_cert(context)
        return context


def _check(options: Options, port: int) -> None:
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port {port} is out of range.", "Give 0, for a free one, up to 65535.")
    if not 0.0 <= options.delay_row_ms <= 60_000.0:
        raise UsageError(f"--delay-row {options.delay_row_ms:g} is out of range.", "Give 0 to 60000 milliseconds.")
    if options.most_rows < 1:
        raise UsageError(f"--most-rows {options.most_rows} is out of range.", "Give 1 or more.")
    if options.release is not None and not options.release.is_dir():
        raise InputError(f"{options.release} is not a folder.", "Name the folder of the released files with --release.")


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"Port {port} of this machine cannot be used: {os.strerror(error.errno)}.", "Type --port 0 for a free one."
        ) from error
    return listening
