"""Admission: a step in which others complete an object and have a say before it is stored.

On a cluster these are webhooks, registered by what is installed there (admissionregistration.k8s.io). Here they are
functions, one `Webhook` an API group, called in the API server's order: mutating before the object is validated against
its definition, validating after it (apiserver, registry/rest/create.go and update.go). They are asked for writes of the
object itself, not of its subresources.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from interlock.local.kubernetes import tekton_webhooks
from interlock.local.kubernetes.cluster import Call, Cluster, Object


@dataclass(frozen=True, slots=True)
class Webhook:
    """Both raise ApiError 400 to deny the request; ``old`` is None on creation."""

    mutate: Callable[[Cluster, Call, Object, Object | None], Object]
    validate: Callable[[Cluster, Call, Object, Object | None], None]


_TEKTON = Webhook(tekton_webhooks.mutate, tekton_webhooks.validate)
_BY_GROUP: dict[str, Webhook] = {"tekton.dev": _TEKTON, "resolution.tekton.dev": _TEKTON}


def mutate(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    """``new`` as the webhook of its group completes it."""
    webhook = _of(call)
    return webhook.mutate(cluster, call, new, old) if webhook is not None else new


def validate(cluster: Cluster, call: Call, new: Object, old: Object | None) -> None:
    """Raise for what the webhook of its group refuses."""
    webhook = _of(call)
    if webhook is not None:
        webhook.validate(cluster, call, new, old)


def _of(call: Call) -> Webhook | None:
    return _BY_GROUP.get(call.kind.group) if not call.subresource else None
