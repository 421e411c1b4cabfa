"""Create, update, delete: the rules that hold for every kind (apiserver registry/generic, rest strategies)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.formats.kubernetes import apply, names, validation
from interlock.formats.kubernetes.defaults import with_kind_defaults
from interlock.formats.kubernetes.fields import FieldPath
from interlock.formats.kubernetes.validation import Cause
from interlock.local.kubernetes import admission, answers, strategies
from interlock.local.kubernetes.cluster import Call, Cluster, Object, in_version
from interlock.local.kubernetes.kinds import Kind

Change = Callable[[Object], Object]
"""From the stored object to the wanted one."""

_FIXED = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


def create(cluster: Cluster, call: Call, obj: Object, *, applied: bool = False) -> Object:
    """Store a new object; ``applied`` when it comes from server-side apply and carries its ownership."""
    kind = call.kind
    obj = _typed(kind, obj)
    metadata = dict(obj["metadata"])
    if metadata.get("resourceVersion"):
        raise answers.bad_request("resourceVersion should not be set on objects to be created")
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"][:58] + cluster.suffix()
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"):
        metadata.pop(field, None)
    metadata |= {"uid": cluster.new_uid(), "creationTimestamp": cluster.timestamp()}
    _place(call, metadata)
    name = metadata.get("name")
    if not name:
        fault = Cause("FieldValueRequired", "metadata.name", "name or generateName is required")
        raise answers.invalid(kind.group, kind.name, "", [fault])
    _namespace_open(cluster, call)
    strategy = strategies.of(kind)
    if strategy.generation:
        metadata["generation"] = 1
    obj = {**obj, "metadata": metadata}
    if "status" in kind.subresources:
        obj.pop("status", None)
    obj = _checked(cluster, call, obj, None)
    if cluster.store.get(kind.resource, metadata.get("namespace") or "", name) is not None:
        raise answers.already_exists(kind.group, kind.plural, name)
    if not applied:
        obj = _owned(cluster, call, None, obj)
    stored = cluster.store.put(kind.resource, obj)
    strategy.written(cluster, call, stored, None)
    return in_version(kind, stored)


def update(cluster: Cluster, call: Call, name: str, change: Change, *, applied: bool = False) -> Object:
    """Replace an object by what ``change`` makes of it. An unchanged object is not written."""
    kind = call.kind
    old = cluster.find(kind, call.namespace, name)
    if old is None:
        raise answers.not_found(kind.group, kind.plural, name)
    new = _typed(kind, change(old))
    _same_object(kind, old, new, call)
    metadata = {**new["metadata"], "name": name}
    for field in _FIXED:
        metadata.pop(field, None)
        if field in old["metadata"]:
            metadata[field] = old["metadata"][field]
    metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
    if call.subresource == "status":
        kept = {key: value for key, value in metadata.items() if key == "managedFields"}
        new = {**old, "metadata": {**old["metadata"], **kept}, "status": new.get("status")}
        if new["status"] is None:
            del new["status"]
    else:
        new = {**new, "metadata": metadata}
        if "status" in kind.subresources:
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
    new = _checked(cluster, call, new, old)
    strategy = strategies.of(kind)
    if strategy.generation and _content(new, kind) != _content(old, kind):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    if not applied:
        new = _owned(cluster, call, old, new)
    if _same(old, new):
        return old
    stored = cluster.store.put(kind.resource, new)
    strategy.written(cluster, call, stored, old)
    if stored["metadata"].get("deletionTimestamp") and not _held(stored):
        cluster.store.delete(kind.resource, stored)
    return in_version(kind, stored)


def delete(
    cluster: Cluster, call: Call, name: str, *, propagation: str = "Background", preconditions: Object | None = None
) -> tuple[Object, bool]:
    """Delete; returns the last state, and whether it is gone (False: finalizers hold it)."""
    kind = call.kind
    old = cluster.find(kind, call.namespace, name)
    if old is None:
        raise answers.not_found(kind.group, kind.plural, name)
    wanted = preconditions or {}
    for field, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if wanted.get(field) and wanted[field] != old["metadata"][field]:
            why = f"{label} in precondition: {wanted[field]}, {label} in object meta: {old['metadata'][field]}"
            raise answers.conflict(kind.group, kind.plural, name, f"Precondition failed: {why}")
    metadata = dict(old["metadata"])
    finalizers = [item for item in metadata.get("finalizers") or [] if item not in ("foregroundDeletion", "orphan")]
    finalizers += {"Foreground": ["foregroundDeletion"], "Orphan": ["orphan"]}.get(propagation, [])
    metadata["finalizers"] = finalizers
    if not finalizers:
        del metadata["finalizers"]
    new = {**old, "metadata": metadata}
    if not _held(new):
        return in_version(kind, cluster.store.delete(kind.resource, old)), True
    if not metadata.get("deletionTimestamp"):
        metadata |= {"deletionTimestamp": cluster.timestamp(), "deletionGracePeriodSeconds": 0}
        if strategies.of(kind).generation:
            metadata["generation"] = metadata.get("generation", 0) + 1
    if kind.name == "Namespace":
        new["status"] = {**(new.get("status") or {}), "phase": "Terminating"}
    if new == old:
        return old, False
    return in_version(kind, cluster.store.put(kind.resource, new)), False


def unowned(kind: Kind, subresource: str) -> tuple[FieldPath, ...]:
    """The fields that a write through this endpoint cannot set, and so does not own."""
    if subresource == "status":
        return (("f:spec",), ("f:data",), ("f:metadata", "f:labels"), ("f:metadata", "f:annotations"))
    return (("f:status",),) if "status" in kind.subresources else ()


def _held(obj: Object) -> bool:
    namespace = obj["kind"] == "Namespace" and (obj.get("spec") or {}).get("finalizers")
    return bool(obj["metadata"].get("finalizers") or namespace)


def _typed(kind: Kind, obj: Any) -> Object:
    if not isinstance(obj, dict):
        raise answers.bad_request("the body is no object")
    sent = (obj.get("apiVersion") or kind.api_version, obj.get("kind") or kind.name)
    if sent != (kind.api_version, kind.name):
        expected = f"{kind.api_version}, Kind={kind.name}"
        raise answers.bad_request(f"the object is {sent[0]}, Kind={sent[1]}; this endpoint takes {expected}")
    metadata = obj.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise answers.bad_request("metadata is a mapping")
    return {**obj, "apiVersion": sent[0], "kind": sent[1], "metadata": metadata}


def _place(call: Call, metadata: Object) -> None:
    if not call.kind.namespaced:
        metadata.pop("namespace", None)
        return
    if metadata.get("namespace") not in (None, "", call.namespace):
        raise answers.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata["namespace"] = call.namespace


def _namespace_open(cluster: Cluster, call: Call) -> None:
    if not call.kind.namespaced:
        return
    namespace = cluster.store.get("/namespaces", "", call.namespace)
    if namespace is None:
        raise answers.not_found("", "namespaces", call.namespace)
    if namespace["metadata"].get("deletionTimestamp"):
        why = f"unable to create new content in namespace {call.namespace} because it is being terminated"
        error = answers.forbidden(call.kind.group, call.kind.plural, "", why)
        cause = {"reason": "NamespaceTerminating", "message": why, "field": "metadata.namespace"}
        error.status["details"] = {**error.status.get("details", {}), "causes": [cause]}
        raise error


def _same_object(kind: Kind, old: Object, new: Object, call: Call) -> None:
    name, metadata = old["metadata"]["name"], new["metadata"]
    if metadata.get("name") not in (None, "", name):
        got = metadata["name"]
        raise answers.bad_request(f"the name of the object ({got}) does not match the name on the URL ({name})")
    _place(call, metadata)
    if metadata.get("uid") not in (None, "", old["metadata"]["uid"]):
        why = (
            f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {old['metadata']['uid']}"
        )
        raise answers.conflict(kind.group, kind.plural, name, why)
    sent = metadata.get("resourceVersion")
    if sent not in (None, "", old["metadata"]["resourceVersion"]):
        raise answers.conflict(kind.group, kind.plural, name, answers.MODIFIED)
    if old["metadata"].get("deletionTimestamp"):
        fresh = set(metadata.get("finalizers") or []) - set(old["metadata"].get("finalizers") or [])
        if fresh and call.subresource != "status":
            text = "Forbidden: no new finalizers can be added if the object is being deleted"
            raise answers.invalid(
                kind.group, kind.name, name, [Cause("FieldValueForbidden", "metadata.finalizers", text)]
            )


def _checked(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    kind = call.kind
    new = known_fields(call, new)
    wrong = [cause for cause in validation.check(new, kind.schema) if cause.reason == "FieldValueTypeInvalid"]
    if wrong:
        raise answers.invalid(kind.group, kind.name, new["metadata"].get("name", ""), wrong)
    new = with_kind_defaults(validation.with_defaults(new, kind.schema))
    new = admission.mutate(cluster, call, new, old)
    strategy = strategies.of(kind)
    new = strategy.prepare(cluster, call, new, old)
    faults = [*names.metadata_faults(new["metadata"]), *validation.check(new, kind.schema)]
    if old is None:
        faults = [*names.name_faults(new["metadata"]["name"], kind.name), *faults]
    if not faults:
        faults = list(strategy.faults(cluster, call, new, old))
    if faults:
        raise answers.invalid(kind.group, kind.name, new["metadata"].get("name", ""), faults)
    admission.validate(cluster, call, new, old)
    return new


def known_fields(call: Call, obj: Object) -> Object:
    """``obj`` without the fields its kind does not have; told as warnings, or refused (fieldValidation)."""
    kept, dropped = validation.prune(obj, call.kind.schema)
    texts = [f'unknown field "{path}"' for path in dropped]
    match call.options.field_validation:
        case "Strict" if texts:
            raise answers.bad_request("strict decoding error: " + ", ".join(texts))
        case "Warn":
            call.warnings.extend(texts)
    return {**kept}


def _owned(cluster: Cluster, call: Call, old: Object | None, new: Object) -> Object:
    return apply.update(
        old,
        new,
        call.kind.schema,
        manager=call.options.field_manager or "unknown",
        now=cluster.timestamp(),
        subresource=call.subresource,
        ignore=unowned(call.kind, call.subresource),
    )


def _content(obj: Object, kind: Kind) -> Object:
    hidden = {"metadata", "apiVersion", "kind"} | ({"status"} if "status" in kind.subresources else set())
    return {name: value for name, value in obj.items() if name not in hidden}


def _same(old: Object, new: Object) -> bool:
    """Equal but for the times of managedFields: such a write is none."""

    def timeless(obj: Object) -> Object:
        rows = [{**row, "time": ""} for row in obj["metadata"].get("managedFields") or []]
        return {**obj, "metadata": {**obj["metadata"], "managedFields": rows}}

    return timeless(old) == timeless(new)
