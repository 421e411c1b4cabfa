"""What an engine recorded about how it ran a TaskRun (annotation ``interlock.dev/capabilities``).

Provenance claims only what is recorded: without the annotation the isolation is ``none`` and no tool is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import InputError

ANNOTATION = "interlock.dev/capabilities"
STRENGTH = ("none", "unshare", "container", "bubblewrap")
"""Isolation levels, weakest first."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The record of one TaskRun, or of a run when merged by :func:`weakest`."""

    isolation: str
    network: tuple[str, ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()
    """{name, version, digest}: what really ran."""
    executed_by: str = ""
    """``installed-toolbox`` where a local installation stood in for the step's image; empty where the image ran."""
    images: tuple[str, ...] = ()
    """The image references that ``executed_by`` stood in for; empty means every step's."""


def read(task_run: Mapping[str, Any]) -> Capabilities:
    """Raises InputError ``capabilities-invalid``."""
    text = (task_run["metadata"].get("annotations") or {}).get(ANNOTATION)
    if text is None:
        return Capabilities("none")
    try:
        value = json.loads(text)
        isolation = value.get("isolation", "none")
        if isolation not in STRENGTH:
            raise ValueError(f"isolation {isolation!r}")
        images = value.get("images") or {}
        return Capabilities(
            isolation,
            tuple(str(item) for item in value.get("network") or ()),
            tuple(_tools(value.get("tools") or ())),
            str(value.get("executed-by") or value.get("executedBy") or next(iter(images.values()), "")),
            tuple(images),
        )
    except (ValueError, AttributeError, TypeError) as error:
        name = task_run["metadata"]["name"]
        raise InputError(
            "capabilities-invalid",
            "an engine's record of how a step ran cannot be read",
            got=error,
            where=f"TaskRun {name}, annotation {ANNOTATION}",
        ) from error


def weakest(records: Sequence[Capabilities]) -> str:
    """The weakest isolation of all; ``none`` when nothing was recorded."""
    return min((item.isolation for item in records), key=STRENGTH.index, default="none")


def _tools(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        return [
            {"name": name, **(item if isinstance(item, Mapping) else {"version": item})} for name, item in value.items()
        ]
    return [item if isinstance(item, Mapping) else {"name": str(item)} for item in value]
