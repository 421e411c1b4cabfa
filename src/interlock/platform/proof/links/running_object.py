"""Link 1: what the cluster says that runs."""

from __future__ import annotations

from interlock.errors import NotFoundError
from interlock.platform.checks.link import Draft, Link
from interlock.platform.domain.verdict import Basis, Finding
from interlock.platform.facts import Facts, place, running


class RunningObject(Link):
    """Only live: no captured fact can say what runs now."""

    id = "running-object"
    claim = "The service's Deployment is available and runs one image, by digest."

    def look(self, facts: Facts, draft: Draft) -> Finding:
        service = facts.get(place.read).service
        where = f"{facts.get(place.environment).cluster}/{service}"
        draft.cite("Deployment", f"{where}/deployments/{service}")
        try:
            workload = facts.get(running.workload)
        except NotFoundError as error:
            return draft.invalid("not-running", str(error), remedy="deliver the service into this environment")
        if running.simulated(workload):
            draft.basis = Basis.SIMULATED
        image = facts.get(running.read)
        status = workload.get("status") or {}
        if status.get("observedGeneration") != workload["metadata"].get("generation"):
            return draft.unknown("rollout-unobserved", "the cluster has not acted on the Deployment yet", remedy=_WAIT)
        available = running.condition(workload, "Available")
        if available.get("status") != "True":
            detail = f"{available.get('reason', 'no condition')}: {available.get('message', '')}"
            return draft.invalid("not-available", detail, remedy="see `kubectl describe deployment`")
        for name, found in self._images(facts):
            if not found.endswith(image.digest):
                draft.cite(f"Pod {name}", f"{where}/pods/{name}")
                return draft.invalid("pod-other-image", f"pod {name} runs {found}", remedy=_WAIT)
        return draft.valid(str(image))

    def _images(self, facts: Facts) -> list[tuple[str, str]]:
        """(pod, image id) of each running container of the service's image."""
        try:
            pods = facts.get(running.pods)
        except NotFoundError:  # a cluster that serves no pods
            return []
        return [
            (str(pod["metadata"]["name"]), str(status["imageID"]))
            for pod in pods
            for status in (pod.get("status") or {}).get("containerStatuses") or []
            if status.get("imageID") and str(status.get("image", "")).startswith(facts.get(place.service).image)
        ]


_WAIT = "wait for the rollout to end, then ask again"
