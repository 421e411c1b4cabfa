"""The strict loader: duplicate keys, anchors, merge keys, tags and ambiguous plain scalars are refused."""

from __future__ import annotations

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
        yield from (_document(node, file) for node in _compose_all(text) if node is not None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
        raise InputError("yaml-syntax", error.problem or error.context or "malformed YAML", where=where) from error
    except yaml.YAMLError as error:
        raise InputError("yaml-syntax", " ".join(str(error).split()), where=file) from error
    except RecursionError as error:
        raise InputError("yaml-depth", "nested too deeply", expected=f"<= {MAX_DEPTH} levels", where=file) from error


def _refuse_deep_flow(text: str, file: str) -> None:
    """Guard the C composer, which recurses on flow collections, against a stack overflow."""
    depth = 0
    for match in re.finditer(r"[\[{}\]]", text):
        depth = depth + 1 if match.group() in "[{" else max(0, depth - 1)
        if depth > 10 * MAX_DEPTH:
            raise InputError("yaml-depth", "nested too deeply", expected=f"<= {MAX_DEPTH} levels", where=file)


def _compose_all(text: str) -> Iterator[yaml.Node | None]:
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _marked("anchors and aliases are not allowed: write the value out", event)
        if tag := getattr(event, "tag", None):
            raise _marked(f"tag {tag!r} is not allowed", event)
    loader = yaml.CSafeLoader(text)
    try:
        while loader.check_node():
            yield loader.get_node()
    finally:
        loader.dispose()


def _marked(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=cast(yaml.Mark, event.start_mark))


def _document(root: yaml.Node, file: str) -> Document:
    positions: dict[Path, Location] = {}
    value = _value(root, (), file, positions)
    return Document(value=value, file=file, positions=positions)


def _value(node: yaml.Node, path: Path, file: str, positions: dict[Path, Location]) -> Any:
    where = Location(file, node.start_mark.line + 1, node.start_mark.column + 1)
    positions[path] = where
    if len(path) > MAX_DEPTH:
        raise InputError("yaml-depth", "nested too deeply", expected=f"<= {MAX_DEPTH} levels", where=where)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_where = Location(file, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            key = scalar(key_node, file) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                raise InputError(
                    "yaml-key", "a key must be a string", got=key_node.value, where=key_where, todo="quote the key"
                )
            if key in result:
                raise InputError("yaml-duplicate-key", f"key {key!r} appears twice", where=key_where)
            result[key] = _value(value_node, (*path, key), file, positions)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), file, positions) for index, item in enumerate(node.value)]
    return scalar(cast(yaml.ScalarNode, node), file)


def scalar(node: yaml.ScalarNode, file: str) -> str | int | float | bool | None:
    """The value of a scalar that every dialect reads alike; InputError ``yaml-ambiguous`` otherwise."""
    text = str(node.value)
    if node.style in ("'", '"', "|", ">"):
        return text
    return plain(text, Location(file, node.start_mark.line + 1, node.start_mark.column + 1))


def plain(text: str, where: Location) -> str | int | float | bool | None:
    """The value of a plain scalar; InputError ``yaml-ambiguous`` where the dialects differ."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    if _AMBIGUOUS.match(text):
        raise InputError(
            "yaml-ambiguous",
            "YAML dialects read this plain scalar differently",
            got=text,
            where=where,
            todo=f'quote it: "{text}"',
        )
    return text
