"""The template functions: text/template's own, Helm's, and the sprig ones that charts of the platform use.

Each entry names its parameters by Go kind, because Go refuses a value of another kind instead of converting it:
``string``, ``int``, ``bool``, ``list``, ``map``, ``any``; a last ``*kind`` takes the rest. All are pure; sprig's
functions of time, randomness, environment, network and cryptographic generation are absent on purpose.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.formats.helm import gofmt, goyaml
from interlock.formats.helm.cache import Cache

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "bool": (bool,),
    "list": (list,),
    "map": (dict,),
}


@dataclass(frozen=True, slots=True)
class TemplateFunction:
    parameters: tuple[str, ...]
    run: Callable[..., Any]


def check(name: str, parameters: tuple[str, ...], arguments: list[Any]) -> None:
    """Raises InputError ``helm-template`` when number or kinds of the arguments do not fit."""
    rest = parameters[-1][1:] if parameters and parameters[-1].startswith("*") else None
    fixed = parameters[:-1] if rest else parameters
    if len(arguments) < len(fixed) or (rest is None and len(arguments) > len(fixed)):
        raise InputError(
            "helm-template", f"wrong number of arguments for {name}", got=len(arguments), expected=len(fixed)
        )
    wanted = [*fixed, *([rest] * (len(arguments) - len(fixed)) if rest else [])]
    for kind, value in zip(wanted, arguments, strict=True):
        if kind == "any" or (kind in ("list", "map") and value is None):
            continue
        if not isinstance(value, _KINDS[kind]) or (kind == "int" and isinstance(value, bool)):
            raise InputError("helm-template", f"wrong type of value for {name}", got=gofmt.kind(value), expected=kind)


def string(value: Any) -> str:
    """sprig strval: like ``%v``, with nil as ``<nil>``."""
    return value if isinstance(value, str) else gofmt.text(value, inner=True)


# -- comparison (text/template/funcs.go)


def _comparable(first: Any, second: Any) -> None:
    if first is None or second is None:
        return
    if gofmt.kind(first) != gofmt.kind(second):
        raise InputError(
            "helm-template",
            "incompatible types for comparison",
            got=f"{gofmt.kind(first)} and {gofmt.kind(second)}",
            todo="a number of a values file is a float64: compare it after `| int`",
        )
    if isinstance(first, list | dict):
        raise InputError("helm-template", "non-comparable type", got=gofmt.kind(first))


def _eq(first: Any, *others: Any) -> bool:
    for other in others:
        _comparable(first, other)
        if first == other and (first is None) == (other is None):
            return True
    return False


def _ordered(first: Any, second: Any) -> tuple[Any, Any]:
    _comparable(first, second)
    if first is None or second is None or isinstance(first, bool):
        raise InputError("helm-template", "invalid type for comparison", got=gofmt.kind(first))
    return first, second


def _less(first: Any, second: Any) -> bool:
    one, two = _ordered(first, second)
    return bool(one < two)


def _length(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise InputError("helm-template", "len of this type", got=gofmt.kind(value))
    return len(value.encode()) if isinstance(value, str) else len(value)


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        match value:
            case dict() if isinstance(key, str):
                value = value.get(key)
            case list() if isinstance(key, int) and not isinstance(key, bool):
                if not 0 <= key < len(value):
                    raise InputError("helm-template", "index out of range", got=key, expected=f"< {len(value)}")
                value = value[key]
            case _:
                raise InputError("helm-template", f"can't index {gofmt.kind(value)} with {gofmt.kind(key)}")
    return value


# -- Helm


def _required(message: str, value: Any) -> Any:
    if value is None or value == "":
        raise InputError("helm-required", message)
    return value


def _fail(message: str) -> str:
    raise InputError("helm-fail", message)


def _from_yaml(text: str) -> Any:
    value = numbers(_yaml_value(text)) if text.strip() else {}
    if not isinstance(value, dict):
        raise InputError("helm-template", "fromYaml of something that is no mapping", got=gofmt.kind(value))
    return value


_yaml_value: Cache[str, Any] = Cache(lambda text: yaml.load(text, file="fromYaml").value, len)


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise InputError("helm-number", "a number is too large", expected="a float of 64 bits") from error


def numbers(value: Any) -> Any:
    """Values as Helm reads a file: every number becomes a float64 (sigs.k8s.io/yaml goes through JSON)."""
    match value:
        case bool():
            return value
        case int():
            return _float(value)
        case dict():
            return {key: numbers(item) for key, item in value.items()}
        case list():
            return [numbers(item) for item in value]
        case _:
            return value


# -- sprig


def _integer(value: Any) -> int:
    """cast.ToInt64: what does not convert is 0."""
    match value:
        case bool() | int():
            return _int64(value)
        case float() if math.isfinite(value):
            return _int64(int(value))
        case str() if re.fullmatch(r"[+-]?[0-9]{1,19}", value) and int(value) == _int64(int(value)):
            return int(value)
        case _:
            return 0


def _int64(value: int) -> int:
    """As Go counts: what does not fit wraps around."""
    return (value + 2**63) % 2**64 - 2**63


def _truncate(length: int, text: str) -> str:
    data = text.encode()
    cut = data[length:] if length < 0 and len(data) + length > 0 else data if length < 0 else data[:length]
    try:
        return cut.decode()
    except UnicodeDecodeError as error:
        raise InputError("helm-template", "trunc cuts a character apart", got=text) from error


def _indent(spaces: int, text: str) -> str:
    pad = " " * spaces
    return pad + text.replace("\n", "\n" + pad)


def _merge(overwrite: bool) -> Callable[..., dict[str, Any]]:
    """mergo: maps merge deeply, the first one is changed; without ``overwrite`` only what is empty is filled."""

    def merge(into: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
        for source in sources:
            for key, value in source.items():
                old = into.get(key)
                if isinstance(old, dict) and isinstance(value, dict):
                    merge(old, value)
                elif overwrite or (value is not None and not gofmt.truth(old)):
                    into[key] = copy.deepcopy(value)
        return into

    return merge


def _join(separator: str, items: list[Any] | None) -> str:
    return separator.join(string(item) for item in items or [] if item is not None)


def _pairs(*items: Any) -> dict[str, Any]:
    return {string(items[i]): items[i + 1] if i + 1 < len(items) else "" for i in range(0, len(items), 2)}


def _set(mapping: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    mapping[key] = value
    return mapping


def _unset(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    mapping.pop(key, None)
    return mapping


def _b64dec(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InputError("helm-template", "b64dec of something that is no base64 of text") from error


def _has(item: Any, items: list[Any] | None) -> bool:
    return any(gofmt.kind(item) == gofmt.kind(other) and item == other for other in items or [])


def _unique(items: list[Any]) -> list[Any]:
    result: list[Any] = []
    for item in items:
        if not _has(item, result):
            result.append(item)
    return result


def _arithmetic(operation: Callable[[int, int], int]) -> Callable[..., int]:
    def run(first: Any, *others: Any) -> int:
        total = _integer(first)
        for other in others:
            total = _int64(operation(total, _integer(other)))
        return total

    return run


def _divide(one: int, two: int) -> int:
    if two == 0:
        raise InputError("helm-template", "division by zero")
    quotient = abs(one) // abs(two)
    return quotient if one * two >= 0 else -quotient


def _coalesce(*items: Any) -> Any:
    return next((item for item in items if gofmt.truth(item)), None)


def _quote(mark: str) -> Callable[..., str]:
    def run(*items: Any) -> str:
        written = [string(item) for item in items if item is not None]
        return " ".join(gofmt.quoted(item) if mark == '"' else f"'{item}'" for item in written)

    return run


_S, _A = "string", "any"

FUNCTIONS: dict[str, TemplateFunction] = {
    name: TemplateFunction(parameters, run)
    for name, parameters, run in (
        # text/template
        ("eq", (_A, "*any"), _eq),
        ("ne", (_A, _A), lambda a, b: not _eq(a, b)),
        ("lt", (_A, _A), _less),
        ("le", (_A, _A), lambda a, b: _less(a, b) or _eq(a, b)),
        ("gt", (_A, _A), lambda a, b: not _less(a, b) and not _eq(a, b)),
        ("ge", (_A, _A), lambda a, b: not _less(a, b)),
        ("not", (_A,), lambda a: not gofmt.truth(a)),
        ("len", (_A,), _length),
        ("index", (_A, "*any"), _index),
        ("print", ("*any",), lambda *items: "".join(string(item) for item in items)),
        ("printf", (_S, "*any"), lambda template, *items: gofmt.printf(template, list(items))),
        # Helm
        ("required", (_S, _A), _required),
        ("fail", (_S,), _fail),
        ("toYaml", (_A,), goyaml.to_yaml),
        ("toJson", (_A,), goyaml.to_json),
        ("fromYaml", (_S,), _from_yaml),
        # sprig: defaults
        ("default", (_A, _A), lambda fallback, value: value if gofmt.truth(value) else fallback),
        ("empty", (_A,), lambda value: not gofmt.truth(value)),
        ("coalesce", ("*any",), _coalesce),
        ("ternary", (_A, _A, "bool"), lambda yes, no, test: yes if test else no),
        # sprig: strings
        ("quote", ("*any",), _quote('"')),
        ("squote", ("*any",), _quote("'")),
        ("indent", ("int", _S), _indent),
        ("nindent", ("int", _S), lambda spaces, text: "\n" + _indent(spaces, text)),
        ("trunc", ("int", _S), _truncate),
        ("trim", (_S,), lambda text: text.strip()),
        ("trimSuffix", (_S, _S), lambda suffix, text: text.removesuffix(suffix)),
        ("trimPrefix", (_S, _S), lambda prefix, text: text.removeprefix(prefix)),
        ("hasPrefix", (_S, _S), lambda prefix, text: text.startswith(prefix)),
        ("hasSuffix", (_S, _S), lambda suffix, text: text.endswith(suffix)),
        ("contains", (_S, _S), lambda part, text: part in text),
        ("replace", (_S, _S, _S), lambda old, new, text: text.replace(old, new)),
        ("repeat", ("int", _S), lambda count, text: text * min(count, 10_000)),
        ("lower", (_S,), str.lower),
        ("upper", (_S,), str.upper),
        ("toString", (_A,), string),
        ("sha256sum", (_S,), lambda text: hashlib.sha256(text.encode()).hexdigest()),
        ("b64enc", (_S,), lambda text: base64.b64encode(text.encode()).decode()),
        ("b64dec", (_S,), _b64dec),
        ("splitList", (_S, _S), lambda separator, text: text.split(separator)),
        (
            "join",
            (_S, "list"),
            lambda separator, items: separator.join(string(i) for i in items or [] if i is not None),
        ),
        # sprig: lists
        ("list", ("*any",), lambda *items: list(items)),
        ("first", ("list",), lambda items: items[0] if items else None),
        ("last", ("list",), lambda items: items[-1] if items else None),
        ("append", ("list", _A), lambda items, item: [*(items or []), item]),
        ("concat", ("*list",), lambda *lists: [item for items in lists for item in items or []]),
        ("has", (_A, "list"), _has),
        ("uniq", ("list",), lambda items: _unique(items or [])),
        ("sortAlpha", ("list",), lambda items: sorted(string(item) for item in items or [])),
        # sprig: maps
        ("dict", ("*any",), _pairs),
        ("get", ("map", _S), lambda mapping, key: (mapping or {}).get(key, "")),
        ("hasKey", ("map", _S), lambda mapping, key: key in (mapping or {})),
        ("keys", ("*map",), lambda *mappings: [key for mapping in mappings for key in mapping or {}]),
        ("set", ("map", _S, _A), _set),
        ("unset", ("map", _S), _unset),
        ("pick", ("map", "*string"), lambda items, *names: {k: items[k] for k in items or {} if k in names}),
        (
            "omit",
            ("map", "*string"),
            lambda mapping, *names: {k: v for k, v in (mapping or {}).items() if k not in names},
        ),
        ("deepCopy", (_A,), copy.deepcopy),
        ("merge", ("map", "*map"), _merge(False)),
        ("mergeOverwrite", ("map", "*map"), _merge(True)),
        # sprig: kinds and numbers
        ("kindOf", (_A,), gofmt.kind),
        ("kindIs", (_S, _A), lambda name, value: gofmt.kind(value) == name),
        ("int", (_A,), _integer),
        ("int64", (_A,), _integer),
        ("add", (_A, "*any"), _arithmetic(lambda a, b: a + b)),
        ("sub", (_A, _A), _arithmetic(lambda a, b: a - b)),
        ("mul", (_A, "*any"), _arithmetic(lambda a, b: a * b)),
        ("div", (_A, _A), _arithmetic(_divide)),
        ("max", (_A, "*any"), _arithmetic(max)),
        ("min", (_A, "*any"), _arithmetic(min)),
    )
}
