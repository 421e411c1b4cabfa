"""From a source at a commit to the objects that an Application wants in its cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from interlock.errors import InputError, NotFoundError
from interlock.formats import helm, yaml
from interlock.formats.argocd import plan, sources, tracking
from interlock.formats.argocd.application import Helm, Source
from interlock.formats.argocd.tracking import Key
from interlock.local.argocd.repositories import Cache, Tree

Object = dict[str, Any]
_OBJECT_OPTIONS = ("Replace=true", "Force=true", "Prune=confirm", "Delete=confirm")
_rendered: Cache[tuple[Object, ...]] = Cache(256)


@dataclass(frozen=True, slots=True)
class Manifests:
    """``objects`` carry namespace and tracking id. ``repeated``: keys of objects that came more than once."""

    objects: tuple[Object, ...]
    source_type: sources.SourceType
    repeated: tuple[str, ...]
    unsupported: tuple[str, ...]


def load(
    source: Source,
    tree: Tree,
    commit: str,
    *,
    name: str,
    namespace: str,
    namespaced: Callable[[str, str], bool],
) -> Manifests:
    """The wanted objects. ``namespaced`` says so of an (apiVersion, kind).

    Raises InputError, NotFoundError and UnsupportedError of the formats, and NotFoundError ``source-path-missing``.
    """
    folder = sources.folder(source)
    inside = tree.below(folder)
    if not inside:
        raise NotFoundError("source-path-missing", f"{source.path}: app path does not exist")
    source_type = sources.detect(source, [path for path in inside if "/" not in path])
    if source_type == "Kustomize":
        raise InputError("source-kustomize", "Kustomize is not supported by interlock.local", where=source.path)
    spec = json.dumps(source.model_dump(mode="json"), sort_keys=True)
    objects = _rendered.remember(
        f"{source.repo_url} {commit} {name} {namespace} {spec}",
        lambda: tuple(
            _charted(source, tree, folder, name=name, namespace=namespace)
            if source_type == "Helm"
            else _plain(source, tree, folder, inside)
        ),
    )
    by_key: dict[Key, Object] = {}
    repeated: list[str] = []
    for obj in objects:
        placed = _placed(obj, namespace, namespaced(obj["apiVersion"], obj["kind"]))
        key = tracking.key_of(placed)
        if key in by_key:
            repeated.append(str(key))
        by_key[key] = tracking.tracked(placed, name, namespace)
    wanted = tuple(by_key.values())
    return Manifests(wanted, source_type, tuple(sorted(set(repeated))), tuple(_unsupported(wanted)))


def _charted(source: Source, tree: Tree, folder: str, *, name: str, namespace: str) -> Iterator[Object]:
    options = source.helm or Helm()
    values: dict[str, Any] | None = None
    if options.values_object is not None:
        values = options.values_object
    elif options.values:
        loaded = yaml.load(options.values, file="spec.source.helm.values").value
        if loaded is not None and not isinstance(loaded, dict):
            raise InputError("helm-values", "spec.source.helm.values must be a mapping")
        values = loaded
    files = options.value_files
    if options.ignore_missing_value_files:
        present = set(tree)
        files = tuple(item for item in files if helm.value_path(folder, item) in present)
    rendered = helm.render(
        tree,
        folder or ".",
        value_files=files,
        release_name=options.release_name or name,
        namespace=namespace,
        values=values,
        parameters=[helm.Parameter(item.name, item.value, item.force_string) for item in options.parameters],
        include_crds=not options.skip_crds,
    )
    return (item.object for item in rendered)


def _plain(source: Source, tree: Tree, folder: str, inside: list[str]) -> Iterator[Object]:
    for path in sources.manifests(source, inside):
        file = f"{folder}/{path}" if folder else path
        for document in yaml.load_all(tree[file], file=file):
            if document.value is None:
                continue
            is_list = isinstance(document.value, dict) and str(document.value.get("kind", "")).endswith("List")
            items = document.value.get("items") if is_list else None
            for item in items if isinstance(items, list) else [document.value]:
                if not isinstance(item, dict) or not all(
                    isinstance(item.get(field), str) and item[field] for field in ("apiVersion", "kind")
                ):
                    raise InputError("manifest-invalid", "no Kubernetes object", where=document.where())
                yield item


def _placed(obj: Object, namespace: str, is_namespaced: bool) -> Object:
    """With the namespace of the destination, or without one for a cluster-scoped kind (NormalizeTargetObjects)."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise InputError("manifest-invalid", f"{obj['kind']} without metadata.name")
    metadata = {field: value for field, value in metadata.items() if field != "namespace" or is_namespaced}
    if is_namespaced and not metadata.get("namespace"):
        metadata["namespace"] = namespace
    return {**obj, "metadata": metadata}


def _unsupported(objects: tuple[Object, ...]) -> Iterator[str]:
    for obj in objects:
        where = f"{obj['kind']}/{obj['metadata']['name']}"
        if plan.is_hook(obj):
            yield f"hooks are not supported by interlock.local yet: {where} ({', '.join(plan.hooks(obj))})"
        for option in plan.options(obj):
            if option in _OBJECT_OPTIONS:
                yield f"sync option {option} is not supported by interlock.local yet: {where}"
