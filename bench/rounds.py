"""A round of the controller in an estate of five hundred services, after a short and a long history."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from estate import ROOT, Estate
from figures import Table

_SCALE = "500,2000,20000"
_TEST = "tests/platform/delivery/test_scale.py"


def measure(estate: Estate) -> list[Table]:
    report = estate.folder / "rounds.jsonl"
    run(report)
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    return [
        Table(
            "A round of one environment's queue (500 services)",
            ["deliveries before", "round", "CPU", "git processes", "requests to the forge", "entries read"],
            [
                [
                    f"{item['deliveries']:,}", item["round"], f"{item['cpu'] * 1000:.0f} ms",
                    str(item["git"]), str(item["forge"]), str(item["books"]),
                ]
                for item in rows
            ],
            ["`idle`: nothing happened since the one before. `busy`: a pull request was opened, judged and merged."],
        )
    ]  # fmt: skip


def run(report: Path) -> None:
    """The test that counts what a round costs, at scale."""
    environment = os.environ | {"INTERLOCK_SCALE": _SCALE, "INTERLOCK_SCALE_REPORT": str(report)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", _TEST]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
