"""Where example files run: a cluster in memory and one engine for each set of flags, started when first needed."""

from __future__ import annotations

import copy
import itertools
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.clients.kubernetes import Object
from interlock.errors import InputError
from interlock.tekton.engine import memory
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.engine import Engine
from interlock.tekton.engine.logs import path_of
from interlock.tekton.engine.pipeline_runs import approvals
from interlock.tekton.engine.resolvers import ResolverConfig
from interlock.tekton.spec import admission
from interlock.tekton.spec.approvals import KIND, PENDING, Answer
from interlock.tekton.spec.flags import ALPHA, Flags, Version

from . import catalog
from .corpus import RUN_KINDS, Example

PATIENCE = 120.0
"""Seconds after which a run counts as hanging; nothing is paced by it."""
PARALLEL = 12
"""TaskRuns at a time: most of an example's time is sleep."""

FLAGS: Mapping[str, Flags] = {
    "stable": Flags(),
    # test/e2e-tests-kind-beta.env
    "beta": Flags(results_from="sidecar-logs", keep_pod_on_cancel=True),
    "alpha": ALPHA,
}


@dataclass(frozen=True)
class Settings:
    """What an engine is started with."""

    flags: str = "stable"
    tekton_version: Version = "1.15"
    workspace_binding: str = ""
    """``emptyDir`` binds the workspaces that a TaskRun leaves open (default-task-run-workspace-binding)."""


@dataclass(frozen=True)
class Finished:
    """A run, done, with everything that a comparison reads."""

    object: Object
    children: Mapping[str, Finished] = field(default_factory=dict)
    """What ``childReferences`` name, by name; a CustomRun has no children."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """Step -> its log, without the engine's own lines."""
    pod: Object = field(default_factory=dict)
    """The Pod that a TaskRun's status names."""
    volumes: Path = Path()
    """Folder of the namespace's claims."""


class _Running:
    """One engine in a thread."""

    def __init__(self, folder: Path, settings: Settings, resolvers: ResolverConfig) -> None:
        self.cluster = memory.Cluster()
        self.flags = FLAGS[settings.flags]
        self.client = self.cluster.client()
        binding: Object | None = {settings.workspace_binding: {}} if settings.workspace_binding else None
        config = Config(
            server="http://unused",
            data=folder,
            parallel=PARALLEL,
            # Upstream's examples print their environment; that none may is a rule of ours.
            refuse_environment_leaks=False,
            flags=self.flags,
            tekton_version=settings.tekton_version,
            default_task_run_workspace_binding=binding,
            resolvers=resolvers,
        )
        self.engine = Engine(config, self.cluster.client())  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self.engine.run, name=f"engine-{settings.flags}")
        self._thread.start()
        assert self.engine.ready.wait(PATIENCE), "the engine did not start"

    def stop(self) -> None:
        self.engine.stop()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the engine did not stop"


class Submitted:
    """The runs of one example, under way."""

    def __init__(self, running: _Running, namespace: str, runs: list[Object]) -> None:
        self._running, self._namespace, self._runs = running, namespace, runs

    def answer(self, who: str, said: Answer) -> None:
        """Answer the file's next ApprovalTask that waits for ``who``. Raises TimeoutError if none comes."""
        cluster = self._running.cluster
        task = cluster.wait(lambda: next(filter(_waits, list(cluster.objects.values())), None), timeout=PATIENCE)
        if task is None:
            raise TimeoutError(f"nothing waits for an answer of {who}")
        approvals.answer(self._running.client, task, who, (), said)  # type: ignore[arg-type]

    def finished(self) -> list[Finished]:
        """Every run of the file, in its order, when all are done. Raises TimeoutError with what hangs."""
        return [self._finished(run["kind"], run["metadata"]["name"]) for run in self._runs]

    def _finished(self, kind: str, name: str) -> Finished:
        cluster = self._running.cluster
        key = (kind, self._namespace, name)
        if not cluster.wait(lambda: done(cluster.objects[key]), timeout=PATIENCE):
            raise TimeoutError(f"{kind} {name} is not done: {cluster.objects[key].get('status')}")
        return self._gather(kind, name)

    def _gather(self, kind: str, name: str) -> Finished:
        value = self._running.client.get("", kind, name, self._namespace)
        status = value.get("status", {})
        storage = self._running.engine.services.storage
        logs = {}
        for step in status.get("steps", []) if kind == "TaskRun" else []:
            path = path_of(storage, self._namespace, name, step["container"], len(status.get("retriesStatus", [])))
            logs[step["name"]] = _without_notes(path.read_text(errors="replace")) if path.is_file() else ""
        children = {
            item["name"]: self._gather(item["kind"], item["name"]) for item in status.get("childReferences", [])
        }
        pod = self._running.cluster.objects.get(("Pod", self._namespace, status.get("podName", "")), {})
        return Finished(value, children, logs, pod, storage.root / "volumes" / self._namespace)


class Stage:
    """Submits examples, each in a namespace of its own. ``folder`` is the engines'."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._resolvers = catalog.mirrored(folder / "catalog")
        self._engines: dict[Settings, _Running] = {}
        self._numbers = itertools.count(1)

    def submit(self, example: Example, settings: Settings, given: Iterable[Mapping[str, Any]] = ()) -> Submitted:
        """Create every object of the file: first what runs refer to, then the runs. Raises as `_create`.

        ``given`` lies in the cluster already.
        """
        running = self._engines.get(settings)
        if running is None:
            folder = self._folder / f"engine-{len(self._engines)}"
            running = self._engines[settings] = _Running(folder, settings, self._resolvers)
        namespace = _namespace(example.name, next(self._numbers))
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        others = [item for item in example.documents if item["kind"] not in RUN_KINDS]
        for item in given:
            value = copy.deepcopy(dict(item))
            value["metadata"].setdefault("namespace", namespace)
            running.client.create(value)
        created = [_create(running, item, namespace) for item in (account, *others, *example.runs)]
        return Submitted(running, namespace, created[len(others) + 1 :])

    def close(self) -> None:
        for running in self._engines.values():
            running.stop()


def _create(running: _Running, document: Mapping[str, Any], namespace: str) -> Object:
    """As an API server with Tekton's webhook does it. Raises InputError where the webhook refuses the object."""
    value = copy.deepcopy(dict(document))
    value["metadata"]["namespace"] = namespace
    if value["apiVersion"].startswith("tekton.dev/"):
        wrong = [item for item in admission.check(value, flags=running.flags) if item.severity == "error"]
        if wrong:
            raise InputError("admission", "; ".join(f"{item.message} ({item.rule})" for item in wrong))
        value = admission.defaulted(value)
    return running.client.create(value)


def _waits(value: Object) -> bool:
    return bool(value["kind"] == KIND and value.get("status", {}).get("state") == PENDING)


def _namespace(name: str, number: int) -> str:
    return f"{number}-" + re.sub(r"[^a-z0-9]+", "-", Path(name).stem.lower())[:40].strip("-")


def done(value: Object) -> bool:
    conditions = value.get("status", {}).get("conditions", [])
    return any(item["type"] == "Succeeded" and item["status"] != "Unknown" for item in conditions)


def _without_notes(log: str) -> str:
    return "".join(line for line in log.splitlines(keepends=True) if not line.startswith("[interlock.local]"))
