"""The little of ESQL that can be read without compiling it: schema, modules, string literals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)
_SCHEMA = re.compile(r"\bBROKER\s+SCHEMA\s+([A-Za-z_][\w.]*)", re.IGNORECASE)
_MODULE = re.compile(r"\bCREATE\s+(?:COMPUTE|FILTER|DATABASE|DATABASEEVENT)\s+MODULE\s+([A-Za-z_]\w*)", re.IGNORECASE)
_CREDENTIAL = re.compile(
    r"(?:\bSET\s+|\bDECLARE\s+)[\w.\"]*(?:password|passwd|pwd|secret|apikey|api_key)\b[^;\n]*?'((?:[^']|'')+)'",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Source:
    """What one file declares."""

    schema: str
    schema_line: int
    modules: tuple[Module, ...]


def read(text: str) -> Source:
    code = _blank(text, strings=True)
    schema = _SCHEMA.search(code)
    return Source(
        schema=schema.group(1) if schema else "",
        schema_line=_line(code, schema.start()) if schema else 1,
        modules=tuple(Module(found.group(1), _line(code, found.start())) for found in _MODULE.finditer(code)),
    )


def credentials(text: str) -> Iterator[tuple[int, str]]:
    """(line, literal) of every string literal put into something that is named like a credential."""
    code = _blank(text, strings=False)
    return ((_line(code, found.start()), found.group(1)) for found in _CREDENTIAL.finditer(code))


def _blank(text: str, *, strings: bool) -> str:
    """``text`` without comments (and string contents), line breaks and offsets kept."""

    def replace(found: re.Match[str]) -> str:
        token = found.group()
        if token[0] in "'\"" and not strings:
            return token
        return "".join(letter if letter == "\n" else " " for letter in token)

    return _TOKEN.sub(replace, text)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
