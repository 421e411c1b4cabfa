"""Entries of mappings, set and removed in a text that keeps every other byte, comments and layout included."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from interlock.errors import InputError, Location
from interlock.formats.yaml.edit import reads_back_plain
from interlock.formats.yaml.load import dotted, load, load_all

Keys = tuple[str, ...]
Value = str | int | float | bool | None
_EMPTY = ("", "~", "null", "Null", "NULL", "{}")


def set_entries(text: str, changes: Mapping[Keys, Value], *, remove: Iterable[Keys] = (), file: str) -> str:
    """``text`` with the scalars at ``changes`` written, in new mappings where there are none, and those at ``remove``
    taken out. A scalar that was quoted stays quoted.

    Raises InputError: ``yaml-*`` when ``text`` is not strict YAML, ``yaml-path`` where the way to a key leads through
    something else than mappings, where it holds a collection, or where nothing is to be removed, ``yaml-edit`` where
    the edit would not read back.
    """
    for keys in remove:
        text = _edited(text, keys, None, file, remove=True)
    for keys, value in changes.items():
        text = _edited(text, keys, value, file)
    return text


def _edited(text: str, keys: Keys, value: Value, file: str, *, remove: bool = False) -> str:
    documents = list(load_all(text, file=file))
    before: Any = load(text, file=file).value if documents else {}
    wanted = _wanted(before, keys, value, file, remove=remove)
    if documents and wanted == before and _same(wanted, before):
        return text
    root = yaml.compose(text, Loader=yaml.CSafeLoader) if documents else None
    made = _without(text, root, keys) if remove else _with(text, root, keys, value)
    got = load(made, file=file).value
    if not _same(got, wanted):
        where = Location(file)
        raise InputError("yaml-edit", f"{dotted(keys)} cannot be edited without other bytes", where=where)
    return made


def _same(one: Any, other: Any) -> bool:
    """Equal in value and type: true is not 1."""
    return json.dumps(one) == json.dumps(other)


def _wanted(document: Any, keys: Keys, value: Value, file: str, *, remove: bool) -> Any:
    """The document as it must read back."""
    wanted = copy.deepcopy(document)
    holder = wanted
    for depth, key in enumerate(keys):
        if not isinstance(holder, dict):
            raise InputError("yaml-path", f"{dotted(keys[:depth])} is no mapping", where=Location(file))
        if remove and key not in holder:
            raise InputError("yaml-path", f"no value at {dotted(keys)}", where=Location(file))
        if depth == len(keys) - 1:
            break
        if holder.get(key) is None:
            holder[key] = {}
        holder = holder[key]
    if remove:
        del holder[keys[-1]]
    elif isinstance(holder.get(keys[-1]), dict | list) and holder[keys[-1]]:
        raise InputError("yaml-path", f"{dotted(keys)} holds more than one value", where=Location(file))
    else:
        holder[keys[-1]] = value
    return wanted


def _with(text: str, root: yaml.Node | None, keys: Keys, value: Value) -> str:
    """Splices of the text; what does not read back is refused by who calls."""
    holder, name, node = None, None, root
    for depth, key in enumerate(keys):
        found = _entry(node, key)
        if found is None:
            return _added(text, holder, name, node, keys[depth:], value)
        holder, (name, node) = node, found
    quoted = isinstance(node, yaml.ScalarNode) and node.style in ("'", '"')
    start, end = _span(node)
    gap = " " if start == end and text[start - 1 : start] == ":" else ""
    return text[:start] + gap + _scalar(value, quoted=quoted) + text[end:]


def _added(
    text: str, holder: yaml.Node | None, name: yaml.Node | None, node: yaml.Node | None, keys: Keys, value: Value
) -> str:
    """``keys`` below ``node``, which has none of them."""
    line = "\r\n" if "\r\n" in text else "\n"
    if isinstance(node, yaml.MappingNode) and node.value:
        if node.flow_style:
            end = _span(node.value[-1][1])[1]
            return f"{text[:end]}, {_flow(keys, value)}{text[end:]}"
        at, indent = _line_end(text, _end(text, node)), node.value[0][0].start_mark.column
        return text[:at] + line + _block(keys, value, indent, line) + text[at:]
    if node is None or name is None:
        # A document of comments alone, or of an empty mapping.
        start, end = _span(node) if node else (len(text), len(text))
        head = text[:start] + ("" if not text[:start] or text[:start].endswith("\n") else line)
        return head + _block(keys, value, 0, line) + (text[end:] or line)
    start, end = _span(node)
    if isinstance(holder, yaml.MappingNode) and holder.flow_style:
        return f"{text[:start]}{{{_flow(keys, value)}}}{text[end:]}"
    # An empty value in block style becomes lines of its own, after what else stands on its line.
    if start == end:
        start = end = text.index(":", _span(name)[1]) + 1
    text = text[:start].rstrip(" ") + text[end:] if start != end else text
    at = _line_end(text, text.index(":", _span(name)[1]) + 1)
    return text[:at] + line + _block(keys, value, name.start_mark.column + 2, line) + text[at:]


def _without(text: str, root: yaml.Node | None, keys: Keys) -> str:
    holder: yaml.Node | None = None
    above: yaml.Node | None = None
    name: yaml.Node | None = None
    node = root
    for key in keys:
        above, (holder, (name, node)) = name, (node, _entry(node, key) or (name, node))
    if not isinstance(holder, yaml.MappingNode) or name is None or node is None:
        return text
    index = next(i for i, (key, _) in enumerate(holder.value) if key is name)
    if holder.flow_style:
        start, end = _span(name)[0], _span(node)[1]
        if index + 1 < len(holder.value):
            end = _span(holder.value[index + 1][0])[0]
        elif index:
            start = _span(holder.value[index - 1][1])[1]
        return text[:start] + text[end:]
    start = text.rfind("\n", 0, _span(name)[0]) + 1
    end = _line_end(text, _end(text, node) if _span(node)[0] != _span(node)[1] else text.index(":", _span(name)[1]))
    end = text.find("\n", end) + 1 or len(text)
    made = text[:start] + text[end:]
    if len(holder.value) == 1 and above is not None:
        at = text.index(":", _span(above)[1]) + 1
        made = made[:at] + " {}" + made[at:]
    return made


def _entry(node: yaml.Node | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((item for item in node.value if item[0].value == key), None)


def _span(node: yaml.Node | None) -> tuple[int, int]:
    return (node.start_mark.index, node.end_mark.index) if node else (0, 0)


def _end(text: str, node: yaml.Node) -> int:
    """Where the last scalar or flow collection in ``node`` ends; a block's own mark stands where the next begins."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        if isinstance(last, tuple):
            key, last = last
            if _span(last)[0] == _span(last)[1]:
                return text.index(":", _span(key)[1]) + 1
        node = last
    start, end = _span(node)
    return start + len(text[start:end].rstrip()) if isinstance(node, yaml.ScalarNode) and node.style in "|>" else end


def _line_end(text: str, index: int) -> int:
    """Before the line break of the line of ``index``."""
    end = text.find("\n", index)
    end = len(text) if end < 0 else end
    return end - 1 if text[end - 1 : end] == "\r" and end > index else end


def _block(keys: Keys, value: Value, indent: int, line: str) -> str:
    lines = [f"{' ' * (indent + 2 * depth)}{_scalar(key)}:" for depth, key in enumerate(keys)]
    return f"{line.join(lines)} {_scalar(value)}"


def _flow(keys: Keys, value: Value) -> str:
    head = ": {".join(map(_scalar, keys))
    return f"{head}: {_scalar(value, flow=True)}{'}' * (len(keys) - 1)}"


def _scalar(value: Value, *, quoted: bool = False, flow: bool = False) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    plain = reads_back_plain(value) and not (flow and any(sign in value for sign in ",[]{}"))
    return value if plain and not quoted else json.dumps(value, ensure_ascii=False)
