"""The words of a template: Go's text/template/parse/lex.go, with positions.

`{{-` and `-}}` trim white space of the neighbouring text; comments vanish here.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

from interlock.errors import InputError, Location

Kind = Literal[
    "text", "open", "close", "word", "field", "variable", "dot", "string", "number", "char", "symbol", "space"
]

_SPACE = " \t\r\n"
_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    | (?P<char>'(?:[^'\\\n]|\\.)+')
    | (?P<number>[+-]?(?:0[xXbBoO][0-9a-fA-F_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?))
    | (?P<field>\.[^\W\d]\w*)
    | (?P<variable>\$\w*)
    | (?P<dot>\.)
    | (?P<word>[^\W\d]\w*)
    | (?P<symbol>:=|=|\||\(|\)|,)
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Source:
    """One template file."""

    name: str
    text: str

    def where(self, offset: int) -> Location:
        before = self.text[:offset]
        return Location(self.name, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)

    def error(self, offset: int, message: str, *, code: str = "helm-template", got: object = None) -> InputError:
        return InputError(code, message, got=got, where=self.where(offset))


def tokens(source: Source) -> Iterator[Token]:
    """Every token of ``source``. Raises InputError ``helm-template``."""
    text, at, trim = source.text, 0, False
    while at < len(text):
        start = text.find("{{", at)
        end = len(text) if start < 0 else start
        trim_right = start >= 0 and text[start + 2 : start + 3] == "-" and text[start + 3 : start + 4] in tuple(_SPACE)
        literal = text[at:end]
        literal = literal.lstrip(_SPACE) if trim else literal
        literal = literal.rstrip(_SPACE) if trim_right else literal
        if literal:
            yield Token("text", literal, at)
        if start < 0:
            return
        inside = start + (3 if trim_right else 2)
        comment = re.compile(r"[ \t\r\n]*/\*" if trim_right else r"/\*").match(text, inside)
        if comment:
            at, trim = _after_comment(source, comment.end(), start)
            continue
        yield Token("open", "{{", start)
        at, trim = yield from _action(source, inside, start)


def _after_comment(source: Source, inside: int, start: int) -> tuple[int, bool]:
    end = source.text.find("*/", inside)
    if end < 0:
        raise source.error(start, "unclosed comment")
    close = re.compile(r"([ \t\r\n]+-)?}}").match(source.text, end + 2)
    if close is None:
        raise source.error(start, "comment ends before closing delimiter")
    return close.end(), close.group(1) is not None


def _action(source: Source, at: int, start: int) -> Generator[Token, None, tuple[int, bool]]:
    """Tokens up to the closing delimiter; returns (offset after it, whether the following text is trimmed)."""
    text, depth = source.text, 0
    close = re.compile(r"[ \t\r\n]+-}}|}}")
    while True:
        if (closing := close.match(text, at)) is not None:
            if depth:
                raise source.error(at, "unclosed left parenthesis")
            yield Token("close", "}}", at)
            return closing.end(), closing.group().endswith("-}}")
        match = _TOKEN.match(text, at)
        if match is None:
            if at >= len(text):
                raise source.error(start, "unclosed action")
            raise source.error(at, "unexpected character in an action", got=repr(text[at]))
        kind: Kind = match.lastgroup  # type: ignore[assignment]
        depth += {"(": 1, ")": -1}.get(match.group(), 0)
        if depth < 0:
            raise source.error(at, "unexpected right parenthesis")
        yield Token(kind, match.group(), at)
        at = match.end()
