"""What the gate says, as a comment that people read on the pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from interlock.platform.delivery.readmodel import Missing
from interlock.platform.domain.verdict import Finding, Verdict

_WORDS = {Verdict.VALID: "holds", Verdict.INVALID: "refused", Verdict.UNKNOWN: "not shown yet"}


def text(head: str, verdict: Verdict, standing: Sequence[Finding], findings: Sequence[Finding]) -> str:
    """The verdict on a head, what stands in the way with its remedy, and every check that holds."""
    lines = [f"Gate of {head[:12]}: {_WORDS[verdict]}"]
    if standing:
        lines += ["", "Missing:"] + [_standing(item) for item in standing]
    missing = {item.id for item in standing}
    holds = [item.id for item in findings if item.id not in missing]
    if holds:
        lines += ["", "Holds: " + ", ".join(holds)]
    return "\n".join(lines)


def _standing(finding: Finding) -> str:
    detail = f": {finding.detail}" if finding.detail else ""
    basis = f" (basis {finding.basis.value} is not accepted here)" if finding.verdict is Verdict.VALID else ""
    remedy = f" → {finding.remedy}" if finding.remedy else ""
    return f"- {finding.id} [{finding.reason}]{detail}{basis}{remedy}"


# What a comment says, in a line that people do not see: so that whoever lost the read model needs not say it again.

_MARK = re.compile(r"^<!-- interlock:gate ([0-9a-f]{40,64})((?: [a-z0-9.-]+:[a-z0-9-]+)*) -->$", re.MULTILINE)


def mark(head: str, missing: Missing) -> str:
    """The line for what is missing at a head."""
    return f"<!-- interlock:gate {' '.join([head, *sorted(map(':'.join, missing))])} -->"


def marked(comments: Sequence[str]) -> str | None:
    """The line of the last of our comments that has one."""
    lines = [match[0] for body in comments for match in [*_MARK.finditer(body)][-1:]]
    return lines[-1] if lines else None


def missing_at(line: str, head: str) -> Missing | None:
    """What the line says is missing at ``head``; None when it is of another head."""
    match = _MARK.fullmatch(line)
    if match is None or match[1] != head:
        return None
    return frozenset((check, reason) for check, _, reason in (item.partition(":") for item in match[2].split()))
