"""Whether what a resolver brought is trusted: the VerificationPolicies of the run's namespace."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Protocol

from interlock.clients.kubernetes import KubernetesClient, Object
from interlock.errors import NotFoundError
from interlock.formats.tekton.policy import Verdict, evaluate

_VERIFIED = ("Task", "Pipeline")
"""Upstream verifies no StepActions (tr/resources/taskref.go resolveStepAction)."""


class _Source(Protocol):
    @property
    def uri(self) -> str: ...


class _Found(Protocol):
    """What a resolver brought."""

    @property
    def object(self) -> Object: ...
    @property
    def source(self) -> _Source | None: ...


class Policies:
    """Reads policies and their Secrets from the cluster when they are needed: a revoked key counts at once."""

    def __init__(self, client: KubernetesClient, no_match: str) -> None:
        """``no_match`` is the flag ``trusted-resources-verification-no-match-policy``."""
        self._client = client
        self._no_match = no_match

    def evaluate(self, found: _Found, namespace: str) -> Verdict:
        if found.object.get("kind") not in _VERIFIED:
            return Verdict("skipped")
        uri = found.source.uri if found.source is not None else None
        return evaluate(found.object, uri, self._policies(namespace), self._secret, self._no_match)

    def _policies(self, namespace: str) -> list[Object]:
        try:
            listed = self._client.list("tekton.dev/v1alpha1", "VerificationPolicy", namespace=namespace)
        except NotFoundError:
            # A cluster without the definition has none of them.
            return []
        return list(listed.items)

    def _secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        try:
            secret = self._client.get("v1", "Secret", name, namespace)
        except NotFoundError:
            return None
        return {key: _decoded(str(value)) for key, value in (secret.get("data") or {}).items()}


def _decoded(text: str) -> bytes:
    """Empty where it is no base64: no key, and refused as that."""
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
