"""Params of the cluster resolver (pkg/resolution/resolver/cluster/resolver.go, docs/cluster-resolver.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution import failure, texts
from interlock.tekton.spec.resolution.source import RefSource

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "task": ("tekton.dev/v1", "Task"),
    "pipeline": ("tekton.dev/v1", "Pipeline"),
    "stepaction": ("tekton.dev/v1beta1", "StepAction"),
}
"""Kind as the param writes it -> API version and kind."""


@dataclass(frozen=True, slots=True)
class ClusterRequest:
    kind: str
    name: str
    namespace: str

    @property
    def object_kind(self) -> tuple[str, str]:
        """API version and kind."""
        return KINDS[self.kind]


def read(params: Sequence[Param], config: Mapping[str, str]) -> ClusterRequest:
    """Raises InputError ``resolution-failed`` in upstream's words, also for a namespace that is not allowed."""
    given, missing = texts.of(params), []
    kind = given.get("kind") or config.get("default-kind")
    if kind is None:
        missing.append("kind")
    elif kind not in KINDS:
        raise failure.invalid(f"unknown or unsupported resource kind '{kind}'")
    name = given.get("name", "")
    if not name:
        missing.append("name")
    namespace = given.get("namespace") or config.get("default-namespace") or ""
    if not namespace.strip():
        missing.append("namespace")
    if missing:
        raise texts.missing("cluster", missing)
    _check_namespace(namespace, config.get("allowed-namespaces", ""), config.get("blocked-namespaces", ""))
    return ClusterRequest(kind or "", name, namespace)


def _check_namespace(namespace: str, allowed: str, blocked: str) -> None:
    if _in(namespace, blocked):
        raise failure.invalid(f"access to specified namespace {namespace} is blocked")
    if _in(namespace, allowed):
        return
    if _in("*", blocked):
        raise failure.invalid("only explicit allowed access to namespaces is allowed")
    if allowed:
        raise failure.invalid(f"access to specified namespace {namespace} is not allowed")


def _in(value: str, listed: str) -> bool:
    return value in [item.strip() for item in listed.split(",") if item.strip()]


def not_found(request: ClusterRequest) -> str:
    """The API server's words."""
    return f'{request.kind}s.tekton.dev "{request.name}" not found'


def source(request: ClusterRequest, uid: str, checksum: bytes) -> RefSource:
    """``checksum``: of the object as Trusted Resources computes it (Task.Checksum). Every kind is said to be v1."""
    path = f"/apis/tekton.dev/v1/namespaces/{request.namespace}/{request.kind}/{request.name}@{uid}"
    return RefSource(path, {"sha256": checksum.hex()})
