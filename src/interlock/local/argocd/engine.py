"""The running engine: watches on the hub, workers, the webhook's server."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import uvicorn

from interlock.clients.kubernetes import KubernetesClient, Synced, WatchEvent, follow
from interlock.errors import InterlockError, UnreachableError
from interlock.formats.argocd.application import API_VERSION
from interlock.formats.argocd.project import normalised_url
from interlock.local.argocd import webhook
from interlock.local.argocd.clusters import Destinations
from interlock.local.argocd.config import Cluster, Config
from interlock.local.argocd.keyring import Keyring
from interlock.local.argocd.queue import Queue
from interlock.local.argocd.reconciler import Reconciler
from interlock.local.argocd.repositories import Repositories

Object = dict[str, Any]
Connect = Callable[[Cluster], KubernetesClient]
log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


def connect(cluster: Cluster) -> KubernetesClient:
    """A client with the cluster's credentials."""
    return KubernetesClient(
        cluster.url, token=cluster.token.read_text().strip(), ca_file=cluster.ca, field_manager="argocd-controller"
    )


def _listen(host: str, port: int) -> socket.socket:
    """Raises UnreachableError ``port-in-use``."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        where = f"{host}:{port}"
        raise UnreachableError("port-in-use", f"cannot listen: {error.strerror}", where=where) from error
    return listener


class Engine:
    """`start`, then `stop`. ``now`` and ``connect`` are handed in by tests."""

    def __init__(
        self, config: Config, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), connect: Connect = connect
    ) -> None:
        self._config = config
        self._queue = Queue()
        self._stop = threading.Event()
        self._synced = threading.Event()
        self._lock = threading.Lock()
        self._sources: dict[str, tuple[str, str, str]] = {}
        self._hub = connect(config.hub)
        self._destinations = Destinations(config, self._live_changed, connect)
        self.reconciler = Reconciler(
            config,
            self._hub,
            self._destinations,
            Repositories(config.data, resolve=config.resolve, token=config.token),
            Keyring(config.keys, self._hub, config.namespace),
            now=now,
        )
        self._server = uvicorn.Server(
            uvicorn.Config(
                webhook.create_app(self._secret, self.pushed),
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._listener = _listen(config.host, config.port)
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """Where the webhook's endpoint listens."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Return once the hub has been listed and the endpoint listens."""
        targets: list[tuple[str, Callable[[], None]]] = [
            ("applications", lambda: self._watch("Application", self._application)),
            ("projects", lambda: self._watch("AppProject", self._project)),
            ("webhook", lambda: self._server.run(sockets=[self._listener])),
            *((f"worker-{index}", self._work) for index in range(self._config.workers)),
        ]
        for name, target in targets:
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        while not (self._synced.wait(0.05) and self._server.started) and not self._stop.is_set():
            pass

    def stop(self) -> None:
        """Let the workers finish what they are at, for at most 2.5 s."""
        self._stop.set()
        self._queue.close()
        self._server.should_exit = True
        self._hub.close()
        self._destinations.close()
        for thread in self._threads:
            thread.join(2.5 / len(self._threads))

    def _secret(self) -> bytes | None:
        path = self._config.webhook_secret
        return path.read_bytes().strip() if path is not None and path.is_file() else None

    # -- what wakes

    def _watch(self, kind: str, seen: Callable[[WatchEvent], None]) -> None:
        while not self._stop.is_set():
            try:
                for event in follow(self._hub, API_VERSION, kind, namespace=self._config.namespace, stop=self._stop):
                    if isinstance(event, Synced):
                        if kind == "Application":
                            self._synced.set()
                    else:
                        seen(event)
            except InterlockError as error:
                log.warning("watch of %s ended: %s", kind, error)
            except Exception:  # one odd object must not end the watch of all
                log.exception("watch of %s", kind)
            self._stop.wait(_RETRY_SECONDS)

    def _application(self, event: WatchEvent) -> None:
        metadata, spec = event.object["metadata"], event.object.get("spec") or {}
        name = str(metadata["name"])
        with self._lock:
            if event.type == "DELETED":
                self._sources.pop(name, None)
            else:
                source = spec.get("source") or {}
                self._sources[name] = (
                    str(source.get("repoURL", "")),
                    str(source.get("targetRevision", "")),
                    str(spec.get("project", "default")),
                )
        self._queue.add(name)

    def _project(self, event: WatchEvent) -> None:
        changed = str(event.object["metadata"]["name"])
        for name, (_, _, project) in self._known():
            if project == changed:
                self._wake(name, latest=True)

    def pushed(self, repository: str, ref: str) -> None:
        """A push to ``repository`` (``acme/env-prod``): wake what tracks the branch."""
        branch = ref.removeprefix("refs/heads/")
        for name, (url, revision, _) in self._known():
            address = normalised_url(self._config.resolve(url))
            if address.endswith("/" + repository.lower()) and revision in ("", "HEAD", branch, ref):
                self._wake(name, latest=True)

    def _live_changed(self, name: str) -> None:
        with self._lock:
            known = name in self._sources
        if known:
            self._wake(name, latest=False)

    def _known(self) -> list[tuple[str, tuple[str, str, str]]]:
        with self._lock:
            return sorted(self._sources.items())

    def _wake(self, name: str, *, latest: bool) -> None:
        self.reconciler.ask(name, latest=latest)
        self._queue.add(name)

    # -- what works

    def _work(self) -> None:
        while (name := self._queue.take()) is not None:
            wait: float | None
            try:
                wait = self.reconciler.process(name)
            except InterlockError as error:
                wait = None if self._stop.is_set() else _RETRY_SECONDS
                if wait is not None:
                    log.warning("%s: %s", name, error)
            except Exception:
                # One Application's surprise must not end the worker for all others.
                wait = None if self._stop.is_set() else 5.0
                log.exception("%s: unexpected", name)
            if wait is not None:
                self._queue.add(name, wait)
            self._queue.done(name)
