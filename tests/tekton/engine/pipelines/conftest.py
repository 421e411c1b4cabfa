"""PipelineRuns without anything that executes: a cluster in memory, whose TaskRuns the test ends as it likes."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from interlock.clients.kubernetes import Object
from interlock.formats import yaml
from interlock.formats.tekton import conditions
from interlock.tekton.engine import memory
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.pipeline_runs.pipeline_run import PipelineRuns
from interlock.tekton.engine.services import Services
from interlock.tekton.engine.storage import Storage
from interlock.tekton.spec.policy import Verdict

START = datetime(2026, 1, 1, tzinfo=UTC)
ALPHA = {
    "enable-api-fields": "alpha",
    "enable-cel-in-whenexpression": "true",
    "enable-param-enum": "true",
    "enable-artifacts": "true",
}


@dataclass
class Resolvers:
    """Answers references with a resolver from a table, by the resolver's name."""

    found: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)

    def resolve(self, resolver: str, params: Any, *, namespace: str, kind: str, **more: Any) -> Any:
        self.asked.append((resolver, {item.name: item.value for item in params}, kind))
        answer = self.found[resolver]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Policies:
    verdict: Verdict = field(default_factory=lambda: Verdict("skipped"))

    def evaluate(self, found: Any, namespace: str) -> Verdict:
        return self.verdict


class Poster:
    """Nothing is under way: what a run writes is written at once."""

    def settle(self, uid: str) -> None:
        return None


class Driver:
    """The words that tests of PipelineRuns speak."""

    namespace = "ci"

    def __init__(self, folder: Path, **options: Any) -> None:
        self.now = START
        self.cluster = memory.Cluster(now=lambda: self.now)
        self.client = self.cluster.client()
        self.resolvers = Resolvers()
        self.policies = Policies()
        self.writes = 0
        config = Config(server="http://unused", data=folder, **{"flags": ALPHA, **options})
        values: dict[str, Any] = {
            "client": self.client,
            "config": config,
            "storage": Storage(folder),
            "toolbox": {},
            "now": lambda: self.now,
            "published": self._published,
            "resolvers": self.resolvers,
            "policies": self.policies,
            "poster": Poster(),
        }
        fields = {item.name for item in dataclasses.fields(Services)}
        held = {name: values.get(name) for name in fields}
        self.services = Services(**cast(Any, held))
        self.runs = self.restarted()

    def restarted(self) -> PipelineRuns:
        """A reconciler that remembers nothing, as after a restart of the engine."""
        self.runs = PipelineRuns(self.services, self._children, self._find)
        return self.runs

    def _published(self, value: Object) -> None:
        self.writes += 1

    def _find(self, namespace: str, name: str) -> Object | None:
        return self.cluster.objects.get(("PipelineRun", namespace, name))

    def _children(self, uid: str) -> Mapping[str, Object]:
        return {
            value["metadata"]["name"]: value
            for (kind, _, _), value in self.cluster.objects.items()
            if kind in ("TaskRun", "CustomRun", "PipelineRun")
            and any(owner["uid"] == uid for owner in value["metadata"].get("ownerReferences") or [])
        }

    def apply(self, text: str) -> None:
        """Create every object of a YAML text."""
        for document in yaml.load_all(textwrap.dedent(text), file="test"):
            value = document.value
            value["metadata"].setdefault("namespace", self.namespace)
            self.client.create(value)

    def create(self, kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> Object:
        meta = {"name": name, "namespace": self.namespace, **metadata}
        return self.client.create({"apiVersion": "tekton.dev/v1", "kind": kind, "metadata": meta, "spec": spec})

    def start(self, pipeline: str, run: str = "{}", **metadata: Any) -> Object:
        """Create and reconcile the PipelineRun ``pr``, of this pipelineSpec and rest of the spec."""
        spec = {"pipelineSpec": yaml.load(pipeline, file="test").value, **yaml.load(run, file="test").value}
        self.create("PipelineRun", metadata.pop("name", "pr"), spec, **metadata)
        return self.settle()

    def settle(self, name: str = "pr") -> Object:
        """Reconcile until nothing changes; the run."""
        while True:
            before = len(self.cluster.history)
            for key in sorted(key for key in self.cluster.objects if key[0] == "PipelineRun"):
                self.runs.reconcile(self.cluster.objects[key])
            if len(self.cluster.history) == before:
                return self.get("PipelineRun", name)

    def get(self, kind: str, name: str) -> Object:
        return self.client.get("", kind, name, self.namespace)

    def names(self, kind: str = "TaskRun") -> list[str]:
        """Names of the objects of a kind, in the order of their creation."""
        return [name for held, _, name in self.cluster.objects if held == kind]

    def params(self, name: str, kind: str = "TaskRun") -> dict[str, Any]:
        return {item["name"]: item["value"] for item in self.get(kind, name)["spec"].get("params") or []}

    def end(
        self, *names: str, status: str = "True", reason: str = "", results: Mapping[str, Any] | None = None, **more: Any
    ) -> Object:
        """End TaskRuns (or, with ``kind``, others) with results, and reconcile; the run ``pr``."""
        kind = more.pop("kind", "TaskRun")
        reason = reason or ("Succeeded" if status == "True" else "StepFailed")
        condition = conditions.Condition(cast(Any, status), reason, "").to_object(self.now)
        for name in names:
            found = [{"name": key, "value": value} for key, value in (results or {}).items()]
            change = {"status": {"conditions": [condition], "results": found, **more}}
            self.client.patch("", kind, name, change, namespace=self.namespace, subresource="status")
        return self.settle()

    def fail(self, *names: str, **more: Any) -> Object:
        return self.end(*names, status="False", **more)

    def pass_time(self, **duration: float) -> Object:
        self.now += timedelta(**duration)
        return self.settle()

    def change(self, spec: dict[str, Any], *, name: str = "pr") -> Object:
        self.client.patch("", "PipelineRun", name, {"spec": spec}, namespace=self.namespace)
        return self.settle()

    @staticmethod
    def condition(run: Object) -> tuple[str, str, str]:
        """(status, reason, message) of a run."""
        found = next(item for item in run["status"]["conditions"] if item["type"] == "Succeeded")
        return found["status"], found["reason"], found["message"]

    @staticmethod
    def reasons(run: Object) -> dict[str, str]:
        """Why tasks were skipped."""
        return {item["name"]: item["reason"] for item in run["status"].get("skippedTasks", [])}


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return Driver(tmp_path)


@pytest.fixture
def driver_with(tmp_path: Path) -> Callable[..., Driver]:
    """A driver with other settings."""
    return lambda **options: Driver(tmp_path, **options)
