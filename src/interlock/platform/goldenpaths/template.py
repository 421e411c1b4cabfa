"""Templates: files with ``@{name}`` in paths and contents, and nothing that could decide or repeat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable

from interlock.errors import InputError

_PLACEHOLDER = re.compile(r"@\{([\w.-]+)\}")


def fill(text: str, values: Mapping[str, str], *, where: str) -> str:
    """``text`` with every placeholder replaced. Raises InputError ``template-placeholder`` for one without a value."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            known = ", ".join(sorted(values))
            raise InputError("template-placeholder", "no such placeholder", got=found[0], expected=known, where=where)
        return values[found[1]]

    return _PLACEHOLDER.sub(value, text)


def render(folder: Traversable, values: Mapping[str, str]) -> dict[str, bytes]:
    """Every file below ``folder``, path -> bytes, sorted by path. Raises as `fill`; InputError ``template-encoding``.

    ``@{dot}`` at the start of a file name stands for a dot.
    """
    known = {**values, "dot": "."}
    rendered = {}
    for path, file in _files(folder, ""):
        try:
            text = file.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise InputError("template-encoding", "not UTF-8", got=str(error), where=path) from error
        rendered[fill(path, known, where=path)] = fill(text, known, where=path).encode()
    return dict(sorted(rendered.items()))


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _files(item, f"{prefix}{item.name}/")
        else:
            yield f"{prefix}{item.name}", item
