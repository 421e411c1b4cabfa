"""What a request asks for, read off its method and path (apiserver endpoints/request/requestinfo.go)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_READ = {"GET": "get", "HEAD": "get"}
_WRITE = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """``resource`` is empty for a path that is no resource (``/version``)."""

    verb: str
    path: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def writes(self) -> bool:
        return self.verb in ("create", "update", "patch", "delete", "deletecollection")


def parse(method: str, path: str, query: Mapping[str, str]) -> RequestInfo:
    """Never fails: what is no resource path is a plain path."""
    verb = _READ.get(method) or _WRITE.get(method, method.lower())
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["api", version, *rest] if rest:
            group = ""
        case ["apis", group, version, *rest] if rest:
            pass
        case _:
            return RequestInfo(method.lower(), path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and not (len(rest) == 3 and rest[2] in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    elif rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
    resource, name, subresource, *more = [*rest, "", ""]
    if any(more):
        return RequestInfo(method.lower(), path)
    if not name:
        verb = {"get": "list", "delete": "deletecollection"}.get(verb, verb)
    if verb in ("get", "list") and query.get("watch", "").lower() in ("true", "1"):
        verb = "watch"
    return RequestInfo(verb, path, group, version, resource, subresource, namespace, name)


@dataclass(frozen=True, slots=True)
class Options:
    """The query of a write."""

    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    force: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """Who asks. ``extra`` as in TokenReview."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    real: User | None = None
    """Who stands behind an impersonated user."""


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
