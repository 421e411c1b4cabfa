"""Memory of everything that runs, as proportional set size: shared pages count once, shared out between their users.

/proc/<pid>/smaps_rollup, "Pss" (Documentation/filesystems/proc.rst).
"""

from __future__ import annotations

import json
from pathlib import Path

from estate import Estate
from figures import Table

import story


def measure(estate: Estate) -> list[Table]:
    story.ensure(estate)
    processes = {name: int(engine["pid"]) for name, engine in estate.status().items()}
    processes["supervisor"] = int(json.loads((estate.home / "run" / "state.json").read_text())["pid"])
    children = _children()
    known = set(processes.values())
    found = {name: sum(_pss(item) for item in _family(pid, children, known)) for name, pid in processes.items()}
    rows = [[name, f"{size / 1024:.0f} MiB"] for name, size in sorted(found.items(), key=lambda item: -item[1])]
    rows.append(["**together**", f"**{sum(found.values()) / 1024:.0f} MiB**"])
    return [
        Table(
            "Memory after the story",
            ("process", "PSS"),
            rows,
            ["Each engine with the processes that it started and that were running then."],
        )
    ]


def _pss(pid: int) -> int:
    """KiB; 0 for a process that has ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            found.setdefault(parent, []).append(int(folder.name))
    return found


def _family(pid: int, children: dict[int, list[int]], known: set[int]) -> list[int]:
    """``pid`` and what it started, except what counts under its own name."""
    found = [pid]
    for child in children.get(pid, []):
        if child not in known:
            found += _family(child, children, known)
    return found
