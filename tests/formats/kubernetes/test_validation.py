"""Shapes: pruning, defaults, faults, what a structural schema may say, and the protobuf encoding."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.kubernetes import defaults, protobuf, types, validation
from interlock.formats.kubernetes.structural import structural

SCHEMA = structural(
    {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
            "size": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            "mode": {"type": "string", "enum": ["fast", "slow"]},
            "port": {"x-kubernetes-int-or-string": True},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "maybe": {"type": "string", "nullable": True},
            "either": {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
            },
            "items": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}}}},
        },
    }
)


def faults(value: Any) -> list[tuple[str, str]]:
    return [(cause.reason, cause.field) for cause in validation.check(value, SCHEMA)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"name": "abc", "port": "http", "maybe": None, "either": {"a": "1"}}, []),
        ({}, [("FieldValueRequired", "name")]),
        ({"name": 1}, [("FieldValueTypeInvalid", "name")]),
        ({"name": "ABC"}, [("FieldValueInvalid", "name")]),
        ({"name": "abcdef"}, [("FieldValueTooLong", "name")]),
        ({"name": "a", "size": 0}, [("FieldValueInvalid", "size")]),
        ({"name": "a", "size": True}, [("FieldValueTypeInvalid", "size")]),
        ({"name": "a", "size": 2.0}, []),
        ({"name": "a", "size": 2.5}, [("FieldValueTypeInvalid", "size")]),
        ({"name": "a", "mode": "warp"}, [("FieldValueNotSupported", "mode")]),
        ({"name": "a", "port": 1.5}, [("FieldValueTypeInvalid", "port")]),
        ({"name": "a", "labels": {"x": 1}}, [("FieldValueTypeInvalid", "labels[x]")]),
        ({"name": "a", "either": {"a": "1", "b": "2"}}, [("FieldValueInvalid", "either")]),
        ({"name": "a", "items": [{"x": 1}, {"x": "y"}]}, [("FieldValueTypeInvalid", "items[1].x")]),
        ([], [("FieldValueTypeInvalid", "")]),
    ],
)
def test_faults_are_found_with_their_field(value: Any, expected: list[tuple[str, str]]) -> None:
    assert faults(value) == expected


def test_unknown_fields_are_pruned_and_named_except_where_they_are_kept() -> None:
    value = {"name": "a", "typo": 1, "free": {"any": {"thing": 1}}, "items": [{"x": 1, "y": 2}], "labels": {"l": "m"}}
    kept, dropped = validation.prune(value, SCHEMA)
    assert dropped == ["typo", "items[0].y"]
    assert kept == {"name": "a", "free": {"any": {"thing": 1}}, "items": [{"x": 1}], "labels": {"l": "m"}}


def test_defaults_are_filled_and_nulls_that_mean_nothing_dropped() -> None:
    assert validation.with_defaults({"name": "a", "mode": None, "maybe": None}, SCHEMA) == {
        "name": "a",
        "maybe": None,
        "size": 3,
    }


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "strnig"},
        {"type": "array"},
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "$ref": "#/definitions/x"},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"},
    ],
)
def test_what_is_not_structural_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        structural(document)
    assert caught.value.code == "schema-not-structural"


def test_every_type_of_the_table_can_be_read() -> None:
    assert len(types.names()) > 250
    for name in types.names():
        types.builtin(name)


def pod(image: str) -> dict[str, Any]:
    spec = {
        "containers": [{"name": "a", "image": image, "resources": {"limits": {"cpu": "1"}}}],
        "volumes": [{"name": "v"}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def test_defaults_of_a_pod() -> None:
    before = pod("registry.acme.test/a/b:1")
    spec = defaults.with_kind_defaults(before)["spec"]
    assert before == pod("registry.acme.test/a/b:1")
    assert spec["restartPolicy"] == "Always"
    assert spec["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert spec["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert spec["containers"][0]["resources"] == {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}


@pytest.mark.parametrize(
    ("image", "policy"),
    [("a/b", "Always"), ("a/b:latest", "Always"), ("host:5000/b", "Always"), ("a/b:latest@sha256:00", "IfNotPresent")],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert defaults.with_kind_defaults(pod(image))["spec"]["containers"][0]["imagePullPolicy"] == policy


@given(st.dictionaries(st.sampled_from(["replicas", "paused", "minReadySeconds"]), st.integers(0, 5)))
def test_defaults_are_stable(spec: dict[str, Any]) -> None:
    obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}
    once = defaults.with_kind_defaults(obj)
    assert defaults.with_kind_defaults(once) == once
    assert all(once["spec"][name] == value for name, value in spec.items())


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def _bytes(number: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + _bytes(1, _bytes(1, api_version) + _bytes(2, kind)) + _bytes(2, raw)


def test_protobuf_bodies_are_read() -> None:
    labels = _bytes(11, _bytes(1, "team") + _bytes(2, "payments"))
    created = _bytes(8, b"")
    metadata = _bytes(1, _bytes(1, "pod") + _bytes(2, "") + labels + created)
    port = _bytes(6, _number(2, 0) + _number(3, 8080) + _bytes(4, "TCP"))
    limits = _bytes(8, _bytes(1, _bytes(1, "cpu") + _bytes(2, _bytes(1, "100m"))))
    container = _bytes(2, _bytes(1, "app") + _bytes(2, "image:1") + port + limits)
    volume = _bytes(1, _bytes(1, "v") + _bytes(2, _bytes(6, _bytes(1, "credentials"))))
    grace = _number(4, 0)
    body = _envelope("v1", "Pod", metadata + _bytes(2, volume + container + grace))
    assert protobuf.decode(body) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", "labels": {"team": "payments"}},
        "spec": {
            "volumes": [{"name": "v", "secret": {"secretName": "credentials"}}],
            "containers": [
                {
                    "name": "app",
                    "image": "image:1",
                    "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                    "resources": {"limits": {"cpu": "100m"}},
                }
            ],
            "terminationGracePeriodSeconds": 0,
        },
    }


def test_a_custom_kind_has_no_protobuf_encoding() -> None:
    with pytest.raises(InputError) as caught:
        protobuf.decode(_envelope("acme.test/v1", "Widget", b""))
    assert caught.value.code == "protobuf-unknown-kind"


@given(st.binary(max_size=60), st.sampled_from([b"", b"k8s\x00", _envelope("v1", "Pod", b"")]))
def test_bytes_that_are_no_protobuf_are_refused_or_read_but_never_break(tail: bytes, head: bytes) -> None:
    try:
        json.dumps(protobuf.decode(head + tail))
    except InputError as error:
        assert error.code in ("protobuf-invalid", "protobuf-unknown-kind")
