"""What a container learns about its pod: fields in env and files (Kubernetes' downward API)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Any

from interlock.errors import InputError, UnsupportedError
from interlock.formats.kubernetes import quantity

_KEYED = re.compile(r"^metadata\.(labels|annotations)\['([^']+)'\]$")


@dataclass(frozen=True, slots=True)
class PodFacts:
    """The pod of a TaskRun as its containers may see it; ``resources`` by container: ``limits.cpu`` -> quantity."""

    name: str
    namespace: str
    uid: str
    service_account: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def field(self, path: str) -> str:
        """Value of a ``fieldPath``. Raises InputError ``field-path``."""
        simple = {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "metadata.uid": self.uid,
            "spec.serviceAccountName": self.service_account,
            "spec.nodeName": "interlock-tekton",
            "status.hostIP": "127.0.0.1",
            "status.hostIPs": "127.0.0.1",
            "status.podIP": "127.0.0.1",
            "status.podIPs": "127.0.0.1",
        }
        if path in simple:
            return simple[path]
        if (keyed := _KEYED.match(path)) is not None:
            return (self.labels if keyed[1] == "labels" else self.annotations).get(keyed[2], "")
        if path in ("metadata.labels", "metadata.annotations"):
            return _map(self.labels if path.endswith("labels") else self.annotations)
        raise InputError("field-path", "a pod has no such field for its containers", got=path)

    def resource(self, container: str, resource: str, divisor: Any) -> str:
        """Value of a ``resourceFieldRef``, rounded up to whole divisors; a limit that is not set is unknown here.

        Raises UnsupportedError ``resource-field``: without a limit Kubernetes gives the node's capacity.
        """
        text = self.resources.get(container, {}).get(resource)
        if text is None:
            raise UnsupportedError(
                "resource-field",
                "interlock.local has no node whose capacity would stand for a missing limit",
                got=f"{resource} of {container}",
                todo="set computeResources of the step",
            )
        unit = quantity.parse(str(divisor)) if divisor not in (None, "", "0", 0) else Decimal(1)
        return str(int((quantity.parse(text) / unit).to_integral_value(ROUND_CEILING)))


def _map(values: Mapping[str, str]) -> str:
    """A line ``key="value"`` each, sorted (pkg/fieldpath FormatMap)."""
    return "\n".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in sorted(values.items()))
