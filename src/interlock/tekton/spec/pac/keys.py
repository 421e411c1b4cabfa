"""Annotations of Pipelines-as-Code and how their values are read (pkg/matcher/annotation_*.go)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from interlock.errors import InputError

GROUP: Final = "pipelinesascode.tekton.dev"
ORIGINAL_NAME: Final = f"{GROUP}/original-prname"
ON_EVENT: Final = f"{GROUP}/on-event"
ON_TARGET_BRANCH: Final = f"{GROUP}/on-target-branch"
ON_PATH_CHANGE: Final = f"{GROUP}/on-path-change"
ON_PATH_CHANGE_IGNORE: Final = f"{GROUP}/on-path-change-ignore"
ON_LABEL: Final = f"{GROUP}/on-label"
ON_COMMENT: Final = f"{GROUP}/on-comment"
ON_CEL: Final = f"{GROUP}/on-cel-expression"
TARGET_NAMESPACE: Final = f"{GROUP}/target-namespace"

INVALID: Final = "pac-annotation"
"""Code of the errors here."""

_VALID = re.compile(r"\[(.*)\]|[^\[\]\s]*", re.ASCII)
_TASK = re.compile(r"pipelinesascode.tekton.dev/task(-[0-9]+)?$")
_PIPELINE = re.compile(r"pipelinesascode.tekton.dev/pipeline$")
_SPACE = " \t\n\v\f\r\x85\xa0"


def values(text: str) -> list[str]:
    """The items of ``[a, b]`` or the one of ``a``; ``&#44;`` is a comma inside of an item.

    Raises InputError ``pac-annotation`` in upstream's words.
    """
    text = text.strip(_SPACE)
    found = _VALID.fullmatch(text)
    if found is None:
        raise InputError(INVALID, f"annotations in pipeline are in wrong format: {text}")
    if not text.startswith("["):
        return [text.replace("&#44;", ",")]
    items = [item.replace("&#44;", ",").strip(_SPACE) for item in found[1].split(",")]
    if not items[0]:
        raise InputError(INVALID, f'annotation "{text}" has empty values')
    return items


def tasks(annotations: Mapping[str, str]) -> list[str]:
    """References of ``task`` and ``task-<n>``.

    Upstream goes through a Go map, in any order, each annotation's items before those of the annotations already seen;
    here in order of the keys' numbers, so that of two Tasks with one name the first annotation's counts, always.
    """
    keys = sorted((key for key in annotations if _TASK.search(key)), key=_number)
    return [item for key in keys for item in values(annotations[key])]


def pipeline(annotations: Mapping[str, str]) -> str:
    """Reference of ``pipeline``, "" without one; InputError ``pac-annotation`` for several."""
    found = [item for key in sorted(annotations) if _PIPELINE.search(key) for item in values(annotations[key])]
    if len(found) > 1:
        message = "only one pipeline is allowed on remote resolution, we have received multiple of them: "
        raise InputError(INVALID, f"{message}[{' '.join(found)}]")
    return found[0] if found else ""


def _number(key: str) -> tuple[int, str]:
    suffix = key.rpartition("/task")[2]
    return (int(suffix[1:]) if suffix else -1, key)
