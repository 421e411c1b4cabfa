"""`interlock local up` until every engine is ready."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from estate import Estate
from figures import Table, median, ms, ratio, repeated, s, timed

_TIMES = 3
_IMPORTS = (
    "interlock.local.kubernetes.server",
    "interlock.local.forge.app",
    "interlock.local.registry.app",
    "interlock.local.tickets.app",
    "interlock.tekton.engine.engine",
    "interlock.local.argocd.engine",
    "interlock.platform.controller.__main__",
)


def measure(estate: Estate) -> list[Table]:
    cold, warm, stages = [], [], []
    for _ in range(_TIMES):
        estate.reset()
        cold.append(timed(estate.up))
        estate.down()
        seconds, seen = _up(estate)
        warm.append(seconds)
        stages.append(seen)
        estate.down()
    imports = {name: median(_import(name)) for name in _IMPORTS}
    total = sum(imports[name] * (4 if "kubernetes" in name else 1) for name in _IMPORTS)
    rows = [
        ["new folder", s(median(cold)), ratio(median(cold), total)],
        ["existing folder", s(median(warm)), ratio(median(warm), total)],
        ["imports of the ten engines, one after the other", s(total), "1.0 ×"],
    ]
    names = list(stages[0])
    ready = [[name, s(median([stage[name] for stage in stages]))] for name in names]
    ready.sort(key=lambda row: float(row[1].split()[0]))
    return [
        Table(
            "`interlock local up` until ready",
            ("what", "median", "against the imports"),
            rows,
            [f"{_TIMES} runs each. Ten processes and their supervisor start; three of them wait for others."],
        ),
        Table("Readiness of each engine, existing folder", ("engine", "ready after"), ready),
        Table(
            "Import of an engine's code",
            ("module", "median"),
            [[f"`{name}`", ms(seconds)] for name, seconds in imports.items()],
        ),
    ]


def _up(estate: Estate) -> tuple[float, dict[str, float]]:
    """Seconds of `local up`, and when the supervisor first published each engine as ready."""
    started = time.perf_counter()
    seen: dict[str, float] = {}
    with subprocess.Popen(
        ["interlock", "local", "up"], env=estate.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            _look(estate.home / "run" / "state.json", started, seen)
            time.sleep(0.01)
    seconds = time.perf_counter() - started
    _look(estate.home / "run" / "state.json", started, seen)
    return seconds, seen


def _look(file: Path, started: float, seen: dict[str, float]) -> None:
    try:
        engines = json.loads(file.read_text())["engines"]
    except (OSError, ValueError):
        return
    for name, engine in engines.items():
        if engine["state"] == "ready":
            seen.setdefault(name, time.perf_counter() - started)


def _import(module: str) -> list[float]:
    assert re.fullmatch(r"[a-z_.]+", module)

    def once() -> None:
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True, stdin=subprocess.DEVNULL)

    return repeated(once, 3)
