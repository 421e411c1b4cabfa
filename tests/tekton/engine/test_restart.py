"""The engine as a process against the Kubernetes stand-in: killed in the middle, and back."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.kubernetes import KubernetesClient, Object
from interlock.formats import yaml
from interlock.local.kubernetes import tls
from interlock.local.kubernetes.tokens import User, write_tokens

SHELL = "test/shell"
TOKEN = "token-of-the-engine-0123"
PATIENCE = 30.0


@pytest.fixture(scope="module")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def hub(hub_folder: Path) -> Iterator[KubernetesClient]:
    """The stand-in's API on a free port, as its administrator."""
    folder = hub_folder
    now = datetime.now(UTC)
    ca, key = tls.write_ca(folder / "ca", name="test CA", now=now)
    cert, private = tls.write_server_certificate(folder / "tls", ca_cert=ca, ca_key=key, names=["hub"], now=now)
    write_tokens(folder / "tokens.yaml", [User(name="admin", token=TOKEN, groups=("system:masters",))])
    config = {
        "name": "hub",
        "port": 0,
        "data": str(folder / "data"),
        "tls": {"cert": str(cert), "key": str(private), "ca": str(ca)},
        "tokens": str(folder / "tokens.yaml"),
        "admission": ["interlock.tekton.spec.webhooks"],
    }
    (folder / "config.yaml").write_text(yaml.dump(config))
    command = [sys.executable, "-m", "interlock.local.kubernetes", "--config", str(folder / "config.yaml")]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(folder / "ready"))
        ready.settimeout(PATIENCE)
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "ready")}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        assert process.stderr is not None
        address = next(line.split()[-1] for line in process.stderr if " at https://" in line)
        drain = threading.Thread(target=process.stderr.read)
        drain.start()
        assert ready.recv(64) == b"READY=1"
    client = KubernetesClient(address, token=TOKEN, ca_file=ca)
    yield client
    client.close()
    process.terminate()
    process.wait()
    drain.join()
    process.stderr.close()


class EngineProcess:
    """``python -m interlock.tekton.engine``, in a namespace of its own."""

    def __init__(self, hub: KubernetesClient, ca: Path, folder: Path, namespace: str) -> None:
        self.hub, self.folder, self.namespace = hub, folder, namespace
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "token").write_text(TOKEN)
        self.config = {
            "server": hub.server,
            "token_file": str(folder / "token"),
            "ca_file": str(ca),
            "data": str(folder / "data"),
            "namespace": namespace,
            "host_images": [SHELL],
            "parallel": 4,
        }

    def start(self) -> None:
        path = self.folder / "tekton.yaml"
        path.write_text(yaml.dump(self.config))
        log = (self.folder / "engine.log").open("ab")
        command = [sys.executable, "-m", "interlock.tekton.engine", "--config", str(path)]
        self.process = subprocess.Popen(command, stderr=log)
        log.close()

    def end(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        self.process = None

    def create(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        meta = {"name": name, "namespace": self.namespace}
        self.hub.create({"apiVersion": "tekton.dev/v1", "kind": kind, "metadata": meta, "spec": spec})

    def until(self, kind: str, name: str, holds: Callable[[Object], bool]) -> Object:
        """The object, as soon as ``holds`` is true of it; told by a watch."""
        timer = threading.Timer(PATIENCE, self.hub.close)
        timer.start()
        try:
            with self.hub.watch("tekton.dev/v1", kind, namespace=self.namespace) as events:
                for event in events:
                    if event.object["metadata"].get("name") == name and holds(event.object):
                        return event.object
        finally:
            timer.cancel()
        raise AssertionError((self.folder / "engine.log").read_text())

    def finished(self, kind: str, name: str) -> Object:
        return self.until(kind, name, _done)


def _done(value: Object) -> bool:
    found = [item for item in value.get("status", {}).get("conditions", []) if item["type"] == "Succeeded"]
    return any(item["status"] != "Unknown" for item in found)


@pytest.fixture
def engine(
    hub: KubernetesClient, hub_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[EngineProcess]:
    namespace = f"t{abs(hash(request.node.name)) % 10**8}"
    hub.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    running = EngineProcess(hub, hub_folder / "ca/ca.crt", tmp_path, namespace)
    running.start()
    yield running
    if running.process is not None:
        running.end(signal.SIGTERM)


def gate(engine: EngineProcess, *names: str) -> list[Path]:
    """Pipes in the claim ``w``: a step that reads one waits until the test writes it."""
    folder = engine.folder / "data/volumes" / engine.namespace / "w"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    for path in paths:
        if not path.exists():
            os.mkfifo(path)
    return paths


def step(name: str, script: str) -> dict[str, Any]:
    return {"name": name, "image": SHELL, "script": script}


def task_run(*steps: dict[str, Any], **spec: Any) -> dict[str, Any]:
    claim = {"name": "w", "persistentVolumeClaim": {"claimName": "w"}}
    return {"taskSpec": {"workspaces": [{"name": "w"}], "steps": list(steps)}, "workspaces": [claim], **spec}


def test_a_killed_engine_resumes_after_the_last_finished_step(engine: EngineProcess, condition: Any) -> None:
    """kill -9 between two steps is kill -9 in the second: what finished is not run again, what ran is reported."""
    [pipe] = gate(engine, "gate")
    count = "echo {0} >> /workspace/w/ran"
    second = step("second", count.format("second") + "; cat /workspace/w/gate; echo on >> /workspace/w/ran")
    engine.create(
        "TaskRun", "run", task_run(step("first", count.format("first")), second, step("third", count.format("third")))
    )
    with pipe.open("w"):
        # The second step stands at the gate.
        engine.end(signal.SIGKILL)
        engine.start()
        run = engine.finished("TaskRun", "run")
    assert condition(run) == (
        "False",
        "StepInterrupted",
        '"step-second" was interrupted: the engine was stopped while it ran, and what it did is unknown',
    )
    assert (pipe.parent / "ran").read_text() == "first\nsecond\n"
    assert [item["terminationReason"] for item in run["status"]["steps"]] == ["Completed", "Interrupted", "Skipped"]
    engine.end(signal.SIGTERM)
    assert not list((engine.folder / "data/runs").glob("*/*"))


def test_retries_make_good_for_an_interrupted_step(engine: EngineProcess, condition: Any) -> None:
    [pipe] = gate(engine, "gate")
    engine.create(
        "TaskRun",
        "run",
        task_run(step("s", "test $(context.task.retry-count) = 1 || cat /workspace/w/gate"), retries=1),
    )
    with pipe.open("w"):
        engine.end(signal.SIGKILL)
        engine.start()
        run = engine.finished("TaskRun", "run")
    assert condition(run)[:2] == ("True", "Succeeded")
    assert condition({"status": run["status"]["retriesStatus"][0]})[1] == "StepInterrupted"


def test_a_pipeline_survives_its_engine(engine: EngineProcess, condition: Any) -> None:
    """The PipelineRun goes on from its TaskRuns: the finished one is not run again, the interrupted one decides."""
    [pipe] = gate(engine, "gate")
    workspace = {"workspaces": [{"name": "w"}]}

    def task(name: str, script: str, **fields: Any) -> dict[str, Any]:
        return {"name": name, "taskSpec": {**workspace, "steps": [step("s", script)]}, **workspace, **fields}

    tasks = [
        task("one", "echo one >> /workspace/w/ran"),
        task("two", "cat /workspace/w/gate", runAfter=["one"]),
        task("three", "echo three >> /workspace/w/ran", runAfter=["two"]),
    ]
    final = task("report", "echo $(tasks.two.reason) >> /workspace/w/ran")
    final["params"] = [{"name": "why", "value": "$(tasks.two.reason)"}]
    final["taskSpec"]["params"] = [{"name": "why"}]
    final["taskSpec"]["steps"][0]["script"] = "echo $(params.why) >> /workspace/w/ran"
    claim = {"name": "w", "persistentVolumeClaim": {"claimName": "w"}}
    spec = {"pipelineSpec": {**workspace, "tasks": tasks, "finally": [final]}, "workspaces": [claim]}
    engine.create("PipelineRun", "pr", spec)
    with pipe.open("w"):
        engine.end(signal.SIGKILL)
        engine.start()
        run = engine.finished("PipelineRun", "pr")
    assert condition(run) == ("False", "Failed", "Tasks Completed: 3 (Failed: 1, Cancelled 0), Skipped: 1")
    assert (pipe.parent / "ran").read_text() == "one\nStepInterrupted\n"


def test_no_process_of_a_killed_engine_survives_it(engine: EngineProcess) -> None:
    pipe, second = gate(engine, "gate", "second")
    marker = f"left-{os.getpid()}-{time.monotonic_ns()}"
    script = f"(setsid bash -c 'exec -a {marker} cat /workspace/w/second' &) ; cat /workspace/w/gate"
    engine.create("TaskRun", "run", task_run(step("s", script)))
    with pipe.open("w"), second.open("w"):
        assert _alive(marker)
        engine.end(signal.SIGKILL)
        engine.start()
        engine.finished("TaskRun", "run")
    # The restarted engine waits for the last of them before it decides.
    assert not _alive(marker)


def _alive(marker: str) -> list[Path]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker.encode() in path.read_bytes().split(b"\0")[0]:
                found.append(path)
    return found


def test_sigterm_stops_in_time_and_the_logs_are_served(engine: EngineProcess, condition: Any, tmp_path: Path) -> None:
    engine.end(signal.SIGTERM)
    engine.config["logs_port"] = _free_port()
    engine.start()
    engine.create("TaskRun", "run", {"taskSpec": {"steps": [step("s", "echo hello")]}})
    assert condition(engine.finished("TaskRun", "run"))[0] == "True"
    base = f"http://127.0.0.1:{engine.config['logs_port']}/logs/{engine.namespace}"
    with urllib.request.urlopen(f"{base}/run/s") as answer:
        assert answer.read().endswith(b"\nhello\n")
    for bad in ("run/../../../token", "run/none", "..%2f..%2ftoken/s"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{base}/{bad}")
    before = time.monotonic()
    engine.end(signal.SIGTERM)
    assert time.monotonic() - before < 3


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
