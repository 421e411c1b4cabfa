"""The verdict on a list of packages: pass, fail, or unknown. Unknown is never a pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from interlock.formats.osv import versions
from interlock.formats.osv.advisories import MAX_AGE, Advisories
from interlock.formats.osv.cvss import Severity
from interlock.formats.osv.match import Hit, Index, Match, Package


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why something could not be judged; a stable ``code`` and a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Scan:
    """The outcome. ``matches`` hold every hit, of the blocking severities and of others."""

    verdict: Verdict
    matches: tuple[Match, ...]
    blocking: tuple[Match, ...]
    """Hits of a severity that fails the gate; a severity that nobody stated counts as one."""
    doubts: tuple[Doubt, ...]
    packages: int


def scan(
    packages: Iterable[Package],
    advisories: Advisories,
    *,
    now: datetime,
    severities: frozenset[Severity] = frozenset({Severity.HIGH, Severity.CRITICAL}),
    max_age: timedelta = MAX_AGE,
) -> Scan:
    """Match every package. Any blocking hit fails; else any doubt gives unknown: an old folder, an ecosystem that it
    does not cover, a version that has no order, a hit only on the artifact's name (``possible``).
    """
    index = Index(advisories.records)
    doubts: list[Doubt] = []
    if not advisories.is_current(now, max_age):
        age = _days(advisories.age(now))
        doubts.append(Doubt("advisories-stale", f"{advisories.source}: {age} old, {_days(max_age)} are allowed"))
    matches: list[Match] = []
    count = 0
    for package in packages:
        count += 1
        name = f"{package.name} {package.version or '(no version)'}"
        if package.ecosystem not in advisories.ecosystems:
            doubts.append(Doubt("ecosystem-not-covered", f"no advisories for {package.ecosystem}: {name}"))
        elif versions.parse(package.ecosystem, package.version) is None:
            doubts.append(Doubt("version-unknown", f"this version has no order in {package.ecosystem}: {name}"))
        matches.extend(index.match(package))
    blocking = [item for item in matches if item.severity in severities or item.severity is Severity.UNKNOWN]
    certain = [item for item in blocking if item.hit is Hit.AFFECTED and not item.possible]
    for item in blocking:
        if item.possible and item.hit is Hit.AFFECTED:
            name = f"{item.package.name} {item.package.version}"
            doubts.append(Doubt("group-unknown", f"{item.record.id} hits {name} if its group is the advisory's"))
    verdict = Verdict.FAIL if certain else Verdict.UNKNOWN if doubts or blocking else Verdict.PASS
    return Scan(verdict, tuple(matches), tuple(blocking), tuple(doubts), count)


def _days(age: timedelta) -> str:
    return f"{age.total_seconds() / 86_400:.1f} days"
