"""What a person wrote down of one example file: ``expected/`` or ``own/``, and the path of the example.

A value that a run chooses itself (a random string, a digest) is written as a mapping with one key: ``$length`` (of the
text) or ``$matches`` (a regular expression that the whole text matches).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from interlock.formats import yaml

from .corpus import ROOT


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Strict):
    """A step of a TaskRun. One that is written without a body completed with exit code 0."""

    exit: int = 0
    ends: str = "Completed"
    """terminationReason."""
    log: Any = None
    """The whole log."""
    contains: list[str] = []
    """Texts that the log holds."""
    lacks: list[str] = []
    """Texts that the log must not hold."""
    results: dict[str, Any] = {}
    source: dict[str, Any] | None = None
    """``provenance.refSource``: where a resolver found the StepAction."""
    artifacts: dict[str, Any] = {}
    """``inputs`` and ``outputs`` of the step's state."""


class TaskRun(_Strict):
    """A TaskRun and everything that it must have, and nothing else, where a field does not say otherwise."""

    condition: str = "True Succeeded"
    """Status and reason."""
    message: Any = None
    results: dict[str, Any] = {}
    steps: dict[str, Step | None] | None = None
    """Every step in order; None: all of them completed."""
    sidecars: dict[str, int | None] = {}
    """Name -> exit code, where the sidecar ends by itself."""
    params: dict[str, Any] = {}
    """Some of the params that the TaskRun got."""
    spec: dict[str, Any] = {}
    """Some fields of the TaskRun's spec."""
    pod: dict[str, Any] = {}
    """Some fields of the spec of its Pod."""
    source: dict[str, Any] | None = None
    """``provenance.refSource``: where a resolver found the Task."""
    retries: int = 0
    """How many attempts were archived."""
    artifacts: dict[str, Any] = {}
    files: dict[str, str] = {}
    """``claim/path`` (a pattern) -> content, for claims that outlive the run."""
    display_name: str = Field("", alias="displayName")
    """In ``childReferences``."""


class PipelineRun(_Strict):
    """A PipelineRun: ``tasks`` are all its children by pipeline task, in the order of a matrix where there is one."""

    condition: str
    message: Any = None
    results: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    """Pipeline task -> reason; no others were skipped."""
    tasks: dict[str, Child | list[Child]]
    files: dict[str, str] = {}
    display_name: str = Field("", alias="displayName")


Child = TaskRun | PipelineRun | None
"""What a pipeline task became; without a body a TaskRun that succeeded without results."""


class Run(_Strict):
    """One run of the file, by its name or generateName."""

    name: str
    task: TaskRun | None = None
    pipeline: PipelineRun | None = None

    @model_validator(mode="after")
    def _one(self) -> Run:
        if (self.task is None) == (self.pipeline is None):
            raise ValueError("exactly one of task and pipeline")
        return self


class Reply(_Strict):
    """What a person says to an ApprovalTask of the file."""

    who: str
    said: Literal["approve", "reject"]


class Expectation(_Strict):
    """One example file. Classes as in research/tekton.md section 2.2: only those of class a are run."""

    runs: list[Run] = []
    kind: Literal["a", "b", "c"] = Field("a", alias="class")
    reason: str = ""
    """Why the file is not run, or what is peculiar about it."""
    flags: Literal["stable", "beta", "alpha"] | None = None
    """Upstream's flags for the folder, where None."""
    refused: str = ""
    """What the webhook says of the file, which upstream refuses too; part of the message."""
    workspace_binding: str = ""
    given: list[dict[str, Any]] = []
    """Objects that the cluster holds already, in the example's namespace unless they name another."""
    answers: list[Reply] = []
    """Given one after the other, each to the next ApprovalTask that waits."""
    needs: list[str] = []
    """Programs that the machine must have."""

    @model_validator(mode="after")
    def _reasoned(self) -> Expectation:
        if self.kind == "a" and bool(self.runs) == bool(self.refused):
            raise ValueError("a file of class a names its runs, or why the webhook refuses it")
        if self.kind != "a" and (self.runs or not self.reason):
            raise ValueError("a file that is not run has a reason, and no runs")
        return self


def load(name: str, folder: Path) -> Expectation:
    """The expectation of an example. Raises FileNotFoundError where nobody wrote one."""
    path = folder / name
    return Expectation.model_validate(yaml.load(path.read_text(), file=str(path.relative_to(ROOT))).value)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.yaml")}
