"""The Tekton engine by itself: an in-memory cluster, steps that do nothing. No other engine is needed.

How large each is can be chosen, so that a check of the bench itself stays small.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from estate import Estate
from figures import Table, median, ms, quantile, ratio, s

from interlock.local.sandbox import process, starting
from interlock.local.sandbox.launch import Launch
from interlock.local.sandbox.levels import Isolation
from interlock.local.sandbox.view import View
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.engine import Engine
from interlock.tekton.engine.memory import Cluster, MemoryClient

_API = "tekton.dev/v1"
_IMAGE = "bench/shell"
_PATIENCE = 600.0
_STARTS = 10


@dataclass(frozen=True)
class Rig:
    """An engine that acts on a cluster in memory."""

    cluster: Cluster
    client: MemoryClient
    engine: Engine

    def create(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        meta = {"name": name, "namespace": "ci"}
        self.client.create({"apiVersion": _API, "kind": kind, "metadata": meta, "spec": dict(spec)})

    def finished(self, kind: str, name: str) -> None:
        """Returns when the run has succeeded; ends the bench if it has not."""
        found = self.cluster.wait(lambda: self._condition(kind, name), timeout=_PATIENCE)
        if found is None or found["status"] != "True":
            sys.exit(f"{kind} {name}: {found}")

    def _condition(self, kind: str, name: str) -> Mapping[str, Any] | None:
        value = self.cluster.objects.get((kind, "ci", name), {})
        conditions = value.get("status", {}).get("conditions", [])
        return next((item for item in conditions if item["type"] == "Succeeded" and item["status"] != "Unknown"), None)

    def timed(self, kind: str, name: str, spec: Mapping[str, Any]) -> float:
        """Seconds from the run's creation until it has succeeded."""
        started = time.perf_counter()
        self.create(kind, name, spec)
        self.finished(kind, name)
        return time.perf_counter() - started


@contextlib.contextmanager
def rig(**options: Any) -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
        cluster = Cluster()
        config = Config(server="http://unused", data=Path(folder), host_images=[_IMAGE], **options)
        engine = Engine(config, cluster.client())  # type: ignore[arg-type]
        thread = threading.Thread(target=engine.run)
        thread.start()
        engine.ready.wait(_PATIENCE)
        try:
            yield Rig(cluster, cluster.client(), engine)
        finally:
            engine.stop()
            thread.join()


def _steps(count: int) -> dict[str, Any]:
    steps = [{"name": f"s{index}", "image": _IMAGE, "command": ["/usr/bin/true"]} for index in range(count)]
    return {"taskSpec": {"steps": steps}}


def step_overhead(*, few: int = 1, many: int = 21, runs: int = 5) -> Table:
    """One more step of a TaskRun against the bare sandbox: the very launches of the same run, started again by hand."""
    with rig() as made, _recorded() as launches:
        made.timed("TaskRun", "warm", _steps(few))
        fewer = [made.timed("TaskRun", f"few-{index}", _steps(few)) for index in range(runs)]
        bare: list[float] = []
        more = []
        for index in range(runs):
            launches.clear()
            more.append(made.timed("TaskRun", f"many-{index}", _steps(many)))
            with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
                view = _standing(launches[0], Path(folder))
                bare += [_bare(view, made.engine.services.isolation) for _ in range(_STARTS)]
    step, base = (median(more) - median(fewer)) / (many - few), median(bare)
    rows = [
        ["the same view in the bare sandbox, started by hand", ms(base), "1.0 ×"],
        ["one more step in a TaskRun", ms(step), ratio(step, base)],
        [f"a whole TaskRun of {few} step", ms(median(fewer)), ratio(median(fewer), base)],
    ]
    note = (
        f"Medians; step: TaskRun of {many} steps less that of {few}, by {many - few}, {runs} runs each. Bare: "
        f"{len(bare)} starts between those runs (p95 {ms(quantile(bare, 0.95))})."
    )
    return Table("A Tekton step against the bare sandbox", ("what", "median", "against bare"), rows, [note])


@contextlib.contextmanager
def _recorded() -> Iterator[list[View]]:
    """The views that steps are started with."""
    views: list[View] = []
    start = process.start

    def recording(isolation: Isolation, view: View, *args: Any, **options: Any) -> process.Process:
        views.append(view)
        return start(isolation, view, *args, **options)

    process.start = recording
    try:
        yield views
    finally:
        process.start = start


def _standing(view: View, folder: Path) -> View:
    """The view with folders of its own: those of the run go with it."""
    binds = []
    for index, bind in enumerate(view.binds):
        (folder / str(index)).mkdir()
        binds.append(replace(bind, source=folder / str(index), sub_path=""))
    return replace(view, binds=binds)


def _bare(view: View, isolation: Isolation) -> float:
    with starting.launch(isolation, view) as launch:
        started = time.perf_counter()
        _run(launch)
        return time.perf_counter() - started


def _run(launch: Launch) -> None:
    done = subprocess.run(
        launch.argv,
        env=launch.environment,
        cwd=launch.working_dir,
        pass_fds=launch.descriptors,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"the bare sandbox failed: {done.stderr.decode(errors='replace')}")


def chain(*, tasks: int = 100) -> Table:
    """Tasks of one step, each after the one before."""
    listed = [
        {"name": f"t{index}", **_steps(1), **({"runAfter": [f"t{index - 1}"]} if index else {})}
        for index in range(tasks)
    ]
    with rig() as made:
        seconds = made.timed("PipelineRun", "chain", {"pipelineSpec": {"tasks": listed}})
    row = [f"{tasks} tasks in a row", s(seconds), ms(seconds / tasks)]
    return Table("A chain of tasks", ("what", "time", "a task"), [row])


def fan_out(*, tasks: int = 200) -> Table:
    """Tasks of one step that depend on nothing."""
    listed = [{"name": f"t{index}", **_steps(1)} for index in range(tasks)]
    with rig() as made:
        seconds = made.timed("PipelineRun", "wide", {"pipelineSpec": {"tasks": listed}})
    row = [f"{tasks} tasks at once, {os.cpu_count()} cores", s(seconds), ms(seconds / tasks)]
    return Table("A fan-out of tasks", ("what", "time", "a task"), [row])


def memory(*, runs: int = 50) -> Table:
    """Memory of this process, which holds engine and cluster, before and during runs that are all in their step."""
    with rig(parallel=runs) as made:
        before = _resident()
        claim = made.engine.services.storage.claim("ci", "gate")
        os.mkfifo(claim / "gate")
        script = "echo . >> /workspace/w/there; read line < /workspace/w/gate"
        task = {"workspaces": [{"name": "w"}], "steps": [{"name": "s", "image": _IMAGE, "script": script}]}
        binding = [{"name": "w", "persistentVolumeClaim": {"claimName": "gate"}}]
        for index in range(runs):
            made.create("TaskRun", f"run-{index}", {"taskSpec": task, "workspaces": binding})
        keys = [("TaskRun", "ci", f"run-{index}") for index in range(runs)]
        made.cluster.wait(lambda: all(_running(made.cluster.objects[key]) for key in keys), timeout=_PATIENCE)
        during = _resident()
        gate = os.open(claim / "gate", os.O_RDWR)
        os.write(gate, b"\n" * runs)
        for index in range(runs):
            made.finished("TaskRun", f"run-{index}")
        os.close(gate)
    rows = [
        ["before", f"{before / 1024:.0f} MiB", ""],
        [f"{runs} runs in their step", f"{during / 1024:.0f} MiB", f"{(during - before) / runs:.0f} KiB a run"],
    ]
    return Table("Memory of the engine", ("when", "resident", "more"), rows)


def _running(value: Mapping[str, Any]) -> bool:
    return any("running" in step for step in value.get("status", {}).get("steps", []))


def _resident() -> int:
    """KiB (proc(5) status VmRSS)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def measure(_estate: Estate) -> list[Table]:
    return [step_overhead(), chain(), fan_out(), memory()]
