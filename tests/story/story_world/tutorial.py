"""The tutorial, played by its own player."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .estate import BIN, free_ports

_PLAY = Path(__file__).parents[3] / "docs" / "tutorial" / "play.py"


def play(folder: Path, *options: str, **variables: str) -> None:
    """Play with ``options`` in an estate of its own below ``folder``; every command must end as the pages say."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "INTERLOCK_"))}
    environment |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "INTERLOCK_PORT_BASE": str(free_ports())}
    command = [sys.executable, str(_PLAY), "--home", str(folder / "demo"), "--stop", *options]
    done = subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
