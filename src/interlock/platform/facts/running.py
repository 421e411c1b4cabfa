"""What runs, as the cluster tells it now: only live, no captured fact can say it."""

from __future__ import annotations

import re

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError, UnreachableError
from interlock.formats.oci import reference
from interlock.platform.domain import workload as workloads
from interlock.platform.domain.ids import Digest
from interlock.platform.domain.image import ImageReference
from interlock.platform.domain.verdict import Basis
from interlock.platform.domain.workload import Object, Workload
from interlock.platform.estate import Environment, Service
from interlock.platform.facts import place, synced
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import sources
from interlock.platform.facts.sources import Sources


def objects(facts: Facts) -> tuple[tuple[Workload, Object], ...]:
    """Each container that the service names, with the object that runs it."""
    environment, service = facts.get(place.environment), facts.get(place.service)
    cluster = facts.get(sources).cluster(environment.cluster)
    return tuple((item, fetch(cluster, environment, service, item)) for item in service.workloads)


def workload(facts: Facts) -> Object:
    """What runs the service's own image."""
    own = facts.get(place.service).image
    return next(found for item, found in facts.get(objects) if item.image == own)


def pods(facts: Facts) -> list[Object]:
    """Pods that it selects."""
    labels = (facts.get(workload)["spec"].get("selector") or {}).get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    environment = facts.get(place.environment)
    namespace = environment.namespace(facts.get(place.read).service)
    cluster = facts.get(sources).cluster(environment.cluster)
    return list(cluster.list("v1", "Pod", namespace=namespace, label_selector=selector).items)


def read(facts: Facts) -> ImageReference:
    """The image of the service's own containers. Raises InputError ``workload-image``.

    Sidecars are another matter, and may be named in ways that only their registry understands.
    """
    expected = facts.get(place.service).image
    own = [workloads.image_of(found, item.container) for item, found in facts.get(objects) if item.image == expected]
    found = {reference.parse(item) for item in own if item and re.match(rf"{re.escape(expected)}(?![\w./-])", item)}
    one = next(iter(found), None)
    if one is None or len(found) != 1 or len(own) != sum(map(bool, own)) or not one.digest:
        raise InputError(
            "workload-image",
            "the service's containers do not run one image of it, by digest",
            got=", ".join(item or "no such container" for item in own),
            expected=f"{expected}:<tag>@sha256:…",
        )
    return ImageReference(one.name, one.tag or "", Digest(one.digest))


def image(facts: Facts) -> ImageReference:
    """What runs, or what is desired where nothing runs or the cluster does not tell."""
    try:
        return facts.get(read)
    except (UnreachableError, RefusedError, NotFoundError):
        return facts.get(synced.desired)


def image_name(facts: Facts) -> str:
    """The image's repository as the registry knows it, without host."""
    return reference.parse(facts.get(image).repository).repository


def basis(sources: Sources, environment: Environment, service: Service) -> Basis:
    """``simulated`` when one of the service's own workloads says that no container runs, or does not tell."""
    try:
        cluster = sources.cluster(environment.cluster)
        found = [fetch(cluster, environment, service, item) for item in service.workloads]
    except InterlockError:
        return Basis.SIMULATED
    return Basis.SIMULATED if any(map(workloads.simulated, found)) else Basis.EXECUTED


def fetch(cluster: KubernetesClient, environment: Environment, service: Service, workload: Workload) -> Object:
    """The object of a workload, in the service's namespace. Raises NotFoundError ``kubernetes-not-found``,
    the cluster's errors."""
    return cluster.get(
        workloads.KINDS[workload.kind].api_version, workload.kind, workload.name, environment.namespace(service.name)
    )
