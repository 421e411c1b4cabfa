"""The cluster resolver: a Task, Pipeline or StepAction of another namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.errors import NotFoundError
from interlock.formats import yaml
from interlock.tekton.engine.resolvers.secrets import Reader
from interlock.tekton.spec.resolution import cluster, failure
from interlock.tekton.spec.resolution.cluster import ClusterRequest
from interlock.tekton.spec.resolution.source import Fetched

Checksum = Callable[[Mapping[str, Any]], bytes]


@dataclass(frozen=True)
class Cluster:
    """``checksum`` is that of Trusted Resources (`interlock.tekton.spec.trusted`)."""

    client: Reader
    checksum: Checksum

    def fetch(self, request: ClusterRequest) -> Fetched:
        version, kind = request.object_kind
        try:
            found = self.client.get(version, kind, request.name, request.namespace)
        except NotFoundError:
            raise NotFoundError(failure.CODE, cluster.not_found(request)) from None
        value = {**found, "apiVersion": version, "kind": kind}
        metadata = {key: item for key, item in value["metadata"].items() if key != "managedFields"}
        value["metadata"] = metadata
        annotations = {
            "resolution.tekton.dev/name": request.name,
            "resolution.tekton.dev/namespace": request.namespace,
        }
        source = cluster.source(request, str(metadata.get("uid", "")), self.checksum(value))
        return Fetched(yaml.dump(value).encode(), source, "", annotations)
