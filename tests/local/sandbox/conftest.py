"""The fixture ``box``: a step's process at each level of isolation that works on this machine."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import UnsupportedError
from interlock.local.sandbox import process, sandbox, system
from interlock.local.sandbox.forwarding import Forwarder
from interlock.local.sandbox.levels import Isolation
from interlock.local.sandbox.process import Outcome, Process, Stop
from interlock.local.sandbox.pump import Pump
from interlock.local.sandbox.view import Bind, Tree, View
from interlock.tekton.engine.masking import Masker

LEVELS = {"bubblewrap": "bubblewrap", "unshare": "unshare", "none": "rewriting"}
PATIENCE = 30.0
"""Seconds after which a step that should have ended has not; nothing is paced by it."""


class Box:
    """Folders as an attempt has them, and steps in them."""

    def __init__(self, folder: Path, isolation: Isolation) -> None:
        self.folder = folder
        self.isolation = isolation
        self.pump = Pump()
        self.stop = Stop()
        self.log = io.BytesIO()
        self.binds = [self.bind("workspace", "/workspace"), self.bind("tmp", "/tmp")]
        self.bind("scripts", "/tekton/scripts")
        self.count = 0

    @property
    def level(self) -> str:
        return self.isolation.level

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def bind(self, name: str, target: str, **options: Any) -> Bind:
        (self.folder / name).mkdir(exist_ok=True)
        return Bind(self.folder / name, target, **options)

    def view(
        self, script: str, *, binds: list[Bind] | None = None, trees: list[Tree] | None = None, **view: Any
    ) -> View:
        self.count += 1
        path = self.folder / "scripts" / f"script-{self.count}"
        path.write_text(f"#!/bin/sh\nset -e\n{script}")
        path.chmod(0o755)
        held = [*self.binds, *(binds or []), Bind(self.folder / "scripts", "/tekton/scripts", read_only=True)]
        environment = {"PATH": self.isolation.system.path, **view.pop("environment", {})}
        return View([f"/tekton/scripts/{path.name}"], environment, held, trees or [], **view)

    def run(self, script: str, *, secrets: list[bytes] | None = None, **options: Any) -> Outcome:
        """Run a script to its end; ``text`` is what it wrote."""
        self.log = io.BytesIO()
        own = {key: options.pop(key) for key in ("streams", "released", "lock") if key in options}
        seconds = options.pop("seconds", PATIENCE)
        view = self.view(script, **options)
        return process.run(
            self.isolation, view, self.log, Masker(secrets or []), stop=self.stop, seconds=seconds, **own
        )

    def start(self, script: str, *, log: Any = None, **options: Any) -> Process:
        """Start a script in the background; the pump serves it."""
        view = self.view(script, **options)
        return process.start(self.isolation, view, log or self.log, Masker(()), pump=self.pump)

    @property
    def text(self) -> str:
        return self.log.getvalue().decode()

    def close(self) -> None:
        self.pump.close()
        self.isolation.close()
        self.stop.close()


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> system.System:
    folder = tmp_path_factory.mktemp("machine")
    return system.build(folder / "system", folder / "data")


@pytest.fixture(scope="session")
def isolation_of(machine: system.System) -> Callable[[str], Isolation]:
    """The isolation of a level; the test skips where the machine cannot."""
    found: dict[str, Isolation | UnsupportedError] = {}

    def get(level: str) -> Isolation:
        if level not in found:
            try:
                found[level] = sandbox.probe(machine, allow_weaker=True, choice=LEVELS[level])  # type: ignore[arg-type]
            except UnsupportedError as error:
                found[level] = error
        isolation = found[level]
        if isinstance(isolation, UnsupportedError):
            pytest.skip(f"{level} does not work here: {isolation}")
        return replace(isolation, helper=type(isolation.helper)())

    return get


@pytest.fixture(params=list(LEVELS))
def box(request: pytest.FixtureRequest, tmp_path: Path, isolation_of: Callable[[str], Isolation]) -> Iterator[Box]:
    made = Box(tmp_path, isolation_of(request.param))
    yield made
    made.close()


@pytest.fixture
def strict_box(box: Box) -> Box:
    """At a level with namespaces."""
    if box.level == "none":
        pytest.skip("path rewriting keeps nothing apart, and says so")
    return box


@pytest.fixture
def forwarder() -> Iterator[Forwarder]:
    made = Forwarder()
    made.start()
    yield made
    made.close()


@pytest.fixture
def marker(request: pytest.FixtureRequest) -> str:
    """A name by which a test's processes are found on the machine."""
    return f"mark-{os.getpid()}-{abs(hash(request.node.nodeid)) % 10**9}"


@pytest.fixture
def left(marker: str) -> Callable[[], list[str]]:
    """Command lines on the machine that carry the marker as their name."""

    def find() -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                text = path.read_text()
            except OSError:
                continue
            if text.startswith(marker):
                found.append(text)
        return found

    return find
