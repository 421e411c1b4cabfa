"""Watches on the hub that wake loops: runs that end, Applications that sync. Hints, like webhooks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InterlockError
from interlock.platform.controller.guard import Guard
from interlock.platform.controller.queue import Key
from interlock.platform.estate.argocd import CI_NAMESPACE, NAMESPACE

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


def of_run(run: Mapping[str, Any]) -> tuple[Key, ...]:
    metadata = run.get("metadata") or {}
    name, service = metadata.get("name"), (metadata.get("labels") or {}).get("interlock.dev/service")
    return (("attest", str(name)), ("build", str(service))) if name and service else ()


def of_application(application: Mapping[str, Any]) -> tuple[Key, ...]:
    name = (application.get("metadata") or {}).get("name")
    return (("sync", str(name)),) if name else ()


_WATCHED = (
    ("tekton.dev/v1", "PipelineRun", CI_NAMESPACE, of_run, (("attest",), ("build",))),
    ("argoproj.io/v1alpha1", "Application", NAMESPACE, of_application, (("sync",),)),
)


class Watches:
    """One thread a kind; a watch that ends is begun again, with a look at everything."""

    def __init__(self, hub: Callable[[], KubernetesClient], *, wake: Callable[[Iterable[Key]], None]) -> None:
        self._hub, self._wake = hub, wake
        self._stop = threading.Event()

    def start(self, guard: Guard) -> None:
        for watched in _WATCHED:
            guard.start(f"watch-{watched[1]}", lambda watched=watched: self._serve(*watched))  # type: ignore[misc]

    def stop(self) -> None:
        self._stop.set()

    def _serve(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        keys: Callable[[Mapping[str, Any]], tuple[Key, ...]],
        every: tuple[Key, ...],
    ) -> None:
        while not self._stop.is_set():
            try:
                version = self._hub().list(api_version, kind, namespace=namespace).resource_version
                self._wake(every)
                for event in self._hub().watch(
                    api_version, kind, namespace=namespace, resource_version=version, timeout_seconds=300
                ):
                    if self._stop.is_set():
                        return
                    self._wake(keys(event.object))
            except InterlockError as error:
                log.info("watch of %s: %s", kind, error)
                self._stop.wait(_RETRY_SECONDS)
