"""Connections that another thread can end: nothing else wakes a thread that waits for a silent server."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError


class Connections:
    """All connections of the sessions that mount its adapters.

    Parameters
    ----------
    stop : threading.Event
        Once it is set no new connection is used.
    """

    def __init__(self, stop: threading.Event):
        self._stop, self._lock = stop, threading.Lock()
        self._known: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        self._pools = {"http": self._pool(HTTPConnectionPool), "https": self._pool(HTTPSConnectionPool)}

    def adapter(self) -> HTTPAdapter:
        """An adapter for a session."""
        pools = self._pools

        class Adapter(HTTPAdapter):
            def init_poolmanager(self, *words, **named):
                super().init_poolmanager(*words, **named)
                self.poolmanager.pool_classes_by_scheme = pools

            def proxy_manager_for(self, proxy, **named):
                manager = super().proxy_manager_for(proxy, **named)
                # One for SOCKS has connections of its own.
                if proxy.lower().startswith("http"):
                    manager.pool_classes_by_scheme = pools
                return manager

        return Adapter()

    def end(self) -> None:
        """End what is sent and received: a thread that waits there gets an error at once."""
        with self._lock:
            known = list(self._known)
        for connection in known:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    # Not the method of a TLS socket, which takes its cipher away from the thread that reads.
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def _pool(self, kind: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
        connections, plain = self, HTTPSConnection if kind is HTTPSConnectionPool else HTTPConnection

        class Connection(plain):
            def connect(self) -> None:
                # Known before it stands: a server may be silent in the handshake too.
                with connections._lock:
                    connections._known.add(self)
                super().connect()
                if connections._stop.is_set():
                    self.close()
                    raise NewConnectionError(self, "the command is ending")

        return type(kind.__name__, (kind,), {"ConnectionCls": Connection})
