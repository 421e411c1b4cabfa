"""One request to the API, from its line to its answer: who, may they, what, and the record of it.

`Api.handle` runs to its end on the loop's thread; only the lines of a watch are sent later.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from interlock.formats.kubernetes.validation import Cause
from interlock.local.kubernetes import (
    answers,
    bodies,
    impersonation,
    patching,
    paths,
    podlogs,
    reading,
    scaling,
    writing,
)
from interlock.local.kubernetes.answers import ApiError
from interlock.local.kubernetes.audit import AuditLog, Exchange, confidential
from interlock.local.kubernetes.authentication import Authenticator
from interlock.local.kubernetes.cluster import Call, Cluster, Object
from interlock.local.kubernetes.kinds import Kind
from interlock.local.kubernetes.podlogs import Source
from interlock.local.kubernetes.rbac import authorizer
from interlock.local.kubernetes.request import ANONYMOUS, RequestInfo, User, parse
from interlock.local.kubernetes.reviews import Reviews
from interlock.local.kubernetes.service_accounts import ServiceAccounts
from interlock.local.kubernetes.watching import Watching


@dataclass(frozen=True)
class Request:
    """``headers`` have lower-case names. ``user`` is set by the controllers inside: they need no token."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = "127.0.0.1"
    uri: str = ""
    impersonated_groups: tuple[str, ...] = ()
    """The values of ``impersonate-group``, which may be sent several times."""
    user: User | None = None
    value: Any = None
    """The body when it is at hand as a value."""


@dataclass(frozen=True)
class Answer:
    """``body`` is JSON, a text, or raw lines (``watch`` or the one line of a failed watch)."""

    code: int
    body: Object | str | bytes
    content_type: str = "application/json"
    warnings: tuple[str, ...] = ()
    watch: Watching | None = None
    log: Source | None = None
    """A container's log, to be streamed from there."""


class Api:
    """See the module."""

    def __init__(
        self, cluster: Cluster, authenticator: Authenticator, accounts: ServiceAccounts, audit: AuditLog
    ) -> None:
        self.cluster = cluster
        self._authenticator = authenticator
        self._accounts = accounts
        self._audit = audit
        self._reviews = Reviews(cluster, authenticator, accounts)

    def handle(self, request: Request) -> Answer:
        """Never raises: what goes wrong is an answer."""
        info = parse(request.method, request.path, request.query)
        try:
            return self._write(request, info) if info.writes and info.resource else self._read(request, info)
        except ApiError as error:
            return Answer(error.code, error.status)
        except Exception:
            print(f"kubernetes: {request.method} {request.path} failed", file=sys.stderr)
            traceback.print_exc()
            fault = ApiError(500, "InternalError", "Internal error occurred: see the server's log")
            return Answer(fault.code, fault.status)

    def _user(self, request: Request) -> User:
        """Who asks, or on whose behalf. Raises ApiError 401, 403."""
        user = request.user or self._authenticator.of_request(request.headers, request.path)
        return impersonation.impersonated(
            user, request.headers, request.impersonated_groups, self.cluster.authorizer.decide
        )

    def _authorized(self, user: User, info: RequestInfo) -> authorizer.Decision:
        if user is ANONYMOUS:
            return authorizer.Decision(True, "open path")
        decision = self.cluster.authorizer.decide(user, info)
        if not decision.allowed:
            raise answers.forbidden(info.group, info.resource, info.name, authorizer.refusal(user, info))
        return decision

    def _kind(self, info: RequestInfo) -> Kind:
        kind = self.cluster.kinds.at(info.group, info.version, info.resource)
        if kind is None or (info.namespace and not kind.namespaced and kind.name != "Namespace"):
            raise answers.no_such_path()
        if info.subresource and info.subresource not in kind.subresources:
            if kind.resource == "/pods" and info.subresource in podlogs.UNSUPPORTED:
                raise answers.not_implemented(f"pods/{info.subresource}: interlock.local runs no containers")
            raise answers.no_such_path()
        return kind

    # Reading

    def _read(self, request: Request, info: RequestInfo) -> Answer:
        user = self._user(request)
        self._authorized(user, info)
        if not info.resource:
            return self._path(request)
        kind, accept = self._kind(info), request.headers.get("accept", "")
        if info.verb not in kind.verbs or (kind.namespaced and info.verb == "get" and not info.namespace):
            raise answers.not_allowed() if info.verb not in kind.verbs else answers.no_such_path()
        if info.verb == "watch":
            return self._watch(request, info, kind)
        if info.verb == "list":
            return Answer(200, reading.list_objects(self.cluster, kind, info.namespace, accept, request.query))
        found = reading.get(self.cluster, kind, info.namespace if kind.namespaced else "", info.name)
        if info.subresource == "scale":
            return Answer(200, scaling.scale_of(kind, found))
        if info.subresource == "log":
            return Answer(200, b"", log=podlogs.locate(found, request.query, self.cluster.config.kubelets))
        if info.subresource not in ("", "status"):
            raise answers.not_allowed()
        return Answer(200, reading.rendered(self.cluster, kind, accept, request.query)(found))

    def _path(self, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD"):
            raise answers.not_allowed()
        config = self.cluster.config
        body, content_type = paths.serve(
            request.path,
            request.headers.get("accept", ""),
            self.cluster.kinds,
            self._accounts,
            f"{config.host}:{config.port}",
        )
        return Answer(200, body, content_type)

    def _watch(self, request: Request, info: RequestInfo, kind: Kind) -> Answer:
        query = request.query
        timeout = query.get("timeoutSeconds", "")
        watching = Watching(
            kind=kind,
            namespace=info.namespace if kind.namespaced else "",
            matches=reading.matcher(kind, query, name=info.name),
            render=reading.rendered(self.cluster, kind, request.headers.get("accept", ""), query),
            resource_version=query.get("resourceVersion", ""),
            timeout=float(timeout) if timeout.isdigit() and timeout != "0" else 1800.0,
            bookmarks=query.get("allowWatchBookmarks", "").lower() in ("true", "1"),
            initial_events=query.get("sendInitialEvents", "").lower() in ("true", "1"),
        )
        return Answer(200, b"", watch=watching)

    # Writing

    def _write(self, request: Request, info: RequestInfo) -> Answer:
        received = self._precise()
        user, reason, allowed, body = ANONYMOUS, "", False, request.value
        store = self.cluster.store
        try:
            user = self._user(request)
            decision = self._authorized(user, info)
            allowed, reason = True, decision.reason
            if request.value is None and request.body:
                body = bodies.read(request.body, request.headers.get("content-type", ""))
            kind = self._kind(info)
            options = bodies.options(request.query, body, request.headers.get("user-agent", ""))
            namespace = info.namespace if kind.namespaced else ""
            call = Call(kind, namespace, user, options, info.subresource)
            with store.transaction(dry_run=options.dry_run):
                answer = self._change(request, info, call, body)
                if not options.dry_run:
                    self._record(request, info, user, received, body, answer, allowed, reason)
            if options.dry_run:
                with store.transaction():
                    self._record(request, info, user, received, body, answer, allowed, reason)
        except ApiError as error:
            self._audit.forget()
            answer = Answer(error.code, error.status)
            with store.transaction():
                self._record(request, info, user, received, body, answer, allowed, reason)
        except BaseException:
            self._audit.forget()
            raise
        self._audit.flush()
        return answer

    def _change(self, request: Request, info: RequestInfo, call: Call, body: Any) -> Answer:
        cluster, kind, accept = self.cluster, call.kind, request.headers.get("accept", "")
        show = reading.rendered(cluster, kind, accept, request.query)
        warnings = call.warnings
        if kind.namespaced and not call.namespace:
            raise answers.not_allowed()
        if info.verb in ("create", "update", "patch", "delete") and info.verb not in kind.verbs:
            raise answers.not_allowed()
        match info.verb, info.subresource:
            case "create", "" if info.name:
                raise answers.not_allowed()
            case "create", "" if self._reviews.handles(kind.name):
                return Answer(201, self._reviews.review(call, _object(body)))
            case "create", "":
                obj = writing.create(cluster, call, _object(body))
                return Answer(201, show(obj), warnings=tuple(warnings))
            case "create", "token":
                return Answer(201, self._reviews.request_token(call, info.name, _object(body)))
            case "create", "eviction":
                writing.delete(cluster, call, info.name)
                return Answer(201, _success(kind, info.name, ""))
            case (("update" | "patch"), "scale"):
                scaled = scaling.change(cluster, call, info.name, self._patch(request, info, call, body))
                return Answer(200, scaled)
            case "update", ("" | "status" | "finalize"):
                sent = _object(body)
                obj = writing.update(cluster, call, info.name, lambda old: _unconditional(kind, sent, old))
                return Answer(200, show(obj), warnings=tuple(warnings))
            case "patch", ("" | "status"):
                media = request.headers.get("content-type", "").partition(";")[0].strip()
                obj, created = patching.patch(cluster, call, info.name, media, body)
                return Answer(201 if created else 200, show(obj), warnings=tuple(warnings))
            case "delete", "":
                return self._delete(request, info, call, body)
            case "deletecollection", "":
                return self._delete_all(request, call, body)
            case _:
                raise answers.not_allowed()

    def _patch(self, request: Request, info: RequestInfo, call: Call, body: Any) -> scaling.ChangeScale:
        if info.verb == "update":
            return lambda scale: _object(body)
        media = request.headers.get("content-type", "").partition(";")[0].strip()
        return lambda scale: patching.patched(call, media, scale, body)

    def _delete(self, request: Request, info: RequestInfo, call: Call, body: Any) -> Answer:
        options = body if isinstance(body, dict) else {}
        obj, gone = writing.delete(
            self.cluster,
            call,
            info.name,
            propagation=_propagation(request.query, options),
            preconditions=options.get("preconditions"),
        )
        if gone:
            return Answer(200, _success(call.kind, info.name, obj["metadata"]["uid"]))
        return Answer(200, obj)

    def _delete_all(self, request: Request, call: Call, body: Any) -> Answer:
        if "deletecollection" not in call.kind.verbs:
            raise answers.not_allowed()
        propagation = _propagation(request.query, body if isinstance(body, dict) else {})
        listed = reading.list_objects(self.cluster, call.kind, call.namespace, "", request.query)
        for item in listed["items"]:
            writing.delete(self.cluster, call, item["metadata"]["name"], propagation=propagation)
        return Answer(200, listed)

    # Recording

    def _precise(self) -> str:
        return self.cluster.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _record(
        self,
        request: Request,
        info: RequestInfo,
        user: User,
        received: str,
        body: Any,
        answer: Answer,
        allowed: bool,
        reason: str,
    ) -> None:
        kind = self.cluster.kinds.at(info.group, info.version, info.resource)
        if kind is not None and self._reviews.handles(kind.name):
            return  # a question, no write
        hidden = confidential(info)
        self._audit.record(
            Exchange(
                info=info,
                uri=request.uri or request.path,
                user=user,
                address=request.address,
                agent=request.headers.get("user-agent", ""),
                received=received,
                finished=self._precise(),
                request_object=None if hidden or not isinstance(body, dict | list) else body,
                response=answer.body if isinstance(answer.body, dict) else None,
                code=answer.code,
                allowed=allowed,
                reason=reason,
            )
        )


def _object(body: Any) -> Object:
    if not isinstance(body, dict):
        raise answers.bad_request("the body is no object")
    return body


def _unconditional(kind: Kind, sent: Object, old: Object) -> Object:
    """A custom resource may be replaced only by one who names the version replaced (rest.AllowUnconditionalUpdate)."""
    metadata = sent.get("metadata")
    if kind.custom and isinstance(metadata, dict) and not metadata.get("resourceVersion"):
        text = "Invalid value: 0x0: must be specified for an update"
        cause = Cause("FieldValueInvalid", "metadata.resourceVersion", text)
        raise answers.invalid(kind.group, kind.name, old["metadata"]["name"], [cause])
    return sent


def _propagation(query: Mapping[str, str], options: Object) -> str:
    wanted = options.get("propagationPolicy") or query.get("propagationPolicy") or ""
    if not wanted and (options.get("orphanDependents") or query.get("orphanDependents") == "true"):
        return "Orphan"
    if wanted not in ("", "Background", "Foreground", "Orphan"):
        raise answers.bad_request(f'propagationPolicy: Unsupported value: "{wanted}"')
    return wanted or "Background"


def _success(kind: Kind, name: str, uid: str) -> Object:
    details = {"name": name, "group": kind.group, "kind": kind.plural, "uid": uid}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }
