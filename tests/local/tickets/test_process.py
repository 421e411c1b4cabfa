"""The ticket system as a process: what was answered survives ``kill -9``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.tickets import TicketsClient


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    url: str

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def run(config: Any, tmp_path: Path) -> Iterator[Callable[[], Running]]:
    """Starts the ticket system on one data folder and returns when it said that it is ready."""
    started: list[Running] = []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = tmp_path / "tickets.yaml"
    file.write_text(f"port: {port}\ndata: data\nusers: {config.users}\n")

    def start() -> Running:
        address = tmp_path / "notify"
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.bind(str(address))
            channel.settimeout(30)
            process = subprocess.Popen(
                [sys.executable, "-m", "interlock.local.tickets", "--config", str(file)],
                env={**os.environ, "NOTIFY_SOCKET": str(address)},
                stderr=subprocess.DEVNULL,
            )
            started.append(Running(process, f"http://127.0.0.1:{port}"))
            assert channel.recv(100) == b"READY=1"
        return started[-1]

    yield start
    for item in started:
        if item.process.poll() is None:
            item.stop(signal.SIGKILL)


def test_what_was_answered_survives_a_kill(run: Callable[[], Running]) -> None:
    running, answered, enough = run(), [], threading.Event()

    def work() -> None:
        with TicketsClient(running.url, "token-of-interlock") as platform:
            for number in range(1000):
                record = platform.create({"short_description": f"change {number}"})
                answered.append(platform.request_approval(record.sys_id))
                if number == 5:
                    enough.set()

    def until_it_breaks() -> None:
        try:
            work()
        except ConnectionError:
            return

    thread = threading.Thread(target=until_it_breaks)
    thread.start()
    assert enough.wait(30)
    running.stop(signal.SIGKILL)
    thread.join(30)
    running = run()
    with TicketsClient(running.url, "token-of-interlock") as platform:
        found = platform.find({"type": "normal"})
        assert found[: len(answered)] == answered
        assert len(found) <= len(answered) + 1
        for record in found:  # a record and its questions are one transaction
            asked = [row.state for row in platform.approvals(record.sys_id)]
            assert (record.approval == "requested") is (asked == ["requested", "requested"])
        assert platform.create({"short_description": "next"}).number == f"CHG{30001 + len(found):07d}"
    assert running.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
