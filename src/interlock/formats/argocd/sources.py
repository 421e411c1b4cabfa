"""Which tool turns a source into objects (argo-cd util/app/discovery, reposerver/repository directory sources)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Literal

from interlock.errors import InputError
from interlock.formats.argocd import globs
from interlock.formats.argocd.application import Source

SourceType = Literal["Helm", "Kustomize", "Directory"]
MANIFESTS = (".yaml", ".yml", ".json")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def folder(source: Source) -> str:
    """The path inside the repository, normalised; "" is the root. Raises InputError ``source-path``."""
    path = posixpath.normpath(source.path or ".")
    if path.startswith(("/", "..")):
        raise InputError("source-path", "the path leaves the repository", got=source.path)
    return "" if path == "." else path


def detect(source: Source, names: Iterable[str]) -> SourceType:
    """An explicit block wins; else Chart.yaml, a kustomization, or plain files. ``names`` are those in the folder."""
    if source.helm is not None:
        return "Helm"
    if source.directory is not None:
        return "Directory"
    present = set(names)
    if "Chart.yaml" in present:
        return "Helm"
    return "Kustomize" if present.intersection(_KUSTOMIZATIONS) else "Directory"


def manifests(source: Source, paths: Iterable[str]) -> list[str]:
    """The manifest files of a directory source, in order; ``paths`` are relative to it. Exclude beats include."""
    directory = source.directory
    found = []
    for path in sorted(paths):
        if not path.endswith(MANIFESTS) or ("/" in path and not (directory and directory.recurse)):
            continue
        if directory and directory.exclude and globs.match(directory.exclude, path, "/"):
            continue
        if directory and directory.include and not globs.match(directory.include, path, "/"):
            continue
        found.append(path)
    return found
