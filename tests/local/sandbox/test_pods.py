"""What steps and sidecars of a TaskRun share, what they reach, and how one looks into a sandbox that runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from interlock.formats.tekton.model import parse
from interlock.formats.tekton.task import Probe
from interlock.local.sandbox import probe
from interlock.local.sandbox.pod import Pod
from interlock.local.sandbox.process import Process, Stop

_SERVER = """
exec python3 -c '
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204 if self.path == "/ready" else 500)
        self.end_headers()
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
'
"""


@pytest.fixture
def pod(box: Any) -> Iterator[Pod]:
    with Pod.open(box.isolation, hostname="the-pod") as made:
        yield made


@pytest.fixture
def port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(running: Process, **options: Any) -> probe.Ending:
    stop = options.pop("stop", None) or Stop()
    settings = {"startup": None, "readiness": None, "ports": [], "seconds": 30.0, **options}
    try:
        return probe.wait(running, stop=stop, **settings)
    finally:
        running.kill()
        running.wait()
        stop.close()


def _probe(**value: Any) -> Probe:
    return parse(Probe, {"periodSeconds": 1, **value})


def test_steps_and_sidecars_meet_on_the_loopback(box: Any, pod: Pod, port: int) -> None:
    sidecar = box.start(_SERVER.replace("PORT", str(port)), network_of=pod)
    ready = _probe(httpGet={"path": "/ready", "port": port})
    stop = Stop()
    assert probe.wait(sidecar, startup=None, readiness=ready, ports=[], stop=stop, seconds=30.0) == "ready"
    outcome = box.run(
        f"curl -sS -o /dev/null -w '%{{http_code}}' http://127.0.0.1:{port}/ready; hostname", network_of=pod
    )
    if box.level == "none":
        assert box.text.startswith("204")
    else:
        assert (outcome.exit_code, box.text) == (0, "204the-pod\n")
        # A hermetic step is in no Pod: nothing answers it.
        assert box.run(f"curl -sS --max-time 5 http://127.0.0.1:{port}/ready").exit_code != 0
    sidecar.kill()
    assert sidecar.wait().ending == "stopped"
    stop.close()


def test_a_pod_reaches_its_endpoints_and_no_other(strict_box: Any, forwarder: Any, http_server: int, port: int) -> None:
    network = {"forge": f"127.0.0.1:{http_server}"}
    with Pod.open(strict_box.isolation, hostname="p", network=network, forwarder=forwarder) as pod:
        strict_box.run(
            f"curl -sS http://127.0.0.1:{http_server}/a; echo; curl -sS http://127.0.0.1:{http_server}/b; echo;"
            f"curl -sS --max-time 5 http://127.0.0.1:{port}/ 2>/dev/null || echo none",
            network_of=pod,
        )
    assert strict_box.text == "answered /a\nanswered /b\nnone\n"


def test_two_pods_do_not_meet(strict_box: Any, pod: Pod, port: int) -> None:
    sidecar = strict_box.start(_SERVER.replace("PORT", str(port)), network_of=pod)
    stop = Stop()
    tcp = _probe(tcpSocket={"port": port})
    assert probe.wait(sidecar, startup=tcp, readiness=None, ports=[], stop=stop, seconds=30.0) == "ready"
    with Pod.open(strict_box.isolation, hostname="other") as other:
        outcome = strict_box.run(f"curl -sS --max-time 5 http://127.0.0.1:{port}/", network_of=other)
    assert outcome.exit_code != 0
    sidecar.kill()
    sidecar.wait()
    stop.close()


def test_no_capability_in_a_pod_either(strict_box: Any, pod: Pod) -> None:
    strict_box.run(
        "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | grep -v 0000000000000000 || true\n"
        "unshare -Ur true 2>/dev/null && echo escaped || true; id -u",
        network_of=pod,
    )
    assert strict_box.text == "65532\n"


def test_without_probes_it_is_ready_at_once(box: Any) -> None:
    assert _wait(box.start("sleep 60")) == "ready"


def test_an_exec_probe_runs_beside_the_sidecar(box: Any) -> None:
    running = box.start("echo $VALUE > /tmp/up; sleep 60", environment={"VALUE": "seen"})
    ready = _probe(exec={"command": ["sh", "-c", 'test "$(cat /tmp/up)" = "$VALUE"']})
    assert _wait(running, readiness=ready) == "ready"


def test_a_sidecar_that_ends_is_waited_for_no_longer(box: Any) -> None:
    assert _wait(box.start("exit 3"), readiness=_probe(exec={"command": ["false"]})) == "ended"


def test_a_startup_probe_that_fails_too_often_ends_the_sidecar(box: Any) -> None:
    running = box.start("sleep 60")
    startup = _probe(exec={"command": ["false"]}, failureThreshold=1)
    assert _wait(running, startup=startup, readiness=_probe(exec={"command": ["true"]})) == "ended"
    assert running.wait().exit_code == 137


def test_waiting_ends_with_the_time_limit_and_with_a_stop(box: Any) -> None:
    never = _probe(exec={"command": ["false"]}, periodSeconds=60)
    assert _wait(box.start("sleep 60"), readiness=never, seconds=0.5) == "timeout"
    stop = Stop()
    stop.set("cancelled")
    assert _wait(box.start("sleep 60"), readiness=never, stop=stop) == "stopped"


def test_a_probe_that_hangs_is_over_at_its_timeout(box: Any) -> None:
    running = box.start("sleep 60")
    assert running.exec(["sleep", "60"], 0.5) is None
    assert running.exec(["sh", "-c", "exit 5"], 20.0) == 5
    running.kill()
    running.wait()


def test_named_ports(box: Any, pod: Pod, port: int) -> None:
    running = box.start(_SERVER.replace("PORT", str(port)), network_of=pod)
    ports = [{"name": "web", "containerPort": port}]
    assert _wait(running, readiness=_probe(tcpSocket={"port": "web"}), ports=ports) == "ready"


def test_a_shell_in_the_sandbox_sees_what_the_step_sees(box: Any) -> None:
    os.mkfifo(box.workspace / "gate")
    running = box.start("cat /workspace/gate", environment={"VALUE": "of-the-step"}, working_dir="/workspace")
    argv = running.enter(["sh", "-c", 'echo "$VALUE"; pwd; ls; id -u; exit 3'])
    assert "of-the-step" not in " ".join(argv)
    done = subprocess.run(argv, capture_output=True, text=True)
    if box.level == "none":
        assert done.stdout.splitlines()[0] == "of-the-step"
    else:
        assert done.stdout == "of-the-step\n/workspace\ngate\n65532\n"
    assert (done.returncode, done.stderr) == (3, "")
    (box.workspace / "gate").write_text("")
    assert running.wait().exit_code == 0


def test_what_was_entered_ends_with_the_sandbox(strict_box: Any, marker: str, left: Any) -> None:
    running = strict_box.start("sleep 60")
    os.mkfifo(strict_box.workspace / "gate")
    shell = subprocess.Popen(
        running.enter(["bash", "-c", f"echo in > /workspace/gate; exec -a {marker} sleep 600"]),
        stdin=subprocess.DEVNULL,
    )
    (strict_box.workspace / "gate").read_text()
    running.kill()
    running.wait()
    assert shell.wait(20) != 0
    assert left() == []
