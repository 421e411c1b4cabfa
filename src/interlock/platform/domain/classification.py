"""Which kind of delivery a pull request is, read from what it changes and never from what it says of itself.

Only the head branch's prefix ``revert/`` is listened to: it claims a kind whose rule (the exact inverse) is stricter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.delivery import DeliveryKind
from interlock.platform.domain.ids import EnvironmentName, ReasonCode, ServiceName

_APP = re.compile(r"apps/([^/]+)/(.+)")
_APPLICATION = re.compile(r"argocd/([^/]+)\.yaml")
_MIDDLEWARE = re.compile(r"middleware/([^/]+)/.+")
_REGISTRY = re.compile(r"services/([^/]+)\.yaml")
_OK = ReasonCode("ok")
_REVERT = re.compile(r"revert/([^/]+)/([0-9a-f]{7,64})")


@dataclass(frozen=True, slots=True)
class Classification:
    """One kind and one service, or why not. ``service`` is None where none can be named (a file of the repo itself)."""

    kind: DeliveryKind | None
    service: ServiceName | None
    reason: ReasonCode = _OK
    detail: str = ""


def revert_of(head_ref: str) -> str | None:
    """The short commit id that a branch ``revert/<service>/<id>`` says it reverts."""
    match = _REVERT.fullmatch(head_ref)
    return match[2] if match else None


def application_of(path: str) -> ServiceName | None:
    """The service whose Application stands at ``path``; None when that is no Application's place."""
    match = _APPLICATION.fullmatch(path)
    return ServiceName(match[1]) if match else None


def classify(
    change: Change, environment: EnvironmentName, head_ref: str, *, image_changes: Callable[[str], bool]
) -> Classification:
    """The kind of a change of an env repo (or of the platform repo for environment ``platform``).

    ``image_changes``: whether the image in a values file differs between ``before`` and ``after``.
    """
    files = {item.path: item for item in (*change.proposed, *change.effect)}
    if not change.effect:
        return Classification(None, None, ReasonCode("nothing-changed"), "the base has all of it already")
    rule = _registry if environment == "platform" else _environment
    found = [rule(item, environment, image_changes) for item in files.values()]
    services = {service for _, service in found if service}
    service = next(iter(services)) if len(services) == 1 else None
    if revert_of(head_ref):
        return Classification(DeliveryKind.REVERT, service)
    kinds = {kind for kind, _ in found}
    outside = sorted(path for path, (kind, _) in zip(files, found, strict=True) if kind is None)
    if outside:
        return Classification(None, service, ReasonCode("path-outside-layout"), ", ".join(outside[:3]))
    if len(services) > 1:
        return Classification(None, None, ReasonCode("several-services"), ", ".join(sorted(services)))
    kind = _one(kinds, files.values())
    if kind is None:
        told = ", ".join(sorted(item.value for item in kinds if item))
        return Classification(None, service, ReasonCode("several-kinds"), told)
    return Classification(kind, service)


def _one(kinds: set[DeliveryKind | None], files: Iterable[FileChange]) -> DeliveryKind | None:
    """Onboarding brings every file of a service at once; anything else is of one kind."""
    if DeliveryKind.ONBOARDING in kinds and all(item.status == "added" for item in files):
        return DeliveryKind.ONBOARDING
    return next(iter(kinds)) if len(kinds) == 1 else None


def _environment(
    item: FileChange, environment: EnvironmentName, image_changes: Callable[[str], bool]
) -> tuple[DeliveryKind | None, ServiceName | None]:
    path = item.path
    if match := _APPLICATION.fullmatch(path):
        kinds = {"added": DeliveryKind.ONBOARDING, "deleted": DeliveryKind.REMOVAL}
        return kinds.get(item.status, DeliveryKind.CONFIGURATION), ServiceName(match[1])
    if match := _MIDDLEWARE.fullmatch(path):
        return DeliveryKind.MIDDLEWARE, ServiceName(match[1])
    if path.startswith("charts/"):
        return DeliveryKind.CHART, None
    if match := _APP.fullmatch(path):
        service, file = ServiceName(match[1]), match[2]
        if item.status == "deleted":
            return DeliveryKind.REMOVAL, service
        if file == f"values.{environment}.yaml" and item.status == "modified" and image_changes(path):
            return DeliveryKind.IMAGE, service
        if re.fullmatch(r"values(\.[^/]+)?\.yaml", file):
            return DeliveryKind.CONFIGURATION, service
        return DeliveryKind.CHART, service
    return None, None


def _registry(
    item: FileChange, environment: EnvironmentName, image_changes: Callable[[str], bool]
) -> tuple[DeliveryKind | None, ServiceName | None]:
    match = _REGISTRY.fullmatch(item.path)
    if match and item.status == "added":
        return DeliveryKind.ONBOARDING, ServiceName(match[1])
    return DeliveryKind.PLATFORM, ServiceName(match[1]) if match else None
