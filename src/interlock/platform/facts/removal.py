"""What a service has in its cluster, who else uses it, and what a removal names of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.clients.git import Repository
from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import NotFoundError
from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.removal import Named, Removal
from interlock.platform.estate import layout
from interlock.platform.estate import removal as files
from interlock.platform.estate.argocd import NAMESPACE
from interlock.platform.facts import change, rendering
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import environment, estate, named, repository, sources

_APPLICATION = ("argoproj.io/v1alpha1", "Application")


@dataclass(frozen=True, slots=True)
class Held:
    """What there is. ``application``: the uid of the service's Application; None where there is none."""

    application: str | None
    objects: tuple[Named, ...]
    """Sorted: what Argo CD says is its own, and what a removal names, as far as it is live."""


def before(facts: Facts) -> Removal | None:
    """The removal that is under way on the base; None where none is."""
    return at(facts.get(repository), facts.get(change.read).base, facts.get(named))


def after(facts: Facts) -> Removal | None:
    """The same after the merge."""
    return at(facts.get(repository), facts.get(change.read).tree, facts.get(named))


def at(git: Repository, revision: str, service: ServiceName) -> Removal | None:
    """Raises InputError of `interlock.platform.estate.removal`."""
    file = layout.removal(service)
    data = git.read(revision, file)
    return None if data is None else files.read(data, file=file)


def held(facts: Facts) -> Held:
    """As the hub and the environment's cluster tell it now. Raises their errors."""
    where, service, named_ = facts.get(environment), facts.get(named), facts.get(before)
    hub = facts.get(sources).cluster(facts.get(estate).platform.platform.cluster)
    cluster = facts.get(sources).cluster(where.cluster)
    return held_by(hub, cluster, layout.application_name(service, where.name), named_.objects if named_ else ())


def held_by(hub: KubernetesClient, cluster: KubernetesClient, application: str, also: Iterable[Named] = ()) -> Held:
    """What an Application manages, and ``also`` these, as far as they are live."""
    found = look(hub, *_APPLICATION, application, NAMESPACE)
    wanted = {(item.api_version, item.kind, item.namespace, item.name) for item in also}
    for item in ((found or {}).get("status") or {}).get("resources") or ():
        group, version = item.get("group") or "", item.get("version") or ""
        api_version = f"{group}/{version}" if group else version
        wanted.add((api_version, item.get("kind") or "", item.get("namespace") or "", item.get("name") or ""))
    objects = []
    for api_version, kind, namespace, name in sorted(wanted):
        live = look(cluster, api_version, kind, name, namespace or None)
        if live is not None:
            objects.append(Named(api_version, kind, namespace, name, str(live["metadata"]["uid"])))
    return Held(str(found["metadata"]["uid"]) if found else None, tuple(objects))


def look(
    cluster: KubernetesClient, api_version: str, kind: str, name: str, namespace: str | None
) -> Mapping[str, Any] | None:
    """None for an object that is not there. Raises the cluster's other errors."""
    try:
        return cluster.get(api_version, kind, name, namespace)
    except NotFoundError as error:
        if error.code != "kubernetes-not-found":
            raise
        return None


def users(facts: Facts) -> tuple[str, ...]:
    """Who else of the environment's repository uses the service, as far as rendered manifests show: an object of
    another service that lies in its namespace, refers into it, or names one of its Services.

    Raises what rendering another service raises.
    """
    git, where, own = facts.get(repository), facts.get(environment), facts.get(named)
    base = facts.get(change.read).base
    listed = facts.get(before) or facts.get(after)
    hosts = [f"{item.name}.{item.namespace}" for item in (listed.objects if listed else ()) if item.kind == "Service"]
    others = {layout.service_of(item.path) for item in git.ls_tree(base, "apps")} - {own, None}
    found: list[str] = []
    for other in sorted(filter(None, others)):
        found += [
            f"{other}: {item.get('kind')} {(item.get('metadata') or {}).get('name')}"
            for item in rendering.render(git, base, other, where)
            if any(_uses(value, where.namespace(own), hosts) for value in _values(item))
        ]
    return tuple(found)


def _uses(value: object, namespace: str, hosts: Iterable[str]) -> bool:
    if isinstance(value, Mapping):
        return value.get("namespace") == namespace
    return isinstance(value, str) and any(
        re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", value) is not None for host in hosts
    )


def _values(value: object) -> Iterator[object]:
    """A document, and everything in it."""
    yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in inner:
        yield from _values(item)


def places(facts: Facts) -> tuple[str, ...]:
    """The environments whose repository still has a file of the service, on ``main`` or sealed."""
    service = facts.get(named)
    found = []
    for where in facts.get(estate).platform.environments:
        git = facts.get(sources).mirror(where.repository)
        refs = (layout.MAIN, layout.SEALED)
        paths = (layout.application(service), layout.chart(service), f"middleware/{service}")
        if any(any(git.object_ids(ref, paths).values()) for ref in refs):
            found.append(where.name)
    return tuple(found)
