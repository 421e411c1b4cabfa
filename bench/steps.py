"""A Tekton step that does nothing, and the same bubblewrap start by hand with the very arguments of the engine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from estate import Estate
from figures import Table, median, ms, quantile, ratio, repeated

import story
from interlock.formats import yaml
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.runs import TaskRun
from interlock.local.tekton import capabilities, sandbox, step_view, system, task_plan
from interlock.local.tekton.config import Config
from interlock.local.tekton.forwarding import Forwarder
from interlock.local.tekton.services import Services
from interlock.local.tekton.storage import Storage

_API = "tekton.dev/v1"
_FEW, _MANY, _RUNS, _STARTS = 1, 21, 5, 25


def measure(estate: Estate) -> list[Table]:
    story.ensure(estate)
    image = next(iter(_engine(estate).images))
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
        bare = _bare(estate, image, Path(folder))
    plain = median(repeated(lambda: subprocess.run(["/usr/bin/true"], check=True), _STARTS))
    few = [_task_run(estate, image, f"bench-few-{index}", _FEW) for index in range(_RUNS + 1)][1:]
    many = [_task_run(estate, image, f"bench-many-{index}", _MANY) for index in range(_RUNS)]
    step = (median(many) - median(few)) / (_MANY - _FEW)
    base = median(bare)
    rows = [
        ["`true` as a plain process", ms(plain), ratio(plain, base)],
        ["`true` in bubblewrap, the engine's arguments, by hand", ms(base), "1.0 ×"],
        ["one more step `true` in a TaskRun", ms(step), ratio(step, base)],
        [f"a whole TaskRun of {_FEW} step, created → Succeeded seen", ms(median(few)), ratio(median(few), base)],
    ]
    note = (
        f"Bare start: median of {_STARTS} (p95 {ms(quantile(bare, 0.95))}). Step: median TaskRun of {_MANY} steps less "
        f"that of {_FEW}, by {_MANY - _FEW}; {_RUNS} runs each. A step's part beyond the sandbox is its journal (two "
        "durable writes), its log, its masking and its status on the API."
    )
    return [Table("Overhead of a Tekton step", ("what", "median", "against bare bubblewrap"), rows, [note])]


def _engine(estate: Estate) -> Config:
    value = yaml.load((estate.home / "config" / "tekton.yaml").read_bytes(), file="tekton.yaml").value
    return Config.model_validate(value)


def _object(image: str, name: str, steps: int) -> dict[str, Any]:
    return {
        "apiVersion": _API,
        "kind": "TaskRun",
        "metadata": {"name": name, "namespace": "ci"},
        "spec": {
            "taskSpec": {
                "steps": [{"name": f"s{index}", "image": image, "command": ["/usr/bin/true"]} for index in range(steps)]
            }
        },
    }


def _bare(estate: Estate, image: str, folder: Path) -> list[float]:
    """Seconds from the start of bwrap to its end, for the view that the engine would give to that step."""
    config = _engine(estate)
    store = Storage(folder / "data")
    store.prepare()
    view = system.build(folder / "system", store.root)
    services = Services(
        client=estate.administrator(),
        config=config,
        storage=store,
        isolation=sandbox.probe(view, allow_weaker=False),
        forwarder=Forwarder({}, folder / "net"),
        toolbox=capabilities.toolbox(),
        now=lambda: datetime.now(UTC),
        published=lambda _value: None,
    )
    value = _object(image, "bare", 1)
    value["metadata"]["uid"] = "bare"
    run = parse(TaskRun, value, what="TaskRun")
    attempt = folder / "attempt"
    origin = task_plan.source(services, run)
    plan = task_plan.build(services, run, origin, folder=attempt, retries=0, resolved=None)
    step_view.prepare(plan, attempt)
    step = step_view.view(services, plan, attempt, 0, hostname="bare-pod")

    def once() -> float:
        launch = services.isolation.launch(step)
        started = time.perf_counter()
        try:
            done = subprocess.run(
                launch.argv,
                env=launch.environment,
                cwd=launch.working_dir,
                pass_fds=launch.descriptors,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        finally:
            for descriptor in (*launch.descriptors, *([] if launch.status is None else [launch.status])):
                os.close(descriptor)
        if done.returncode != 0:
            sys.exit(f"bubblewrap failed: {done.stderr.decode(errors='replace')}")
        return time.perf_counter() - started

    once()
    return [once() for _ in range(_STARTS)]


def _task_run(estate: Estate, image: str, name: str, steps: int) -> float:
    """Seconds from its creation until a watch saw it succeed."""
    hub = estate.administrator()
    version = hub.list(_API, "TaskRun", namespace="ci").resource_version
    started = time.perf_counter()
    hub.create(_object(image, name, steps))
    for event in hub.watch(_API, "TaskRun", namespace="ci", resource_version=version, timeout_seconds=60):
        if event.object["metadata"].get("name") != name:
            continue
        for condition in (event.object.get("status") or {}).get("conditions") or []:
            if condition["type"] == "Succeeded" and condition["status"] == "True":
                seconds = time.perf_counter() - started
                hub.delete(_API, "TaskRun", name, namespace="ci")
                return seconds
            if condition["status"] == "False":
                sys.exit(f"TaskRun {name} failed: {condition}")
    sys.exit(f"TaskRun {name} did not end in a minute")
