"""Where output goes, and what a step may use up."""

from __future__ import annotations

import os
import resource
import threading
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import InterlockError
from interlock.local.sandbox.limits import Limits
from interlock.local.sandbox.streams import Streams


def test_output_is_appended_to_files_apart_and_unmasked_and_reaches_the_log_masked(box: Any) -> None:
    streams = Streams("/workspace/deep/out", "/workspace/err")
    for _ in range(2):
        box.run("echo my-secret-word; echo wrong >&2", streams=streams, secrets=[b"my-secret-word"])
    assert (box.workspace / "deep/out").read_text() == "my-secret-word\n" * 2
    assert (box.workspace / "err").read_text() == "wrong\n" * 2
    assert sorted(box.text.splitlines()) == ["***", "wrong"]


@pytest.mark.parametrize(
    "path", ["/workspace/link/out", "/workspace/link", "/workspace/pipe", "/elsewhere/out", "/fixed/o"]
)
def test_output_never_leaves_its_volume(box: Any, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (box.workspace / "link").symlink_to(outside)
    os.mkfifo(box.workspace / "pipe")
    with pytest.raises(InterlockError) as caught:
        box.run("echo x", streams=Streams(path), binds=[box.bind("fixed", "/fixed", read_only=True)])
    assert caught.value.code in ("path-climbs", "stream-outside-volumes")
    assert not list(outside.iterdir())


def test_a_copy_that_cannot_be_written_fails_the_step_and_says_so(box: Any, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        outcome = box.run("head -c 100000 /dev/zero", streams=Streams("/workspace/out"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert outcome.exit_code == 1
    assert "cannot write the copy of the output" in box.text


class Counting:
    """A log that keeps nothing."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes, /) -> None:
        self.size += len(data)

    def flush(self) -> None:
        return None


def test_output_streams_in_constant_memory(box: Any) -> None:
    log = Counting()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    box.start("head -c 200000000 /dev/zero", log=log).wait()
    assert log.size == 200_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


def test_output_beyond_the_limit_is_read_and_not_kept(box: Any) -> None:
    outcome = box.run("head -c 100000 /dev/zero | tr '\\0' x; echo last", limits=Limits(output_bytes=1000))
    assert outcome.exit_code == 0
    assert box.text == "x" * 1000 + "\n[interlock.local] output beyond 1000 bytes is not kept\n"


def test_cpu_time(box: Any) -> None:
    assert box.run("while :; do :; done", limits=Limits(cpu_seconds=1)).exit_code in (137, 128 + 24)


def test_file_size(box: Any) -> None:
    outcome = box.run("head -c 100000 /dev/zero > /workspace/big", limits=Limits(file_bytes=5000))
    assert outcome.exit_code != 0
    assert (box.workspace / "big").stat().st_size == 5000


def test_processes_are_bounded_and_a_fork_bomb_ends_with_its_step(box: Any) -> None:
    limits = Limits(processes=40)
    said = limits.not_enforced(box.isolation.cgroups.parents, own_processes=box.level != "none", root=not os.geteuid())
    if said:
        pytest.skip(f"reported: {', '.join(said)}")
    outcome = box.run("i=0; while [ $i -lt 100 ]; do sleep 60 & i=$((i+1)); done; echo all", limits=limits)
    assert outcome.exit_code != 0
    assert "all" not in box.text


_HOG = 'python3 -c "x = bytearray(300_000_000); print(len(x))"'


def test_memory(box: Any) -> None:
    outcome = box.run(_HOG, limits=Limits(memory_bytes=100_000_000))
    assert outcome.exit_code != 0
    assert "300000000" not in box.text
    if "memory" in box.isolation.cgroups.parents:
        assert (outcome.exit_code, outcome.reason) == (137, "OOMKilled")


def test_memory_of_what_ends_well_is_no_failure(box: Any) -> None:
    outcome = box.run("echo small", limits=Limits(memory_bytes=100_000_000))
    assert (outcome.exit_code, outcome.reason) == (0, "Completed")


def test_two_streams_of_many_lines_are_whole(box: Any) -> None:
    box.run(
        "for i in 1 2 3 4; do (seq 1 20000) & (seq 1 20000 >&2) & done; wait",
        streams=Streams("/workspace/out", "/workspace/err"),
    )
    assert len((box.workspace / "out").read_text().splitlines()) == 80000
    assert len((box.workspace / "err").read_text().splitlines()) == 80000
    assert threading.active_count() < 20


def test_what_a_thread_starts_is_bounded_together(box: Any) -> None:
    """The default limit of processes where root starts steps: a group that the worker thread joins once."""
    outcomes = []

    def work() -> None:
        if box.isolation.cgroups.bound_thread(30):
            outcomes.append(box.run("i=0; while [ $i -lt 100 ]; do sleep 60 & i=$((i+1)); done; echo all"))
            outcomes.append(box.run("echo again"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    box.isolation.cgroups.close()
    if not outcomes:
        pytest.skip("no cgroup of version 1 can be made here")
    assert outcomes[0].exit_code != 0
    assert (outcomes[1].exit_code, box.text) == (0, "again\n")
