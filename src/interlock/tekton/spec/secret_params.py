"""Params whose values are secrets.

Upstream has no type for them, and a convention of names would guess. So they are declared: the annotation
``interlock.dev/secret-params: "password signing-key"`` of a Task, StepAction, Pipeline or run names them. From a
Pipeline the property follows the value: into the params of its tasks that take it, into embedded tasks that inherit it,
and from a run into what it starts. Their values are masked wherever the values of Secrets are.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from interlock.errors import InputError
from interlock.formats.tekton.model import ParamValue
from interlock.formats.tekton.names import ANNOTATION_SECRET_PARAMS as ANNOTATION
from interlock.tekton.spec.injection_names import references

__all__ = ["ANNOTATION", "annotated", "declared", "inside", "of_annotations", "values"]


def declared(value: Mapping[str, Any]) -> frozenset[str]:
    """The names in the annotation of an object, as read.

    Raises InputError ``secret-params-unknown`` for a name that is no param of the object: a typing error would show the
    value.
    """
    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    names = frozenset(of_annotations(annotations if isinstance(annotations, Mapping) else {}))
    if names and (unknown := names - _params(value.get("spec"))):
        raise InputError(
            "secret-params-unknown",
            f"{ANNOTATION} names params that there are not: {', '.join(sorted(unknown))}",
            got=", ".join(sorted(names)),
            expected=", ".join(sorted(_params(value.get("spec")))) or "no params are declared",
            todo="correct the annotation, or declare the param",
        )
    return names


def of_annotations(annotations: Mapping[str, str]) -> list[str]:
    """The names in the annotation, in order."""
    return list(dict.fromkeys(str(annotations.get(ANNOTATION) or "").replace(",", " ").split()))


def inside(task: Mapping[str, Any], secret: Collection[str]) -> frozenset[str]:
    """The secret params of a PipelineTask (``task``, as read) whose pipeline has these secret params.

    Those that are given a value with a secret in it (also in an array, an object or a matrix); and, where the task is
    embedded, those that it inherits under their own name (pkg/reconciler/pipelinerun/resources/apply.go
    propagateParams).
    """
    given = {str(item.get("name")): item.get("value") for item in _items(task.get("params"))}
    matrix = task.get("matrix")
    rows = [matrix, *_items(matrix.get("include"))] if isinstance(matrix, Mapping) else []
    for row in rows:
        for item in _items(row.get("params")):
            given[str(item.get("name"))] = [given.get(str(item.get("name"))), item.get("value")]
    taken = {name for name, value in given.items() if _mentions(value, secret)}
    inherited = set(secret) - set(given) if "taskSpec" in task or "pipelineSpec" in task else set()
    return frozenset(taken | inherited)


def annotated(annotations: Mapping[str, str], secret: Iterable[str]) -> dict[str, str]:
    """``annotations`` of a child object whose params ``secret`` are secret too."""
    names = sorted({*of_annotations(annotations), *secret})
    return {**annotations, ANNOTATION: " ".join(names)} if names else dict(annotations)


def values(secret: Collection[str], params: Mapping[str, ParamValue]) -> list[bytes]:
    """What to mask: the strings, items and fields of the secret params."""
    found: list[str] = []
    for name in sorted(secret):
        value = params.get(name, "")
        found += [value] if isinstance(value, str) else value.values() if isinstance(value, Mapping) else value
    return [text.encode("utf-8", "surrogateescape") for text in dict.fromkeys(found) if text]


def _params(spec: object) -> frozenset[str]:
    """Params that a spec declares or gives, and those of what it embeds."""
    if not isinstance(spec, Mapping):
        return frozenset()
    own = frozenset(str(item.get("name")) for item in _items(spec.get("params")))
    return own | _params(spec.get("taskSpec")) | _params(spec.get("pipelineSpec"))


def _items(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _mentions(value: object, secret: Collection[str]) -> bool:
    text = json.dumps(value, ensure_ascii=False).replace('\\"', '"')
    return any(item.param in secret for item in references(text))
