"""From a path as upstream prints it to the place in the document that was written.

Upstream's paths name elements by their ``name`` (``params[url]``), differ in case (``MountPath``), lack parents (steps
of an inline task) or repeat them. What can be followed is followed; what cannot is passed over, so that the place is
the nearest one that exists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.formats import yaml

_TOKEN = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
_THROUGH = ("taskSpec", "pipelineSpec", "value")


def locate(value: Mapping[str, Any], path: str, near: yaml.Path = ()) -> yaml.Path:
    """The place of ``path`` in ``value``, looked for around ``near`` first."""
    walk = _Walk(value)
    for part in near:
        if not walk.enter(part):
            break
    tokens = [(match[1] if match[1] is not None else match[2], match[1] is not None) for match in _TOKEN.finditer(path)]
    if near and tokens and tokens[0][0] == "spec":
        tokens = tokens[1:]
    for position, (token, bracketed) in enumerate(tokens):
        walk.follow(token, bracketed, [item for item, _ in tokens[position + 1 : position + 3]])
    return walk.path


class _Walk:
    def __init__(self, root: Any) -> None:
        self.path: yaml.Path = ()
        self._nodes = [root]

    def enter(self, part: str | int) -> bool:
        node = self._nodes[-1]
        known = part in node if isinstance(node, Mapping) else isinstance(part, int) and _has(node, part)
        if known:
            self.path = (*self.path, part)
            self._nodes.append(node[part])
        return known

    def follow(self, token: str, bracketed: bool, after: Sequence[str]) -> None:
        node = self._nodes[-1]
        if isinstance(node, list):
            self._element(node, token, after)
        elif isinstance(node, Mapping):
            found = self._field(node, token) or self._through(node, token)
            if not found and not bracketed:
                self._ancestor(token)

    def _element(self, node: list[Any], token: str, after: Sequence[str]) -> None:
        if token.isdigit() and self.enter(int(token)):
            return
        wanted = [token, *(".".join((token, *after[:count])) for count in range(1, len(after) + 1))]
        for index, item in enumerate(node):
            if isinstance(item, Mapping) and item.get("name") in wanted:
                self.enter(index)
                return

    def _field(self, node: Mapping[str, Any], token: str) -> bool:
        alike = (token.lower(), f"{token.lower()}s")
        name = token if token in node else next((name for name in node if str(name).lower() in alike), None)
        return name is not None and self.enter(name)

    def _through(self, node: Mapping[str, Any], token: str) -> bool:
        inner = next((name for name in _THROUGH if isinstance(node.get(name), Mapping) and token in node[name]), None)
        return inner is not None and all((self.enter(inner), self.enter(token)))

    def _ancestor(self, token: str) -> None:
        for depth in range(len(self._nodes) - 1, 0, -1):
            node = self._nodes[depth - 1]
            if isinstance(node, Mapping) and token in node:
                self.path, self._nodes = self.path[: depth - 1], self._nodes[:depth]
                self.enter(token)
                return


def _has(node: Any, index: int) -> bool:
    return isinstance(node, list) and 0 <= index < len(node)
