"""What the gate says, as a comment that people read on the pull request."""

from __future__ import annotations

from interlock.clients.forge import ForgeClient
from interlock.platform.delivery.gate import Gate
from interlock.platform.domain.verdict import Finding, Verdict

_WORDS = {Verdict.VALID: "holds", Verdict.INVALID: "refused", Verdict.UNKNOWN: "not shown yet"}


def text(gate: Gate) -> str:
    """The verdict, what stands in the way with its remedy, and every check that holds."""
    pull = gate.pull
    standing = gate.standing
    lines = [f"Gate of {pull.head[:12]}: {_WORDS[gate.verdict]}"]
    if standing:
        lines += ["", "Missing:"] + [_standing(item) for item in standing]
    missing = {item.id for item in standing}
    holds = [item.id for item in gate.findings if item.id not in missing]
    if holds:
        lines += ["", "Holds: " + ", ".join(holds)]
    return "\n".join(lines)


def _standing(finding: Finding) -> str:
    detail = f": {finding.detail}" if finding.detail else ""
    basis = f" (basis {finding.basis.value} is not accepted here)" if finding.verdict is Verdict.VALID else ""
    remedy = f" → {finding.remedy}" if finding.remedy else ""
    return f"- {finding.id} [{finding.reason}]{detail}{basis}{remedy}"


def publish(forge: ForgeClient, gate: Gate, *, own: str) -> None:
    """Comment unless the last comment of ours, who are the account ``own``, says the same."""
    owner, _, name = gate.pull.repository.partition("/")
    body = text(gate)
    latest = [item.body for item in forge.comments(owner, name, gate.pull.number) if item.user == own]
    if not latest or latest[-1] != body:
        forge.comment(owner, name, gate.pull.number, body)
