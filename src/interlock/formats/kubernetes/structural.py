"""Structural schemas of custom resource definitions (apiextensions.k8s.io/v1).

Source of the rules: kubernetes/website "Extend the Kubernetes API with CustomResourceDefinitions", section
"Specifying a structural schema".
"""

from __future__ import annotations

from typing import Any

from interlock.errors import InputError
from interlock.formats.kubernetes.schema import Schema, Type
from interlock.formats.kubernetes.types import builtin

_RULES = (
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "uniqueItems",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
)
_KNOWN = {
    *_RULES,
    "type",
    "properties",
    "additionalProperties",
    "items",
    "required",
    "default",
    "nullable",
    "format",
    "description",
    "title",
    "example",
    "externalDocs",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
}
_TYPES: dict[str, Type] = {
    "object": "object",
    "array": "array",
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}


def structural(document: dict[str, Any], *, path: str = "") -> Schema:
    """The shape that an ``openAPIV3Schema`` describes.

    Raises InputError ``schema-not-structural`` with the place of the fault.
    """

    def fail(message: str) -> InputError:
        return InputError("schema-not-structural", message, where=path or "openAPIV3Schema")

    if not isinstance(document, dict):
        raise fail("a schema is a mapping")
    if unknown := set(document) - _KNOWN:
        raise fail(f"{', '.join(sorted(unknown))} is not part of a structural schema")
    if "properties" in document and "additionalProperties" in document:
        raise fail("properties and additionalProperties exclude each other")
    options: dict[str, Any] = {
        "rules": {name: document[name] for name in _RULES if name in document},
        "nullable": bool(document.get("nullable")),
        "format": document.get("format", ""),
        "preserve": bool(document.get("x-kubernetes-preserve-unknown-fields")),
        "embedded": bool(document.get("x-kubernetes-embedded-resource")),
    }
    if "default" in document:
        options |= {"default": document["default"], "has_default": True}
    if document.get("x-kubernetes-int-or-string"):
        return Schema("int-or-string", **options)
    kind = document.get("type", "")
    if not kind:
        if options["preserve"]:
            return Schema("any", **options)
        raise fail("a type is required")
    if kind not in _TYPES:
        raise fail(f"unknown type {kind!r}")
    if kind == "array":
        if not isinstance(document.get("items"), dict):
            raise fail("an array needs items")
        list_type = document.get("x-kubernetes-list-type", "atomic")
        keys = tuple(document.get("x-kubernetes-list-map-keys", ()))
        if list_type not in ("atomic", "set", "map") or (list_type == "map") != bool(keys):
            raise fail("x-kubernetes-list-type is atomic, set, or map with x-kubernetes-list-map-keys")
        items = structural(document["items"], path=f"{path}[]")
        return Schema("array", items=items, list_type=list_type, list_keys=keys, **options)
    if kind != "object":
        return Schema(_TYPES[kind], **options)
    properties = {
        name: structural(child, path=f"{path}.{name}" if path else name)
        for name, child in document.get("properties", {}).items()
    }
    additional = document.get("additionalProperties")
    if additional is True:
        options["preserve"] = True
    return Schema(
        "object",
        properties=properties,
        additional=structural(additional, path=f"{path}.*") if isinstance(additional, dict) else None,
        required=tuple(document.get("required", ())),
        map_type=document.get("x-kubernetes-map-type", "granular"),
        **options,
    )


def custom_resource(document: dict[str, Any]) -> Schema:
    """The shape of a whole custom resource: the definition's schema with the standard ``metadata``."""
    shape = structural(document)
    if shape.type != "object":
        raise InputError("schema-not-structural", "the root must be an object", where="openAPIV3Schema")
    properties = {
        **shape.properties,
        "apiVersion": Schema("string"),
        "kind": Schema("string"),
        "metadata": builtin("ObjectMeta"),
    }
    return Schema("object", properties=properties, required=shape.required, preserve=shape.preserve, rules=shape.rules)
