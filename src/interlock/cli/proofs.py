"""Printing proofs: the thirteen links backwards, and from a change record forwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console

from interlock.cli.session import Session, now
from interlock.platform.books import Books, Report, keys
from interlock.platform.checks.link import RESTORE
from interlock.platform.domain.ids import EnvironmentName, RecordNumber, ServiceName
from interlock.platform.domain.verdict import Basis, Finding, Verdict
from interlock.platform.facts.sources import Sources
from interlock.platform.proof import chain, forward

_MARKS = {Verdict.VALID: ("✓", "green"), Verdict.INVALID: ("✗", "red"), Verdict.UNKNOWN: ("?", "yellow")}


def sources(session: Session) -> Sources:
    """Where a trace reads."""
    context = session.context
    return Sources.of(session.connections, Books.of(context, keys.load(context.keys.attest)))


def backwards(session: Session, environment: str, service: str) -> chain.Trace:
    return chain.trace(sources(session), EnvironmentName(environment), ServiceName(service), now=now)


def forwards(session: Session, number: str) -> forward.Forward:
    return forward.forward(sources(session), RecordNumber(number), now=now)


def print_forwards(found: forward.Forward) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{found.record}[/bold] at {_time(found.at)}")
    if found.pending:
        console.print(f"opened for {found.pending}, which has not been merged", markup=False)
    for journey in found.journeys:
        console.print(f"[bold]{journey.environment}/{journey.service}[/bold]")
        for number, finding in enumerate(journey.findings, 1):
            _print_link(console, number, finding, accepted=finding.accepted(journey.bases))
        _print_verdict(console, journey.overall, journey.bases)
    _print_ledger(console, found.ledger)


def print_backwards(trace: chain.Trace) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{trace.environment}/{trace.service}[/bold] at {_time(trace.at)}")
    for name, value in trace.ids.items():
        console.print(f"  {name:15}{value}", style="bold red" if name == "genesis" else "dim")
    for number, finding in enumerate(trace.findings, 1):
        _print_link(console, number, finding, accepted=finding.accepted(trace.bases))
    _print_ledger(console, trace.ledger)
    _print_verdict(console, trace.overall, trace.bases)


def _print_ledger(console: Console, ledger: Report) -> None:
    fault = ledger.fault
    if fault is None:
        console.print(f"ledger: whole, {ledger.size} entries, head {ledger.head[:19]}…")
    else:
        console.print(f"ledger: NOT WHOLE at {fault.sequence}: {fault.detail} [{fault.reason}]", markup=False)
        console.print(f"       to do: {RESTORE}", markup=False)


def _print_verdict(console: Console, verdict: Verdict, bases: Sequence[Basis]) -> None:
    accepted = ", ".join(basis.value for basis in bases) or "nothing"
    mark, colour = _MARKS[verdict]
    console.print(f"[{colour}]{mark} {verdict.value}[/{colour}] where {accepted} is accepted")


def _print_link(console: Console, number: int, finding: Finding, *, accepted: bool) -> None:
    mark, colour = _MARKS[finding.verdict]
    if finding.verdict is Verdict.VALID and not accepted:
        mark, colour = "!", "yellow"
    reason = "" if finding.reason == "ok" else f" [{finding.reason}]"
    console.print(f"{number:2} [{colour}]{mark}[/{colour}] [bold]{finding.id}[/bold] {finding.claim}", markup=True)
    basis = "" if finding.basis.value == "executed" else f"{finding.basis.value}: "
    if finding.detail or reason:
        console.print(f"       {basis}{finding.detail}{reason}", markup=False)
    for item in finding.evidence:
        digest = f" {item.digest[:19]}…" if item.digest else ""
        console.print(f"       · {item.what}: {item.source}{digest}", style="dim", markup=False)
    if finding.verdict is not Verdict.VALID and finding.remedy:
        console.print(f"       to do: {finding.remedy}", markup=False)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
