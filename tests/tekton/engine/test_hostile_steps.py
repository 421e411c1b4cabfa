"""What a hostile step must not be able to do, tried by one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHELL = "test/shell"


@pytest.fixture
def neighbour(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process of this user, with a secret in its environment."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        env={"NEIGHBOUR_SECRET": "do-not-read-me"},
    )
    yield process
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def test_other_processes_and_their_environment_are_out_of_sight(
    rig: Any, condition: Any, neighbour: subprocess.Popen[bytes]
) -> None:
    # The path is put together so that the lint, which would refuse it, is not what this test shows.
    run = rig.script(
        f"ls /proc | grep -E '^[0-9]+$' | wc -l; n=env; cat /proc/{neighbour.pid}/${{n}}iron; kill -9 {neighbour.pid}"
    )
    assert condition(run)[1] == "StepFailed"
    assert "do-not-read-me" not in rig.log()
    assert int(rig.log().splitlines()[0]) < 10
    assert neighbour.poll() is None


def test_no_process_of_the_sandbox_shows_more_than_the_step_was_given(rig: Any) -> None:
    rig.script("for p in /proc/[0-9]*; do n=env; tr '\\0' '\\n' < $p/${n}iron 2>/dev/null; done")
    names = {line.partition("=")[0] for line in rig.log().splitlines() if "=" in line}
    assert names <= {"PATH", "HOME", "HOSTNAME", "INTERLOCK_NAMES", "INTERLOCK_TOOLS", "PWD", "OLDPWD", "SHLVL", "_"}


def test_the_data_folder_homes_and_the_machines_configuration_are_not_there(rig: Any) -> None:
    home = Path.home()
    seen = [
        str(rig.data),
        str(rig.data / "runs"),
        f"{home}/.ssh",
        "/home/x",
        "/etc/shadow",
        "/etc/machine-id",
        "/sys/kernel",
    ]
    rig.script("; ".join(f"ls -d {path} 2>/dev/null || true" for path in seen) + "; echo end")
    assert rig.log() == "end\n"


def test_the_data_folder_is_hidden_even_inside_a_folder_that_is_shown(tmp_path: Path) -> None:
    from interlock.local.sandbox import system

    prefix = Path(sys.prefix)
    view = system.build(tmp_path / "system", prefix / "interlock-data")
    assert list(view.arguments[-2:]) == ["--tmpfs", str((prefix / "interlock-data").resolve())]


def test_another_runs_workspace_is_not_there(rig: Any, condition: Any) -> None:
    rig.script("echo private > /workspace/file; echo private > ~/file; echo private > /tmp/file", name="first")
    run = rig.script(
        "test ! -e /workspace/file; test ! -e ~/file; test ! -e /tmp/file; ! grep -rs pri[v]ate /workspace /tekton"
    )
    assert condition(run)[0] == "True", rig.log()


def test_the_system_is_read_only_and_the_kernels_settings_are_not_the_steps(rig: Any) -> None:
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    targets = "/usr/bin/x /bin/x /lib/x /etc/passwd /usr/local/bin/interlock-toolbox"
    targets += " /proc/sys/kernel/core_pattern /proc/sysrq-trigger"
    targets += f" {sys.prefix}/x {Path(os.path.realpath(sys.executable)).parent}/x"
    rig.script(f"for t in {targets}; do (echo x > $t) 2>/dev/null && echo wrote $t; done; echo end")
    assert rig.log() == "end\n"
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


def test_no_capability_and_no_user_namespace_to_get_one_back(rig: Any) -> None:
    rig.script(
        "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | grep -v 0000000000000000 || true\n"
        "unshare -Ur true 2>/dev/null && echo escaped || true\n"
        "mount -t tmpfs x /mnt 2>/dev/null && echo mounted || true\necho end"
    )
    assert rig.log() == "end\n"


def test_a_step_without_the_annotation_reaches_nothing(rig: Any, http_server: int) -> None:
    rig.script(f"curl -sS --max-time 5 http://127.0.0.1:{http_server}/ 2>&1 | grep -o answered || true\necho end")
    assert rig.log() == "end\n"


def test_a_step_reaches_the_endpoints_its_task_names_and_no_other(
    idle_rig: Any, condition: Any, http_server: int
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        other.settimeout(0)
        port = other.getsockname()[1]
        endpoints = {"forge": f"127.0.0.1:{http_server}", "registry": f"127.0.0.1:{port}"}
        idle_rig.start(endpoints=endpoints)
        spec = {
            "steps": [
                {
                    "name": "s",
                    "image": SHELL,
                    "script": f"""
                        curl -sS http://127.0.0.1:{http_server}/first; echo
                        curl -sS http://127.0.0.1:{http_server}/second; echo
                        curl -sS --max-time 5 http://127.0.0.1:{port}/ 2>/dev/null && echo reached || true
                    """,
                }
            ]
        }
        idle_rig.create("Task", "fetch", spec, annotations={"interlock.dev/network": "forge"})
        idle_rig.create("TaskRun", "run", {"taskRef": {"name": "fetch"}})
        run = idle_rig.finished("TaskRun", "run")
        assert condition(run)[0] == "True", idle_rig.log()
        assert idle_rig.log() == "answered /first\nanswered /second\n"
        with pytest.raises(BlockingIOError):
            other.accept()
    found = json.loads(run["metadata"]["annotations"]["interlock.dev/capabilities"])
    assert found["network"] == [f"forge=127.0.0.1:{http_server}"]


def test_an_endpoint_that_nobody_configured_is_refused(rig: Any, condition: Any) -> None:
    run = rig.script("true", metadata={"annotations": {"interlock.dev/network": "internet"}})
    assert condition(run)[1] == "TaskRunValidationFailed"
    assert "internet" in condition(run)[2]


def test_a_run_cannot_widen_the_network_of_a_task_it_references(idle_rig: Any, condition: Any) -> None:
    idle_rig.start(endpoints={"forge": "127.0.0.1:9"})
    idle_rig.create("Task", "quiet", {"steps": [{"name": "s", "image": SHELL, "script": "ls /tekton/interlock"}]})
    idle_rig.create("TaskRun", "run", {"taskRef": {"name": "quiet"}}, annotations={"interlock.dev/network": "forge"})
    run = idle_rig.finished("TaskRun", "run")
    assert json.loads(run["metadata"]["annotations"]["interlock.dev/capabilities"])["network"] == []
    assert idle_rig.log() == "names.json\n"


def test_a_step_that_forks_and_detaches_leaves_nothing_behind(rig: Any, condition: Any) -> None:
    marker = f"detached-{os.getpid()}-{id(rig)}"
    run = rig.script(
        f"(setsid bash -c 'exec -a {marker} sleep 600' >/dev/null 2>&1 &)\n"
        f"(setsid bash -c 'exec -a {marker} sleep 600' &)"
    )
    assert condition(run)[0] == "True"
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if marker in _read(path)]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("target", ["{outside}", "/oldroot{outside}", "../../../../../../../..{outside}"])
def test_a_link_in_a_workspace_does_not_lead_the_engine_outside(
    rig: Any, condition: Any, tmp_path: Path, target: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = target.format(outside=outside)
    claim = {"name": "w", "persistentVolumeClaim": {"claimName": "shared"}}

    def use(name: str, script: str, sub_path: str = "", **step: Any) -> Any:
        spec = {
            "workspaces": [{**claim, **({"subPath": sub_path} if sub_path else {})}],
            "taskSpec": {
                "workspaces": [{"name": "w"}],
                "steps": [{"name": "s", "image": SHELL, "script": script, **step}],
            },
        }
        rig.create("TaskRun", name, spec)
        return rig.finished("TaskRun", name)

    assert condition(use("plant", f"ln -s {link} /workspace/w/link"))[0] == "True"
    followed = use("follow", "touch made", sub_path="link")
    assert condition(followed)[:2] == ("False", "CreateContainerConfigError")
    below = use("below", "touch made", workingDir="/workspace/w/link/deeper")
    assert condition(below)[0] == "False"
    assert not list(outside.iterdir())


def test_a_step_cannot_prepare_the_place_where_a_later_steps_volume_is_mounted(
    rig: Any, condition: Any, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    rig.create(
        "TaskRun",
        "run",
        {
            "taskSpec": {
                "volumes": [{"name": "v", "emptyDir": {}}],
                "steps": [
                    {"name": "a", "image": SHELL, "script": f"ln -s /oldroot{outside} /workspace/x"},
                    {
                        "name": "b",
                        "image": SHELL,
                        "script": "true",
                        "volumeMounts": [{"name": "v", "mountPath": "/workspace/x/y"}],
                    },
                ],
            }
        },
    )
    assert condition(rig.finished("TaskRun", "run"))[:2] == ("False", "CreateContainerConfigError")
    assert not list(outside.iterdir())


def test_the_loader_of_the_step_is_not_the_sandboxs(rig: Any, tmp_path: Path) -> None:
    """A step's LD_PRELOAD or PATH must not reach bubblewrap itself, which runs outside."""
    trace = tmp_path / "trace"
    spec = {
        "steps": [
            {
                "name": "s",
                "image": SHELL,
                "script": "echo ran",
                "env": [{"name": "LD_DEBUG_OUTPUT", "value": str(trace)}, {"name": "LD_DEBUG", "value": "files"}],
            }
        ]
    }
    rig.create("TaskRun", "run", {"taskSpec": spec})
    rig.finished("TaskRun", "run")
    assert "ran" in rig.log()
    assert not list(tmp_path.glob("trace*"))


def test_values_of_the_run_are_not_in_the_process_list(rig: Any, tmp_path: Path) -> None:
    secret = f"process-list-secret-{os.getpid()}"
    rig.client.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "k", "namespace": "ci"},
            "stringData": {"v": secret},
        }
    )
    env = [{"name": "V", "valueFrom": {"secretKeyRef": {"name": "k", "key": "v"}}}]
    claim = {"name": "w", "persistentVolumeClaim": {"claimName": "shared"}}
    step = {"name": "s", "image": SHELL, "script": "echo up > /workspace/w/up; cat /workspace/w/gate", "env": env}
    gate = rig.data / "volumes/ci/shared/gate"
    gate.parent.mkdir(parents=True)
    os.mkfifo(gate)
    rig.create("TaskRun", "run", {"workspaces": [claim], "taskSpec": {"workspaces": [{"name": "w"}], "steps": [step]}})
    rig.running("run")
    with gate.open("w"):
        # Opened: the step stands at the gate, so its processes are all there.
        shown = [_read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
        assert (gate.parent / "up").exists()
    rig.finished("TaskRun", "run")
    assert not [text for text in shown if secret in text]


def test_without_a_sandbox_the_engine_does_not_start_unless_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from interlock.errors import UnsupportedError
    from interlock.local.sandbox import programs, sandbox, system

    view = system.build(tmp_path / "system", tmp_path)
    monkeypatch.setattr(programs, "bubblewrap", lambda: "/usr/bin/false")
    monkeypatch.setattr(programs, "find", lambda name: "/usr/bin/false")
    with pytest.raises(UnsupportedError) as caught:
        sandbox.probe(view, allow_weaker=False)
    assert caught.value.code == "no-sandbox"
    assert sandbox.probe(view, allow_weaker=True).level == "none"


def test_weaker_isolation_runs_and_says_so(idle_rig: Any, condition: Any) -> None:
    idle_rig.start(allow_weaker_isolation=True, isolation="rewriting")
    marker = f"weak-{os.getpid()}-{id(idle_rig)}"
    run = idle_rig.script(
        'cd /workspace; echo v > $(results.r.path); pwd | grep -c runs; test -z "$OUTSIDE"\n'
        f"(setsid bash -c 'exec -a {marker} sleep 600' &)",
        spec={"results": [{"name": "r"}]},
    )
    assert condition(run)[0] == "True", idle_rig.log()
    assert run["status"]["results"] == [{"name": "r", "type": "string", "value": "v\n"}]
    found = json.loads(run["metadata"]["annotations"]["interlock.dev/capabilities"])
    assert (found["isolation"], found["network"]) == ("none", ["*"])
    first = (idle_rig.data / "logs/ci/run/s.log").read_text().splitlines()[0]
    assert "isolation none (not enforced: file system" in first
    assert "network not limited" in first
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if marker in _read(path)]
