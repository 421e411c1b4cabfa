"""Link 1: what the cluster says that runs."""

from __future__ import annotations

from interlock.errors import NotFoundError
from interlock.platform.checks.link import Draft, Link
from interlock.platform.domain import workload
from interlock.platform.domain.verdict import Basis, Finding, Verdict
from interlock.platform.facts import Facts, place, running


class RunningObject(Link):
    """Only live: no captured fact can say what runs now."""

    id = "running-object"
    claim = "The service's Deployment is available and runs one image, by digest."

    def look(self, facts: Facts, draft: Draft) -> Finding:
        service = facts.get(place.service)
        where = f"{facts.get(place.environment).cluster}/{service.name}"
        for item in service.workloads:
            draft.cite(item.kind, f"{where}/{item.kind.lower()}s/{item.name}")
        try:
            objects = facts.get(running.objects)
        except NotFoundError as error:
            return draft.invalid("not-running", str(error))
        if any(workload.simulated(found) for _, found in objects):
            draft.basis = Basis.SIMULATED
        image = facts.get(running.read)
        for _, found in objects:
            verdict, detail = workload.readiness(found)
            if verdict is Verdict.UNKNOWN:
                return draft.unknown("rollout-unobserved", detail)
            if verdict is Verdict.INVALID:
                return draft.invalid("not-available", detail)
        for name, runs in self._images(facts):
            if not runs.endswith(image.digest):
                draft.cite(f"Pod {name}", f"{where}/pods/{name}")
                return draft.invalid("pod-other-image", f"pod {name} runs {runs}")
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
