"""The fixture ``sandbox``: a command or script in a root, as a step would run."""

from __future__ import annotations

import asyncio
import queue
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
import uvicorn

from interlock.local.registry import Config, create_app
from interlock.local.sandbox import starting, system
from interlock.local.sandbox.levels import Isolation
from interlock.local.sandbox.system import System
from interlock.local.sandbox.view import Bind, View


class Root(Protocol):
    """What of a root matters here."""

    @property
    def arguments(self) -> tuple[str, ...]: ...
    @property
    def path(self) -> str: ...
    @property
    def environment(self) -> Mapping[str, str]: ...
    @property
    def working_dir(self) -> str: ...


class Sandbox:
    """``folder`` holds what outlives one run: /tmp inside is ``folder/tmp``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.system: System = system.build(folder / "system", folder / "data")
        for name in ("tmp", "scripts"):
            (folder / name).mkdir()

    def run(
        self,
        root: Root,
        command: Sequence[str] = (),
        *,
        script: str = "",
        environment: Mapping[str, str] | None = None,
        binds: Sequence[Bind] = (),
    ) -> subprocess.CompletedProcess[str]:
        file = self.folder / "scripts" / "script"
        file.write_text(script if script.lstrip().startswith("#!") else f"#!/bin/sh\nset -e\n{script}")
        file.chmod(0o755)
        view = View(
            command=[*command] if command else ["/tekton/scripts/script"],
            environment={"PATH": root.path, "HOME": "/tmp", **root.environment, **(environment or {})},
            binds=[Bind(self.folder / "tmp", "/tmp"), Bind(self.folder / "scripts", "/tekton/scripts", True), *binds],
            working_dir=root.working_dir or "/",
        )
        isolation = Isolation("bubblewrap", self.system)
        view = replace(view, root=root)
        with starting.launch(isolation, view) as launch:
            launch.release()
            return subprocess.run(
                launch.argv,
                env={},
                pass_fds=launch.descriptors,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Base URL of a registry of this project, in a thread."""
    ready: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    class Server(uvicorn.Server):
        async def main_loop(self) -> None:
            told = asyncio.Event()
            ready.put((asyncio.get_running_loop(), told))
            await told.wait()

    app = create_app(Config.model_validate({"port": 0, "data": tmp_path / "registry"}))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        loop, told = ready.get(timeout=10)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        loop.call_soon_threadsafe(told.set)
        thread.join(10)
