"""What an image is made of, and how each thing was recognised."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote


class Identity(StrEnum):
    """Where a component's name and version are from; only the first two are certain about the group."""

    WORKSPACE = "workspace"
    """An ACE project, as the BAR names it."""
    POM = "pom.properties"
    MANIFEST = "manifest"
    FILE_NAME = "file-name"


@dataclass(frozen=True, slots=True)
class Component:
    """One component and every place where exactly it was found."""

    kind: str
    """CycloneDX component type: application, library."""
    name: str
    version: str
    """Empty when nothing says it."""
    group: str
    """Maven group; empty when it is not known for sure."""
    sha256: str
    """Of the file (hexadecimal); for a component inside a shaded jar that of the jar."""
    identity: Identity
    locations: tuple[str, ...]
    """Paths of archives joined with ``!/``: ``payments.bar!/Payments.appzip!/log4j-core.jar``."""
    guessed_group: str = ""
    """What the manifest suggests; not certain enough to rule an advisory out."""

    @property
    def possible(self) -> bool:
        """Whether the group is unknown: an advisory for the same artifact may or may not be about this component."""
        return self.identity in (Identity.MANIFEST, Identity.FILE_NAME)

    @property
    def purl(self) -> str:
        """Package URL (package-url/purl-spec): ``pkg:maven`` needs a group, ``pkg:generic`` stands for a guess."""
        version = f"@{_encode(self.version)}" if self.version else ""
        if self.group:
            return f"pkg:maven/{_encode(self.group)}/{_encode(self.name)}{version}"
        return f"pkg:generic/{_encode(self.name)}{version}"


def _encode(part: str) -> str:
    return quote(part, safe=":")
