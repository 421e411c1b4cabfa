"""What an engine recorded about how it ran a TaskRun (annotation ``interlock.dev/capabilities``).

Provenance claims only what the engine signed (`interlock.formats.tekton.record`): without a record, or without the
engine's key to verify it, the isolation is ``none`` and no tool is named. Tekton copies annotations of Pipelines and
Tasks into TaskRuns, so the annotation alone is anybody's word.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.errors import InputError
from interlock.formats.sigstore import PublicKey
from interlock.formats.tekton import record

ANNOTATION = "interlock.dev/capabilities"
STRENGTH = ("none", "unshare", "container", "bubblewrap")
"""Isolation levels, weakest first."""
LOCAL = "interlock.local/"
"""How a stand-in's ``imageID`` begins where no image ran: ``interlock.local/<executor>[@<digest>]``."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The record of one TaskRun."""

    isolation: str
    network: tuple[str, ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()
    """{name, version, digest}: what really ran; with ``reportedBy`` it is the word of that step."""
    stood_in: Mapping[str, str] = field(default_factory=dict)
    """Image reference of a step -> what executed it instead (``installed-toolbox``); empty where the images ran."""

    def executor(self, image_id: str) -> str:
        """What stood in for the image that a step's ``imageID`` tells of; empty where that image itself ran."""
        if image_id in self.stood_in:
            return self.stood_in[image_id]
        local = image_id.removeprefix(LOCAL).partition("@")[0]
        return local if image_id.startswith(LOCAL) else ""

    def declared(self, executor: str) -> tuple[str, ...]:
        """The images that ``executor`` stood in for."""
        return tuple(sorted(image for image, by in self.stood_in.items() if by == executor))


Read = Callable[[Mapping[str, Any]], Capabilities]


def read(task_run: Mapping[str, Any], key: PublicKey | None = None) -> Capabilities:
    """What the engine vouches for. ``key`` is the engine's: with it, what no valid record vouches for is an error;
    without it nobody can vouch, whatever the annotation says, for whoever may patch a TaskRun may write one.

    Raises InputError ``capabilities-invalid``; IntegrityError ``record-missing``, ``record-malformed``,
    ``record-signature``, ``record-mismatch``.
    """
    return _parse(task_run, None if key is None else record.verify(task_run, key))


def told(task_run: Mapping[str, Any]) -> Capabilities:
    """What the annotation says, by whomever: to compare with a statement that is signed, never to make one.

    Raises InputError ``capabilities-invalid``.
    """
    text = (task_run["metadata"].get("annotations") or {}).get(ANNOTATION)
    try:
        value = None if text is None else json.loads(text)
    except (ValueError, TypeError) as error:
        raise _invalid(task_run, error) from error
    return _parse(task_run, value)


def _parse(task_run: Mapping[str, Any], value: Any) -> Capabilities:
    if value is None:
        return Capabilities("none")
    try:
        isolation = value.get("isolation", "none")
        if isolation not in STRENGTH:
            raise ValueError(f"isolation {isolation!r}")
        return Capabilities(
            isolation,
            tuple(str(item) for item in value.get("network") or ()),
            tuple(dict(item) for item in value.get("tools") or ()),
            {str(image): str(entry["executed-by"]) for image, entry in (value.get("images") or {}).items()},
        )
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise _invalid(task_run, error) from error


def _invalid(task_run: Mapping[str, Any], error: Exception) -> InputError:
    return InputError(
        "capabilities-invalid",
        "an engine's record of how a step ran cannot be read",
        got=error,
        where=f"TaskRun {task_run['metadata']['name']}, annotation {ANNOTATION}",
    )
