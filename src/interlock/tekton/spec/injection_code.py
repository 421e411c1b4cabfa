"""Python and Node scripts with values put into their text, rewritten so that they read them from the environment.

A value in a string becomes the variable, joined with what stood around it. A value in the code itself becomes a literal
that is parsed and never run: ``ast.literal_eval``, ``JSON.parse``.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from interlock.tekton.spec.injection_names import Reference
from interlock.tekton.spec.injection_shell import Left, Rewritten

_MARK: Final = "interlock__value__"
_MARKED = re.compile(rf"{_MARK}(\d+)__")
_PREFIX = re.compile(r"^([A-Za-z]*)('''|\"\"\"|'|\")", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A string with its quotes, a comment, a regular expression or the ``#!`` line."""

    kind: str
    start: int
    end: int


def python(script: str, references: Collection[Reference], variables: Mapping[str, str]) -> Rewritten:
    """As `injection_shell.rewrite`, for Python 3."""
    ordered, marked = _marked(script, references)
    try:
        pieces = _runs(list(_python_pieces(marked)), marked)
        _parse(marked)
    except (SyntaxError, ValueError, RecursionError, tokenize.TokenError):
        return _untouched(script, ordered, "not Python 3 that can be read with a name in the value's place")
    future = re.search(r"(?m)^from __future__ import", marked) is not None
    imported = re.search(r"(?m)^import (?:[\w., ]+, *)?os(?: *,[\w., ]+)? *$", marked) is not None
    module = "os" if imported or not future else '__import__("os")'
    rewriter = _Rewriter(script, ordered, variables)
    text = rewriter.applied(marked, pieces, lambda piece, names: _python_piece(piece, names, module))
    if rewriter.used and module == "os" and not imported:
        text = _after_shebang(text, "import os\n")
    try:
        _parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return _untouched(script, ordered, "in a place of a Python string where a variable does not fit")
    return Rewritten(text, frozenset(rewriter.used), tuple(rewriter.left))


def node(script: str, references: Collection[Reference], variables: Mapping[str, str]) -> Rewritten:
    """As `injection_shell.rewrite`, for JavaScript."""
    ordered, marked = _marked(script, references)
    rewriter = _Rewriter(script, ordered, variables)
    text = rewriter.applied(marked, list(_node_pieces(marked)), _node_piece)
    return Rewritten(text, frozenset(rewriter.used), tuple(rewriter.left))


def _parse(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in the author's strings
        ast.parse(text)


def _marked(script: str, references: Collection[Reference]) -> tuple[list[Reference], str]:
    ordered = sorted(references, key=lambda item: item.start)
    parts: list[str] = []
    at = 0
    for number, item in enumerate(ordered):
        parts += [script[at : item.start], f"{_MARK}{number}__"]
        at = item.end
    return ordered, "".join([*parts, script[at:]])


def _untouched(script: str, ordered: Collection[Reference], reason: str) -> Rewritten:
    left = tuple(Left(item.text, script.count("\n", 0, item.start) + 1, reason) for item in ordered)
    return Rewritten(script, frozenset(), left)


def _after_shebang(text: str, line: str) -> str:
    head, newline, rest = text.partition("\n")
    stripped = text.lstrip()
    if not stripped.startswith("#!"):
        return line + text
    if not head.strip():
        return head + newline + _after_shebang(rest, line)
    return f"{head}\n{line}{rest}"


@dataclass(frozen=True, slots=True)
class _Text:
    kind: str
    text: str


_Rewrite: TypeAlias = Callable[[_Text, Mapping[str, str]], str]
"""From a piece and the variables' names to code; a text that starts with NUL is a reason instead."""


class _Rewriter:
    def __init__(self, script: str, ordered: list[Reference], variables: Mapping[str, str]) -> None:
        self.script = script
        self.ordered = ordered
        self.variables = variables
        self.used: set[str] = set()
        self.left: list[Left] = []

    def applied(self, marked: str, pieces: list[_Piece], rewrite: _Rewrite) -> str:
        """``marked`` with every piece that holds marks rewritten."""
        parts: list[str] = []
        at = 0
        for piece in pieces:
            text = marked[piece.start : piece.end]
            if not _MARKED.search(text):
                continue
            parts.append(self._code(marked[at : piece.start], rewrite))
            parts.append(self._piece(piece.kind, text, rewrite))
            at = piece.end
        parts.append(self._code(marked[at:], rewrite))
        return "".join(parts)

    def _code(self, text: str, rewrite: _Rewrite) -> str:
        return _MARKED.sub(lambda match: self._piece("code", match[0], rewrite), text)

    def _piece(self, kind: str, text: str, rewrite: _Rewrite) -> str:
        items = [self.ordered[int(number)] for number in _MARKED.findall(text)]
        if kind == "comment":
            return _MARKED.sub(lambda match: self.ordered[int(match[1])].text[2:-1], text)
        names = {str(number): self.variables[item.text] for number, item in enumerate(self.ordered)}
        found = rewrite(_Text(kind, text), names)
        if found.startswith("\0"):
            self.left += [Left(item.text, self.script.count("\n", 0, item.start) + 1, found[1:]) for item in items]
            return _MARKED.sub(lambda match: self.ordered[int(match[1])].text, text)
        self.used |= {item.text for item in items}
        return found


def _joined(pieces: list[str], variables: list[str], quote: tuple[str, str]) -> str:
    """String pieces and variables in turn, as one expression."""
    parts: list[str] = []
    for number, piece in enumerate(pieces):
        if piece:
            parts.append(f"{quote[0]}{piece}{quote[1]}")
        if number < len(variables):
            parts.append(variables[number])
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


def _python_pieces(marked: str) -> Iterator[_Piece]:
    """Strings (f-strings whole, also where the tokenizer splits them) and comments."""
    starts = [0]
    for line in marked.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def offset(place: tuple[int, int]) -> int:
        return starts[place[0] - 1] + place[1]

    depth, begun = 0, 0
    for token in tokenize.generate_tokens(io.StringIO(marked).readline):
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            begun = begun if depth else offset(token.start)
            depth += 1
        elif name == "FSTRING_END":
            depth -= 1
            if not depth:
                yield _Piece("string", begun, offset(token.end))
        elif depth:
            continue
        elif token.type == tokenize.STRING:
            yield _Piece("string", offset(token.start), offset(token.end))
        elif token.type == tokenize.COMMENT:
            yield _Piece("comment", offset(token.start), offset(token.end))


def _runs(pieces: list[_Piece], marked: str) -> list[_Piece]:
    """Strings that stand side by side are one string: as one piece, kind ``run``."""
    found: list[_Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        between = marked[last.end : piece.start] if last is not None else "x"
        beside = last is not None and last.kind != "comment" and not between.strip(" \t\\\n")
        # A string on the next line belongs to it only inside brackets; else it is a statement of its own.
        same = beside and ("\n" not in between or "\\" in between or _open(marked[: piece.start]))
        if last is not None and piece.kind == "string" and same:
            found[-1] = _Piece("run", last.start, piece.end)
            continue
        found.append(piece)
    return found


def _open(before: str) -> bool:
    """Whether a bracket is open at the end of ``before``."""
    level = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(before).readline):
            if token.type == tokenize.OP:
                level += (token.string in "([{") - (token.string in ")]}")
    except (tokenize.TokenError, SyntaxError):
        return level > 0
    return level > 0


def _python_run(text: str, names: Mapping[str, str], module: str) -> str:
    wrapped = f"({text})"
    parts: list[str] = []
    at = 1
    for piece in _python_pieces(wrapped):
        if piece.kind != "string":
            return "\0between strings that stand side by side"
        item = wrapped[piece.start : piece.end]
        new = _python_piece(_Text("string", item), names, module) if _MARKED.search(item) else item
        if new.startswith("\0"):
            return new
        parts.append(f"{' +' if parts else ''}{wrapped[at : piece.start] or (' ' if parts else '')}{new}")
        at = piece.end
    return f"({''.join(parts)})"


def _python_piece(piece: _Text, names: Mapping[str, str], module: str) -> str:
    if piece.kind == "code":
        number = _MARKED.findall(piece.text)[0]
        return f'__import__("ast").literal_eval({module}.environ["{names[number]}"])'
    if piece.kind == "run":
        return _python_run(piece.text, names, module)
    match = _PREFIX.match(piece.text)
    if match is None or "b" in match[1].lower():
        return "\0in bytes"
    prefix, delimiter = match[1], match[2]
    body = piece.text[match.end() : -len(delimiter)]
    if "f" in prefix.lower():
        if any(body[: mark.start()].count("{") != body[: mark.start()].count("}") for mark in _MARKED.finditer(body)):
            return "\0inside an expression of an f-string"
        other = "'" if delimiter[0] == '"' else '"'
        plain = module.replace('"', other)
        return _MARKED.sub(lambda mark: f"{{{plain}.environ[{other}{names[mark[1]]}{other}]}}", piece.text)
    pieces = _MARKED.split(body)[::2]
    variables = [f'{module}.environ["{names[number]}"]' for number in _MARKED.findall(body)]
    if any(text.endswith("\\") and not text.endswith("\\\\") for text in pieces[:-1]):
        return "\0after a backslash"
    return _joined(pieces, variables, (prefix + delimiter, delimiter))


def _node_pieces(marked: str) -> Iterator[_Piece]:
    """Strings, templates and comments; a template's expressions belong to it."""
    at = 0
    while at < len(marked):
        pair = marked[at : at + 2]
        if pair == "//" or (at == 0 and pair == "#!"):
            end = marked.find("\n", at)
            end = len(marked) if end < 0 else end
            yield _Piece("shebang" if pair == "#!" else "comment", at, end)
        elif pair == "/*":
            end = marked.find("*/", at)
            end = len(marked) if end < 0 else end + 2
            yield _Piece("comment", at, end)
        elif marked[at] in "'\"`":
            end = at + 1
            while end < len(marked) and marked[end] != marked[at]:
                end += 2 if marked[end] == "\\" else 1
            end = min(end + 1, len(marked))
            yield _Piece("string", at, end)
        elif marked[at] == "/" and re.search(r"(^|[=(,:;!&|?{}\[]|return)\s*$", marked[:at]):
            match = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*").match(marked, at)
            end = match.end() if match else at + 1
            yield _Piece("regex", at, end)
        else:
            end = at + 1
        at = end


def _node_piece(piece: _Text, names: Mapping[str, str]) -> str:
    if piece.kind == "code":
        return f"JSON.parse(process.env.{names[_MARKED.findall(piece.text)[0]]})"
    if piece.kind in ("regex", "shebang"):
        return f"\0in a {'regular expression' if piece.kind == 'regex' else '#! line'}"
    delimiter, body = piece.text[0], piece.text[1:-1]
    if delimiter == "`":
        if any(body[: mark.start()].count("${") != body[: mark.start()].count("}") for mark in _MARKED.finditer(body)):
            return "\0inside an expression of a template"
        return _MARKED.sub(lambda mark: f"${{process.env.{names[mark[1]]}}}", piece.text)
    pieces = _MARKED.split(body)[::2]
    if any(re.search(r"(?<!\\)(?:\\\\)*\\$", text) for text in pieces[:-1]):
        return "\0after a backslash"
    return _joined(pieces, [f"process.env.{names[number]}" for number in _MARKED.findall(body)], (delimiter, delimiter))
