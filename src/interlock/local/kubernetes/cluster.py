"""One cluster's moving parts in one value, handed to whoever acts on it."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from interlock.formats.kubernetes.admission import Webhook
from interlock.local.kubernetes.config import Config
from interlock.local.kubernetes.kinds import Kind, Kinds
from interlock.local.kubernetes.rbac.authorizer import Authorizer
from interlock.local.kubernetes.request import Options, User
from interlock.local.kubernetes.store import Store

Object = dict[str, Any]

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


def system_clock() -> datetime:
    return datetime.now(UTC)


def _uuid() -> str:
    return str(uuid.uuid4())


def _random_suffix() -> str:
    """As apimachinery's names generator: five characters that spell no word."""
    return "".join(secrets.choice(_SUFFIX) for _ in range(5))


@dataclass
class Cluster:
    """``now``, ``new_uid`` and ``suffix`` are the clock and the randomness."""

    config: Config
    store: Store
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    """API group, or ``group/plural`` of one kind -> who is asked before an object is stored."""
    kinds: Kinds = field(default_factory=Kinds)
    now: Callable[[], datetime] = system_clock
    new_uid: Callable[[], str] = _uuid
    suffix: Callable[[], str] = _random_suffix

    def __post_init__(self) -> None:
        self.authorizer = Authorizer(self.store)

    def timestamp(self) -> str:
        """Now, as the API writes times: RFC 3339, UTC, whole seconds."""
        return self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object in the version of ``kind``."""
        found = self.store.get(kind.resource, namespace if kind.namespaced else "", name)
        return in_version(kind, found) if found is not None else None


def in_version(kind: Kind, obj: Object) -> Object:
    """``obj`` as ``kind``'s version shows it: definitions here convert by name only (strategy None)."""
    if obj.get("apiVersion") == kind.api_version:
        return obj
    return {**obj, "apiVersion": kind.api_version, "kind": kind.name}


@dataclass(frozen=True)
class Call:
    """One write: on what kind, by whom, how. ``warnings`` are told to the client."""

    kind: Kind
    namespace: str
    user: User
    options: Options = field(default_factory=Options)
    subresource: str = ""
    warnings: list[str] = field(default_factory=list)
