"""PATCH: JSON, merge and strategic merge patches, and server-side apply."""

from __future__ import annotations

from typing import Any

from interlock.errors import InputError
from interlock.formats.kubernetes import apply, validation
from interlock.formats.kubernetes.patch import json_patch, merge_patch
from interlock.formats.kubernetes.strategic import strategic_merge
from interlock.formats.kubernetes.validation import Cause
from interlock.local.kubernetes import answers, writing
from interlock.local.kubernetes.cluster import Call, Cluster, Object
from interlock.local.kubernetes.rbac.authorizer import refusal
from interlock.local.kubernetes.request import RequestInfo

_APPLY = "application/apply-patch+yaml"


def patched(call: Call, media: str, target: Object, patch: Any) -> Object:
    """``target`` with a patch of type ``media``. Raises ApiError 400, 415, 422."""
    kind = call.kind
    try:
        match media:
            case "application/json-patch+json":
                result = json_patch(target, patch)
            case "application/merge-patch+json":
                result = merge_patch(target, _mapping(patch))
            case "application/strategic-merge-patch+json" if not kind.custom:
                result = strategic_merge(target, _mapping(patch), kind.schema)
            case _:
                raise answers.unsupported_media(media)
    except InputError as error:
        if error.code == "json-patch-failed":
            name = target["metadata"]["name"]
            raise answers.invalid(
                kind.group, kind.name, name, [Cause("FieldValueInvalid", "", error.message)]
            ) from None
        raise answers.bad_request(str(error)) from None
    return _mapping(result)


def _mapping(value: Any) -> Object:
    if not isinstance(value, dict):
        raise answers.bad_request("the patch, or what it leads to, is no object")
    return value


def patch(cluster: Cluster, call: Call, name: str, media: str, body: Any) -> tuple[Object, bool]:
    """The object after the patch, and whether server-side apply created it."""
    if media == _APPLY:
        return _applied(cluster, call, name, _mapping(body))
    return writing.update(cluster, call, name, lambda old: patched(call, media, old, body)), False


def _applied(cluster: Cluster, call: Call, name: str, config: Object) -> tuple[Object, bool]:
    kind = call.kind
    if not call.options.field_manager:
        fault = Cause("FieldValueRequired", "fieldManager", "Required value: is required for apply patch")
        raise answers.invalid("meta.k8s.io", "PatchOptions", "", [fault])
    config = _configuration(call, name, config)
    if call.subresource == "status":
        metadata = {key: value for key, value in config["metadata"].items() if key in ("name", "namespace")}
        config = {**config, "metadata": metadata}
        config = {key: config[key] for key in ("apiVersion", "kind", "metadata", "status") if key in config}

    def lay(live: Object | None) -> Object:
        try:
            return apply.apply(
                live,
                config,
                kind.schema,
                manager=call.options.field_manager,
                now=cluster.timestamp(),
                subresource=call.subresource,
                force=call.options.force,
                ignore=writing.unowned(kind, call.subresource),
            )
        except apply.ApplyConflictError as error:
            raise answers.apply_conflict(error) from None
        except InputError as error:
            raise answers.bad_request(str(error)) from None

    if cluster.find(kind, call.namespace, name) is not None:
        return writing.update(cluster, call, name, lay, applied=True), False
    if call.subresource:
        raise answers.not_found(kind.group, kind.plural, name)
    if config["metadata"].get("uid"):
        why = f"Precondition failed: UID in precondition: {config['metadata']['uid']}, UID in object meta: "
        raise answers.conflict(kind.group, kind.plural, name, why)
    may = RequestInfo("create", "", kind.group, kind.version, kind.plural, "", call.namespace, name)
    if not cluster.authorizer.decide(call.user, may).allowed:
        raise answers.forbidden(kind.group, kind.plural, name, refusal(call.user, may))
    return writing.create(cluster, call, lay(None), applied=True), True


def _configuration(call: Call, name: str, config: Object) -> Object:
    """The applied configuration: typed, placed, without unknown fields, with its types right."""
    kind = call.kind
    for field in ("apiVersion", "kind"):
        if not config.get(field):
            raise answers.bad_request(f"{field} must be set in an apply patch")
    if (config["apiVersion"], config["kind"]) != (kind.api_version, kind.name):
        got = f"{config['apiVersion']}, Kind={config['kind']}"
        raise answers.bad_request(f"the object is {got}; this endpoint takes {kind.api_version}, Kind={kind.name}")
    metadata = config.get("metadata")
    if not isinstance(metadata, dict):
        raise answers.bad_request("metadata is a mapping")
    if metadata.get("managedFields"):
        raise answers.bad_request("metadata.managedFields must be nil")
    if metadata.get("name") not in (None, "", name):
        raise answers.bad_request(f"the name of the object does not match the name on the URL ({name})")
    config = {**config, "metadata": {**metadata, "name": name}}
    config = writing.known_fields(call, config)
    wrong = [item for item in validation.check(config, kind.schema) if item.reason == "FieldValueTypeInvalid"]
    if wrong:
        raise answers.invalid(kind.group, kind.name, name, wrong)
    return config
