"""Whether applying a desired object would change the live one, and where.

The rule is Argo CD's for server-side apply (argo-cd gitops-engine/pkg/diff StructuredMergeDiff): predict the live
object after the apply, normalise both (gitops-engine/pkg/diff/diff.go Normalize, remarshal), compare. What the manager
applied before and leaves out now counts as a change. An object that was applied by a client carries its last applied
configuration in an annotation instead of ownership, which then plays that part (three-way merge).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from interlock.errors import InputError
from interlock.formats.kubernetes import apply, fields, managed, merge, quantity, types, validation
from interlock.formats.kubernetes.schema import ANY, Schema

Object = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_CLIENT = "kubectl-client-side-apply"
_DOMAINS = ("", "apps", "autoscaling", "batch", "policy", "extensions")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One entry of an Application's ``ignoreDifferences``: ``group`` and ``kind`` are globs, the rest is exact."""

    group: str = ""
    kind: str = "*"
    name: str = ""
    namespace: str = ""
    json_pointers: tuple[str, ...] = ()

    def covers(self, obj: Mapping[str, Any]) -> bool:
        metadata = obj.get("metadata") or {}
        return (
            fnmatchcase(group_of(obj), self.group)
            and fnmatchcase(str(obj.get("kind", "")), self.kind)
            and self.name in ("", metadata.get("name"))
            and self.namespace in ("", metadata.get("namespace"))
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """``paths`` are the fields that the apply would change, as ``.spec.replicas``; none: nothing to do."""

    paths: tuple[str, ...]

    @property
    def modified(self) -> bool:
        return bool(self.paths)


def group_of(obj: Mapping[str, Any]) -> str:
    """The API group of an object; "" is the core group."""
    return str(obj.get("apiVersion", "")).rpartition("/")[0]


def schema_of(obj: Mapping[str, Any]) -> Schema:
    """The shape of a built-in kind; ANY for every other one."""
    group = group_of(obj)
    if group not in _DOMAINS and not group.endswith(".k8s.io"):
        return ANY
    try:
        return types.builtin(str(obj.get("kind", "")))
    except KeyError:
        return ANY


def compare(desired: Object, live: Object, *, manager: str, ignore: Sequence[Ignore] = ()) -> Difference:
    """What a forced server-side apply of ``desired`` by ``manager`` would change in ``live``.

    Raises InputError ``list-item-key`` or ``list-item-duplicate`` when a list of ``desired`` cannot be merged.
    """
    schema = schema_of(desired)
    desired = normalised(_as_data(desired), schema)
    before = normalised(live, schema)
    base = {**before, "metadata": {**before["metadata"], "managedFields": _owners(live, manager)}}
    predicted = apply.apply(base, desired, schema, manager=manager, now="", force=True)
    after = normalised(predicted, schema)
    if schema is not ANY:
        before, after = validation.with_defaults(before, schema), validation.with_defaults(after, schema)
    for rule in ignore:
        if rule.covers(desired):
            for pointer in rule.json_pointers:
                _drop(before, pointer)
                _drop(after, pointer)
    difference = merge.compare(before, after, schema)
    changed = difference.added | difference.modified | difference.removed
    return Difference(tuple(sorted(fields.dotted(path) for path in changed)))


def normalised(obj: Mapping[str, Any], schema: Schema) -> Object:
    """``obj`` without status, what the server alone writes, and what Go's types leave out when empty."""
    kept = {name: value for name, value in obj.items() if name != "status"}
    result = _normal(kept, schema)
    metadata = result.setdefault("metadata", {})
    for name in ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"):
        metadata.pop(name, None)
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        annotations.pop(LAST_APPLIED, None)
        if not annotations:
            del metadata["annotations"]
    return dict(result)


def _normal(value: Any, schema: Schema) -> Any:
    if isinstance(value, dict):
        found = {}
        for name, item in value.items():
            shape = schema.child(name) or ANY
            # omitempty: null, an empty list and an empty map (not an empty struct: `emptyDir: {}`) are as if absent.
            if item is None or item == [] or (item == {} and shape.additional is not None):
                continue
            found[name] = _normal(item, shape)
        return found
    if isinstance(value, list):
        return [_normal(item, schema.element) for item in value]
    if schema.type == "quantity" and isinstance(value, str | int | float):
        try:
            return quantity.canonical(value)
        except InputError:
            return value
    return value


def _as_data(obj: Object) -> Object:
    """A Secret's ``stringData`` as the ``data`` that the server makes of it."""
    plain = obj.get("stringData")
    if obj.get("kind") != "Secret" or group_of(obj) or not isinstance(plain, dict):
        return obj
    data = {name: base64.b64encode(str(value).encode()).decode() for name, value in plain.items()}
    rest = {name: value for name, value in obj.items() if name != "stringData"}
    return {**rest, "data": {**(obj.get("data") or {}), **data}}


def _owners(live: Object, manager: str) -> list[dict[str, Any]]:
    """``managedFields`` in which ``manager`` owns what it, or a client on its behalf, applied last."""
    entries = managed.read(live)
    if any(entry.manager.name == manager and entry.manager.operation == "Apply" for entry in entries.values()):
        return managed.write(entries.values())
    handed = apply.adopt(live, _CLIENT, becomes=manager, now="")
    if handed is not live:
        return list(handed["metadata"].get("managedFields") or [])
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = json.loads(text) if text else None
    except ValueError:
        last = None
    if isinstance(last, dict):
        schema = schema_of(live)
        owned = managed.ownable(fields.field_set(normalised(last, schema), schema), ())
        who = managed.Manager(manager, "Apply", str(live.get("apiVersion", "")))
        entries[who.identity] = managed.Entry(who, owned)
    return managed.write(entries.values())


def _drop(obj: Any, pointer: str) -> None:
    """Remove what a JSON pointer (RFC 6901) names, in place; nothing there is fine."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for step in steps[:-1]:
        obj = _at(obj, step)
    if not steps:
        return
    if isinstance(obj, dict):
        obj.pop(steps[-1], None)
    elif isinstance(obj, list) and steps[-1].isdigit() and int(steps[-1]) < len(obj):
        del obj[int(steps[-1])]


def _at(obj: Any, step: str) -> Any:
    if isinstance(obj, dict):
        return obj.get(step)
    if isinstance(obj, list) and step.isdigit() and int(step) < len(obj):
        return obj[int(step)]
    return None
