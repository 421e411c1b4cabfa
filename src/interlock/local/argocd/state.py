"""Comparing an Application's desired state with what is live (argo-cd controller/state.go CompareAppState)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import InterlockError, UnreachableError
from interlock.formats.argocd import health, integrity, plan, tracking
from interlock.formats.argocd.application import Spec
from interlock.formats.argocd.project import Project
from interlock.formats.argocd.tracking import Key
from interlock.formats.kubernetes import comparison
from interlock.formats.kubernetes.comparison import Ignore
from interlock.local.argocd import manifests
from interlock.local.argocd.clusters import LiveCluster
from interlock.local.argocd.repositories import Mirror, MirrorGraph
from interlock.local.argocd.status import MANAGER, condition
from interlock.local.argocd.validity import Subject

Object = dict[str, Any]
log = logging.getLogger(__name__)

COMPARISON_ERROR = "ComparisonError"
EVALUATED = (COMPARISON_ERROR, "SharedResourceWarning", "RepeatedResourceWarning", "ExcludedResourceWarning")


@dataclass(frozen=True, slots=True)
class Pair:
    """One resource: what is wanted (None: it is extra) and what is live (None: it is missing)."""

    key: Key
    target: Object | None
    live: Object | None
    modified: bool = False
    concerned: bool = True
    """False: a skipped or copied object that does not count."""

    @property
    def requires_pruning(self) -> bool:
        return self.target is None and self.live is not None and self.concerned

    @property
    def out_of_sync(self) -> bool:
        return self.concerned and (self.modified or self.target is None or self.live is None)


@dataclass(frozen=True, slots=True)
class Compared:
    """The outcome. ``status`` is Synced, OutOfSync or Unknown; ``blocking`` are messages that forbid a sync."""

    status: str
    revision: str
    source_type: str
    pairs: tuple[Pair, ...]
    resources: tuple[Object, ...]
    health: Object
    conditions: tuple[Object, ...]
    unsupported: tuple[str, ...] = ()

    @property
    def blocking(self) -> list[Object]:
        return [item for item in self.conditions if item["type"] == COMPARISON_ERROR]


def compare(
    subject: Subject,
    mirror: Mirror,
    revision: str,
    *,
    known: Sequence[tuple[str, str]],
    keyring: Sequence[str],
    since: float | None = None,
) -> Compared:
    """``revision`` is a name or a commit of the mirror, which is fetched first unless it was after ``since``.

    ``known`` are (apiVersion, kind) that the Application had; ``keyring`` holds OpenPGP certificates.
    Raises UnreachableError when the repository could not be read for now.
    """
    name, spec, source = subject.name, subject.spec, subject.source
    project, cluster = subject.project, subject.cluster
    conditions: list[Object] = []
    failed = False
    commit, source_type = "", ""
    wanted: manifests.Manifests | None = None
    try:
        if since is not None:
            mirror.update(since)
        commit = mirror.resolve(revision)
        verified = integrity.verify(project.integrity, source.repo_url, MirrorGraph(mirror, keyring), revision, commit)
        wanted = manifests.load(
            source,
            mirror.tree(commit),
            commit,
            name=name,
            namespace=spec.destination.namespace,
            namespaced=cluster.namespaced,
        )
        source_type = wanted.source_type
        if verified.problems:
            conditions.append(condition(COMPARISON_ERROR, verified.message))
        conditions += [
            condition(
                "RepeatedResourceWarning", f"Resource {key} appeared 2 times or more among application resources."
            )
            for key in wanted.repeated
        ]
    except UnreachableError:
        raise
    except InterlockError as error:
        failed = True
        conditions.append(condition(COMPARISON_ERROR, f"Failed to load target state: {_explained(error)}"))
    targets = wanted.objects if wanted is not None else ()
    try:
        cluster.observe({*known, *((item["apiVersion"], item["kind"]) for item in targets)})
        pairs = _pairs(name, targets, cluster, project, spec)
    except InterlockError as error:
        failed = True
        pairs = []
        conditions.append(condition(COMPARISON_ERROR, f"Failed to load live state: {_explained(error)}"))
    conditions += _shared(name, pairs)
    try:
        pairs = [_compared(pair, spec) for pair in pairs]
    except InterlockError as error:
        failed = True
        message = f"Failed to compare desired state to live state: {_explained(error)}"
        conditions.append(condition(COMPARISON_ERROR, message))
    resources = tuple(_resource(pair, project, failed=failed) for pair in pairs)
    counting = [pair for pair in pairs if pair.out_of_sync and not _extraneous(pair)]
    overall = health.of_application((pair.target, pair.live) for pair in pairs)
    return Compared(
        status="Unknown" if failed else "OutOfSync" if counting else "Synced",
        revision=commit,
        source_type=source_type,
        pairs=tuple(pairs),
        resources=resources,
        health={"status": overall.status, **({"message": overall.message} if overall.message else {})},
        conditions=tuple(conditions),
        unsupported=wanted.unsupported if wanted is not None else (),
    )


def _explained(error: InterlockError) -> str:
    """One line, without our codes but with the place: what a person reads in a condition."""
    place = f"{error.where}: " if error.where else ""
    detail = f": {error.got}" if error.got else ""
    return f"{place}{error.message}{detail}"


def _pairs(name: str, targets: Sequence[Object], cluster: LiveCluster, project: Project, spec: Spec) -> list[Pair]:
    found: dict[Key, Pair] = {}
    for target in targets:
        key = tracking.key_of(target)
        found[key] = Pair(
            key, target, cluster.get(key), concerned=not plan.skipped(target) and not plan.is_hook(target)
        )
    for live in cluster.owned(name):
        key = tracking.key_of(live)
        if key not in found:
            found[key] = Pair(key, None, live, concerned=not plan.is_hook(live))
    permitted = []
    for pair in found.values():
        if pair.live is not None and not permits(project, pair.key, cluster, namespaced=bool(pair.key.namespace)):
            # What the project does not permit is as if it were not there (IsLiveResourcePermitted).
            if pair.target is None:
                continue
            pair = Pair(pair.key, pair.target, None, concerned=pair.concerned)
        permitted.append(pair)
    return sorted(permitted, key=lambda pair: (pair.key.group, pair.key.kind, pair.key.namespace, pair.key.name))


def permits(project: Project, key: Key, cluster: LiveCluster, *, namespaced: bool) -> bool:
    """Whether the project permits the object in the cluster: by kind, and by namespace if it has one."""
    if not project.permits_kind(key.group, key.kind, key.name, namespaced=namespaced):
        return False
    return not namespaced or project.permits_destination(
        server=cluster.config.server, name=cluster.config.name, namespace=key.namespace
    )


def _compared(pair: Pair, spec: Spec) -> Pair:
    if pair.target is None or pair.live is None:
        return pair
    rules = [
        Ignore(item.group, item.kind, item.name, item.namespace, item.json_pointers) for item in spec.ignore_differences
    ]
    difference = comparison.compare(pair.target, pair.live, manager=MANAGER, ignore=rules)
    if difference.modified:
        log.debug("%s differs: %s", pair.key, ", ".join(difference.paths))
    return Pair(pair.key, pair.target, pair.live, difference.modified, pair.concerned)


def _shared(name: str, pairs: Sequence[Pair]) -> list[Object]:
    found = []
    for pair in pairs:
        tracked = tracking.of(pair.live) if pair.live is not None else None
        if tracked is not None and tracked.application != name:
            message = f"{pair.key.kind}/{pair.key.name} is part of applications {name} and {tracked.application}"
            found.append(condition("SharedResourceWarning", message))
    return found


def _extraneous(pair: Pair) -> bool:
    return pair.requires_pruning and "IgnoreExtraneous" in plan.options(pair.live, plan.COMPARE_OPTIONS)


def _resource(pair: Pair, project: Project, *, failed: bool) -> Object:
    """One entry of ``status.resources``."""
    obj = pair.live if pair.live is not None else pair.target
    assert obj is not None  # noqa: S101 - a pair has at least one side
    entry: Object = {
        "group": pair.key.group,
        "version": str(obj["apiVersion"]).rpartition("/")[2],
        "kind": pair.key.kind,
        "namespace": pair.key.namespace,
        "name": pair.key.name,
    }
    status = "OutOfSync" if pair.out_of_sync else "Synced" if pair.concerned else ""
    permitted = project.permits_kind(pair.key.group, pair.key.kind, pair.key.name, namespaced=bool(pair.key.namespace))
    if failed or not permitted:
        status = "Unknown"
    found = health.of_resource(pair.live)
    wave = plan.wave_of(pair.target) if pair.target is not None else 0
    entry |= {
        "status": status,
        "health": {"status": found.status, **({"message": found.message} if found.message else {})} if found else None,
        "requiresPruning": pair.requires_pruning or None,
        "hook": plan.is_hook(obj) or None,
        "syncWave": wave or None,
    }
    # Go leaves out what is empty.
    return {name: value for name, value in entry.items() if value not in (None, "")}
