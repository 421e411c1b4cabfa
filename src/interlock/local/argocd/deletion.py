"""Deleting an Application with its resources (argo-cd controller/appcontroller.go finalizeApplicationDeletion)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from interlock.formats.argocd import application, plan
from interlock.formats.argocd.project import Project
from interlock.formats.argocd.tracking import key_of
from interlock.local.argocd.clusters import LiveCluster
from interlock.local.argocd.operation import delete
from interlock.local.argocd.state import permits

Object = dict[str, Any]
log = logging.getLogger(__name__)


def run(name: str, app: Mapping[str, Any], project: Project, cluster: LiveCluster) -> bool:
    """Delete what is left of the highest wave. True when nothing is left: the finalizer may go.

    Stays: CRDs, the Application itself, ``Delete=false`` on the object or the Application, ``helm.sh/resource-policy:
    keep``, what the project does not permit, and what another object owns.
    """
    propagation = application.cascade(app["metadata"].get("finalizers") or [])
    policy = (app.get("spec") or {}).get("syncPolicy") or {}
    mine = [live for live in cluster.owned(name) if _permitted(live, project, cluster)]
    if any(live["metadata"].get("deletionTimestamp") for live in mine):
        return False
    doomed = [live for live in mine if _goes(live, app, tuple(policy.get("syncOptions") or ()))]
    if not doomed:
        return True
    wave = max(plan.wave_of(live) for live in doomed)
    for live in doomed:
        if plan.wave_of(live) == wave:
            log.info("%s: deleting %s", name, key_of(live))
            delete(cluster, live, "Background" if propagation == "Background" else "Foreground")
    return False


def _permitted(live: Object, project: Project, cluster: LiveCluster) -> bool:
    key = key_of(live)
    return permits(project, key, cluster, namespaced=bool(key.namespace))


def _goes(live: Object, app: Mapping[str, Any], options: tuple[str, ...]) -> bool:
    """shouldBeDeleted."""
    own = [item for item in plan.options(live) if item.startswith("Delete=")]
    wanted = own[-1] if own else f"Delete={application.option_value(options, 'Delete')}"
    kept = str(plan.annotations_of(live).get("helm.sh/resource-policy", "")) == "keep"
    itself = live.get("kind") == "Application" and live["metadata"].get("uid") == app["metadata"].get("uid")
    definition = live.get("kind") == "CustomResourceDefinition"
    return not definition and not itself and not kept and wanted != "Delete=false"
