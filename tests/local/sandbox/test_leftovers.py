"""Nothing is left behind: processes, mounts, cgroups; whatever the step does and however it ends, at each level."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.local.sandbox import sandbox

_DETACHED = """
(setsid bash -c 'exec -a {marker} sleep 600' >/dev/null 2>&1 &)
(setsid bash -c 'exec -a {marker} sleep 600' &)
bash -c '(exec -a {marker} sleep 600 &) &'
bash -c 'trap "" TERM INT HUP; (trap "" TERM; exec -a {marker} sleep 600) &'
echo ready > /workspace/ready
"""


@pytest.fixture
def before(box: Any) -> tuple[int, list[Path]]:
    box.isolation.cgroups.close()
    return _mounts(), _cgroups()


def _clean(box: Any, left: Callable[[], list[str]], before: tuple[int, list[Path]]) -> None:
    assert left() == []
    # A thread keeps its group for the steps to come, until the engine closes.
    box.isolation.cgroups.close()
    assert (_mounts(), _cgroups()) == before


def _mounts() -> int:
    return len(Path("/proc/self/mountinfo").read_text().splitlines())


def _cgroups() -> list[Path]:
    return sorted(Path("/sys/fs/cgroup").glob(f"**/interlock-{os.getpid()}-*"))


def test_after_success(box: Any, marker: str, left: Callable[[], list[str]], before: Any) -> None:
    assert box.run(_DETACHED.format(marker=marker)).exit_code == 0
    _clean(box, left, before)


def test_after_failure(box: Any, marker: str, left: Callable[[], list[str]], before: Any) -> None:
    assert box.run(_DETACHED.format(marker=marker) + "exit 3").exit_code == 3
    _clean(box, left, before)


def test_after_a_timeout_of_a_step_that_ignores_signals(
    box: Any, marker: str, left: Callable[[], list[str]], before: Any
) -> None:
    script = (
        "trap '' TERM INT HUP QUIT\n" + _DETACHED.format(marker=marker) + "while :; do read x </workspace/never; done"
    )
    os.mkfifo(box.workspace / "never")
    outcome = box.run(script, seconds=1.0)
    assert (outcome.ending, outcome.exit_code) == ("timeout", 137)
    _clean(box, left, before)


def test_after_a_cancellation(box: Any, marker: str, left: Callable[[], list[str]], before: Any) -> None:
    os.mkfifo(box.workspace / "gate")
    script = _DETACHED.format(marker=marker) + "echo here > /workspace/gate; cat /workspace/never"
    os.mkfifo(box.workspace / "never")

    def cancel() -> None:
        (box.workspace / "gate").read_text()
        box.stop.set("cancelled")

    thread = threading.Thread(target=cancel)
    thread.start()
    outcome = box.run(script)
    thread.join()
    assert outcome.ending == "stopped"
    _clean(box, left, before)


_ENGINE = """
import io, sys
from dataclasses import replace
from pathlib import Path
from interlock.local.sandbox import process, sandbox, system
from interlock.tekton.engine.masking import Masker
from interlock.local.sandbox.view import Bind, View

folder, choice, script = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
machine = system.build(folder / "system", folder / "data")
isolation = sandbox.probe(machine, allow_weaker=True, choice=choice)
(folder / "tmp").mkdir()
binds = [Bind(folder / "workspace", "/workspace"), Bind(folder / "tmp", "/tmp")]
view = View(["/bin/sh", "-c", script], {"PATH": machine.path}, binds)
held = sys.argv[4] == "held"

def released():
    if held:
        sys.stdout.write("held\\n"); sys.stdout.flush()
        sys.stdin.read()

print(process.run(isolation, view, io.BytesIO(), Masker(()), stop=process.Stop(), seconds=60, released=released))
"""


def _engine(box: Any, script: str, mode: str) -> subprocess.Popen[bytes]:
    choice = "rewriting" if box.level == "none" else box.level
    folder = box.folder / "engine"
    folder.mkdir()
    (folder / "workspace").symlink_to(box.workspace)
    return subprocess.Popen(
        [sys.executable, "-c", _ENGINE, str(folder), choice, script, mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _gone(find: Callable[[], list[str]]) -> bool:
    """Whether all that carries the mark has ended: each is awaited, not polled for."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_text()
            descriptor = os.pidfd_open(int(path.parent.name))
        except OSError:
            continue
        try:
            if any(text.startswith(mark.split("\0")[0]) for mark in find()):
                select.select([descriptor], [], [], 20)
        finally:
            os.close(descriptor)
    return not find()


def test_after_kill_9_of_the_engine(box: Any, marker: str, left: Callable[[], list[str]]) -> None:
    for name in ("gate", "never"):
        os.mkfifo(box.workspace / name)
    script = _DETACHED.format(marker=marker) + "echo here > /workspace/gate; cat /workspace/never"
    engine = _engine(box, script, "free")
    (box.workspace / "gate").read_text()
    assert left()
    engine.send_signal(signal.SIGKILL)
    engine.communicate()
    assert _gone(left)


def test_a_step_held_back_does_not_start_when_the_engine_is_killed(box: Any) -> None:
    engine = _engine(box, "echo started > /workspace/started", "held")
    assert engine.stdout is not None
    assert engine.stdout.readline() == b"held\n"
    family = _family(engine.pid)
    descriptors = [os.pidfd_open(pid) for pid in family]
    engine.send_signal(signal.SIGKILL)
    engine.communicate()
    # What the engine's end alone does not end, the next engine does when it starts.
    sandbox.probe(box.isolation.system, allow_weaker=True)
    for descriptor in descriptors:
        assert select.select([descriptor], [], [], 20)[0]
        os.close(descriptor)
    assert not (box.workspace / "started").exists()


def _family(parent: int) -> list[int]:
    """Every process below one."""
    below = [int(pid) for pid in _children(parent)]
    return [*below, *(pid for child in below for pid in _family(child))]


def _children(parent: int) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if path.read_text().rpartition(")")[2].split()[1] == str(parent):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def test_groups_of_an_engine_that_is_gone_are_removed(box: Any) -> None:
    parents = set(box.isolation.cgroups.parents.values())
    if not parents:
        pytest.skip("no cgroup can be made here")
    folders = [parent / "interlock-999999999-1-0" for parent in parents]
    for folder in folders:
        folder.mkdir()
    sleeper = subprocess.Popen(["sleep", "600"])
    (folders[0] / "cgroup.procs").write_text(str(sleeper.pid))
    reaper = threading.Thread(target=sleeper.wait)
    reaper.start()
    box.isolation.cgroups.sweep()
    reaper.join(20)
    assert sleeper.returncode == -signal.SIGKILL
    assert not [folder for folder in folders if folder.exists()]


def test_a_full_disk_in_the_workspace_fails_the_step_alone(box: Any, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system here")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True)
    try:
        from interlock.local.sandbox.view import Bind

        outcome = box.run("head -c 1000000 /dev/zero > /small/file", binds=[Bind(small, "/small")])
        assert outcome.exit_code != 0
        assert "No space left" in box.text
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_many_at_once_leave_no_descriptor_open(box: Any) -> None:
    box.run("true")
    before = len(list(Path("/proc/self/fd").iterdir()))
    threads = [threading.Thread(target=_one, args=(box,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def _one(box: Any) -> None:
    import io

    from interlock.local.sandbox import process
    from interlock.tekton.engine.masking import Masker

    process.run(box.isolation, box.view("true"), io.BytesIO(), Masker(()), stop=box.stop, seconds=30)
