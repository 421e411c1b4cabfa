"""Reads built-in kinds in their protobuf encoding, which typed Go clients (kubectl among them) send.

The envelope is apimachinery's runtime.Unknown behind the four bytes ``k8s\\0``; the field numbers are in the table of
types. Only reading: answers are JSON, which such clients accept too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from interlock.errors import InputError
from interlock.formats.kubernetes import types

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"

_Message = dict[int, list[Any]]


def decode(body: bytes) -> dict[str, Any]:
    """The object in ``body``. Raises InputError ``protobuf-invalid``, ``protobuf-unknown-kind``."""
    if not body.startswith(_MAGIC):
        raise InputError("protobuf-invalid", "not a Kubernetes protobuf message")
    try:
        envelope = _message(body[len(_MAGIC) :])
        meta = _message(_last(envelope, 1, b""))
        api_version, kind = (_last(meta, number, b"").decode() for number in (1, 2))
        raw = _last(envelope, 2, b"")
        if kind not in types.names():
            raise InputError("protobuf-unknown-kind", f"{api_version} {kind} is not read as protobuf; send JSON")
        return {"apiVersion": api_version, "kind": kind, **_object(raw, kind)}
    except (ValueError, IndexError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("protobuf-invalid", f"not a Kubernetes protobuf message: {error}") from None


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("varint too long")


def _message(data: bytes) -> _Message:
    fields: _Message = {}
    for number, value in _read(data):
        fields.setdefault(number, []).append(value)
    return fields


def _read(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        match tag & 7:
            case 0:
                value, place = _varint(data, place)
                yield tag >> 3, value
            case 2:
                length, place = _varint(data, place)
                if place + length > len(data):
                    raise ValueError("truncated")
                yield tag >> 3, data[place : place + length]
                place += length
            case 1 | 5 as fixed:
                width = 8 if fixed == 1 else 4
                yield tag >> 3, data[place : place + width]
                place += width
            case other:
                raise ValueError(f"wire type {other}")


def _last(message: _Message, number: int, default: Any) -> Any:
    return message[number][-1] if number in message else default


def _object(data: bytes, name: str) -> dict[str, Any]:
    messages: dict[tuple[int, ...], _Message] = {(): _message(data)}
    found: dict[str, Any] = {}
    for field in types.wire(name):
        *outer, number = field.numbers
        message = _inlined(messages, tuple(outer))
        if message is None or number not in message:
            continue
        value = _field(message[number], field.type)
        if value is None or (field.zero_is_absent and not value):
            continue
        found[field.name] = value
    return found


def _inlined(messages: dict[tuple[int, ...], _Message], path: tuple[int, ...]) -> _Message | None:
    """The message that JSON inlines at ``path``; None when it is not sent."""
    if path not in messages:
        parent = _inlined(messages, path[:-1])
        data = _last(parent, path[-1], None) if parent is not None else None
        if data is None:
            return None
        messages[path] = _message(data)
    return messages[path]


def _field(values: list[Any], text: str) -> Any:
    if text.startswith("["):
        if text == "[integer]":
            return [number for value in values for number in _integers(value)]
        return [_value(value, text[1:-1]) for value in values]
    if text.startswith("{"):
        entries = (_message(value) for value in values)
        return {_last(entry, 1, b"").decode(): _entry(_last(entry, 2, b""), text[1:-1]) for entry in entries}
    return _value(values[-1], text)


def _entry(value: Any, text: str) -> Any:
    """A map's value; a list there travels as a message whose first field repeats (ExtraValue)."""
    return _field(_message(value).get(1, []), text) if text.startswith("[") else _value(value, text)


def _integers(value: int | bytes) -> list[int]:
    if isinstance(value, int):
        return [_signed(value)]
    numbers, place = [], 0
    while place < len(value):
        number, place = _varint(value, place)
        numbers.append(_signed(number))
    return numbers


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _value(value: Any, text: str) -> Any:
    match text:
        case "string":
            return value.decode()
        case "integer":
            return _signed(value)
        case "boolean":
            return bool(value)
        case "bytes":
            return base64.b64encode(value).decode()
        case "quantity":
            return _last(_message(value), 1, b"").decode()
        case "int-or-string":
            fields = _message(value)
            return _last(fields, 3, b"").decode() if _last(fields, 1, 0) else _signed(_last(fields, 2, 0))
        case "time" | "microtime":
            return _time(_message(value), micro=text == "microtime")
        case "any":
            return json.loads(_last(_message(value), 1, b"null"))
        case _:
            return _object(value, text)


def _time(fields: _Message, *, micro: bool) -> str | None:
    if not fields:
        return None
    seconds, nanos = _signed(_last(fields, 1, 0)), _signed(_last(fields, 2, 0))
    if seconds < 0:
        return None  # Go's zero time
    moment = datetime.fromtimestamp(seconds, UTC)
    fraction = f".{nanos // 1000:06d}" if micro else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
