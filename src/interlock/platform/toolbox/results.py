"""Tekton results: small files whose paths the Task hands in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from interlock.errors import InputError
from interlock.platform.toolbox.world import World


class Results:
    """Where each result goes. A result that the Task does not declare is not written, and that is no error."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = dict(paths)

    @classmethod
    def parse(cls, arguments: list[str]) -> Results:
        """From ``NAME=PATH`` arguments. Raises InputError ``result-argument``."""
        paths: dict[str, Path] = {}
        for argument in arguments:
            name, equals, path = argument.partition("=")
            if not name or not equals or not path:
                raise InputError("result-argument", "not a result", got=argument, expected="NAME=PATH")
            paths[name] = Path(path)
        return cls(paths)

    def write(self, name: str, value: str | Mapping[str, object]) -> None:
        """Without a trailing newline: Tekton takes content verbatim. A mapping becomes compact JSON."""
        if (path := self._paths.get(name)) is not None:
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
            path.write_text(text, encoding="utf-8")

    def tool(self, world: World, name: str) -> None:
        """The result TOOL, and the engine's list of tools: ``name version`` of what really ran."""
        self.write("TOOL", name)
        world.ran(name)
