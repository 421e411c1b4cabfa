"""The tutorial's first page, command by command, as `make demo` plays it."""

from __future__ import annotations

import time

from estate import ROOT, Estate, player
from figures import Table, s

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
    play = player()
    estate.work.mkdir(parents=True, exist_ok=True)
    screen = play.Screen()
    for block in play.blocks(ROOT / "docs" / "tutorial" / PAGE):
        started = time.perf_counter()
        play.run(block, folder=estate.work, environment=estate.environment, screen=screen)
        estate.played[block.title] = estate.played.get(block.title, 0.0) + time.perf_counter() - started
