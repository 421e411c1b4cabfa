"""The tutorial's first page, command by command, as `make demo` plays it."""

from __future__ import annotations

import shutil

from estate import ROOT, Estate, player
from figures import Table, s, timed

PAGE = "1-to-production.md"
_AIM_SECONDS = 90


def measure(estate: Estate) -> list[Table]:
    ensure(estate)
    total = sum(estate.played.values())
    rows = [[title, s(seconds), f"{seconds / total:.0%}"] for title, seconds in estate.played.items()]
    rows.append(["**together**", f"**{s(total)}**", ""])
    return [
        Table(
            f"The story after installation (docs/tutorial/{PAGE})",
            ("section", "time", "share"),
            rows,
            [f"Aim: at most {_AIM_SECONDS} s. From an empty folder, engines included; run once."],
        )
    ]


def ensure(estate: Estate) -> None:
    """Play the page unless this run has already; the engines are left running."""
    if estate.played:
        return
    estate.reset()
    estate.work.mkdir(parents=True, exist_ok=True)
    for block in player().blocks(ROOT / "docs" / "tutorial" / PAGE):
        if block.needs and shutil.which(block.needs) is None:
            continue
        print(f"{block.title}: {block.script.strip().splitlines()[0]} ...", flush=True)
        shell = ("bash", "-euo", "pipefail", "-c", block.script)
        seconds = timed(lambda: estate.command(*shell, folder=estate.work, accept=(block.exit_code,)))  # noqa: B023
        estate.played[block.title] = estate.played.get(block.title, 0.0) + seconds
