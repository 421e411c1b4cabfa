"""Admission: a step in which others complete an object and have a say before it is stored.

Who they are the configuration says; they are called in the API server's order: mutating before the object is validated
against its definition, validating after it (apiserver, registry/rest/create.go and update.go). They are asked for
writes of the object itself, not of its subresources.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping

from interlock.errors import InputError, RefusedError
from interlock.formats.kubernetes.admission import Request, Webhook
from interlock.local.kubernetes import answers
from interlock.local.kubernetes.cluster import Call, Cluster, Object


def load(modules: Iterable[str]) -> dict[str, Webhook]:
    """The ``WEBHOOKS`` of these modules: API group, or ``group/plural`` of one kind -> who is asked.

    Raises InputError ``admission-module``.
    """
    found: dict[str, Webhook] = {}
    for name in modules:
        try:
            webhooks: Mapping[str, Webhook] = importlib.import_module(name).WEBHOOKS
        except (ImportError, AttributeError) as error:
            raise InputError("admission-module", f"no module with WEBHOOKS: {error}", got=name) from error
        found |= webhooks
    return found


def mutate(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    """``new`` as the webhook of its kind completes it. Raises ApiError 400 where that denies the request."""
    webhook = _of(cluster, call)
    if webhook is None:
        return new
    try:
        return webhook.mutate(_request(cluster, call, new, old))
    except RefusedError as error:
        raise answers.bad_request(error.message) from error


def validate(cluster: Cluster, call: Call, new: Object, old: Object | None) -> None:
    """Raises ApiError 400 for what the webhook of its kind refuses."""
    webhook = _of(cluster, call)
    if webhook is None:
        return
    try:
        webhook.validate(_request(cluster, call, new, old))
    except RefusedError as error:
        raise answers.bad_request(error.message) from error


def _of(cluster: Cluster, call: Call) -> Webhook | None:
    if call.subresource:
        return None
    return cluster.webhooks.get(call.kind.resource) or cluster.webhooks.get(call.kind.group)


def _request(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Request:
    def config_map(namespace: str, name: str) -> Object | None:
        return cluster.store.get("/configmaps", namespace, name)

    validation = call.options.field_validation
    return Request(new, old, call.user.name, call.user.groups, validation, config_map, call.warnings)
