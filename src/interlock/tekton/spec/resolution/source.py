"""What a resolver gives back: an object, and where its bytes came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RefSource:
    """Where a resolved object came from, as in ``status.provenance.refSource`` (v1/provenance.go).

    ``uri`` is ``git+https://…`` (SPDX) for git, an image without tag for bundles, the address for http and hub, the
    path of the API and the uid for cluster; ``digest`` is by algorithm (sha1: the commit; sha256: the content, or the
    image); ``entry_point`` is the path in the repository or the entry's name in the bundle.
    """

    uri: str
    digest: Mapping[str, str] = field(default_factory=dict, hash=False)
    entry_point: str = ""

    def to_object(self) -> dict[str, Any]:
        value = {"uri": self.uri, "digest": dict(self.digest), "entryPoint": self.entry_point}
        return {key: item for key, item in value.items() if item}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> RefSource:
        """The inverse of `to_object`."""
        return cls(str(value.get("uri", "")), dict(value.get("digest") or {}), str(value.get("entryPoint", "")))


@dataclass(frozen=True)
class Fetched:
    """The bytes behind a reference. ``revision`` is what pins it: a commit, an image digest, a version, else ""."""

    data: bytes = field(repr=False)
    source: RefSource | None
    revision: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Resolved:
    """A resolved object: ``object`` is v1 (StepActions v1beta1).

    ``fetched`` is the same before conversion: signatures and policies speak of that one.
    """

    object: dict[str, Any]
    source: RefSource | None
    fetched: dict[str, Any] = field(default_factory=dict)
    data: bytes = field(default=b"", repr=False)
