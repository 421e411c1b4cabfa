"""The client: one method a verb of the API. Synchronous, thread-safe, no retries, no decisions."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from interlock.clients.kubernetes import status
from interlock.clients.kubernetes.discovery import Discovery
from interlock.clients.kubernetes.objects import Object, ObjectList, PatchType, Propagation, Resource
from interlock.clients.kubernetes.stream import Watch
from interlock.errors import ConflictError, InputError, UnreachableError

_PATCHES: dict[PatchType, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_PAGE = 500


class KubernetesClient:
    """A client of one cluster as one user.

    ``ca_file`` is the PEM of the CA that signed the server's certificate (None: the system's CAs). Every method raises
    the errors of `status.error_of`, and UnreachableError ``kubernetes-unreachable`` when no answer came: the state is
    then unknown, a write may have happened.
    """

    def __init__(
        self,
        server: str,
        *,
        token: str | None = None,
        ca_file: Path | str | None = None,
        timeout: float = 10.0,
        field_manager: str = "interlock",
    ) -> None:
        self.server = server.rstrip("/")
        self._field_manager = field_manager
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
        headers = {"Accept": "application/json", "User-Agent": "interlock"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._timeout = timeout
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=8)
        # trust_env off: a proxy or .netrc of the environment must not get the token.
        self._http = httpx.Client(
            base_url=self.server, headers=headers, verify=verify, timeout=timeout, limits=limits, trust_env=False
        )
        self._discovery = Discovery(lambda path: self.request("GET", path))
        self._watches: set[Watch] = set()
        self._lock = threading.Lock()
        self._connecting: set[object] = set()
        self._connected = threading.Condition()
        self.closed = threading.Event()

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
        with self._connected:
            # A connection that is being made when the pool is closed would stay open for good.
            self._connected.wait_for(lambda: not self._connecting, self._timeout)
        self._http.close()

    @contextlib.contextmanager
    def _connect(self) -> Iterator[dict[str, Any]]:
        """A request's extensions (httpcore's ``trace``): `close` knows by them which have no connection yet."""
        request = object()

        def has_one() -> None:
            with self._connected:
                self._connecting.discard(request)
                self._connected.notify_all()

        def trace(event: str, _: object) -> None:
            if event.endswith(".send_request_headers.started"):
                has_one()

        with self._connected:
            self._connecting.add(request)
        try:
            yield {"trace": trace}
        finally:
            has_one()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Object:
        """One request on a path; the answer's JSON object. For what has no method of its own."""
        content = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": content_type}
        try:
            with self._connect() as extensions:
                response = self._http.request(
                    method, path, params=_query(params), content=content, headers=headers, extensions=extensions
                )
        except (httpx.HTTPError, RuntimeError) as error:
            raise self._unreachable(error, method, path) from error
        status.raise_for(response)
        try:
            answer = response.json()
        except json.JSONDecodeError as error:
            raise self._unreachable(error, method, path) from error
        if not isinstance(answer, dict):
            raise self._unreachable(TypeError("the answer is no JSON object"), method, path)
        return answer

    def _unreachable(self, error: Exception, method: str, path: str) -> UnreachableError:
        text = str(error) or type(error).__name__
        return UnreachableError(
            "kubernetes-unreachable", f"no answer from the API server: {text}", where=f"{method} {self.server}{path}"
        )

    # Discovery

    def version(self) -> str:
        """``gitVersion`` of the server, e.g. ``v1.32.4``."""
        return str(self.request("GET", "/version")["gitVersion"])

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
            page = self.request("GET", path, params={**params, "continue": token})
            # Items of a built-in kind's list carry no type of their own.
            items += [{"apiVersion": api_version, "kind": kind, **item} for item in page.get("items") or []]
            token = page["metadata"].get("continue")
            if not token:
                return ObjectList(items, str(page["metadata"]["resourceVersion"]))

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
        timeout = httpx.Timeout(self._timeout, read=None)
        try:
            with self._connect() as extensions:
                request = self._http.build_request(
                    "GET", path, params=_query(params), timeout=timeout, extensions=extensions
                )
                response = self._http.send(request, stream=True)
            if not response.is_success:
                response.read()
        except (httpx.HTTPError, RuntimeError) as error:
            raise self._unreachable(error, "WATCH", path) from error
        status.raise_for(response)
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
        return self.request("PATCH", path, params=params, body=obj, content_type=_APPLY)

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


def _query(params: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}
