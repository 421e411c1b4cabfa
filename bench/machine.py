"""The machine that the figures were seen on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def lines(load_before: float) -> list[str]:
    """Markdown list: CPU, cores, memory, kernel, Python, git, commit, date, and how busy the machine was."""
    commit = _first_line("git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD")
    return [
        f"- CPU: {_field('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} cores for this process",
        f"- memory: {int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.1f} GiB",
        f"- kernel: {platform.release()}",
        f"- Python {platform.python_version()}, {_first_line('git', '--version')}",
        f"- Interlock: commit {commit}",
        f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"- load before the run: {load_before:.2f}",
    ]


def _field(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "unknown"
