"""Engines are restarted when they die, and die with the supervisor."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interlock.local.supervisor import Published, read_state

ENGINE = """
import signal, sys
from interlock.clients.process import notify_ready
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
notify_ready()
signal.pause()
"""
SUPERVISOR = """
import sys
from pathlib import Path
from interlock.local.supervisor import Program, Supervisor
folder = Path(sys.argv[1])
programs = [Program("first", "engine"), Program("second", "engine", after=("first",))]
Supervisor(programs, run_folder=folder, log_folder=folder, stop_seconds=0.2).run()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "engine.py").write_text(ENGINE)
    return tmp_path


@pytest.fixture
def process(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    # The name that read_state looks for in the command line is that of the real supervisor's module.
    arguments = [sys.executable, "-c", SUPERVISOR, str(folder), "interlock.local"]
    started = subprocess.Popen(arguments, cwd=folder, env=os.environ | {"HOME": str(folder)})
    yield started
    started.kill()
    started.wait()


def wait_for(folder: Path, condition: Callable[[Published], bool]) -> Published:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        state = read_state(folder)
        if state is not None and condition(state):
            return state
        time.sleep(0.01)
    raise AssertionError(f"not reached; state: {read_state(folder)}")


def alive(pid: object) -> bool:
    try:
        return b"engine" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.usefixtures("process")
def test_a_killed_engine_comes_back(folder: Path) -> None:
    before = wait_for(folder, Published.ready).engines["first"]["pid"]
    os.kill(int(str(before)), signal.SIGKILL)
    after = wait_for(folder, lambda state: state.ready() and state.engines["first"]["pid"] != before)
    assert after.engines["first"]["restarts"] == 1
    assert after.engines["second"]["restarts"] == 0


def pause(folder: Path, process: subprocess.Popen[bytes], *names: str) -> None:
    (folder / "paused.json").write_text(json.dumps(names))
    process.send_signal(signal.SIGHUP)


def test_an_engine_that_is_to_stand_still_is_stopped_even_if_it_does_not_listen(
    folder: Path, process: subprocess.Popen[bytes]
) -> None:
    """And whoever takes the wish back meanwhile gets a new process."""
    (folder / "engine.py").write_text(ENGINE.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN"))
    before = wait_for(folder, Published.ready).engines["first"]["pid"]

    pause(folder, process, "first")
    wait_for(folder, lambda state: state.engines["first"] == {"pid": None, "state": "paused", "restarts": 0})
    assert not alive(before)
    pause(folder, process)
    again = wait_for(folder, Published.ready).engines["first"]["pid"]
    pause(folder, process, "first")
    wait_for(folder, lambda state: state.engines["first"]["state"] == "paused")
    pause(folder, process)
    wait_for(folder, lambda state: state.ready() and state.engines["first"]["pid"] not in (before, again))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_engines_end_with_the_supervisor(folder: Path, process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    pids = [engine["pid"] for engine in wait_for(folder, Published.ready).engines.values()]
    process.send_signal(how)
    process.wait(10)
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [pid for pid in pids if alive(pid)]
    assert read_state(folder) is None
