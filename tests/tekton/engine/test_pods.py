"""The pods that an engine keeps: made before the first step, true while it runs, gone with the run."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.clients import kubelets
from interlock.tekton.engine.logs import path_of
from interlock.tekton.engine.logs.kubelet import LogServer
from interlock.tekton.engine.storage import Storage

SHELL = "test/shell"
PATIENCE = 20


def pods(rig: Any) -> dict[str, Any]:
    return {name: value for (kind, _, name), value in rig.cluster.objects.items() if kind == "Pod"}


def pod(rig: Any, name: str = "run-pod") -> Any:
    return rig.client.get("v1", "Pod", name, rig.namespace)


def states(value: Any) -> dict[str, Any]:
    return {item["name"]: item["state"] for item in value["status"]["containerStatuses"]}


def test_the_pod_that_the_status_names_tells_what_the_steps_did(rig: Any) -> None:
    run = rig.run_task(
        f"""
steps:
  - {{name: good, image: {SHELL}, script: "true"}}
  - {{name: bad, image: {SHELL}, script: exit 7}}
  - {{name: after, image: {SHELL}, script: "true"}}
"""
    )
    value = pod(rig, run["status"]["podName"])
    assert value["metadata"]["ownerReferences"][0]["uid"] == run["metadata"]["uid"]
    assert "interlock.local" in value["metadata"]["annotations"]["interlock.dev/executed-by"]
    assert value["status"]["phase"] == "Failed"
    ended = {name: state["terminated"]["exitCode"] for name, state in states(value).items()}
    assert ended == {"step-good": 0, "step-bad": 7, "step-after": 1}
    step = run["status"]["steps"][1]
    assert states(value)["step-bad"]["terminated"]["finishedAt"] == step["terminated"]["finishedAt"]


def test_it_is_running_while_a_step_runs(rig: Any) -> None:
    with gate_of(rig) as gate:
        rig.create(
            "TaskRun",
            "run",
            {
                "taskSpec": {"steps": [{"name": "s", "image": SHELL, "script": "cat $(workspaces.w.path)/gate"}]},
                "workspaces": [{"name": "w", "persistentVolumeClaim": {"claimName": "w"}}],
            },
        )
        rig.running("run")
        found = rig.cluster.wait(
            lambda: (
                rig.cluster.objects.get(("Pod", rig.namespace, "run-pod"), {}).get("status", {}).get("phase")
                == "Running"
            )
        )
        assert found
        gate.open("w").close()
        rig.finished("TaskRun", "run")
    assert pod(rig)["status"]["phase"] == "Succeeded"


class gate_of:  # noqa: N801 - reads as a function
    """A FIFO in the claim ``w``."""

    def __init__(self, rig: Any) -> None:

        folder = rig.data / "volumes" / rig.namespace / "w"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        self.path: Path = folder / "gate"
        os.mkfifo(self.path)
        self.path.chmod(0o666)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.path.unlink()


def test_each_attempt_has_a_pod_and_a_log_of_its_own(rig: Any) -> None:
    run = rig.script("echo try $(context.task.retry-count); exit $((1 - $(context.task.retry-count)))", retries=1)
    assert run["status"]["podName"] == "run-pod-retry1"
    assert run["status"]["retriesStatus"][0]["podName"] == "run-pod"
    assert {name: value["status"]["phase"] for name, value in pods(rig).items()} == {
        "run-pod": "Failed",
        "run-pod-retry1": "Succeeded",
    }
    second = path_of(Storage(rig.data), rig.namespace, "run", "step-s", 1).read_text()
    assert second.endswith("\ntry 1\n") and "try 0" not in second


@pytest.mark.parametrize("keep", [False, True])
def test_a_cancelled_run_loses_its_pod_unless_the_flag_keeps_it(idle_rig: Any, keep: bool) -> None:
    idle_rig.start(flags={"keep-pod-on-cancel": keep})
    script = "echo on; sleep 600"
    idle_rig.create("TaskRun", "run", {"taskSpec": {"steps": [{"name": "s", "image": SHELL, "script": script}]}})
    log = path_of(Storage(idle_rig.data), idle_rig.namespace, "run", "step-s")
    idle_rig.running("run")
    end = time.monotonic() + PATIENCE
    while not log.is_file() and time.monotonic() < end:  # a run is running before its step is
        time.sleep(0.01)
    idle_rig.client.patch(
        "tekton.dev/v1", "TaskRun", "run", {"spec": {"status": "TaskRunCancelled"}}, namespace=idle_rig.namespace
    )
    run = idle_rig.finished("TaskRun", "run")
    assert run["status"]["podName"] == "run-pod"
    idle_rig.cluster.wait(lambda: list(pods(idle_rig)) == (["run-pod"] if keep else []))
    if keep:
        assert pod(idle_rig)["status"]["phase"] == "Failed"
    assert log.is_file()


def test_a_run_that_times_out_loses_its_pod(rig: Any) -> None:
    rig.script("sleep 600", timeout="1s")
    assert pods(rig) == {}


def test_a_run_that_never_starts_has_no_pod(rig: Any) -> None:
    run = rig.run_task("steps: [{name: s, image: nobody/knows, script: 'true'}]")
    assert pods(rig) == {} and run["status"]["podName"] == ""


def test_the_pod_goes_with_its_run_and_a_namesake_starts_afresh(rig: Any) -> None:
    rig.script("echo first")
    first = pod(rig)["metadata"]["uid"]
    rig.client.delete("tekton.dev/v1", "TaskRun", "run", namespace=rig.namespace)
    assert pods(rig) == {}
    rig.script("echo second")
    assert pod(rig)["metadata"]["uid"] != first
    assert rig.log() == "second\n"


def test_secrets_are_not_in_it(rig: Any) -> None:
    rig.apply(
        """
apiVersion: v1
kind: Secret
metadata: {name: password}
data: {value: aHVudGVyMjJodW50ZXI=}
"""
    )
    rig.run_task(
        f"""
steps:
  - name: s
    image: {SHELL}
    env: [{{name: P, valueFrom: {{secretKeyRef: {{name: password, key: value}}}}}}, {{name: Q, value: hunter22hunter}}]
    script: "echo hunter22hunter"
    args: [hunter22hunter]
"""
    )
    value = pod(rig)
    assert "hunter22hunter" not in str(value)
    variables = value["spec"]["containers"][0]["env"]
    assert variables[0]["valueFrom"] == {"secretKeyRef": {"name": "password", "key": "value"}}
    assert variables[1] == {"name": "Q", "value": "***"}


def test_a_pod_that_somebody_deletes_is_not_made_again(rig: Any) -> None:
    with gate_of(rig) as gate:
        rig.create(
            "TaskRun",
            "run",
            {
                "taskSpec": {"steps": [{"name": "s", "image": SHELL, "script": "cat $(workspaces.w.path)/gate"}]},
                "workspaces": [{"name": "w", "persistentVolumeClaim": {"claimName": "w"}}],
            },
        )
        rig.running("run")
        rig.client.delete("v1", "Pod", "run-pod", namespace=rig.namespace)
        gate.open("w").close()
        rig.finished("TaskRun", "run")
    assert pods(rig) == {}


def test_a_restarted_engine_goes_on_with_the_pod_that_is_there(idle_rig: Any) -> None:
    idle_rig.start()
    idle_rig.create(
        "TaskRun",
        "run",
        {
            "taskSpec": {
                "steps": [
                    {"name": "done", "image": SHELL, "script": "echo done"},
                    {"name": "s", "image": SHELL, "script": "sleep 600"},
                ]
            }
        },
    )
    key = ("TaskRun", idle_rig.namespace, "run")

    def second_runs() -> bool:
        steps = idle_rig.cluster.objects.get(key, {}).get("status", {}).get("steps", [])
        return len(steps) == 2 and "terminated" in steps[0] and "running" in steps[1]

    idle_rig.cluster.wait(second_runs)
    first = pod(idle_rig)["metadata"]["uid"]
    idle_rig.stop()
    assert pod(idle_rig)["metadata"]["uid"] == first
    idle_rig.start()
    idle_rig.finished("TaskRun", "run")
    value = pod(idle_rig)
    assert (value["metadata"]["uid"], value["status"]["phase"]) == (first, "Failed")
    assert {name: state["terminated"]["exitCode"] for name, state in states(value).items()} == {
        "step-done": 0,
        "step-s": 1,
    }
    assert idle_rig.log(step="done") == "done\n"


def test_what_is_remembered_of_pods_goes_when_their_runs_were_deleted(idle_rig: Any) -> None:
    idle_rig.start()
    idle_rig.script("true", name="kept")
    idle_rig.script("true", name="deleted")
    folder = idle_rig.data / "pods" / idle_rig.namespace
    assert {path.name for path in folder.iterdir()} == {"kept-pod.json", "deleted-pod.json"}
    idle_rig.stop()
    idle_rig.client.delete("tekton.dev/v1", "TaskRun", "deleted", namespace=idle_rig.namespace)
    idle_rig.start()
    assert {path.name for path in folder.iterdir()} == {"kept-pod.json"}


def test_a_run_cancelled_while_no_engine_runs_loses_its_pod(idle_rig: Any) -> None:
    idle_rig.start()
    idle_rig.create("TaskRun", "run", {"taskSpec": {"steps": [{"name": "s", "image": SHELL, "script": "sleep 600"}]}})
    idle_rig.running("run")
    idle_rig.cluster.wait(lambda: pods(idle_rig))
    idle_rig.stop()
    idle_rig.client.patch(
        "tekton.dev/v1", "TaskRun", "run", {"spec": {"status": "TaskRunCancelled"}}, namespace=idle_rig.namespace
    )
    assert list(pods(idle_rig)) == ["run-pod"]
    idle_rig.start()
    idle_rig.finished("TaskRun", "run")
    assert pods(idle_rig) == {}


# -- the kubelet -------------------------------------------------------------------------------------------------------

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def kubelet(rig: Any, tmp_path: Path) -> Iterator[LogServer]:
    (tmp_path / "secret").write_bytes(SECRET)
    server = LogServer(rig.engine.services.storage, 0, secret_file=tmp_path / "secret")
    server.start()
    yield server
    server.close()


def ask(kubelet: LogServer, target: str, authorization: str | None = None) -> tuple[int, bytes, str]:
    """Status, body and proof of a GET, by default with the right to it."""
    header = kubelets.authorization(SECRET, target) if authorization is None else authorization
    connection = http.client.HTTPConnection("127.0.0.1", kubelet.port, timeout=PATIENCE)
    connection.request("GET", target, headers={"Authorization": header} if header else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.getheader(kubelets.PROOF, "")


def test_the_kubelet_serves_what_a_container_wrote(rig: Any, kubelet: LogServer) -> None:
    rig.script("echo hello; echo bye")
    status, body, _ = ask(kubelet, "/containerLogs/ci/run-pod/step-s?tailLines=2")
    assert (status, body) == (200, b"hello\nbye\n")
    assert ask(kubelet, "/containerLogs/ci/run-pod/step-s?tailLines=1&limitBytes=2")[1] == b"by"
    assert ask(kubelet, "/containerLogs/ci/run-pod/prepare")[:2] == (200, b"")
    assert ask(kubelet, "/logs/ci/run/s")[1].endswith(b"hello\nbye\n")
    assert ask(kubelet, "/containerLogs/ci/run-pod/step-x")[0] == 404
    assert ask(kubelet, "/containerLogs/ci/none-pod/step-s")[0] == 404
    assert ask(kubelet, "/containerLogs/ci/..%2f..%2ftoken/step-s")[0] == 404
    assert ask(kubelet, "/containerLogs/ci/run-pod/step-s?tailLines=x")[0] == 400
    previous = ask(kubelet, "/containerLogs/ci/run-pod/step-s?previous=true")
    assert previous[:2] == (400, b'previous terminated container "step-s" in pod "run-pod" not found\n')


def test_only_who_has_the_secret_is_answered(rig: Any, kubelet: LogServer) -> None:
    rig.script("echo hello")
    target = "/containerLogs/ci/run-pod/step-s"
    header = kubelets.authorization(SECRET, target)
    assert kubelets.proven(SECRET, header, ask(kubelet, target, header)[2])
    for wrong in (
        "",
        "Bearer " + SECRET.decode(),
        kubelets.authorization(b"another secret, as long as this", target),
        kubelets.authorization(SECRET, "/containerLogs/ci/run-pod/step-t"),
        kubelets.authorization(SECRET, target, now=1_700_000_000),
        header[:-1] + ("0" if header[-1] != "0" else "1"),
    ):
        status, body, proof = ask(kubelet, target, wrong)
        assert (status, body, proof) == (401, b"Unauthorized\n", ""), wrong
    assert ask(kubelet, "/logs/ci/run/s", "")[0] == 401


def test_a_follower_gets_lines_as_they_are_written_and_the_end(rig: Any, kubelet: LogServer) -> None:
    with gate_of(rig) as gate:
        rig.create(
            "TaskRun",
            "run",
            {
                "taskSpec": {
                    "steps": [
                        {"name": "s", "image": SHELL, "script": "echo before; cat $(workspaces.w.path)/gate"},
                        {"name": "later", "image": SHELL, "script": "echo later"},
                    ]
                },
                "workspaces": [{"name": "w", "persistentVolumeClaim": {"claimName": "w"}}],
            },
        )
        rig.running("run")
        target = "/containerLogs/ci/run-pod/step-later?follow=true"
        later: list[bytes] = []
        follower = threading.Thread(target=lambda: later.append(ask(kubelet, target)[1]))
        follower.start()
        connection = http.client.HTTPConnection("127.0.0.1", kubelet.port, timeout=PATIENCE)
        target = "/containerLogs/ci/run-pod/step-s?follow=true"
        connection.request("GET", target, headers={"Authorization": kubelets.authorization(SECRET, target)})
        answer = connection.getresponse()
        lines = iter(answer.readline, b"")
        assert any(line == b"before\n" for line in lines)
        gate.write_text("through\n")
        assert list(lines) == [b"through\n"]
        follower.join(PATIENCE)
        connection.close()
    assert later[0].endswith(b"later\n")


def test_the_kubelet_finds_logs_again_after_a_restart(idle_rig: Any, tmp_path: Path) -> None:
    idle_rig.start()
    idle_rig.script("echo hello")
    idle_rig.stop()
    (tmp_path / "secret").write_bytes(SECRET)
    server = LogServer(Storage(idle_rig.data), 0, secret_file=tmp_path / "secret")
    server.start()
    assert ask(server, "/containerLogs/ci/run-pod/step-s?follow=true&tailLines=1")[:2] == (200, b"hello\n")
    server.close()
