"""The namespaces that steps and sidecars of one TaskRun share: network, ipc, uts, as the containers of a Pod do.

Descriptors keep them alive and nothing else: they are gone when the last is closed, also after a kill of the engine.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence

from interlock.errors import InternalError
from interlock.local.sandbox.forwarding import Forwarder, Served
from interlock.local.sandbox.levels import Isolation
from interlock.local.sandbox.programs import find

_SPACES = ("user", "net", "ipc", "uts")


class Pod:
    """Made by `open`; a context manager that closes it. What runs in it keeps its namespaces until that ends."""

    def __init__(self, isolation: Isolation, spaces: Sequence[int], served: Sequence[Served]) -> None:
        self._isolation = isolation
        self._spaces = dict(zip(_SPACES, spaces, strict=False))
        self._served = served

    @classmethod
    def open(
        cls,
        isolation: Isolation,
        *,
        hostname: str,
        network: Mapping[str, str] | None = None,
        forwarder: Forwarder | None = None,
    ) -> Pod:
        """A Pod on whose loopback the addresses of ``network`` (name -> host:port) answer, carried by ``forwarder``.

        At level ``none`` it is the machine's own network. Raises InternalError ``pod-not-made``.
        """
        if isolation.level == "none":
            return cls(isolation, (), ())
        addresses = {int(address.rpartition(":")[2]): address for address in (network or {}).values()}
        if forwarder is None:
            addresses = {}
        try:
            made = isolation.helper.ask({"do": "make", "hostname": hostname, "ports": list(addresses)})
        except OSError as error:
            raise InternalError("pod-not-made", "the Pod's network cannot be made", got=str(error)) from error
        listening = [socket.socket(fileno=descriptor) for descriptor in made[len(_SPACES) :]]
        served = [
            forwarder.serve(server, address)
            for server, address in zip(listening, addresses.values(), strict=True)
            if forwarder is not None
        ]
        return cls(isolation, made[: len(_SPACES)], served)

    def entry(self) -> tuple[list[str], list[int]]:
        """What, put before a command, runs it inside; and the descriptors that it inherits (copies, to be closed)."""
        if not self._spaces:
            return [], []
        copies = {name: os.dup(descriptor) for name, descriptor in self._spaces.items()}
        options = [f"--{name}=/proc/self/fd/{descriptor}" for name, descriptor in copies.items()]
        return [find("nsenter"), *options, "--preserve-credentials", "--"], list(copies.values())

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connection from inside. Raises OSError."""
        if not self._spaces:
            return socket.create_connection((host, port), seconds)
        request = {"do": "connect", "host": host, "port": port, "seconds": seconds}
        found = self._isolation.helper.ask(request, [self._spaces["user"], self._spaces["net"]])
        connection = socket.socket(fileno=found[0])
        connection.settimeout(seconds)
        return connection

    def close(self) -> None:
        for served in self._served:
            served.close()
        for descriptor in self._spaces.values():
            os.close(descriptor)
        self._served, self._spaces = (), {}

    def __enter__(self) -> Pod:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
