"""Versions of the ecosystems that are matched; what cannot be ordered is None, which is unknown and never "not hit"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from packaging.version import InvalidVersion, Version

from interlock.formats.osv.maven import MavenVersion


class Ordered(Protocol):
    """A version that orders against others of its ecosystem."""

    def __lt__(self, other: Any, /) -> bool: ...
    def __le__(self, other: Any, /) -> bool: ...


_PARSERS: Final[dict[str, Callable[[str], Ordered]]] = {"Maven": MavenVersion, "PyPI": Version}
ECOSYSTEMS: Final = tuple(_PARSERS)
"""Names as OSV writes them (ossf/osv-schema, docs/schema.md "affected[].package.ecosystem")."""


def parse(ecosystem: str, text: str) -> Ordered | None:
    """The version, or None where this ecosystem's rules do not give it a place: PyPI versions from before PEP 440,
    Maven property placeholders such as ``${project.version}``, an ecosystem that is not known here.
    """
    parser = _PARSERS.get(ecosystem)
    if parser is None or "${" in text:
        return None
    try:
        return parser(text)
    except (ValueError, InvalidVersion, RecursionError):
        return None
