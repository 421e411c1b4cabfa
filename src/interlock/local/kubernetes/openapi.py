"""OpenAPI v3 documents, derived from the shapes: what ``kubectl apply``, ``explain`` and ``patch`` read.

They describe fields, types and merge keys; descriptions of built-in fields are not served.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from interlock.formats.kubernetes.schema import Schema
from interlock.local.kubernetes.discovery import groups
from interlock.local.kubernetes.kinds import Kind, Kinds

Object = dict[str, Any]

_PATCHES = ("application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml")
_STRATEGIC = "application/strategic-merge-patch+json"
_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")


def index(kinds: Kinds) -> Object:
    """``/openapi/v3``."""
    versions = [("", "v1"), *((group, version) for group, listed in groups(kinds).items() for version in listed)]
    found = {}
    for group, version in versions:
        place = f"apis/{group}/{version}" if group else f"api/{version}"
        text = json.dumps(document(kinds, group, version), sort_keys=True).encode()
        found[place] = {
            "serverRelativeURL": f"/openapi/v3/{place}?hash={hashlib.sha256(text).hexdigest()[:32].upper()}"
        }
    return {"paths": found}


def document(kinds: Kinds, group: str, version: str) -> Object | None:
    """One group version; None when it is not served."""
    here = [kind for kind in kinds if (kind.group, kind.version) == (group, version)]
    if not here:
        return None
    paths: Object = {}
    schemas: Object = {}
    for kind in here:
        schemas[_name(kind)] = {**_schema(kind.schema), "x-kubernetes-group-version-kind": [_type(kind)]}
        paths |= _paths(kind)
    return {
        "openapi": "3.0.0",
        "info": {"title": "interlock.local Kubernetes API", "version": "v1.32"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _name(kind: Kind) -> str:
    return f"{'.'.join(reversed(kind.group.split('.'))) or 'io.k8s.api.core'}.{kind.version}.{kind.name}"


def _type(kind: Kind) -> Object:
    return {"group": kind.group, "version": kind.version, "kind": kind.name}


def _paths(kind: Kind) -> Object:
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    scope = "/namespaces/{namespace}" if kind.namespaced else ""
    collection = f"{base}{scope}/{kind.plural}"
    reference = {"schema": {"$ref": f"#/components/schemas/{_name(kind)}"}}
    answered = {"200": {"description": "OK", "content": {"application/json": reference}}}

    def operation(action: str, parameters: tuple[str, ...] = (), media: tuple[str, ...] = ()) -> Object:
        found: Object = {"x-kubernetes-action": action, "x-kubernetes-group-version-kind": _type(kind)}
        found["responses"] = answered
        if parameters:
            found["parameters"] = [
                {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in parameters
            ]
        if media:
            found["requestBody"] = {"required": True, "content": dict.fromkeys(media, reference)}
        return found

    paths: Object = {collection: {}}
    if "list" in kind.verbs:
        paths[collection]["get"] = operation("list")
    if "create" in kind.verbs:
        paths[collection]["post"] = operation("post", _PARAMETERS[:3], ("application/json",))
    if "get" in kind.verbs:
        patches = _PATCHES if kind.custom else (*_PATCHES, _STRATEGIC)
        paths[f"{collection}/{{name}}"] = {
            "get": operation("get"),
            "put": operation("put", _PARAMETERS[:3], ("application/json",)),
            "patch": operation("patch", _PARAMETERS, patches),
            "delete": operation("delete"),
        }
    return paths


def _schema(schema: Schema) -> Object:
    found: Object = {}
    match schema.type:
        case "any":
            found = {"x-kubernetes-preserve-unknown-fields": True}
        case "int-or-string":
            found = {"x-kubernetes-int-or-string": True, "oneOf": [{"type": "integer"}, {"type": "string"}]}
        case "quantity":
            found = {"oneOf": [{"type": "string"}, {"type": "number"}]}
        case _:
            found = {"type": schema.type}
    if schema.format:
        found["format"] = schema.format
    if schema.properties:
        found["properties"] = {name: _schema(child) for name, child in schema.properties.items()}
    if schema.required:
        found["required"] = list(schema.required)
    if schema.additional is not None:
        found["additionalProperties"] = _schema(schema.additional)
    elif schema.type == "object" and schema.preserve:
        found["x-kubernetes-preserve-unknown-fields"] = True
    if schema.type == "object" and schema.map_type == "atomic":
        found["x-kubernetes-map-type"] = "atomic"
    if schema.has_default:
        found["default"] = schema.default
    if schema.type == "array":
        found["items"] = _schema(schema.element)
        found["x-kubernetes-list-type"] = schema.list_type
        if schema.list_keys:
            found["x-kubernetes-list-map-keys"] = list(schema.list_keys)
        if schema.patch_key:
            found["x-kubernetes-patch-strategy"] = "merge,retainKeys" if schema.retain_keys else "merge"
            if schema.patch_key != "set":
                found["x-kubernetes-patch-merge-key"] = schema.patch_key
    return {**found, **{name: rule for name, rule in schema.rules.items() if name == "enum"}}
