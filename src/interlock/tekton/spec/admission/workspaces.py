"""What a run binds to workspaces (v1/workspace_validation.go)."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.tekton.spec.admission.context import Object, text
from interlock.tekton.spec.admission.faults import Faults, both, missing, neither, via
from interlock.tekton.spec.admission.references import unique

_NAMED = ("persistentvolumeclaim", "volumeclaimtemplate", "emptydir", "configmap", "secret")
_SOURCES = ("volumeClaimTemplate", "persistentVolumeClaim", "emptyDir", "configMap", "secret", "projected", "csi")


def bindings(bound: Sequence[Object]) -> Faults:
    """ValidateWorkspaceBindings."""
    for index, item in enumerate(bound):
        yield from via(binding(item), index)
    yield from unique((text(item, "name") for item in bound), by_index=True)


def binding(bound: Object) -> Faults:
    """WorkspaceBinding.Validate."""
    if not any(value not in ("", None, [], {}) or name in _SOURCES for name, value in bound.items()):
        yield missing("workspace-binding", "")
        return
    sources = [name for name in _SOURCES if name in bound]
    if len(sources) > 1:
        yield both("workspace-source", *_NAMED)
    elif not sources:
        yield neither("workspace-source", *_NAMED)
    elif lacking := _lacking(sources[0], bound[sources[0]]):
        yield missing("workspace-source", lacking)


def _lacking(source: str, value: Object) -> str:
    """The field that a source needs and does not have."""
    needs = {
        "persistentVolumeClaim": ("claimName", "persistentvolumeclaim.claimname"),
        "configMap": ("name", "configmap.name"),
        "secret": ("secretName", "secret.secretName"),
        "projected": ("sources", "projected.sources"),
        "csi": ("driver", "csi.driver"),
    }
    field, path = needs.get(source, ("", ""))
    return "" if not field or value.get(field) else path
