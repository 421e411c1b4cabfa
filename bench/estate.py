"""One data folder of `interlock.local`: commands run in it, and the clients of its context."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from interlock.clients.connect import Connections
from interlock.clients.context import Context, load_context
from interlock.clients.kubernetes import KubernetesClient

ROOT = Path(__file__).resolve().parent.parent
INTERLOCK = Path(sys.executable).parent / "interlock"


@dataclass
class Estate:
    """``folder`` is ours alone: it holds the data folder ``home`` and the working folder ``work``."""

    folder: Path
    port_base: int
    played: dict[str, float] = field(default_factory=dict)
    """Section of the tutorial -> seconds; empty until `story.play`."""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def environment(self) -> dict[str, str]:
        """A terminal's environment, with this installation's commands first."""
        return os.environ | {
            "INTERLOCK_HOME": str(self.home),
            "PATH": f"{INTERLOCK.parent}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
            "COLUMNS": "120",
        }

    def run(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> str:
        """`interlock ARGUMENTS`; its output. Ends the bench when it fails."""
        return self.command(str(INTERLOCK), *arguments, accept=accept)

    def command(
        self,
        *command: str,
        folder: Path | None = None,
        accept: tuple[int, ...] = (0,),
        variables: Mapping[str, str] | None = None,
    ) -> str:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**self.environment, **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in accept:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def up(self) -> None:
        self.run("local", "up", "--port-base", str(self.port_base))

    def down(self) -> None:
        if (self.home / "context.yaml").exists():
            self.run("local", "down")

    def reset(self) -> None:
        """Back to a folder that has nothing but its ports: `local up` keeps them, whoever calls it."""
        if (self.home / "context.yaml").exists():
            self.run("local", "reset", "--yes")
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "ports.json").write_text(json.dumps({"base": self.port_base}))
        self.played = {}

    def status(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = json.loads(self.run("local", "status", "--json", accept=(0, 1)))
        return found

    @cached_property
    def context(self) -> Context:
        return load_context(self.home / "context.yaml")

    @cached_property
    def connections(self) -> Connections:
        return Connections(self.context, clones=self.folder / "clones")

    def administrator(self) -> KubernetesClient:
        """The hub, as the bootstrap administrator: only for what a bench makes there."""
        return self.connections.cluster("hub", "bootstrap", kubeconfig=self.context.bootstrap_kubeconfig)

    def person(self, name: str) -> dict[str, str]:
        """Variables with which git commits and pushes as that person."""
        return {"GIT_CONFIG_GLOBAL": str(self.home / "credentials" / "ssh" / f"{name}.gitconfig")}


def player() -> ModuleType:
    """docs/tutorial/play.py, so that what is timed is what `make demo` runs."""
    path = ROOT / "docs" / "tutorial" / "play.py"
    spec = importlib.util.spec_from_file_location("play", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["play"] = module
    spec.loader.exec_module(module)
    return module
