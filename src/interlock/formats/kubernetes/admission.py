"""Admission of one write: what the API server asks, and what completes an object or refuses it before it is stored.

On a cluster these are webhooks, registered by what is installed there (admissionregistration.k8s.io), and the words are
those of an AdmissionReview. Here they are functions that a module hands over: `WEBHOOKS` of the modules that a
cluster's configuration names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.errors import RefusedError

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A write of the object itself, not of its subresources; ``old`` is None on creation."""

    new: Object
    old: Object | None
    user: str
    groups: Sequence[str]
    field_validation: str
    """``Strict``, ``Warn`` or ``Ignore``: what becomes of fields that the kind does not have."""
    config_map: Callable[[str, str], Object | None]
    """A config map by namespace and name: where a webhook's own settings are."""
    warnings: list[str] = field(default_factory=list)
    """Told to the client."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Both raise what `denied` makes, to deny the request. ``mutate`` gives the object as it is completed."""

    mutate: Callable[[Request], Object] = lambda request: request.new
    validate: Callable[[Request], None] = lambda request: None


def denied(message: str) -> RefusedError:
    """The refusal: the API server answers 400 with ``message``."""
    return RefusedError("admission-denied", message)
