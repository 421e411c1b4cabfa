"""The registry as a process: readiness, SIGTERM, and ``kill -9`` in the middle of everything."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from interlock.clients.registry import RegistryClient
from interlock.formats.oci import File, image, sha256

CREATED = datetime(2026, 5, 4, tzinfo=UTC)


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    url: str

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[], Running]]:
    """Starts the registry on one data folder and returns when it said that it is ready."""
    started: list[Running] = []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "registry.yaml"
    config.write_text(f"port: {port}\ndata: data\n")

    def start() -> Running:
        address = tmp_path / "notify"
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.bind(str(address))
            channel.settimeout(30)
            process = subprocess.Popen(
                [sys.executable, "-m", "interlock.local.registry", "--config", str(config)],
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


def test_what_was_answered_survives_a_kill(run: Callable[[], Running], tmp_path: Path) -> None:
    running = run()
    contents = [image.build([image.layer([File("a", b"%d" % number)])], created=CREATED) for number in range(200)]
    answered: list[int] = []

    def push() -> None:
        with RegistryClient(running.url) as client:
            for number, content in enumerate(contents):
                client.push("integration/payments", content, tag=f"main-{number}")
                answered.append(number)
                if number == 4:
                    enough.set()

    enough = threading.Event()
    pusher = threading.Thread(target=_until_it_breaks, args=(push,))
    pusher.start()
    assert enough.wait(30)
    running.stop(signal.SIGKILL)
    pusher.join(30)
    assert 5 <= len(answered) < len(contents)
    with RegistryClient(run().url) as client:
        tags = client.tags("integration/payments")
        assert {f"main-{number}" for number in answered} <= set(tags)
        for tag in tags:  # whatever is visible is complete
            found = client.manifest("integration/payments", tag).image
            for item in (found.config, *found.layers):
                assert len(client.blob("integration/payments", item.digest)) == item.size
    assert _files(tmp_path / "data" / "blobs") == _known_blobs(tmp_path / "data")


def test_an_upload_goes_on_after_a_kill(run: Callable[[], Running], tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    running = run()
    with httpx.Client(base_url=running.url, trust_env=False) as http:
        location = http.post("/v2/a/b/blobs/uploads/").headers["Location"]
        http.patch(location, content=data[:1_000_000])
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as raw:
            head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
            raw.sendall(head.encode() + data[1_000_000:1_500_000])
            running.stop(signal.SIGKILL)
    with httpx.Client(base_url=run().url, trust_env=False) as http:
        assert http.head(f"/v2/a/b/blobs/{sha256(data)}").status_code == 404
        arrived = int(http.get(location).headers["Range"].removeprefix("0-")) + 1
        assert 1_000_000 <= arrived <= 1_500_000
        answer = http.put(location, params={"digest": sha256(data)}, content=data[arrived:])
        assert answer.status_code == 201
        assert http.get(f"/v2/a/b/blobs/{sha256(data)}").content == data


def test_it_stops_when_asked(run: Callable[[], Running]) -> None:
    assert run().stop(signal.SIGTERM) in (0, -signal.SIGTERM)


def test_a_bad_configuration_is_one_clear_error(tmp_path: Path) -> None:
    config = tmp_path / "registry.yaml"
    config.write_text("prot: 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "interlock.local.registry", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert "[file-invalid]" in done.stderr
    assert "Traceback" not in done.stderr


def _until_it_breaks(work: Callable[[], None]) -> None:
    try:
        work()
    except ConnectionError:
        return


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def _known_blobs(folder: Path) -> set[str]:
    import sqlite3

    connection = sqlite3.connect(folder / "index.db")
    try:
        return {row[0].partition(":")[2] for row in connection.execute("SELECT DISTINCT digest FROM blob")}
    finally:
        connection.close()
