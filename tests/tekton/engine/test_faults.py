"""Whatever happens to the engine or inside a step: nothing lost, nothing twice, nothing leaked, nothing left behind."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.kubernetes import Object
from interlock.errors import InternalError
from interlock.tekton.engine import memory
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.engine import Engine

from .fault_world.mortal import Mortal, Zygote

SHELL = "test/shell"
PATIENCE = 30.0
EVERY = 4
"""An engine is killed at every fourth transition, in four runs that begin with another one: at each in one of them."""

TASKS: dict[str, list[str]] = {
    "checkout": [],
    "compile": ["checkout"],
    "lint": ["checkout"],
    "scan": ["checkout"],
    "unit-test": ["compile"],
    "package": ["compile", "lint"],
    "sign": ["package"],
    "publish": ["sign", "scan", "unit-test"],
    "announce": ["publish"],
}


def pipeline(script: str, order: Mapping[str, list[str]] = TASKS, **fields: Any) -> dict[str, Any]:
    """Tasks of two steps each and a finally task; ten with `TASKS`. ``script`` is every step's."""

    def task(name: str, after: list[str]) -> dict[str, Any]:
        env = [{"name": "WHO", "value": "$(context.taskRun.name) $(context.task.retry-count)"}]
        steps = [
            {"name": step, "image": SHELL, "env": [*env, {"name": "STEP", "value": step}], "script": script}
            for step in ("first", "second")
        ]
        spec = {"workspaces": [{"name": "w"}], "steps": steps}
        return {"name": name, "taskSpec": spec, "workspaces": [{"name": "w"}], "runAfter": after, **fields}

    tasks = [task(name, after) for name, after in order.items()]
    last = {key: value for key, value in task("report", []).items() if key != "runAfter"}
    spec = {"workspaces": [{"name": "w"}], "tasks": tasks, "finally": [last]}
    claim = {"name": "w", "persistentVolumeClaim": {"claimName": "w"}}
    return {"pipelineSpec": spec, "workspaces": [claim]}


def pipeline_run(name: str, spec: dict[str, Any], namespace: str = "ci") -> Object:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": meta, "spec": spec}


def runs(cluster: memory.Cluster, kind: str, namespace: str = "ci") -> list[Object]:
    return [item for (held, where, _), item in cluster.objects.items() if (held, where) == (kind, namespace)]


def done(value: Object) -> bool:
    return any(
        item["type"] == "Succeeded" and item["status"] != "Unknown"
        for item in value.get("status", {}).get("conditions", [])
    )


def seen_by_processes(folder: Path) -> list[Path]:
    """Processes in whose mount namespace something of ``folder`` is mounted."""
    found = []
    for path in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            if str(folder) in path.read_text():
                found.append(path)
        except OSError:
            # It ended.
            continue
    return found


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()


def test_an_engine_killed_at_every_transition_loses_nothing_and_repeats_nothing(
    zygote: Zygote, tmp_path: Path, condition: Callable[[Object], tuple[str, str, str]]
) -> None:
    """Every attempt runs each of its steps at most once; what was interrupted is retried, what finished is not."""

    def play(first: int) -> tuple[int, Mortal]:
        mortal = Mortal(zygote, tmp_path / str(first), host_images=[SHELL], parallel=2)
        script = 'echo "$WHO $STEP" >> /workspace/w/ran'
        mortal.client.create(pipeline_run("ten", pipeline(script, retries=20)))
        kills = kill_at(mortal, first)
        # The engine that came back last has tidied up when it executes something else.
        mortal.client.create(pipeline_run("after", pipeline("true", {"only": []})))
        assert mortal.cluster.wait(lambda: over(mortal.cluster), timeout=PATIENCE)
        return kills, mortal

    with ThreadPoolExecutor(EVERY) as pool:
        played = list(pool.map(play, range(1, EVERY + 1)))
    try:
        for kills, mortal in played:
            assert kills > 3
            run = mortal.client.get("tekton.dev/v1", "PipelineRun", "ten", "ci")
            assert condition(run)[:2] == ("True", "Succeeded")
            ran = (mortal.data / "volumes/ci/w/ran").read_text().splitlines()
            assert len(ran) == len(set(ran)), "a step ran twice in one attempt"
            children = [item for item in runs(mortal.cluster, "TaskRun") if item["metadata"]["name"].startswith("ten-")]
            assert {item["metadata"]["name"] for item in children} == {f"ten-{name}" for name in (*TASKS, "report")}
            for child in children:
                last = f"{child['metadata']['name']} {len(child['status'].get('retriesStatus', []))}"
                assert {f"{last} first", f"{last} second"} <= set(ran)
                assert not any(
                    line.startswith(child["metadata"]["name"] + " ") and int(line.split()[1]) > int(last.split()[1])
                    for line in ran
                )
    finally:
        for _, mortal in played:
            mortal.close()
    for _, mortal in played:
        assert not list((mortal.data / "runs").glob("*/*"))
    assert not seen_by_processes(tmp_path)


def kill_at(mortal: Mortal, first: int) -> int:
    """Kill the engine at its transition ``first`` and at every `EVERY` after it, until the run is done: how often."""
    kills, point = 0, first
    while True:
        reached = mortal.cluster.wait(
            lambda: transitions(mortal.cluster) >= point or over(mortal.cluster),  # noqa: B023
            timeout=PATIENCE,
        )
        assert reached, "the engine stands still"
        if over(mortal.cluster):
            return kills
        mortal.end()
        kills += 1
        point = transitions(mortal.cluster) + EVERY
        mortal.start()


def over(cluster: memory.Cluster) -> bool:
    return all(done(item) for item in runs(cluster, "PipelineRun"))


def transitions(cluster: memory.Cluster) -> int:
    """How many changes of runs there were."""
    return sum(event.object["kind"] in ("PipelineRun", "TaskRun") for event in cluster.history)


def test_a_run_cancelled_at_any_point_ends_and_starts_nothing_more(rig: Any, condition: Any) -> None:
    """One run for each of the transitions of a run, cancelled at that one."""
    short = pipeline("true", {"compile": [], "package": ["compile"]})
    rig.client.create(pipeline_run("whole", short))
    rig.finished("PipelineRun", "whole")
    points = transitions(rig.cluster)
    assert points > 15
    ends = []
    for point in range(1, points):
        name = f"cut-{point}"
        before = transitions(rig.cluster)
        rig.client.create(pipeline_run(name, short))
        rig.cluster.wait(
            lambda: transitions(rig.cluster) >= before + point or done(rig.get("PipelineRun", name))  # noqa: B023
        )
        rig.client.patch("tekton.dev/v1", "PipelineRun", name, {"spec": {"status": "Cancelled"}}, namespace="ci")
        run = rig.finished("PipelineRun", name)
        ends.append(condition(run)[1])
        children = [item for item in runs(rig.cluster, "TaskRun") if item["metadata"]["name"].startswith(f"{name}-")]
        listed = {item["name"] for item in run["status"].get("childReferences", [])}
        assert {item["metadata"]["name"] for item in children} == listed
        for child in children:
            ended = rig.finished("TaskRun", child["metadata"]["name"])
            assert condition(ended)[1] in ("Succeeded", "TaskRunCancelled")
    assert set(ends) <= {"Cancelled", "Succeeded"}
    assert ends.count("Cancelled") > points // 2
    rig.stop()
    assert not list((rig.data / "runs").glob("*/*"))
    assert not seen_by_processes(rig.data)


def test_a_gigabyte_of_output_takes_constant_memory(rig: Any, condition: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run = rig.script("head -c 1073741824 /dev/zero | tr '\\0' '.'", timeout="50s")
    assert condition(run)[:2] == ("True", "Succeeded")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024, f"{grown} KiB"
    log = rig.data / "logs/ci/run/s.log"
    assert log.stat().st_size >= 1 << 30
    log.unlink()


def test_ten_megabytes_of_results_are_refused_as_on_a_cluster(rig: Any, condition: Any) -> None:
    spec = {"results": [{"name": "all"}]}
    run = rig.script("head -c 10485760 /dev/zero | tr '\\0' 'x' > $(results.all.path)", spec=spec)
    assert condition(run)[:2] == ("False", "StepFailed")
    assert "above max allowed size 4096" in rig.log()
    assert "results" not in run["status"]
    assert len(str(run)) < 100_000


def test_a_million_lines_with_a_secret_show_it_in_none(rig: Any, condition: Any) -> None:
    secret = "bruecke-ueber-den-fluss-7"
    rig.apply(f"apiVersion: v1\nkind: Secret\nmetadata: {{name: account}}\nstringData: {{password: {secret}}}\n")
    held = rig.client.get("v1", "Secret", "account", "ci")
    if "data" not in held:
        import base64

        rig.client.patch(
            "v1",
            "Secret",
            "account",
            {"data": {"password": base64.b64encode(secret.encode()).decode()}},
            namespace="ci",
        )
    env = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "account", "key": "password"}}}]
    step = {"name": "s", "image": SHELL, "env": env, "script": 'yes "connect with $PASSWORD now" | head -n 1000000'}
    rig.create("TaskRun", "run", {"taskSpec": {"steps": [step]}})
    assert condition(rig.finished("TaskRun", "run"))[:2] == ("True", "Succeeded")
    content = (rig.data / "logs/ci/run/s.log").read_bytes()
    assert secret.encode() not in content
    assert content.count(b"connect with *** now\n") == 1_000_000


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of ``size`` at ``folder``; the test is skipped where nobody may mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_workspace_fails_the_step_that_fills_it_and_no_other(rig: Any, condition: Any) -> None:
    with small_disk(rig.data / "volumes/ci/w", "1m"):
        claim = {"name": "w", "persistentVolumeClaim": {"claimName": "w"}}
        spec = {"workspaces": [{"name": "w"}]}
        fill = "head -c 10485760 /dev/zero > /workspace/w/big"
        full = rig.script(fill, name="full", spec=spec, workspaces=[claim])
        assert condition(full)[:2] == ("False", "StepFailed")
        assert "No space left on device" in rig.log("full")
        after = rig.script(
            "rm /workspace/w/big; echo room > /workspace/w/file", name="after", spec=spec, workspaces=[claim]
        )
        assert condition(after)[:2] == ("True", "Succeeded")


def test_a_full_disk_of_the_engine_ends_the_run_and_not_the_engine(idle_rig: Any, condition: Any) -> None:
    with small_disk(idle_rig.data, "6m"):
        idle_rig.start()
        full = idle_rig.script("head -c 20971520 /dev/zero | tr '\\0' '.'", name="full")
        assert condition(full)[0] == "False"
        for log in (idle_rig.data / "logs").rglob("*.log"):
            log.unlink()
        after = idle_rig.script("echo on", name="after")
        assert condition(after)[:2] == ("True", "Succeeded")
        idle_rig.stop()


def test_an_engine_whose_watch_fails_ends_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees nothing more: it must not look like one that has nothing to do."""

    def broken(*_: object, **__: object) -> Iterator[object]:
        raise ValueError("nobody thought of that")

    monkeypatch.setattr("interlock.tekton.engine.engine.follow", broken)
    config = Config(server="http://unused", data=tmp_path / "data", host_images=[SHELL])
    with pytest.raises(InternalError) as caught:
        Engine(config, memory.Cluster().client()).run()  # type: ignore[arg-type]
    assert caught.value.code == "watch-failed"
