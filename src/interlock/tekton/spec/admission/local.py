"""What upstream's webhooks let pass and no run survives: NUL bytes, and paths that climb out of their volume.

A NUL ends an argument of a process (execve); Kubernetes refuses the Pod of a subPath that climbs (core validation,
validateLocalDescendingPath).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from interlock.tekton.spec.admission.faults import Fault, Faults

_TEXTS = ("script", "command", "args", "env")


def check(spec: Mapping[str, Any]) -> Faults:
    for path, name, value in _fields(spec, "spec"):
        if "\0" in value and any(part in path for part in _TEXTS):
            yield Fault("nul-byte", "invalid value: a NUL byte", (path,), "No argument of a process holds one.")
        if name == "subPath" and ".." in value.split("/"):
            yield Fault("path-climbs", f"invalid value: {value}", (path,), "must not contain '..'")
        elif name == "subPath" and value.startswith("/"):
            yield Fault("path-climbs", f"invalid value: {value}", (path,), "must be a relative path")


def _fields(value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Every text that may be at fault, with its path and the name of its field."""
    open_values: list[tuple[Any, str, str]] = [(value, path, "")]
    while open_values:
        found, where, name = open_values.pop()
        if isinstance(found, str):
            if "\0" in found or name == "subPath":
                yield where, name, found
        elif isinstance(found, Mapping):
            open_values += [(item, f"{where}.{key}", str(key)) for key, item in found.items()]
        elif isinstance(found, list):
            open_values += [(item, f"{where}[{index}]", name) for index, item in enumerate(found)]
