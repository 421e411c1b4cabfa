"""A cluster: the Kubernetes API's discovery, items and lists over stored objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .serving import Answer, Asked, as_json

Object = Mapping[str, Any]
_COMMA = re.compile(r",(?![^(]*\))")
_SET = re.compile(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)")


class Cluster:
    """``stored``: the corpus' clusters/<name>.json."""

    def __init__(self, stored: Mapping[str, Any]) -> None:
        self._documents = stored["documents"]
        self._kinds: dict[str, tuple[str, str]] = {}  # by collection: apiVersion and kind
        self._objects: dict[str, list[Object]] = {}
        for path, document in self._documents.items():
            for item in document.get("resources", ()):
                collection = f"{path}/{item['name']}"
                if collection in stored["objects"]:
                    self._add(collection, document["groupVersion"], item["kind"], stored["objects"][collection])
        objects = [item for found in self._objects.values() for item in found]
        self._version = str(max(int(item["metadata"]["resourceVersion"]) for item in objects))

    def _add(self, collection: str, version: str, kind: str, found: list[Object]) -> None:
        self._kinds[collection] = (version, kind)
        # In a list, objects of built-in kinds carry no type of their own.
        self._objects[collection] = [{"apiVersion": version, "kind": kind, **item} for item in found]

    def __call__(self, asked: Asked) -> Answer:
        if asked.who is None:
            return _status(401, "Unauthorized", "Unauthorized")
        if asked.path in self._documents:
            return as_json(self._documents[asked.path])
        if asked.query.get("watch") in ("true", "1"):
            return _status(405, "MethodNotAllowed", "the corpus is not watched")
        path = re.fullmatch(
            r"(?P<root>/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
            r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/status)?)?",
            asked.path,
        )
        collection = f"{path['root']}/{path['plural']}" if path else ""
        if path is None or collection not in self._objects:
            return _status(404, "NotFound", "the server could not find the requested resource")
        found = [item for item in self._objects[collection] if _in(item, path["namespace"])]
        if path["name"] is None:
            return self._list(collection, found, asked.query)
        item = next((item for item in found if item["metadata"]["name"] == path["name"]), None)
        if item is not None:
            return as_json(item)
        resource = ".".join(filter(None, (path["plural"], self._kinds[collection][0].rpartition("/")[0])))
        return _status(404, "NotFound", f'{resource} "{path["name"]}" not found')

    def _list(self, collection: str, found: list[Object], query: Mapping[str, str]) -> Answer:
        labels, fields = _labels(query.get("labelSelector", "")), _fields(query.get("fieldSelector", ""))
        chosen = [item for item in found if labels(item) and fields(item)]
        start, limit = int(query.get("continue") or 0), int(query.get("limit") or 0) or len(chosen)
        end = start + limit
        metadata = {"resourceVersion": self._version, **({"continue": str(end)} if end < len(chosen) else {})}
        version, kind = self._kinds[collection]
        return as_json({"apiVersion": version, "kind": f"{kind}List", "metadata": metadata, "items": chosen[start:end]})


def _in(item: Object, namespace: str | None) -> bool:
    return namespace in (None, item["metadata"].get("namespace"))


def _labels(selector: str) -> Callable[[Object], bool]:
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"""

    def holds(term: str, labels: Mapping[str, str]) -> bool:
        if match := _SET.fullmatch(term):
            inside = labels.get(match[1]) in [value.strip() for value in match[3].split(",")]
            return inside == (match[2] == "in")
        if "!=" in term:
            key, _, value = term.partition("!=")
            return labels.get(key.strip()) != value.strip()
        if "=" in term:
            key, _, value = term.replace("==", "=").partition("=")
            return labels.get(key.strip()) == value.strip()
        return (term.removeprefix("!") in labels) != term.startswith("!")

    terms = [term.strip() for term in _COMMA.split(selector) if term.strip()]
    return lambda item: all(holds(term, item["metadata"].get("labels") or {}) for term in terms)


def _fields(selector: str) -> Callable[[Object], bool]:
    def holds(term: str, item: Object) -> bool:
        path, no, value = re.fullmatch(r"([\w.]+)(!=|==|=)(.*)", term).groups()  # type: ignore[union-attr]
        found: Any = item
        for name in path.split("."):
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        return (str(found or "") == value) != (no == "!=")

    return lambda item: all(holds(term, item) for term in selector.split(",") if term)


def _status(code: int, reason: str, message: str) -> Answer:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return as_json({**body, "reason": reason, "code": code}, code)
