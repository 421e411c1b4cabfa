"""Artifacts of a TaskRun: the provenance.json of the Task and of its steps, merged (v1/artifact_types.go Merge)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def parsed(text: str) -> dict[str, Any]:
    """A provenance.json; empty if it is missing or none."""
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def merged(documents: Iterable[str]) -> dict[str, Any]:
    """``status.artifacts``: values of equally named artifacts together, a build output once it is one; sorted by name.

    Upstream's order comes from a map and means nothing.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {"inputs": {}, "outputs": {}}
    for document in map(parsed, documents):
        for kind, held in found.items():
            for artifact in _artifacts(document.get(kind)):
                entry = held.setdefault(artifact["name"], {"name": artifact["name"], "values": []})
                entry["values"] += [value for value in artifact["values"] if value not in entry["values"]]
                if kind == "outputs" and artifact.get("buildOutput") is True:
                    entry["buildOutput"] = True
    return {kind: [held[name] for name in sorted(held)] for kind, held in found.items() if held}


def _artifacts(value: Any) -> list[dict[str, Any]]:
    listed = value if isinstance(value, list) else []
    return [{"name": "", "values": [], **item} for item in listed if isinstance(item, dict)]
