"""Templates: package data with ``@{name}`` in paths and contents, and nothing that could decide or repeat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from interlock.errors import InternalError

_PLACEHOLDER = re.compile(r"@\{(\w+)\}")


def render(template: str, values: Mapping[str, str]) -> dict[str, bytes]:
    """Every file of a template (``ace-flow/app``), path -> bytes, sorted by path.

    ``@{dot}`` at the start of a file name stands for a dot. Raises InternalError ``template-placeholder`` for a name
    that has no value: a template and its caller do not fit together.
    """
    known = {**values, "dot": "."}

    def fill(text: str) -> str:
        def value(found: re.Match[str]) -> str:
            if found.group(1) not in known:
                raise InternalError(
                    "template-placeholder", "no value for a placeholder", got=found.group(), where=template
                )
            return known[found.group(1)]

        return _PLACEHOLDER.sub(value, text)

    root = files("interlock.platform.goldenpaths") / "templates"
    for part in template.split("/"):
        root = root / part
    rendered = {fill(path): fill(file.read_text(encoding="utf-8")).encode() for path, file in _files(root, "")}
    return dict(sorted(rendered.items()))


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _files(item, f"{prefix}{item.name}/")
        else:
            yield f"{prefix}{item.name}", item
