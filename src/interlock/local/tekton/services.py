"""What every run needs: the API, the machine, the clock; and the one way in which statuses are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.clients.kubernetes import KubernetesClient, Object
from interlock.formats.tekton.task import API_VERSION
from interlock.local.tekton.config import Config
from interlock.local.tekton.forwarding import Forwarder
from interlock.local.tekton.pods import Pods
from interlock.local.tekton.sandbox import Isolation
from interlock.local.tekton.storage import Storage


@dataclass(frozen=True, slots=True)
class Services:
    """``published`` is told every object as the API returned it, before the watch brings it."""

    client: KubernetesClient
    config: Config
    storage: Storage
    isolation: Isolation
    forwarder: Forwarder
    pods: Pods
    toolbox: Mapping[str, str]
    now: Callable[[], datetime]
    published: Callable[[Object], None]


@dataclass
class Written:
    """A run's object on the server: the status last written there, and what changes it."""

    services: Services
    object: Object
    status: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, services: Services, value: Object) -> Written:
        return cls(services, value, dict(value.get("status") or {}))

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.object["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        return str(self.object["metadata"]["uid"])

    def write(self, status: Mapping[str, Any]) -> None:
        """Make the server's status this one: a merge patch of what differs (RFC 7386)."""
        change = {key: value for key, value in status.items() if self.status.get(key) != value}
        change |= {key: None for key in self.status if key not in status}
        if change:
            self._patch({"status": change}, subresource="status")
            self.status = dict(status)

    def annotate(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
        metadata = self.object["metadata"]
        change = {
            "labels": {key: value for key, value in labels.items() if (metadata.get("labels") or {}).get(key) != value},
            "annotations": {
                key: value
                for key, value in annotations.items()
                if (metadata.get("annotations") or {}).get(key) != value
            },
        }
        if any(change.values()):
            self._patch({"metadata": {key: value for key, value in change.items() if value}})

    def _patch(self, change: Mapping[str, Any], subresource: str | None = None) -> None:
        kind = self.object["kind"]
        self.object = self.services.client.patch(
            API_VERSION, kind, self.name, change, namespace=self.namespace, subresource=subresource
        )
        self.services.published(self.object)
