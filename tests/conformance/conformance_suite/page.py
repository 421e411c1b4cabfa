"""The score, as a table for a terminal and as docs/reference/tekton-conformance.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from .suite import Verdict

HEADER = "<!-- Written by tests/conformance/report.py (make conformance): do not edit. -->\n"
INTRODUCTION = """
# Conformance of the Tekton engine

Upstream's examples ([tektoncd/pipeline](https://github.com/tektoncd/pipeline) `examples/v1` at commit 3ee1745, the part
of them that lies in `../shared/conformance/tekton-examples`), run by the engine on this machine without containers.
Every run of a file is executed, not the first alone, and its conditions, results, step results, exit codes, skipped
tasks, children and the logs that are an example's point are compared with values written down by hand
(`tests/conformance/expected`). Folders `alpha` and `beta` run with upstream's feature flags for them.
`make conformance` writes this page; `make test` fails where it is out of date.
"""
CLASSES = {
    "a": "runs here",
    "b": "needs an image, a tool or a network that is not here",
    "c": "needs a cluster",
}


def rows(verdicts: Iterable[Verdict]) -> list[tuple[str, int, int, int, int]]:
    """(folder, files, run, passed, not run), the sum last."""
    folders: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        folders.setdefault(str(PurePosixPath(verdict.name).parent), []).append(verdict)
    everything = [verdict for held in folders.values() for verdict in held]
    return [_row(folder, folders[folder]) for folder in sorted(folders)] + [_row("all", everything)]


def _row(folder: str, verdicts: Sequence[Verdict]) -> tuple[str, int, int, int, int]:
    run = [verdict for verdict in verdicts if not verdict.not_run]
    passed = [verdict for verdict in run if verdict.passed]
    return folder, len(verdicts), len(run), len(passed), len(verdicts) - len(run)


def text(verdicts: Sequence[Verdict]) -> str:
    """The score table, what failed and why, and what was not run and why."""
    lines = [f"{'folder':<22} {'files':>6} {'run':>6} {'passed':>7} {'not run':>8}"]
    lines += [f"{row[0]:<22} {row[1]:>6} {row[2]:>6} {row[3]:>7} {row[4]:>8}" for row in rows(verdicts)]
    for verdict in verdicts:
        if verdict.differences:
            lines += ["", f"failed: {verdict.name}", *(f"  {item}" for item in verdict.differences)]
    lines += [""] + [f"not run: {item.name} (class {item.kind}): {item.not_run}" for item in verdicts if item.not_run]
    return "\n".join(lines) + "\n"


def markdown(verdicts: Sequence[Verdict]) -> str:
    """The page. Nothing in it depends on the time or the machine, as long as everything of class a could be run."""
    table = "\n".join(f"| `{row[0]}` | {row[1]} | {row[2]} | {row[3]} | {row[4]} |" for row in rows(verdicts))
    failed = [item for item in verdicts if item.differences]
    not_run = "\n".join(f"| `{item.name}` | {item.kind} | {item.not_run} |" for item in verdicts if item.not_run)
    classes = "; ".join(f"{name}: {meaning}" for name, meaning in CLASSES.items())
    heading = "| folder | files | run | passed | not run |\n|---|---|---|---|---|"
    page = f"{HEADER}{INTRODUCTION}\n## Score\n\n{heading}\n{table}\n"
    if failed:
        page += "\n## Failed\n\n" + "\n".join(f"- `{item.name}`" for item in failed) + "\n"
    page += f"\n## Not run\n\nClasses: {classes}.\n\n| file | class | reason |\n|---|---|---|\n{not_run}\n"
    passed = "\n".join(f"- `{item.name}`" for item in verdicts if item.passed)
    return f"{page}\n## Passed\n\n{passed}\n"
