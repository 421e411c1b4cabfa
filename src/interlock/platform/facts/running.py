"""What runs, as the cluster tells it now: only live, no captured fact can say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError, UnreachableError
from interlock.formats.oci import reference
from interlock.platform.domain.ids import Digest
from interlock.platform.domain.image import ImageReference
from interlock.platform.domain.verdict import Basis
from interlock.platform.estate import Environment
from interlock.platform.facts import place, synced
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import sources
from interlock.platform.facts.sources import Sources

Object = Mapping[str, Any]
SIMULATED_REASON = "SimulatedNoContainerRuns"
SIMULATED_ANNOTATION = "interlock.dev/simulated"


def workload(facts: Facts) -> Object:
    """The service's Deployment."""
    where, service = facts.get(place.environment), facts.get(place.read).service
    return facts.get(sources).cluster(where.cluster).get("apps/v1", "Deployment", service, service)


def pods(facts: Facts) -> list[Object]:
    """Pods that it selects."""
    labels = (facts.get(workload)["spec"].get("selector") or {}).get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    cluster = facts.get(sources).cluster(facts.get(place.environment).cluster)
    return list(cluster.list("v1", "Pod", namespace=facts.get(place.read).service, label_selector=selector).items)


def read(facts: Facts) -> ImageReference:
    """The image of the service's container. Raises InputError ``workload-image``."""
    containers = facts.get(workload)["spec"]["template"]["spec"]["containers"]
    images = [str(item.get("image", "")) for item in containers]
    expected = facts.get(place.service).image
    # Sidecars are another matter, and may be named in ways that only their registry understands.
    own = [item for item in images if re.match(rf"{re.escape(expected)}(?![\w./-])", item)]
    found = [reference.parse(item) for item in own]
    if len(found) != 1 or not found[0].digest:
        raise InputError(
            "workload-image",
            "the Deployment does not run one image of the service, by digest",
            got=", ".join(images) or "none",
            expected=f"{expected}:<tag>@sha256:…",
        )
    return ImageReference(found[0].name, found[0].tag or "", Digest(found[0].digest))


def image(facts: Facts) -> ImageReference:
    """What runs, or what is desired where nothing runs or the cluster does not tell."""
    try:
        return facts.get(read)
    except (UnreachableError, RefusedError, NotFoundError):
        return facts.get(synced.desired)


def image_name(facts: Facts) -> str:
    """The image's repository as the registry knows it, without host."""
    return reference.parse(facts.get(image).repository).repository


def basis(sources: Sources, environment: Environment, service: str) -> Basis:
    """``simulated`` when the service's own workload says that no container runs, or does not tell."""
    try:
        found = sources.cluster(environment.cluster).get("apps/v1", "Deployment", service, service)
    except InterlockError:
        return Basis.SIMULATED
    return Basis.SIMULATED if simulated(found) else Basis.EXECUTED


def condition(item: Object, kind: str) -> Object:
    conditions = (item.get("status") or {}).get("conditions") or []
    return next((entry for entry in conditions if entry.get("type") == kind), {})


def simulated(workload: Object) -> bool:
    """Whether a stand-in says that no container runs."""
    conditions = (workload.get("status") or {}).get("conditions") or []
    template = (workload.get("spec") or {}).get("template") or {}
    annotated = [item.get("metadata", {}).get("annotations") or {} for item in (workload, template)]
    return any(item.get("reason") == SIMULATED_REASON for item in conditions) or any(
        SIMULATED_ANNOTATION in item for item in annotated
    )
