"""Look inside BARs and jars: BAR > appzip > libzip > jar > jar, with the limits of `interlock.formats.ace.archive`."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from interlock.formats.ace import archive
from interlock.formats.sbom.component import Component, Identity

_POM = re.compile(r"^META-INF/maven/[^/]+/[^/]+/pom\.properties$")
_NAMED = re.compile(r"^(?P<name>.+?)-(?P<version>\d[\w.+-]*)$")
_GROUP = re.compile(r"^[a-z][\w-]*(\.[\w-]+)+$")
_JARS = (".jar", ".war", ".ear")
_PROJECTS = (".appzip", ".shlibzip", ".libzip")


def inventory(data: bytes, *, where: str, limits: archive.Limits | None = None) -> tuple[Component, ...]:
    """The components in an archive (``where`` is its name), sorted; one found at several places is listed once.

    Raises InputError ``archive-*``: an archive that cannot be read could hold anything.
    """
    found: dict[tuple[str, str, str, str, str], Component] = {}
    for item in archive.walk(data, where=where, limits=limits):
        for component in _components(item):
            key = (component.kind, component.group, component.name, component.version, component.sha256)
            known = found.get(key)
            found[key] = replace(known, locations=(*known.locations, *component.locations)) if known else component
    return tuple(
        replace(component, locations=tuple(sorted(set(component.locations)))) for _, component in sorted(found.items())
    )


def _components(item: archive.Archive) -> Iterator[Component]:
    name, suffix = posixpath.splitext(posixpath.basename(item.path))
    digest = hashlib.sha256(item.data).hexdigest()
    if suffix in _PROJECTS:
        kind = "application" if suffix == ".appzip" else "library"
        yield Component(kind, name, "", "", digest, Identity.WORKSPACE, (item.path,))
    elif suffix.lower() in _JARS:
        yield from _jar(name, item.files, digest, item.path)


def _jar(name: str, files: Mapping[str, bytes], digest: str, path: str) -> Iterator[Component]:
    poms = [_properties(data) for file, data in files.items() if _POM.match(file)]
    named = _NAMED.match(name)
    base = named["name"] if named else name
    own = [pom for pom in poms if pom.get("artifactId") and pom.get("groupId")]
    for pom in own:
        yield Component(
            "library", pom["artifactId"], pom.get("version", ""), pom["groupId"], digest, Identity.POM, (path,)
        )
    if len(own) == 1 or any(pom["artifactId"] in (base, name) for pom in own):
        return
    # No pom of its own, or only those of what was shaded into it: then the jar itself is still to be named.
    manifest = _manifest(files.get("META-INF/MANIFEST.MF", b""))
    version = manifest.get("implementation-version") or manifest.get("bundle-version") or ""
    vendor = manifest.get("implementation-vendor-id", "")
    if version:
        guess = vendor if _GROUP.match(vendor) else ""
        yield Component("library", base, version, "", digest, Identity.MANIFEST, (path,), guessed_group=guess)
    else:
        yield Component("library", base, named["version"] if named else "", "", digest, Identity.FILE_NAME, (path,))


def _properties(data: bytes) -> dict[str, str]:
    lines = (line.strip() for line in data.decode("latin-1").splitlines())
    pairs = (line.partition("=") for line in lines if line and line[0] not in "#!")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _manifest(data: bytes) -> dict[str, str]:
    """Main attributes, keys in lower case (JAR File Specification: lines continue with one space)."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").replace("\n ", "")
    main = text.partition("\n\n")[0]
    pairs = (line.partition(":") for line in main.split("\n") if ":" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}
