"""Watches on the hub that wake loops: runs that end, Applications that sync. Hints, like webhooks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InterlockError
from interlock.platform.estate.argocd import CI_NAMESPACE, NAMESPACE

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_WATCHED = (
    ("tekton.dev/v1", "PipelineRun", CI_NAMESPACE, ("attest", "build")),
    ("argoproj.io/v1alpha1", "Application", NAMESPACE, ("sync",)),
)


class Watches:
    """One thread a kind; a watch that ends is begun again."""

    def __init__(self, hub: Callable[[], KubernetesClient], *, wake: Callable[[Iterable[str]], None]) -> None:
        self._hub, self._wake = hub, wake
        self._stop = threading.Event()

    def start(self) -> None:
        for api_version, kind, namespace, loops in _WATCHED:
            threading.Thread(
                target=self._serve, args=(api_version, kind, namespace, loops), name=f"watch-{kind}", daemon=True
            ).start()

    def stop(self) -> None:
        self._stop.set()

    def _serve(self, api_version: str, kind: str, namespace: str, loops: tuple[str, ...]) -> None:
        while not self._stop.is_set():
            try:
                version = self._hub().list(api_version, kind, namespace=namespace).resource_version
                self._wake(loops)
                for _ in self._hub().watch(
                    api_version, kind, namespace=namespace, resource_version=version, timeout_seconds=300
                ):
                    if self._stop.is_set():
                        return
                    self._wake(loops)
            except InterlockError as error:
                log.info("watch of %s: %s", kind, error)
                self._stop.wait(_RETRY_SECONDS)
