"""The client of a cluster in memory, from another process: each call is one connection to a socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from interlock import errors
from interlock.clients.kubernetes import WatchEvent
from interlock.tekton.engine import memory


class Server:
    """Answers at ``path`` for ``cluster`` until `close`."""

    def __init__(self, cluster: memory.Cluster, path: Path) -> None:
        self._cluster = cluster
        self._listener = Listener(str(path), family="AF_UNIX")
        self._clients: set[memory.MemoryClient] = set()
        self._path = path
        self._closed = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed = True
        with suppress(OSError), Client(str(self._path), family="AF_UNIX"):
            # Wakes the one that accepts.
            pass
        self._thread.join()
        self._listener.close()
        for client in list(self._clients):
            client.close()

    def _accept(self) -> None:
        while not self._closed:
            connection = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        client = self._cluster.client()
        self._clients.add(client)
        try:
            with connection, suppress(EOFError, OSError):
                name, arguments, named = connection.recv()
                if name == "watch":
                    self._watch(client, connection, arguments, named)
                    return
                try:
                    connection.send(("result", getattr(client, name)(*arguments, **named)))
                except errors.InterlockError as error:
                    connection.send(("error", type(error).__name__, error.code, error.message))
        finally:
            client.close()
            self._clients.discard(client)

    @staticmethod
    def _watch(client: memory.MemoryClient, connection: Connection, arguments: Any, named: Any) -> None:
        with client.watch(*arguments, **named) as events:
            for event in events:
                connection.send(event)


class RemoteClient:
    """What `memory.MemoryClient` does, by the `Server` at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._watches: set[Connection] = set()
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()
        for connection in list(self._watches):
            # Its reader sees the end.
            with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as held:
                held.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def watch(self, *arguments: Any, **named: Any) -> Iterator[Iterator[WatchEvent]]:
        with self._connect() as connection:
            self._watches.add(connection)
            connection.send(("watch", arguments, named))
            yield self._events(connection)
            self._watches.discard(connection)

    @staticmethod
    def _events(connection: Connection) -> Iterator[WatchEvent]:
        with suppress(EOFError, OSError):
            while True:
                yield connection.recv()

    def _connect(self) -> Connection:
        try:
            return Client(str(self._path), family="AF_UNIX")
        except OSError as error:
            raise errors.UnreachableError("kubernetes-unreachable", str(error)) from error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            with self._connect() as connection:
                connection.send((name, arguments, named))
                kind, *answer = connection.recv()
            if kind == "error":
                raise getattr(errors, answer[0])(answer[1], answer[2])
            return answer[0]

        return call
