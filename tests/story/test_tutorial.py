"""The tutorial's own commands, as they stand on its pages; and once more with every webhook dropped."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .story_world import drop_webhooks
from .story_world.estate import BIN, free_ports

PLAY = Path(__file__).parents[2] / "docs" / "tutorial" / "play.py"
DROP = f"{shlex.quote(sys.executable)} {shlex.quote(str(drop_webhooks.__file__))}"


@pytest.mark.parametrize(
    "options",
    [[], ["--after", DROP, "1-to-production.md"]],
    ids=["every-page", "to-production-without-webhooks"],
)
def test_the_tutorial_plays(options: list[str], tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "INTERLOCK_"))}
    environment |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "INTERLOCK_PORT_BASE": str(free_ports())}
    if options:
        # Nobody tells the controller anything: it sees with its resync what else it would see at once.
        environment["INTERLOCK_RESYNC"] = "4"
    command = [sys.executable, str(PLAY), "--home", str(tmp_path / "demo"), "--stop", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
