"""The proof of what runs in prod: the command, the computation in process, and what it asks of git."""

from __future__ import annotations

import subprocess
import sys
import time

from estate import Estate
from figures import Table, median, ms, ratio, repeated

import story
from interlock.cli import proofs
from interlock.cli.session import Session

_TIMES = 9
_WHAT = ("prod", "payments")


def measure(estate: Estate) -> list[Table]:
    story.ensure(estate)
    context = estate.home / "context.yaml"
    command = median(repeated(lambda: estate.run("trace", "/".join(_WHAT)), _TIMES))
    session = Session(context)
    first = _in_process(Session(context))
    whole = median(repeated(lambda: _in_process(session), _TIMES))
    count, inside = _git(Session(context))
    mirrors = [session.connections.mirror(name) for name in ("platform", "env-prod", "payments")]
    bare = sum(median(repeated(mirror.fetch, _TIMES)) for mirror in mirrors)
    start = median(repeated(lambda: subprocess.run(["git", "--version"], check=True, capture_output=True), _TIMES))
    rows = [
        ["`git fetch` of the three mirrors that it reads, nothing new", ms(bare), "1.0 ×"],
        ["trace in process, clients open", ms(whole), ratio(whole, bare)],
        [f"— of it inside git, {count} processes", ms(inside), ratio(inside, bare)],
        ["trace in process, first", ms(first), ratio(first, bare)],
        ["`interlock trace prod/payments`", ms(command), ratio(command, bare)],
    ]
    note = f"Medians of {_TIMES}. The start of one git process (`git --version`): {ms(start)}."
    return [Table("`interlock trace prod/payments`", ("what", "median", "against the fetches"), rows, [note])]


def _in_process(session: Session) -> float:
    started = time.perf_counter()
    found = proofs.backwards(session, *_WHAT)
    if not found.holds:
        sys.exit("the proof of prod/payments does not hold: nothing to measure")
    return time.perf_counter() - started


def _git(session: Session) -> tuple[int, float]:
    """How many git processes one trace starts, and the seconds spent waiting for those that end with a call."""
    spent, started_ones = list[float](), list[object]()
    run, popen = subprocess.run, subprocess.Popen

    class Counted(popen):  # type: ignore[valid-type,misc]  # `run` starts its process by this name too
        def __init__(self, command: object, *arguments: object, **options: object) -> None:
            started_ones.append(command)
            super().__init__(command, *arguments, **options)

    def watched(*arguments: object, **options: object) -> object:
        started = time.perf_counter()
        try:
            return run(*arguments, **options)  # type: ignore[call-overload]  # as interlock.clients.git calls it
        finally:
            spent.append(time.perf_counter() - started)

    subprocess.run, subprocess.Popen = watched, Counted  # type: ignore[assignment,misc]
    try:
        _in_process(session)
    finally:
        subprocess.run, subprocess.Popen = run, popen  # type: ignore[misc]
    return len(started_ones), sum(spent)
