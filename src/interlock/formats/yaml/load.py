"""The strict loader: duplicate keys, anchors, merge keys, tags and ambiguous plain scalars are refused."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml

from interlock.errors import InputError, Location

Path = tuple[str | int, ...]

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 100

# Plain scalars that all dialects read alike.
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"^[-+]?(0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"^[-+]?(0|[1-9][0-9]*)\.[0-9]+$")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # goyaml.v2/resolve.go: beyond these it makes a float of an integer
_DIGITS = len(str(_SMALLEST)) + 1

# Plain scalars that at least one dialect does not read as a string (goyaml.v2/resolve.go, PyYAML's and 1.2's tables).
_AMBIGUOUS = re.compile(
    r"""^(
        y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF          # 1.1 booleans
      | [-+]?0[0-9_]+ | [-+]?0[oO][0-7_]+ | [-+]?0[xX][0-9a-fA-F_]+ | [-+]?0[bB][01_]+   # octal, hex, binary
      | [-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?                       # digits with underscores
      | [-+]?(\.[0-9]+|[0-9]+\.)                                    # .5  5.
      | [-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)[eE][-+]?[0-9]+     # 1e3  12345678e90
      | [-+]?0[0-9]+\.[0-9]*                                        # 01.5
      | [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?                # base 60
      | [-+]?\.(inf|Inf|INF) | \.(nan|NaN|NAN)
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt\ ].*)?                    # dates
      | = | <<
    )$""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Document:
    """One document: plain values (dict, list, str, int, float, bool, None) and where each of them stands."""

    value: Any
    file: str
    positions: Mapping[Path, Location]

    def where(self, *path: str | int) -> Location:
        """Position of the value at ``path``, or of its nearest existing parent."""
        for end in range(len(path), -1, -1):
            if (found := self.positions.get(tuple(path[:end]))) is not None:
                return found
        return Location(self.file)


def load(text: str | bytes, *, file: str) -> Document:
    """The single document of ``text``. ``file`` is the name used in errors.

    Raises InputError (codes ``yaml-*``) with file:line:column.
    """
    documents = list(load_all(text, file=file))
    if len(documents) != 1:
        second = documents[1].where() if documents else Location(file, 1, 1)
        raise InputError("yaml-documents", "one document per file here", got=len(documents), expected=1, where=second)
    return documents[0]


def load_all(text: str | bytes, *, file: str) -> Iterator[Document]:
    """Every document of ``text``; empty ones (comments only) are left out."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError("yaml-encoding", "not UTF-8", got=str(error), where=file) from error
    if len(text) > MAX_BYTES:
        raise InputError("yaml-size", "file too large", got=len(text), expected=f"<= {MAX_BYTES}", where=file)
    _refuse_deep_flow(text, file)
    try:
        documents = list(_documents(text, file))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
        raise InputError("yaml-syntax", error.problem or error.context or "malformed YAML", where=where) from error
    except yaml.YAMLError as error:
        raise InputError("yaml-syntax", " ".join(str(error).split()), where=file) from error
    except RecursionError as error:
        raise InputError("yaml-depth", "nested too deeply", expected=f"<= {MAX_DEPTH} levels", where=file) from error
    yield from documents  # none before the last is read: a fault anywhere refuses all


def _refuse_deep_flow(text: str, file: str) -> None:
    """Guard the C parser and what composes its events against a stack overflow in flow collections."""
    depth = 0
    for match in re.finditer(r"[\[{}\]]", text):
        depth = depth + 1 if match.group() in "[{" else max(0, depth - 1)
        if depth > 10 * MAX_DEPTH:
            raise InputError("yaml-depth", "nested too deeply", expected=f"<= {MAX_DEPTH} levels", where=file)


@dataclass(frozen=True, slots=True)
class _Positions(Mapping[Path, Location]):
    """Where values stand; a `Location` is made when it is asked for, for most never are."""

    file: str
    marks: dict[Path, tuple[int, int]]

    def __getitem__(self, path: Path) -> Location:
        line, column = self.marks[path]
        return Location(self.file, line, column)

    def __iter__(self) -> Iterator[Path]:
        return iter(self.marks)

    def __len__(self) -> int:
        return len(self.marks)


def _events(text: str) -> Iterator[yaml.Event]:
    return yaml.parse(text, Loader=yaml.CSafeLoader)


def _refuse(event: yaml.Event) -> None:
    """Refuse what a composer would resolve."""
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise _marked("anchors and aliases are not allowed: write the value out", event)
    if tag := getattr(event, "tag", None):
        raise _marked(f"tag {tag!r} is not allowed", event)


def _marked(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=cast(yaml.Mark, event.start_mark))


def _where(event: yaml.Event | yaml.Node, file: str) -> Location:
    mark = cast(yaml.Mark, event.start_mark)
    return Location(file, mark.line + 1, mark.column + 1)


@dataclass(slots=True)
class _Level:
    """An open collection: where its next value goes."""

    path: Path
    items: Any
    key: str | None = None


def _documents(text: str, file: str) -> Iterator[Document]:
    """The documents, built straight from events: the composer's implicit typing is what takes the time, and unused."""
    for event in _events(text):
        _refuse(event)  # that all of the text is YAML, and of our kind, comes before what it says
    for event in (events := _events(text)):
        if isinstance(event, yaml.DocumentStartEvent):
            marks: dict[Path, tuple[int, int]] = {}
            yield Document(_value(events, file, marks), file, _Positions(file, marks))


def _value(events: Iterator[yaml.Event], file: str, marks: dict[Path, tuple[int, int]]) -> Any:
    """The value that the next events describe, up to the end of its document."""
    root: Any = None
    levels: list[_Level] = []
    for event in events:
        if isinstance(event, yaml.DocumentEndEvent):
            break
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            continue
        level = levels[-1] if levels else None
        if level is not None and isinstance(level.items, dict) and level.key is None:
            level.key = _key(event, level.items, file)
            continue
        path: Path = ()
        if level is not None:
            path = (*level.path, len(level.items) if level.key is None else level.key)
        mark = cast(yaml.Mark, event.start_mark)
        marks[path] = (mark.line + 1, mark.column + 1)
        if len(path) > MAX_DEPTH:
            where = _where(event, file)
            raise InputError("yaml-depth", "nested too deeply", expected=f"<= {MAX_DEPTH} levels", where=where)
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = scalar(event, file)
        else:
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
        if level is None:
            root = value
        elif level.key is None:
            level.items.append(value)
        else:
            level.items[level.key] = value
            level.key = None
        if not isinstance(event, yaml.ScalarEvent):
            levels.append(_Level(path, value))
    return root


def _key(event: yaml.Event, taken: Mapping[str, Any], file: str) -> str:
    key = scalar(event, file) if isinstance(event, yaml.ScalarEvent) else None
    if not isinstance(key, str):
        got = event.value if isinstance(event, yaml.ScalarEvent) else "a collection"
        raise InputError("yaml-key", "a key must be a string", got=got, where=_where(event, file), todo="quote the key")
    if key in taken:
        raise InputError("yaml-duplicate-key", f"key {key!r} appears twice", where=_where(event, file))
    return key


def scalar(node: yaml.ScalarNode | yaml.ScalarEvent, file: str) -> str | int | float | bool | None:
    """The value of a scalar that every dialect reads alike; the errors of `plain` otherwise."""
    text = str(node.value)
    if node.style in ("'", '"', "|", ">"):
        return text
    return plain(text, _where(node, file))


def plain(text: str, where: Location) -> str | int | float | bool | None:
    """The value of a plain scalar; InputError ``yaml-ambiguous`` where the dialects differ, ``yaml-number`` where not
    all of them can hold the number."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text):
        # Python refuses to convert thousands of digits, so they are counted first.
        if len(text) > _DIGITS or not _SMALLEST <= (number := int(text)) <= _LARGEST:
            raise _number(text, where, expected="an integer of 64 bits")
        return number
    if _FLOAT.match(text):
        if math.isinf(value := float(text)):
            raise _number(text, where, expected="a float of 64 bits")
        return value
    if _AMBIGUOUS.match(text):
        raise InputError(
            "yaml-ambiguous",
            "YAML dialects read this plain scalar differently",
            got=text,
            where=where,
            todo=f'quote it: "{text}"',
        )
    return text


def _number(text: str, where: Location, *, expected: str) -> InputError:
    got = text if len(text) <= _DIGITS else f"{len(text)} characters"
    return InputError("yaml-number", "the number is too large", got=got, expected=expected, where=where)


def dotted(path: Path) -> str:
    """``spec.steps[0].image`` from a path."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
