"""The audit log: one ``audit.k8s.io/v1`` event for each write, a JSON line each, durable before the answer.

An event is kept in the store together with the write that it tells of, then appended to the file. A crash between the
two is healed at the next start: what the file lacks is appended then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.local.kubernetes.request import RequestInfo, User
from interlock.local.kubernetes.reviews import user_info
from interlock.local.kubernetes.store import Store

Object = dict[str, Any]

_CONFIDENTIAL = {("", "secrets"), ("authentication.k8s.io", "tokenreviews")}
_TAIL = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what became of it."""

    info: RequestInfo
    uri: str
    user: User
    address: str
    agent: str
    received: str
    """RFC 3339 with microseconds."""
    finished: str
    request_object: Any
    response: Object | None
    code: int
    allowed: bool
    reason: str


def confidential(info: RequestInfo) -> bool:
    """Whether neither body may be in the log: Secrets, tokens."""
    return (info.group, info.resource) in _CONFIDENTIAL or info.subresource == "token"


def event(exchange: Exchange, audit_id: str) -> Object:
    """The event of stage ResponseComplete: level RequestResponse, Metadata where bodies are confidential."""
    info = exchange.info
    hidden = confidential(info)
    status: Object = {"metadata": {}, "code": exchange.code}
    response = exchange.response or {}
    if exchange.code >= 400:
        status |= {name: response[name] for name in ("status", "message", "reason") if name in response}
    metadata = response.get("metadata") or {}
    reference: Object = {
        "resource": info.resource,
        "namespace": info.namespace,
        "name": info.name or (metadata.get("name", "") if response.get("kind") != "Status" else ""),
        "uid": "" if hidden else metadata.get("uid", ""),
        "apiGroup": info.group,
        "apiVersion": info.version,
        "resourceVersion": "" if hidden else metadata.get("resourceVersion", ""),
        "subresource": info.subresource,
    }
    line: Object = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata" if hidden else "RequestResponse",
        "auditID": audit_id,
        "stage": "ResponseComplete",
        "requestURI": exchange.uri,
        "verb": info.verb,
        "user": user_info(exchange.user.real or exchange.user),
        **({"impersonatedUser": user_info(exchange.user)} if exchange.user.real else {}),
        "sourceIPs": [exchange.address],
        "userAgent": exchange.agent,
        "objectRef": {name: value for name, value in reference.items() if value},
        "responseStatus": status,
        "requestReceivedTimestamp": exchange.received,
        "stageTimestamp": exchange.finished,
        "annotations": {
            "authorization.k8s.io/decision": "allow" if exchange.allowed else "forbid",
            "authorization.k8s.io/reason": exchange.reason,
        },
    }
    if not hidden:
        if exchange.request_object is not None:
            line["requestObject"] = exchange.request_object
        line["responseObject"] = exchange.response
    return line


class AuditLog:
    """Appends events. `record` inside the write's transaction, `flush` after it."""

    def __init__(self, path: Path, store: Store, *, new_id: Callable[[], str]) -> None:
        self._path = path
        self._store = store
        self._new_id = new_id
        self._pending: list[tuple[int, str]] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        self._heal()
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
        self._appended = 0

    def close(self) -> None:
        self._file.close()

    def record(self, exchange: Exchange) -> None:
        self._store.drop_lines(self._appended)
        text = json.dumps(event(exchange, self._new_id()), separators=(",", ":"))
        self._pending.append((self._store.queue_line(text), text))

    def forget(self) -> None:
        """The transaction was rolled back: what was recorded in it is none."""
        self._pending.clear()

    def flush(self) -> None:
        """Append what was recorded, durably."""
        if not self._pending:
            return
        self._file.write("".join(f"{text}\n" for _, text in self._pending).encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._appended = self._pending[-1][0]
        self._pending.clear()

    def _heal(self) -> None:
        """Cut a torn last line and append the events that a crash kept from the file."""
        content = self._path.read_bytes() if self._path.exists() else b""
        whole = content.rfind(b"\n") + 1
        queued = self._store.queued_lines()
        present = content[max(0, whole - _TAIL) : whole]
        missing = [text for _, text in queued if json.loads(text)["auditID"].encode() not in present]
        if whole == len(content) and not missing:
            self._store.drop_lines(queued[-1][0] if queued else 0)
            return
        with self._path.open("r+b" if self._path.exists() else "wb") as file:
            file.truncate(whole)
            file.seek(whole)
            file.write("".join(f"{text}\n" for text in missing).encode())
            file.flush()
            os.fsync(file.fileno())
        self._path.chmod(0o600)
        self._store.drop_lines(queued[-1][0] if queued else 0)
