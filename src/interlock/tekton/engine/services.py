"""What every run needs: the API, the machine, the clock; and the one way in which statuses are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from interlock.clients.kubernetes import KubernetesClient, Object
from interlock.formats.sigstore.keys import PrivateKey
from interlock.formats.tekton.task import API_VERSION, Param
from interlock.local.sandbox.forwarding import Forwarder
from interlock.local.sandbox.levels import Isolation
from interlock.local.sandbox.pump import Pump
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.images import Images
from interlock.tekton.engine.pods import Pods
from interlock.tekton.engine.posting import Poster
from interlock.tekton.engine.storage import Storage
from interlock.tekton.spec.policy import Verdict
from interlock.tekton.spec.resolution import Resolved
from interlock.tekton.spec.runs import TaskRun
from interlock.tekton.spec.versions import Behaviour


class Resolver(Protocol):
    """Brings Tasks, Pipelines and StepActions from elsewhere (`interlock.tekton.engine.resolvers`)."""

    def resolve(
        self, resolver: str, params: Sequence[Param], *, namespace: str, kind: str, owner: str = ""
    ) -> Resolved:
        """An object and its source. Raises InputError, NotFoundError, RefusedError with upstream's words."""


class Policies(Protocol):
    """Judges what a resolver brought (`interlock.tekton.engine.policies`)."""

    def evaluate(self, found: Resolved, namespace: str) -> Verdict:
        """Whether a run of ``namespace`` may use it."""


class Notice(Protocol):
    """Told of a breakpoint that holds a step: the run, the container, before or on-failure, how to enter it."""

    def __call__(self, run: TaskRun, container: str, kind: str, enter: Sequence[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """``published`` is told every object as the API returned it, before the watch brings it."""

    client: KubernetesClient
    config: Config
    storage: Storage
    isolation: Isolation
    forwarder: Forwarder
    images: Images
    pods: Pods
    poster: Poster
    pump: Pump
    resolvers: Resolver
    policies: Policies
    toolbox: Mapping[str, str]
    record_key: PrivateKey | None
    behaviour: Behaviour
    now: Callable[[], datetime]
    published: Callable[[Object], None]
    on_breakpoint: Notice | None = None


@dataclass
class Written:
    """A run's object on the server: the status that is wanted there, and what makes it so."""

    services: Services
    object: Object
    status: dict[str, Any] = field(default_factory=dict)
    _sent: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, services: Services, value: Object) -> Written:
        status = dict(value.get("status") or {})
        return cls(services, value, status, dict(status))

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.object["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        return str(self.object["metadata"]["uid"])

    def post(self, status: Mapping[str, Any]) -> None:
        """Make the server's status this one soon; a later `post` or `write` may overtake it."""
        self.status = dict(status)
        self.services.poster.post(self.uid, lambda: self._send(dict(status)))

    def write(self, status: Mapping[str, Any]) -> None:
        """Make the server's status this one now. Raises what the API says."""
        self.services.poster.settle(self.uid)
        self.status = dict(status)
        self._send(dict(status))

    def _send(self, status: dict[str, Any]) -> None:
        """A merge patch of what differs from what the server has (RFC 7386)."""
        change = {key: value for key, value in status.items() if self._sent.get(key) != value}
        change |= {key: None for key in self._sent if key not in status}
        if change:
            self._patch({"status": change}, subresource="status")
            self._sent = status

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
