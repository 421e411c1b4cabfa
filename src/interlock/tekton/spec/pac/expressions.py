"""CEL as Pipelines-as-Code gives it to templates: its variables, and the functions on strings (pkg/cel, cel-go ext).

Of cel-go's extensions those on strings are here but ``format``; those on lists are not: an expression that calls one
fails to compile, which the caller is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from interlock.errors import InputError
from interlock.tekton.spec import cel
from interlock.tekton.spec.cel import Function, Type

_DIRECT: Final = (
    "event",
    "event_type",
    "target_branch",
    "source_branch",
    "target_url",
    "source_url",
    "event_title",
    "revision",
    "repo_owner",
    "repo_name",
    "sender",
    "repo_url",
    "git_tag",
    "target_namespace",
    "trigger_comment",
    "pull_request_labels",
    "pull_request_number",
    "git_auth_secret",
)


def evaluator(
    values: Mapping[str, str],
    *,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    files: Mapping[str, Any] | None = None,
) -> Callable[[str], Any]:
    """What `templates.substituted` asks. ``values`` are the standard params: ``pac.<name>`` and, the known ones, bare.

    The evaluator raises InputError ``cel-invalid``.
    """
    data: dict[str, Any] = {
        **{name: values.get(name, "") for name in _DIRECT},
        "body": dict(body or {}),
        "headers": dict(headers or {}),
        "files": dict(files or {}),
        "pac": dict(values),
    }
    types: dict[str, Type] = {}
    types.update(dict.fromkeys(_DIRECT, "string"))
    types.update(dict.fromkeys(("body", "headers", "files", "pac"), "map"))
    return lambda expression: cel.evaluate(expression, data, types=types, functions=STRINGS)


def _index(text: str, at: int) -> int:
    if not 0 <= at <= len(text):
        raise InputError("cel-invalid", f"index out of range: {at}")
    return at


def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    return text.replace(old, new, count)


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else _index(text, end)
    if start > stop:
        raise InputError("cel-invalid", f"invalid substring range. start: {start}, end: {stop}")
    return text[_index(text, start) : stop]


def _split(text: str, separator: str, count: int = -1) -> list[str]:
    if count == 0:
        return []
    if not separator:
        parts = list(text)
        return parts if count < 0 or len(parts) <= count else [*parts[: count - 1], "".join(parts[count - 1 :])]
    return text.split(separator, count - 1 if count > 0 else -1)


def _ascii(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(change(char) if char.isascii() else char for char in text)


def _join(items: Any, separator: str = "") -> str:
    return separator.join(str(item) for item in items)


def _member(name: str, parameters: tuple[Type, ...], result: Type, call: Callable[..., Any]) -> Function:
    return Function(name, parameters, result, call, member=True)


STRINGS: Final = (
    _member("charAt", ("string", "int"), "string", lambda text, at: text[_index(text, at) : at + 1]),
    _member("indexOf", ("string", "string"), "int", lambda text, part: text.find(part)),
    _member("indexOf", ("string", "string", "int"), "int", lambda text, part, at: text.find(part, _index(text, at))),
    _member("lastIndexOf", ("string", "string"), "int", lambda text, part: text.rfind(part)),
    _member("lowerAscii", ("string",), "string", _ascii(str.lower)),
    _member("upperAscii", ("string",), "string", _ascii(str.upper)),
    _member("trim", ("string",), "string", str.strip),
    _member("reverse", ("string",), "string", lambda text: text[::-1]),
    _member("replace", ("string", "string", "string"), "string", _replace),
    _member("replace", ("string", "string", "string", "int"), "string", _replace),
    _member("substring", ("string", "int"), "string", _substring),
    _member("substring", ("string", "int", "int"), "string", _substring),
    _member("split", ("string", "string"), "list", _split),
    _member("split", ("string", "string", "int"), "list", _split),
    _member("join", ("list",), "string", _join),
    _member("join", ("list", "string"), "string", _join),
)
