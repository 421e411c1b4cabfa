"""Link 1: what the cluster says that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.errors import NotFoundError
from interlock.platform.domain.verdict import Basis, Finding
from interlock.platform.proof.link import Draft, Link
from interlock.platform.proof.walk import Walk

SIMULATED_REASON = "SimulatedNoContainerRuns"
SIMULATED_ANNOTATION = "interlock.dev/simulated"


class RunningObject(Link):
    """Only live: no captured fact can say what runs now."""

    id = "running-object"
    claim = "The service's Deployment is available and runs one image, by digest."

    def judge(self, walk: Walk, draft: Draft) -> Finding:
        place = f"{walk.environment.cluster}/{walk.service_name}"
        draft.cite("Deployment", f"{place}/deployments/{walk.service_name}")
        try:
            workload = walk.workload
        except NotFoundError as error:
            return draft.invalid("not-running", str(error), remedy="deliver the service into this environment")
        if simulated(workload):
            draft.basis = Basis.SIMULATED
        image = walk.running
        status = workload.get("status") or {}
        if status.get("observedGeneration") != workload["metadata"].get("generation"):
            return draft.unknown("rollout-unobserved", "the cluster has not acted on the Deployment yet", remedy=_WAIT)
        available = condition(workload, "Available")
        if available.get("status") != "True":
            detail = f"{available.get('reason', 'no condition')}: {available.get('message', '')}"
            return draft.invalid("not-available", detail, remedy="see `kubectl describe deployment`")
        for name, found in self._images(walk):
            if not found.endswith(image.digest):
                draft.cite(f"Pod {name}", f"{place}/pods/{name}")
                return draft.invalid("pod-other-image", f"pod {name} runs {found}", remedy=_WAIT)
        return draft.valid(str(image))

    def _images(self, walk: Walk) -> list[tuple[str, str]]:
        """(pod, image id) of each running container of the service's image."""
        try:
            pods = walk.pods
        except NotFoundError:  # a cluster that serves no pods
            return []
        return [
            (str(pod["metadata"]["name"]), str(status["imageID"]))
            for pod in pods
            for status in (pod.get("status") or {}).get("containerStatuses") or []
            if status.get("imageID") and str(status.get("image", "")).startswith(walk.service.image)
        ]


_WAIT = "wait for the rollout to end, then ask again"


def condition(item: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions = (item.get("status") or {}).get("conditions") or []
    return next((entry for entry in conditions if entry.get("type") == kind), {})


def simulated(workload: Mapping[str, Any]) -> bool:
    """Whether a stand-in says that no container runs."""
    conditions = (workload.get("status") or {}).get("conditions") or []
    template = (workload.get("spec") or {}).get("template") or {}
    annotated = [item.get("metadata", {}).get("annotations") or {} for item in (workload, template)]
    return any(item.get("reason") == SIMULATED_REASON for item in conditions) or any(
        SIMULATED_ANNOTATION in item for item in annotated
    )
