"""The real tkn and kubectl against the Tekton engine and its cluster: what a person types about runs, unchanged."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.formats import yaml
from interlock.local.kubernetes import kubeconfig, tls, tokens

SHELL = "test/shell"
NODE = "interlock-tekton"
PATIENCE = 60
PIPELINE = f"""\
apiVersion: tekton.dev/v1
kind: Task
metadata: {{name: build}}
spec:
  params: [{{name: what, default: payments}}]
  results: [{{name: artifact}}]
  workspaces: [{{name: gates}}]
  steps:
    - name: prepare
      image: {SHELL}
      script: |
        echo "preparing $(params.what)"
        cat $(workspaces.gates.path)/first
    - name: compile
      image: {SHELL}
      script: |
        echo compiling
        echo "a warning" >&2
        printf payments.bar > $(results.artifact.path)
        echo "no newline at the end" | tr -d '\\n'
---
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {{name: delivery}}
spec:
  workspaces: [{{name: gates}}]
  tasks:
    - name: build
      taskRef: {{name: build}}
      workspaces: [{{name: gates}}]
    - name: test
      runAfter: [build]
      params: [{{name: artifact, value: $(tasks.build.results.artifact)}}]
      taskSpec:
        params: [{{name: artifact}}]
        steps:
          - image: {SHELL}
            script: |
              echo "testing $(params.artifact)"
              for n in 1 2 3; do echo "line $n"; done
"""


@dataclass
class Estate:
    """A cluster and its engine, as child processes; ``run`` calls a client of the field as the administrator."""

    folder: Path
    api: KubernetesClient
    data: Path

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "KUBECONFIG": str(self.folder / "kubeconfig")}

    def run(self, program: str, *arguments: str, stdin: str = "", fails: bool = False) -> str:
        """What the client printed, its complaint where it ``fails``."""
        done = subprocess.run(
            [program, *arguments],
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (done.returncode != 0) is fails, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stderr if fails else done.stdout

    def start(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [program, *arguments], env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def open(self, namespace: str, gate: str) -> None:
        """Let the step pass that waits at a gate."""
        with (self.data / "volumes" / namespace / "gates" / gate).open("w"):
            pass

    def gate(self, namespace: str, name: str) -> None:
        folder = self.data / "volumes" / namespace / "gates"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        os.mkfifo(folder / name)
        (folder / name).chmod(0o666)


def _child(module: str, config: dict[str, Any], folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """``python -m module``, once it says that it is ready."""
    path = folder / f"{module.rpartition('.')[2]}.yaml"
    path.write_text(yaml.dump(config))
    log = path.with_suffix(".log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, log.open("ab") as errors:
        ready.bind(str(path.with_suffix(".ready")))
        ready.settimeout(PATIENCE)
        environment = {**os.environ, "NOTIFY_SOCKET": str(path.with_suffix(".ready"))}
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--config", str(path)], stderr=errors, env=environment
        )
        assert ready.recv(64) == b"READY=1", log.read_text()
    return process, log


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    folder = tmp_path_factory.mktemp("tekton")
    now = datetime.now(UTC)
    ca, key = tls.write_ca(folder, name="test CA", now=now)
    cert, private = tls.write_server_certificate(folder, ca_cert=ca, ca_key=key, names=[], now=now)
    tokens.write_tokens(folder / "tokens.yaml", [tokens.User(name="admin", token="adm", groups=("system:masters",))])
    (folder / "token").write_text("adm")
    (folder / "secret").write_text("0123456789abcdef0123456789abcdef")
    port, logs = _free_port(), _free_port()
    hub, _ = _child(
        "interlock.local.kubernetes",
        {
            "name": "hub",
            "port": port,
            "data": "hub",
            "tokens": "tokens.yaml",
            "admission": ["interlock.tekton.spec.webhooks"],
            "tls": {"cert": cert.name, "key": private.name, "ca": ca.name},
            "kubelets": {NODE: {"address": f"127.0.0.1:{logs}", "secret_file": "secret"}},
        },
        folder,
    )
    server = f"https://127.0.0.1:{port}"
    engine, _ = _child(
        "interlock.tekton.engine",
        {
            "server": server,
            "token_file": "token",
            "ca_file": ca.name,
            "data": "engine",
            "host_images": [SHELL],
            "parallel": 4,
            "logs_port": logs,
            "logs_secret_file": "secret",
        },
        folder,
    )
    clusters = {"hub": kubeconfig.Cluster(server=server, ca=ca)}
    kubeconfig.write_kubeconfig(folder / "kubeconfig", clusters, {("admin", "hub"): "adm"}, current="admin@hub")
    api = KubernetesClient(server, token="adm", ca_file=ca)
    yield Estate(folder, api, folder / "engine")
    api.close()
    for process in (engine, hub):
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


@pytest.fixture
def namespace(estate: Estate) -> str:
    created = estate.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "t-"}})
    return str(created["metadata"]["name"])


@pytest.fixture
def tkn(estate: Estate, namespace: str, client: Callable[[str], str]) -> Callable[..., str]:
    program = client("tkn")
    return lambda *arguments, **options: estate.run(program, *arguments, "--namespace", namespace, **options)


@pytest.fixture
def kubectl(estate: Estate, namespace: str, client: Callable[[str], str]) -> Callable[..., str]:
    program = client("kubectl")
    return lambda *arguments, **options: estate.run(program, f"--namespace={namespace}", *arguments, **options)


@pytest.fixture
def run(estate: Estate, namespace: str) -> str:
    """A PipelineRun whose first step waits at the gate ``first``."""
    estate.gate(namespace, "first")
    for document in yaml.load_all(PIPELINE, file="test"):
        document.value["metadata"]["namespace"] = namespace
        estate.api.create(document.value)
    _start(estate, namespace, "once")
    return "once"


def _start(estate: Estate, namespace: str, name: str) -> None:
    workspace = {"name": "gates", "persistentVolumeClaim": {"claimName": "gates"}}
    spec = {"pipelineRef": {"name": "delivery"}, "workspaces": [workspace]}
    meta = {"name": name, "namespace": namespace}
    estate.api.create({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": meta, "spec": spec})


def _until(estate: Estate, kind: str, namespace: str, name: str, holds: Callable[[dict[str, Any]], bool]) -> Any:
    api_version = "v1" if kind == "Pod" else "tekton.dev/v1"
    with estate.api.watch(
        api_version, kind, namespace=namespace, field_selector=f"metadata.name={name}", timeout_seconds=PATIENCE
    ) as events:
        for event in events:
            if event.type in ("ADDED", "MODIFIED") and holds(event.object):
                return event.object
    raise AssertionError(f"{kind} {name} did not get there")


def _running(value: dict[str, Any]) -> bool:
    return bool(value.get("status", {}).get("phase") == "Running")


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line.rstrip("\n")


EXPECTED = [
    "[build : prepare] preparing payments",
    "[build : prepare] open",
    "[build : compile] compiling",
    "[build : compile] a warning",
    "[build : compile] no newline at the end",
    "[test : unnamed-0] testing payments.bar",
    "[test : unnamed-0] line 1",
    "[test : unnamed-0] line 2",
    "[test : unnamed-0] line 3",
]


def _plain(text: str) -> list[str]:
    """Lines without colours, without empty ones, without the engine's first line of each step."""
    clean = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in text.splitlines()]
    return [line for line in clean if line and "[interlock.local]" not in line]


@pytest.mark.real("tkn")
def test_tkn_follows_the_logs_of_a_run_to_its_end(
    estate: Estate, namespace: str, run: str, client: Callable[[str], str]
) -> None:
    _until(estate, "Pod", namespace, f"{run}-build-pod", _running)
    process = estate.start(client("tkn"), "pipelinerun", "logs", "-f", run, "--namespace", namespace)
    told = []
    for line in _lines(process):
        told.append(line)
        if "preparing payments" in line:
            break
    (estate.data / "volumes" / namespace / "gates" / "first").write_text("open\n")
    told += _lines(process)
    assert process.wait(PATIENCE) == 0
    assert process.stdout is not None
    process.stdout.close()
    assert _plain("\n".join(told)) == EXPECTED
    # Once more, of a run that is over.
    again = estate.run(client("tkn"), "pipelinerun", "logs", run, "--namespace", namespace)
    assert _plain(again) == EXPECTED


@pytest.fixture
def done(estate: Estate, namespace: str, run: str) -> str:
    """The run, once it has succeeded."""
    (estate.data / "volumes" / namespace / "gates" / "first").write_text("open\n")
    _until(
        estate,
        "PipelineRun",
        namespace,
        run,
        lambda value: any(item["status"] == "True" for item in value.get("status", {}).get("conditions", [])),
    )
    return run


@pytest.mark.real("tkn")
def test_tkn_describes_and_lists(done: str, tkn: Callable[..., str]) -> None:
    described = tkn("taskrun", "describe", f"{done}-build")
    assert re.search(r"Name:\s+once-build\n", described)
    assert re.search(r"Task Ref:\s+build\n", described)
    assert "Succeeded" in described
    for step in ("prepare", "compile"):
        assert re.search(rf"{step}\s+Completed", described)
    assert re.search(r"artifact\s+payments.bar", described)
    assert re.search(r"once\s+\S.*\sSucceeded", tkn("pipelinerun", "list"))
    assert re.search(r"once-test\s", tkn("taskrun", "list"))
    assert re.search(r"delivery\s", tkn("pipeline", "list"))
    value = json.loads(tkn("pr", "describe", done, "-o", "json"))
    assert [child["name"] for child in value["status"]["childReferences"]] == ["once-build", "once-test"]
    assert "once-build" in tkn("pr", "describe", done)
    assert "compiling" in tkn("taskrun", "logs", f"{done}-build", "--step", "compile")


SEVERAL = f"""\
apiVersion: tekton.dev/v1
kind: Task
metadata: {{name: several}}
spec:
  params: [{{name: code, default: "0"}}]
  steps:
    - {{name: first, image: {SHELL}, script: "echo try $(context.task.retry-count)"}}
    - {{name: second, image: {SHELL}, script: "echo to fail; exit $(params.code)"}}
    - {{name: third, image: {SHELL}, script: "echo third"}}
  sidecars:
    - {{name: beside, image: {SHELL}, script: "echo beside; sleep 600"}}
---
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {{name: retrying}}
spec:
  params: [{{name: code}}]
  tasks:
    - name: several
      retries: 1
      taskRef: {{name: several}}
      params: [{{name: code, value: $(params.code)}}]
"""


@pytest.mark.real("tkn")
def test_tkn_starts_a_pipeline_and_shows_its_log(
    estate: Estate, namespace: str, tkn: Callable[..., str], kubectl: Callable[..., str]
) -> None:
    """A task with a sidecar; the log is asked for before there is a pod."""
    kubectl("apply", "-f", "-", stdin=SEVERAL)
    told = _plain(tkn("pipeline", "start", "retrying", "-p", "code=0", "--showlog"))
    assert [line for line in told if "beside" not in line][-3:] == [
        "[several : first] try 0",
        "[several : second] to fail",
        "[several : third] third",
    ]
    (name,) = kubectl("get", "pods", "-o", "name").split()
    assert "beside" in kubectl("logs", name, "-c", "sidecar-beside")
    assert kubectl("get", name, "--no-headers").split()[1] == "0/4"


@pytest.mark.real("tkn")
def test_tkn_shows_every_attempt_and_why_it_failed(
    namespace: str, tkn: Callable[..., str], kubectl: Callable[..., str]
) -> None:
    kubectl("apply", "-f", "-", stdin=SEVERAL)
    live = _plain(tkn("pipeline", "start", "retrying", "-p", "code=1", "--prefix-name=fails", "--showlog"))
    kubectl("wait", "--for=condition=Succeeded=False", "--timeout=60s", "pipelinerun", "--all")
    name = kubectl("get", "pr", "-o", "jsonpath={.items[0].metadata.name}")
    told = _plain(tkn("pipelinerun", "logs", name))
    for shown in (live, told):
        assert {"[several : first] try 0", "[several : first] try 1", "[several : second] to fail"} <= set(shown)
    assert not any("third]" in line for line in told)
    pods = kubectl("get", "pods", "-o", 'jsonpath={range .items[*]}{.metadata.name} {.status.phase}{"\\n"}{end}')
    assert pods.splitlines() == [f"{name}-several-pod Failed", f"{name}-several-pod-retry1 Failed"]
    described = tkn("taskrun", "describe", f"{name}-several")
    assert "Failed" in described and re.search(r"second\s+Error", described)
    tkn("pipelinerun", "delete", name, "--force")
    assert "no resources" in tkn("pr", "list").lower() or "no pipelineruns" in tkn("pr", "list").lower()


@pytest.mark.real("tkn")
def test_tkn_cancels(estate: Estate, namespace: str, run: str, tkn: Callable[..., str]) -> None:
    _until(estate, "Pod", namespace, f"{run}-build-pod", _running)
    tkn("pipelinerun", "cancel", run)
    _until(
        estate,
        "PipelineRun",
        namespace,
        run,
        lambda value: any(item["status"] == "False" for item in value.get("status", {}).get("conditions", [])),
    )
    assert re.search(r"once\s.*Cancelled", tkn("pr", "list"))


@pytest.mark.real("kubectl")
def test_kubectl_reads_logs(done: str, kubectl: Callable[..., str]) -> None:
    pod = f"{done}-build-pod"
    text = kubectl("logs", pod, "-c", "step-compile")
    assert text.endswith("compiling\na warning\nno newline at the end")
    assert kubectl("logs", pod, "-c", "step-compile", "--tail=1") == "no newline at the end"
    assert kubectl("logs", pod, "-c", "step-compile", "-f") == text
    assert kubectl("logs", pod, "-c", "step-compile", "--limit-bytes=10") == text[:10]
    stamped = kubectl("logs", pod, "-c", "step-compile", "--timestamps").splitlines()
    assert all(re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", line) for line in stamped)
    assert kubectl("logs", pod, "-c", "step-compile", "--since=1h") == text
    assert kubectl("logs", pod, "-c", "prepare") == ""
    everything = kubectl("logs", pod, "--all-containers", "--prefix")
    assert f"[pod/{pod}/step-prepare] preparing payments" in everything
    assert f"[pod/{pod}/step-compile] compiling" in everything
    labelled = kubectl("logs", "-l", "tekton.dev/pipelineRun=once", "--all-containers", "--tail=-1")
    assert "preparing payments" in labelled and "line 3" in labelled
    assert "is not valid for pod" in kubectl("logs", pod, "-c", "none", fails=True)
    gone = kubectl("logs", pod, "-c", "step-compile", "--previous", fails=True)
    assert f'previous terminated container "step-compile" in pod "{pod}" not found' in gone


@pytest.mark.real("kubectl")
def test_kubectl_follows_and_waits(
    estate: Estate, namespace: str, run: str, kubectl: Callable[..., str], client: Callable[[str], str]
) -> None:
    pod = f"{run}-build-pod"
    _until(estate, "Pod", namespace, pod, _running)
    follow = estate.start(client("kubectl"), f"--namespace={namespace}", "logs", "-f", pod, "-c", "step-prepare")
    later = estate.start(client("kubectl"), f"--namespace={namespace}", "logs", "-f", pod, "-c", "step-compile")
    wait = estate.start(
        client("kubectl"),
        f"--namespace={namespace}",
        "wait",
        "--for=condition=Succeeded",
        "--timeout=60s",
        f"pipelinerun/{run}",
    )
    # Seen while the step runs, and before the run has ended.
    assert any("preparing payments" in line for line in _lines(follow))
    assert follow.poll() is None and wait.poll() is None
    (estate.data / "volumes" / namespace / "gates" / "first").write_text("open\n")
    ended = [process.communicate(timeout=PATIENCE)[0] for process in (follow, later, wait)]
    assert [process.returncode for process in (follow, later, wait)] == [0, 0, 0], ended
    _, followed, waited = ended
    assert followed.endswith("compiling\na warning\nno newline at the end")
    assert waited == f"pipelinerun.tekton.dev/{run} condition met\n"


@pytest.mark.real("kubectl")
def test_kubectl_shows_runs_and_pods(done: str, kubectl: Callable[..., str]) -> None:
    rows = [line.split() for line in kubectl("get", "tr").splitlines()]
    assert rows[0] == ["NAME", "SUCCEEDED", "REASON", "STARTTIME", "COMPLETIONTIME"]
    assert {row[0]: row[1:3] for row in rows[1:]} == {
        "once-build": ["True", "Succeeded"],
        "once-test": ["True", "Succeeded"],
    }
    assert kubectl("get", "pr", "--no-headers").split()[:3] == ["once", "True", "Succeeded"]
    pods = {line.split()[0]: line.split()[1:3] for line in kubectl("get", "pods", "--no-headers").splitlines()}
    assert pods == {"once-build-pod": ["0/2", "Completed"], "once-test-pod": ["0/1", "Completed"]}
    assert kubectl("get", "pod", "once-build-pod", "-o", "jsonpath={.spec.nodeName}") == NODE
    described = kubectl("describe", "pod", "once-build-pod")
    assert "Controlled By:  TaskRun/once-build" in described
    assert "step-compile:" in described and "place-scripts:" in described
    assert "compiling" not in kubectl("get", "pod", "once-build-pod", "-o", "yaml")


@pytest.mark.real("kubectl")
def test_deleting_the_run_removes_its_task_runs_and_pods(
    estate: Estate, namespace: str, done: str, kubectl: Callable[..., str]
) -> None:
    kubectl("delete", "pipelinerun", done)
    deadline = time.monotonic() + PATIENCE
    listed = estate.api.list("v1", "Pod", namespace=namespace)
    if listed.items:
        with estate.api.watch(
            "v1", "Pod", namespace=namespace, resource_version=listed.resource_version, timeout_seconds=PATIENCE
        ) as events:
            gone: set[str] = set()
            for event in events:
                if event.type == "DELETED":
                    gone.add(event.object["metadata"]["name"])
                if len(gone) == len(listed.items):
                    break
    assert time.monotonic() < deadline
    assert kubectl("get", "tr,pods", "--no-headers", "--ignore-not-found") == ""


@pytest.mark.real("kubectl")
def test_a_cancelled_run_loses_its_pod_and_keeps_its_log_in_the_engines_folder(
    estate: Estate, namespace: str, run: str, kubectl: Callable[..., str]
) -> None:
    pod = f"{run}-build-pod"
    _until(estate, "Pod", namespace, pod, _running)
    kubectl("patch", "pipelinerun", run, "--type=merge", "-p", '{"spec": {"status": "Cancelled"}}')
    kubectl("wait", "--for=condition=Succeeded=False", "--timeout=30s", f"pipelinerun/{run}")
    assert "NotFound" in kubectl("logs", pod, "-c", "step-prepare", fails=True)
    kept = estate.data / "logs" / namespace / f"{run}-build" / "prepare.log"
    assert "preparing payments" in kept.read_text()
