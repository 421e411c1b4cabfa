"""Edits that change the named scalars and keep every other byte, comments and layout included."""

from __future__ import annotations

import json
from collections.abc import Mapping

import yaml

from interlock.errors import InputError, Location
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


def _find(node: yaml.Node | None, path: Path, file: str) -> yaml.ScalarNode:
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
    if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
        where = Location(file, node.start_mark.line + 1, node.start_mark.column + 1) if node else Location(file)
        raise InputError("yaml-path", f"{_dotted(path)} is not a one-line scalar", where=where)
    return node


def _written(value: str, *, quoted: bool) -> str:
    return value if not quoted and reads_back_plain(value) else json.dumps(value, ensure_ascii=False)


def reads_back_plain(value: str) -> bool:
    """Whether every dialect reads the plain scalar as this text."""
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
