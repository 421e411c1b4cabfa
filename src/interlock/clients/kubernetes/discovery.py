"""Which path serves a kind: read from the API's discovery documents, cached, asked again for an unknown kind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from interlock.clients.kubernetes.objects import Resource
from interlock.errors import NotFoundError

Read = Callable[[str], dict[str, Any]]


class Discovery:
    """The served kinds by group version. Thread-safe."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Resource]] = {}

    def resource(self, api_version: str, kind: str) -> Resource:
        """Raises NotFoundError ``kubernetes-kind-unknown`` when the server does not serve the kind (now)."""
        with self._lock:
            known = self._known.get(api_version, {})
            if kind not in known:
                # A custom resource definition may have been created since.
                known = self._load(api_version)
                self._known[api_version] = known
        try:
            return known[kind]
        except KeyError:
            raise NotFoundError("kubernetes-kind-unknown", f"the server does not serve {api_version} {kind}") from None

    def all(self) -> tuple[Resource, ...]:
        """Every served kind in each group's preferred version, read afresh."""
        versions = list(self._read("/api").get("versions") or ())
        versions += [group["preferredVersion"]["groupVersion"] for group in self._read("/apis").get("groups") or ()]
        loaded = {version: self._load(version) for version in versions}
        with self._lock:
            self._known.update(loaded)
        return tuple(item for resources in loaded.values() for item in resources.values())

    def _load(self, api_version: str) -> dict[str, Resource]:
        group, _, version = api_version.rpartition("/")
        try:
            document = self._read(f"/apis/{api_version}" if group else f"/api/{version}")
        except NotFoundError:
            return {}
        return {
            item["kind"]: Resource(
                group, version, item["kind"], item["name"], bool(item["namespaced"]), tuple(item.get("verbs") or ())
            )
            for item in document.get("resources") or ()
            if "/" not in item["name"]
        }
