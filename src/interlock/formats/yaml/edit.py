"""Edits that change or add what is named and keep every other byte, comments and layout included."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

import yaml

from interlock.errors import InputError, Location
from interlock.formats.yaml.dump import dump
from interlock.formats.yaml.load import Path, load, scalar


def set_scalars(text: str, changes: Mapping[Path, str], *, file: str) -> str:
    """``text`` with the string scalars at the given paths replaced.

    Every path must exist and hold a scalar: an edit never adds structure. A value is written plain when every
    dialect reads it back as that string, else double-quoted; a scalar that was quoted stays quoted.
    Raises InputError (``yaml-*``, ``yaml-path``) when ``text`` is not strict YAML or a path is missing.
    """
    load(text, file=file)
    root = yaml.compose(text, Loader=yaml.CSafeLoader)  # the parser that `load` has just read it with
    splices: list[tuple[int, int, str]] = []
    for path, value in changes.items():
        node = _find(root, path, file)
        splices.append((node.start_mark.index, node.end_mark.index, _written(value, quoted=node.style in ("'", '"'))))
    for start, end, written in sorted(splices, reverse=True):
        # An empty plain scalar ("tag:") has no text of its own: keep it apart from its colon.
        gap = " " if start == end and start > 0 and text[start - 1] == ":" else ""
        text = text[:start] + gap + written + text[end:]
    document = load(text, file=file)
    for path, value in changes.items():
        found = document.value
        for step in path:
            found = found[step]
        if found != value:
            raise InputError("yaml-edit", f"{_dotted(path)} does not read back", got=found, expected=value, where=file)
    return text


def append(text: str, path: Path, value: Any, *, file: str) -> str:
    """``text`` with ``value`` as the last item of the list at ``path``; ``[]`` becomes a list of lines.

    Raises InputError (``yaml-*``, ``yaml-path``) when ``text`` is not strict YAML or there is no list.
    """
    node = _compose(text, path, file)
    if not isinstance(node, yaml.SequenceNode):
        raise _no(path, "a list", node, file)
    return _grown(text, path, node, node.value[-1:], dump([value]), json.dumps(value, ensure_ascii=False), file)


def put(text: str, path: Path, key: str, value: Any, *, file: str) -> str:
    """``text`` with a new last ``key`` in the mapping at ``path``, which must not have it. Raises as `append` does."""
    node = _compose(text, path, file)
    if not isinstance(node, yaml.MappingNode) or any(name.value == key for name, _ in node.value):
        raise _no(path, f"a mapping without {key}", node, file)
    flow = json.dumps({key: value}, ensure_ascii=False)[1:-1]
    return _grown(text, path, node, [item for pair in node.value[-1:] for item in pair], dump({key: value}), flow, file)


def _compose(text: str, path: Path, file: str) -> yaml.Node | None:
    load(text, file=file)
    return _walk(yaml.compose(text, Loader=yaml.CSafeLoader), path, file)


def _grown(
    text: str, path: Path, node: yaml.CollectionNode, last: list[yaml.Node], block: str, flow: str, file: str
) -> str:
    """``text`` with one more entry in the collection ``node`` at ``path``, whose last nodes are ``last``."""
    if node.flow_style and last:
        at = _end(last[-1])
        grown = f"{text[:at]}, {flow}{text[at:]}"
    elif node.flow_style:
        # Below the line, at the next step of indentation: what stands behind the brackets may be a comment.
        line = text[text.rfind("\n", 0, node.start_mark.index) + 1 :]
        indent = (len(line) - len(line.lstrip(" "))) + 2
        before, after = text[: node.start_mark.index].rstrip(" "), text[node.end_mark.index :]
        rest, newline, below = after.partition("\n")
        grown = f"{before}{rest}\n{textwrap.indent(block, ' ' * indent)}{below if newline else ''}"
    else:
        at = _end(last[-1])
        if at == 0 or text[at - 1] != "\n":  # a block scalar ends behind its line
            at = text.find("\n", at) + 1 or len(text)
        ended = "" if at == 0 or text[at - 1] == "\n" else "\n"
        grown = f"{text[:at]}{ended}{textwrap.indent(block, ' ' * node.start_mark.column)}{text[at:]}"
    wanted, added = load(text, file=file).value, load(block, file=file).value
    inner = wanted
    for step in path:
        inner = inner[step]
    inner.extend(added) if isinstance(inner, list) else inner.update(added)
    if load(grown, file=file).value != wanted:
        raise InputError("yaml-edit", f"{_dotted(path)} cannot be added to", where=Location(file))
    return grown


def _end(node: yaml.Node) -> int:
    """Where its text ends: a block collection reaches, by its own mark, to the next token."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _no(path: Path, wanted: str, node: yaml.Node | None, file: str) -> InputError:
    where = Location(file, node.start_mark.line + 1, node.start_mark.column + 1) if node else Location(file)
    return InputError("yaml-path", f"{_dotted(path)} is not {wanted}", where=where)


def _find(node: yaml.Node | None, path: Path, file: str) -> yaml.ScalarNode:
    node = _walk(node, path, file)
    if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
        raise _no(path, "a one-line scalar", node, file)
    return node


def _walk(node: yaml.Node | None, path: Path, file: str) -> yaml.Node | None:
    walked: list[str | int] = []
    for step in path:
        walked.append(step)
        match node:
            case yaml.MappingNode():
                node = next((value for key, value in node.value if key.value == step), None)
            case yaml.SequenceNode() if isinstance(step, int) and step < len(node.value):
                node = node.value[step]
            case _:
                node = None
        if node is None:
            raise InputError("yaml-path", f"no value at {_dotted(tuple(walked))}", where=Location(file))
    return node


def _written(value: str, *, quoted: bool) -> str:
    return value if not quoted and _reads_back_plain(value) else json.dumps(value, ensure_ascii=False)


def _reads_back_plain(value: str) -> bool:
    if "\n" in value or " #" in value or ": " in value:
        return False
    try:
        node = yaml.compose(value, Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.ScalarNode) or node.style or node.end_mark.index != len(value):
            return False
        return scalar(node, "") == value
    except (yaml.YAMLError, InputError):
        return False


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)
