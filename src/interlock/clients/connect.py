"""From a context file to clients: one place that knows which credential opens what, and which CA is trusted where.

Credentials are files that are read again when they change: a rotated token needs no new client.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from interlock.clients.context import Context
from interlock.clients.forge import ForgeClient
from interlock.clients.git import Repository
from interlock.clients.http import FileToken
from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import NotFoundError
from interlock.formats import yaml

if TYPE_CHECKING:
    from interlock.clients.registry import RegistryClient
    from interlock.clients.tickets import TicketsClient

Client = TypeVar("Client")

PLATFORM = "interlock"
"""The platform's own identity in every system."""


class Connections:
    """Clients of one context, made when first asked for and kept. Thread-safe. ``clones`` holds git mirrors."""

    def __init__(self, context: Context, *, clones: Path) -> None:
        self.context = context
        self._clones = clones
        self._lock = threading.RLock()
        self._kept: dict[tuple[str, ...], object] = {}
        self._mirrors: dict[Path, threading.Lock] = {}

    def forge(self, identity: str = PLATFORM) -> ForgeClient:
        place = self.context.forge
        token = self._token(self.context.identity(identity).forge, f"{identity} on the forge")
        return self._keep(("forge", identity), lambda: ForgeClient(place.outside, token, ca_file=place.ca))

    def tickets(self, identity: str = PLATFORM) -> TicketsClient:
        from interlock.clients.tickets import TicketsClient

        place = self.context.tickets
        token = self._token(self.context.identity(identity).tickets, f"{identity} on the ticket system")
        return self._keep(("tickets", identity), lambda: TicketsClient(place.outside, token, ca_file=place.ca))

    def registry(self, identity: str | None = PLATFORM) -> RegistryClient:
        """Reads need no identity."""
        from interlock.clients.registry import RegistryClient

        place, token = self.context.registry, None
        if identity is not None:
            token = self._token(self.context.identity(identity).registry, f"{identity} on the registry")
        return self._keep(
            ("registry", identity or ""),
            lambda: RegistryClient(place.outside, token=token, token_realms=place.token_realms, ca_file=place.ca),
        )

    def cluster(self, name: str, identity: str = PLATFORM, *, kubeconfig: Path | None = None) -> KubernetesClient:
        """``identity``'s client of the cluster of that name (``hub``, ``prod``...)."""
        endpoint = self.context.clusters.get(name)
        if endpoint is None:
            known = ", ".join(sorted(self.context.clusters))
            raise NotFoundError("cluster-unknown", f"no cluster {name!r}", expected=f"one of: {known}")
        path = kubeconfig or self.context.kubeconfig
        token = FileToken(path, lambda file: kubeconfig_token(file, f"{identity}@{name}"))
        token()  # what is missing is told here, not by the first request
        return self._keep(
            ("cluster", name, identity, str(path)),
            lambda: KubernetesClient(endpoint.outside, token=token, ca_file=endpoint.ca),
        )

    def cluster_at(self, url: str, identity: str = PLATFORM) -> KubernetesClient:
        """The same by the stable URL that files write, such as ``https://prod-cluster``."""
        names = {endpoint.name: name for name, endpoint in self.context.clusters.items()}
        return self.cluster(names.get(url, url), identity)

    def mirror(self, repository: str, identity: str = PLATFORM, *, fetch: bool = True) -> Repository:
        """A mirror of one of the organisation's repositories, fetched now; without ``fetch`` as it was left."""
        path = self._clones / f"{identity}-{repository}.git"
        token = self._token(self.context.identity(identity).forge, f"{identity} on the forge")
        with self._lock:
            own = self._mirrors.setdefault(path, threading.Lock())
        with own:
            ca = self.context.forge.ca
            url = self.context.resolve(self.context.repository(repository)) + ".git"
            mirror = self._keep(("mirror", str(path)), lambda: Repository(path, credential=token, ca=ca, url=url))
            if path.is_dir():
                if fetch:
                    mirror.fetch()
            else:
                Repository.clone_mirror(url, path, token, ca)
            return mirror

    def close(self) -> None:
        """Close every client. Whoever asks afterwards gets a new one."""
        with self._lock:
            kept, self._kept = self._kept, {}
        for client in kept.values():
            cast(AbstractContextManager[object], client).__exit__(None, None, None)

    def _token(self, path: Path | None, what: str) -> FileToken:
        """The token in a file. Raises NotFoundError ``credential-missing``, now and whenever the file is gone."""
        self.context.secret(path, what=what)
        return FileToken(path or Path(), lambda file: self.context.secret(file, what=what))

    def _keep(self, key: tuple[str, ...], make: Callable[[], Client]) -> Client:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return cast(Client, self._kept[key])


def kubeconfig_token(path: Path, context: str) -> str:
    """The bearer token of a kubeconfig's context. Raises NotFoundError ``kubeconfig-context``."""
    if not path.is_file():
        raise NotFoundError("kubeconfig-missing", "no kubeconfig", where=str(path))
    value = yaml.load(path.read_bytes(), file=str(path)).value
    user = next((item["context"]["user"] for item in value["contexts"] if item["name"] == context), None)
    token = next((item["user"].get("token") for item in value["users"] if item["name"] == user), None)
    if token is None:
        raise NotFoundError("kubeconfig-context", f"no token for context {context!r}", where=str(path))
    return str(token)
