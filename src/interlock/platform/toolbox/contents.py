"""What is in an image: every archive in its layers, looked into."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.formats import osv, sbom
from interlock.formats.ace import archive
from interlock.formats.sbom import Component, Identity


def components(files: Mapping[str, bytes]) -> tuple[Component, ...]:
    """The components of every BAR and jar among the image's files (path -> bytes), sorted by where they are.

    Raises InputError ``archive-*``: what cannot be read could hold anything.
    """
    found: list[Component] = []
    for path, data in sorted(files.items()):
        if path.lower().endswith(archive.NESTED):
            found.extend(sbom.inventory(data, where=path))
    return _merged(found)


def _merged(found: list[Component]) -> tuple[Component, ...]:
    merged: dict[tuple[str, str, str], Component] = {}
    for item in found:
        key = (item.purl, item.kind, item.sha256)
        known = merged.get(key)
        places = (*known.locations, *item.locations) if known else item.locations
        merged[key] = Component(
            item.kind, item.name, item.version, item.group, item.sha256, item.identity, places, item.guessed_group
        )
    return tuple(merged[key] for key in sorted(merged))


def packages(found: tuple[Component, ...]) -> list[osv.Package]:
    """What advisories can be matched against: the Java libraries. A library whose group is a guess is matched by its
    artifact name, and a hit on it is ``possible``.
    """
    return [
        osv.Package("Maven", f"{item.group}:{item.name}" if item.group else item.name, item.version, bool(item.group))
        for item in found
        if item.kind == "library" and item.identity is not Identity.WORKSPACE
    ]
