"""A finished pipeline run: the PipelineRun and its TaskRuns as the Kubernetes API gave them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import InputError, NotFoundError
from interlock.platform.domain.ids import CommitId, Digest
from interlock.platform.domain.names import DIGEST

Object = Mapping[str, Any]
PIPELINE_TASK = "tekton.dev/pipelineTask"


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """One PipelineRun with all its TaskRuns; objects are plain JSON."""

    run: Object
    task_runs: Sequence[Object]

    @property
    def name(self) -> str:
        return str(self.run["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.run["metadata"].get("uid", ""))

    @property
    def status(self) -> Object:
        status: Object = self.run.get("status") or {}
        return status

    @property
    def results(self) -> list[Object]:
        """Results of the pipeline, in their order."""
        return list(self.status.get("results") or [])

    def result(self, name: str) -> str:
        """A string result, without surrounding white space. Raises NotFoundError ``run-result-missing``."""
        for item in self.results:
            if item["name"] == name and isinstance(item["value"], str):
                return item["value"].strip()
        raise NotFoundError(
            "run-result-missing",
            f"the pipeline run has no result {name}",
            where=f"PipelineRun {self.name}",
            todo="lift the task's result to the pipeline's results",
        )

    def digest(self, name: str) -> Digest:
        """A result that is a digest. Raises NotFoundError, InputError ``run-result-invalid``."""
        value = self.result(name)
        if not DIGEST.fullmatch(value):
            raise InputError(
                "run-result-invalid",
                f"the result {name} is no digest",
                got=value[:100],
                expected="sha256: and 64 hexadecimal digits",
                where=f"PipelineRun {self.name}",
            )
        return Digest(value)

    @property
    def image(self) -> str:
        """Repository of the image, without tag."""
        url = self.result("IMAGE_URL")
        last = url.rpartition("/")[2]
        return url[: -len(last)] + last.partition(":")[0] if ":" in last else url

    @property
    def commit(self) -> CommitId:
        return CommitId(self.result("CHAINS-GIT_COMMIT"))

    @property
    def succeeded(self) -> bool:
        """Whether the run has ended and all that mattered in it succeeded."""
        return self.finished and condition(self.run).get("status") == "True"

    @property
    def finished(self) -> bool:
        return bool(self.status.get("completionTime")) and condition(self.run).get("status") in ("True", "False")

    def executed(self) -> Iterator[Object]:
        """TaskRuns that ended, in the order of the pipeline's tasks and then its ``finally``."""
        spec = self.status.get("pipelineSpec") or {}
        for task in [*(spec.get("tasks") or []), *(spec.get("finally") or [])]:
            for item in self.task_runs:
                label = (item["metadata"].get("labels") or {}).get(PIPELINE_TASK)
                if label == task["name"] and (item.get("status") or {}).get("completionTime"):
                    yield item


def condition(item: Object) -> Object:
    """The condition ``Succeeded``; empty while there is none."""
    conditions = (item.get("status") or {}).get("conditions") or []
    return next((condition for condition in conditions if condition.get("type") == "Succeeded"), {})
