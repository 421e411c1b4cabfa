"""Get and list: selectors, pages, and the forms of an answer."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping

from interlock.errors import InputError
from interlock.formats.kubernetes import selectors
from interlock.local.kubernetes import answers, tables
from interlock.local.kubernetes.cluster import Cluster, Object, in_version
from interlock.local.kubernetes.kinds import Kind
from interlock.local.kubernetes.store import GoneError

Query = Mapping[str, str]


def matcher(kind: Kind, query: Query, *, name: str = "") -> Callable[[Object], bool]:
    """The labelSelector and fieldSelector of a query. Raises ApiError 400."""
    supported = frozenset({"metadata.name", "metadata.namespace", *kind.field_labels})
    try:
        labels = selectors.label_selector(query.get("labelSelector", ""))
        fields = selectors.field_selector(query.get("fieldSelector", ""), supported=supported)
    except InputError as error:
        raise answers.bad_request(f"{error.message}: {error.got}" if error.got else error.message) from None

    def matches(obj: Object) -> bool:
        metadata = obj["metadata"]
        return (not name or metadata["name"] == name) and labels(metadata.get("labels") or {}) and fields(obj)

    return matches


def rendered(cluster: Cluster, kind: Kind, accept: str, query: Query) -> Callable[[Object], Object]:
    """How one object is shown: whole, as a row of a table, or its metadata."""
    match tables.wanted(accept):
        case "Table":
            include = query.get("includeObject", "Metadata")
            return lambda obj: tables.table(
                kind,
                [obj],
                {"resourceVersion": obj["metadata"]["resourceVersion"]},
                include=include,
                now=cluster.now(),
            )
        case "PartialObjectMetadata":
            return tables.partial
        case _:
            return lambda obj: obj


def get(cluster: Cluster, kind: Kind, namespace: str, name: str) -> Object:
    """Raises ApiError 404."""
    found = cluster.find(kind, namespace, name)
    if found is None:
        raise answers.not_found(kind.group, kind.plural, name)
    return found


def list_objects(cluster: Cluster, kind: Kind, namespace: str, accept: str, query: Query) -> Object:
    """A list, or a page of it: pages after the first show the state of the first. Raises ApiError 400, 410."""
    matches = matcher(kind, query)
    limit = int(query["limit"]) if query.get("limit", "").isdigit() else 0
    revision, start = cluster.store.revision, ("", "")
    if token := query.get("continue"):
        revision, start = _position(token)
    elif query.get("resourceVersionMatch") == "Exact" and query.get("resourceVersion", "").isdigit():
        revision = int(query["resourceVersion"])
    try:
        if revision == cluster.store.revision:
            everything = cluster.store.objects(kind.resource, namespace or None)
        else:
            everything = cluster.store.objects_at(kind.resource, namespace or None, revision)
    except GoneError:
        raise answers.gone("The provided continue parameter is too old to display a consistent list result") from None
    items = [item for item in everything if _place(item) > start and matches(item)]
    metadata: Object = {"resourceVersion": str(revision)}
    if limit and len(items) > limit:
        metadata["continue"] = _token(revision, _place(items[limit - 1]))
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(items) - limit
        items = items[:limit]
    items = [in_version(kind, item) for item in items]
    match tables.wanted(accept):
        case "Table":
            include = query.get("includeObject", "Metadata")
            return tables.table(kind, items, metadata, include=include, now=cluster.now())
        case "PartialObjectMetadata":
            rows = [tables.partial(item) for item in items]
            return {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": rows,
            }
        case _:
            return {"kind": kind.list_kind, "apiVersion": kind.api_version, "metadata": metadata, "items": items}


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def _token(revision: int, start: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([revision, *start]).encode()).decode()


def _position(token: str) -> tuple[int, tuple[str, str]]:
    try:
        revision, namespace, name = json.loads(base64.urlsafe_b64decode(token))
        return int(revision), (str(namespace), str(name))
    except (ValueError, TypeError, binascii.Error):
        raise answers.bad_request("continue key is not valid") from None
