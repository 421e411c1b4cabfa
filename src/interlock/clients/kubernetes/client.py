"""The client: one method a verb of the API. Synchronous, thread-safe, no decisions."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any, TypeVar, Unpack

from interlock.clients.http import Http, Options, Request, Secret, Token, entries
from interlock.clients.kubernetes import status
from interlock.clients.kubernetes.discovery import Discovery
from interlock.clients.kubernetes.objects import Object, ObjectList, PatchType, Propagation, Resource
from interlock.clients.kubernetes.stream import Watch
from interlock.errors import ConflictError, InputError

_PATCHES: dict[PatchType, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_PAGE = 500
T = TypeVar("T")


class KubernetesClient:
    """A client of one cluster as one user.

    Every method raises the errors of `interlock.clients.http` and `status.error_of`. UnreachableError leaves the state
    unknown: a write may have happened.
    """

    def __init__(
        self, server: str, *, token: Token = None, field_manager: str = "interlock", **options: Unpack[Options]
    ) -> None:
        self.server = server.rstrip("/")
        self._field_manager = field_manager
        self._http = Http(status.Kubernetes(), self.server, Secret(token), **options)
        self._discovery = Discovery(lambda path: self.request("GET", path))
        self._watches: set[Watch] = set()
        self._lock = threading.Lock()
        self.closed = self._http.closed

    def __enter__(self) -> KubernetesClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every running watch and drop the connections."""
        self.closed.set()
        with self._lock:
            watches = list(self._watches)
        for watch in watches:
            watch.stop()
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        body: object = None,
        content_type: str = "application/json",
        repeatable: bool | None = None,
    ) -> Object:
        """One request on a path; the answer's JSON object. For what has no method of its own."""
        return self._read(method, path, _object, params=params, body=body, type_=content_type, repeatable=repeatable)

    def _read(
        self,
        method: str,
        path: str,
        kind: Callable[[Any], T],
        *,
        params: dict[str, Any] | None = None,
        body: object = None,
        type_: str = "application/json",
        repeatable: bool | None = None,
    ) -> T:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": type_}
        request = Request(method, path, query=params, content=content, headers=headers, repeatable=repeatable)
        return self._http.decode(self._http.send(request), kind)

    # Discovery

    def version(self) -> str:
        """``gitVersion`` of the server, e.g. ``v1.32.4``."""
        return self._read("GET", "/version", lambda body: str(body["gitVersion"]))

    def resource(self, api_version: str, kind: str) -> Resource:
        """How the kind is served. Raises NotFoundError ``kubernetes-kind-unknown``."""
        return self._discovery.resource(api_version, kind)

    def resources(self) -> tuple[Resource, ...]:
        """Every served kind, in each group's preferred version."""
        return self._discovery.all()

    # Reading

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """Raises NotFoundError ``kubernetes-not-found``."""
        return self.request("GET", self._path(api_version, kind, namespace, name))

    def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> ObjectList:
        """All objects (of a namespace, or of all), in one consistent view; pages are fetched as needed."""
        path = self.resource(api_version, kind).path(namespace)
        params = {"labelSelector": label_selector, "fieldSelector": field_selector, "limit": _PAGE}
        try:
            return self._pages(path, params, api_version, kind)
        except ConflictError as error:
            if error.code != "kubernetes-expired":
                raise
            return self._pages(path, {**params, "limit": None}, api_version, kind)

    def _pages(self, path: str, params: dict[str, Any], api_version: str, kind: str) -> ObjectList:
        items: list[Object] = []
        token = None
        while True:
            query = {**params, "continue": token}
            page, token, version = self._read("GET", path, _page, params=query)
            # Items of a built-in kind's list carry no type of their own.
            items += [{"apiVersion": api_version, "kind": kind, **item} for item in page]
            if not token:
                return ObjectList(items, version)

    def watch(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        resource_version: str | None = None,
        timeout_seconds: int | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Watch:
        """Events after ``resource_version`` (None: first an ADDED for each object there is) over one connection.

        Most callers want `follow`, which reconnects. Raises ConflictError ``kubernetes-expired``: list again.
        """
        path = self.resource(api_version, kind).path(namespace)
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": timeout_seconds,
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
        }
        response = self._http.open(Request("GET", path, query=params, endless=True))
        watch = Watch(response, self._forget)
        with self._lock:
            self._watches.add(watch)
        if self.closed.is_set():
            watch.stop()
        return watch

    def _forget(self, watch: Watch) -> None:
        with self._lock:
            self._watches.discard(watch)

    # Writing

    def create(
        self, obj: Object, *, dry_run: bool = False, field_manager: str | None = None, subresource: str | None = None
    ) -> Object:
        """Raises ConflictError ``kubernetes-already-exists``, InputError ``kubernetes-invalid``."""
        metadata = obj.get("metadata", {})
        name = metadata.get("name") if subresource else None
        path = self._path(obj["apiVersion"], obj["kind"], metadata.get("namespace"), name, subresource)
        return self.request("POST", path, params=self._write(dry_run, field_manager), body=obj)

    def replace(self, obj: Object, *, dry_run: bool = False, field_manager: str | None = None) -> Object:
        """PUT. Raises ConflictError ``kubernetes-conflict`` when ``metadata.resourceVersion`` is not current."""
        return self._put(obj, None, dry_run, field_manager)

    def replace_status(self, obj: Object, *, field_manager: str | None = None) -> Object:
        """PUT on the status subresource: everything else in ``obj`` is ignored by the server."""
        return self._put(obj, "status", False, field_manager)

    def _put(self, obj: Object, subresource: str | None, dry_run: bool, field_manager: str | None) -> Object:
        metadata = obj["metadata"]
        path = self._path(obj["apiVersion"], obj["kind"], metadata.get("namespace"), metadata["name"], subresource)
        return self.request("PUT", path, params=self._write(dry_run, field_manager), body=obj)

    def patch(
        self,
        api_version: str,
        kind: str,
        name: str,
        patch: object,
        *,
        namespace: str | None = None,
        patch_type: PatchType = "merge",
        subresource: str | None = None,
        dry_run: bool = False,
        field_manager: str | None = None,
    ) -> Object:
        """A merge patch (RFC 7396), JSON patch (RFC 6902) or, for built-in kinds, strategic merge patch."""
        path = self._path(api_version, kind, namespace, name, subresource)
        params = self._write(dry_run, field_manager)
        return self.request("PATCH", path, params=params, body=patch, content_type=_PATCHES[patch_type])

    def apply(
        self,
        obj: Object,
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        subresource: str | None = None,
    ) -> Object:
        """Server-side apply. Raises ConflictError ``kubernetes-apply-conflict``, which names the other managers."""
        metadata = obj["metadata"]
        path = self._path(obj["apiVersion"], obj["kind"], metadata.get("namespace"), metadata["name"], subresource)
        params = {**self._write(dry_run, field_manager), "force": "true" if force else "false"}
        return self.request("PATCH", path, params=params, body=obj, content_type=_APPLY, repeatable=True)

    def delete(
        self,
        api_version: str,
        kind: str,
        name: str,
        *,
        namespace: str | None = None,
        propagation: Propagation = "Background",
        uid: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Delete by name. With ``uid`` only that very object: another one of the name is ``kubernetes-conflict``."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        if dry_run:
            options["dryRun"] = ["All"]
        return self.request("DELETE", self._path(api_version, kind, namespace, name), body=options)

    def _write(self, dry_run: bool, field_manager: str | None) -> dict[str, Any]:
        return {"fieldManager": field_manager or self._field_manager, "dryRun": "All" if dry_run else None}

    def _path(
        self, api_version: str, kind: str, namespace: str | None, name: str | None, subresource: str | None = None
    ) -> str:
        resource = self.resource(api_version, kind)
        if resource.namespaced and not namespace:
            raise InputError("kubernetes-no-namespace", f"{kind} {name or ''} needs a namespace".replace("  ", " "))
        return resource.path(namespace, name, subresource)


def _object(body: Any) -> Object:
    if not isinstance(body, dict):
        raise TypeError("no JSON object")
    return body


def _page(body: Any) -> tuple[list[Object], str | None, str]:
    """The items, the token of the next page, and the version."""
    metadata = body["metadata"]
    return (
        [_object(item) for item in entries(body.get("items"))],
        metadata.get("continue"),
        str(metadata["resourceVersion"]),
    )
