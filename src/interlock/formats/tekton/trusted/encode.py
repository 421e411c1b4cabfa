"""The bytes that Go's encoding/json gives for a `tekton.dev` object, from the table of its structs.

Struct fields come in Go's order and maps by key; a struct without content is still written where Go has one
(``"computeResources":{}``, ``"divisor":"0"``); texts are escaped for HTML; quantities, durations and times are
canonical. What the struct does not have is refused, as a signature must not seem to cover it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from interlock.errors import InputError
from interlock.formats.tekton import types
from interlock.formats.tekton.trusted import scalars


def encode(value: Any, expression: str, *, zero_times: bool = False, at: str = "") -> str:
    """``value`` as JSON of the type ``expression`` (see `types`).

    ``zero_times`` writes structs that are zero although the field is ``omitzero``, as Kubernetes libraries before 0.34
    did: ``"creationTimestamp":null``. Raises InputError ``tekton-invalid`` with the field's path ``at``, and what
    `scalars` raises.
    """
    constructor, inner = types.split(expression)
    if constructor == "":
        fields = types.named(expression)
        return _plain(value, expression, at) if fields is None else _struct(value, fields, zero_times, at)
    if value is None:
        return "null"
    if constructor == "*":
        return encode(value, inner, zero_times=zero_times, at=at)
    if constructor == "[]":
        if not isinstance(value, list | tuple):
            _refuse(at, value, "a list")
        items = (encode(item, inner, zero_times=zero_times, at=f"{at}[{index}]") for index, item in enumerate(value))
        return "[" + ",".join(items) + "]"
    entries = _mapping(value, at)
    written = (
        f"{scalars.string(key)}:{encode(entries[key], inner, zero_times=zero_times, at=f'{at}[{key}]')}"
        for key in sorted(entries)
    )
    return "{" + ",".join(written) + "}"


def _struct(value: Any, fields: tuple[types.Field, ...], zero_times: bool, at: str) -> str:
    entries = {} if value is None else _mapping(value, at)
    names = {field.name for field in fields}
    for name in entries:
        if name not in names:
            raise InputError("tekton-invalid", f"unknown field {_under(at, name)!r}")
    written = []
    for field in fields:
        item = entries.get(field.name)
        if field.omit_zero and item is None and not zero_times:
            continue
        if field.omit_empty and _empty(item, field.type):
            continue
        if field.type == "param-value" and field.name not in entries:
            # A ParamValue that was never decoded has no type, and Go refuses to write it (param_types.go MarshalJSON).
            raise InputError("tekton-invalid", f"missing field {_under(at, field.name)!r}")
        text = encode(item, field.type, zero_times=zero_times, at=_under(at, field.name))
        written.append(f'"{field.name}":{text}')
    return "{" + ",".join(written) + "}"


def _empty(value: Any, expression: str) -> bool:
    """What omitempty leaves out: nil, false, 0, and an empty text, list or map; a struct never (encoding/json)."""
    constructor, _ = types.split(expression)
    if constructor == "*":
        return value is None
    if constructor or expression in ("string", "bool", "int"):
        return not value
    return False


def _plain(value: Any, kind: str, at: str) -> str:
    if kind == "string":
        if value is None:
            return '""'
        return scalars.string(value) if isinstance(value, str) else _refuse(at, value, "a string")
    if kind == "bool":
        if value is None:
            return "false"
        return ("true" if value else "false") if isinstance(value, bool) else _refuse(at, value, "true or false")
    if kind == "int":
        return _integer(value, at)
    if kind == "int-or-string":
        return scalars.string(value) if isinstance(value, str) else _integer(value, at)
    if kind == "quantity":
        return scalars.string(scalars.quantity(value))
    if kind == "duration":
        return scalars.string(scalars.duration(value))
    if kind == "time":
        return "null" if value is None else scalars.string(scalars.time(value))
    if kind == "param-value":
        return _param_value(value)
    return scalars.anything(value)


def _integer(value: Any, at: str) -> str:
    if value is None:
        return "0"
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        _refuse(at, value, "an integer")
    return str(int(value))


def _param_value(value: Any) -> str:
    """Go's ParamValue: a list or map of strings keeps its shape, the rest becomes the text of its JSON."""
    if isinstance(value, list) and all(isinstance(item, str | None) for item in value):
        return "[" + ",".join(scalars.string(item or "") for item in value) + "]"
    if isinstance(value, Mapping) and all(isinstance(item, str | None) for item in value.values()):
        return scalars.anything({key: item or "" for key, item in value.items()})
    if value is None or isinstance(value, str):
        return scalars.string(value or "")
    return scalars.string(scalars.anything(value))


def _mapping(value: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        _refuse(at, value, "a mapping")
    return value


def _under(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _refuse(at: str, value: object, expected: str) -> NoReturn:
    raise InputError("tekton-invalid", f"{at or 'the object'} is invalid", got=repr(value)[:80], expected=expected)
