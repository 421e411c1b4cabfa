"""Whether an advisory hits a package version (ossf/osv-schema docs/schema.md, "Evaluation")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from packaging.utils import canonicalize_name

from interlock.formats.osv import versions
from interlock.formats.osv.cvss import Severity
from interlock.formats.osv.record import Affected, Event, Record
from interlock.formats.osv.versions import Ordered


class Hit(StrEnum):
    """Whether a version is affected; ``unknown`` when its place among the events cannot be known."""

    AFFECTED = "affected"
    UNAFFECTED = "unaffected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Package:
    """What is matched. A Maven name without a known group is the artifact alone, and hits are ``possible``."""

    ecosystem: str
    name: str
    """``group:artifact``, or ``artifact`` with ``group_known`` False; a PyPI project name."""
    version: str
    group_known: bool = True


@dataclass(frozen=True, slots=True)
class Match:
    """One advisory that hits, or may hit, a package."""

    record: Record
    package: Package
    hit: Hit
    severity: Severity
    possible: bool
    """The package's group is a guess: the artifact and version are hit."""
    fixed: tuple[str, ...]
    """Versions in which it is fixed, as the advisory says."""


class Index:
    """Advisories by package name. Withdrawn records are left out: their database says they do not hold."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._by_name: dict[tuple[str, str], list[tuple[Record, Affected]]] = {}
        self.size: Final = self._fill(records)

    def _fill(self, records: Iterable[Record]) -> int:
        count = 0
        for record in records:
            count += 1
            for affected in () if record.withdrawn else record.affected:
                for name in _names(affected.ecosystem, affected.package):
                    self._by_name.setdefault((affected.ecosystem, name), []).append((record, affected))
        return count

    def match(self, package: Package) -> list[Match]:
        """Every advisory that hits the package or cannot be ruled out, by id."""
        found: dict[str, list[tuple[Hit, Affected]]] = {}
        records: dict[str, Record] = {}
        for record, affected in self._by_name.get((package.ecosystem, _key(package)), ()):
            records[record.id] = record
            found.setdefault(record.id, []).append((evaluate(affected, package.version), affected))
        return [
            _merged(records[key], package, hits)
            for key, hits in sorted(found.items())
            if any(hit is not Hit.UNAFFECTED for hit, _ in hits)
        ]


def _merged(record: Record, package: Package, hits: list[tuple[Hit, Affected]]) -> Match:
    worst = Hit.AFFECTED if any(hit is Hit.AFFECTED for hit, _ in hits) else Hit.UNKNOWN
    own = [affected.severity for hit, affected in hits if hit is worst and affected.severity is not Severity.UNKNOWN]
    return Match(
        record=record,
        package=package,
        hit=worst,
        severity=max(own, key=list(Severity).index) if own else record.severity,
        possible=not package.group_known,
        fixed=tuple(
            dict.fromkeys(
                event.version
                for hit, affected in hits
                if hit is worst
                for span in affected.ranges
                for event in span
                if event.kind == "fixed"
            )
        ),
    )


def _names(ecosystem: str, name: str) -> tuple[str, ...]:
    if ecosystem == "PyPI":
        return (str(canonicalize_name(name)),)
    if ecosystem == "Maven" and ":" in name:
        return (name, f"*:{name.rpartition(':')[2]}")
    return (name,)


def _key(package: Package) -> str:
    if package.ecosystem == "PyPI":
        return str(canonicalize_name(package.name))
    return package.name if package.group_known else f"*:{package.name.rpartition(':')[2]}"


def evaluate(affected: Affected, version: str) -> Hit:
    """Listed in ``versions``, or inside any range. A version or event that has no order makes it unknown."""
    if version in affected.versions:
        return Hit.AFFECTED
    if not affected.ranges:
        # Neither: nothing was said about versions, or only commits were named, which no component carries.
        return Hit.UNAFFECTED if affected.versions else Hit.UNKNOWN
    parsed = versions.parse(affected.ecosystem, version)
    if parsed is None:
        return Hit.UNKNOWN
    results = [_inside(affected.ecosystem, span, parsed) for span in affected.ranges]
    if Hit.AFFECTED in results:
        return Hit.AFFECTED
    return Hit.UNKNOWN if Hit.UNKNOWN in results else Hit.UNAFFECTED


_ORDER: Final[Mapping[str, int]] = {"introduced": 0, "fixed": 1, "limit": 1, "last_affected": 2}
"""Among events of one version: ``last_affected`` takes effect after the version itself."""


def _inside(ecosystem: str, span: tuple[Event, ...], version: Ordered) -> Hit:
    limits = [event for event in span if event.kind == "limit" and event.version != "*"]
    inside_limit = not limits
    for event in limits:
        bound = versions.parse(ecosystem, event.version)
        if bound is None:
            return Hit.UNKNOWN
        inside_limit = inside_limit or version < bound
    if not inside_limit:
        return Hit.UNAFFECTED
    zero: list[Event] = []
    ordered: list[tuple[Ordered, Event]] = []
    for event in span:
        if event.kind == "limit":
            continue
        if event.kind == "introduced" and event.version == "0":
            zero.append(event)
            continue
        bound = versions.parse(ecosystem, event.version)
        if bound is None:
            return Hit.UNKNOWN
        ordered.append((bound, event))
    vulnerable = bool(zero)
    for bound, event in _sorted(ordered):
        if event.kind == "introduced" and bound <= version:
            vulnerable = True
        elif (event.kind == "fixed" and bound <= version) or (event.kind == "last_affected" and bound < version):
            vulnerable = False
    return Hit.AFFECTED if vulnerable else Hit.UNAFFECTED


def _sorted(events: list[tuple[Ordered, Event]]) -> list[tuple[Ordered, Event]]:
    """By version, and among equal ones fixed after introduced (insertion sort: ranges are short, and only ``<`` is
    asked of a version)."""
    result: list[tuple[Ordered, Event]] = []
    for item in sorted(events, key=lambda pair: _ORDER[pair[1].kind]):
        place = len(result)
        while place and item[0] < result[place - 1][0]:
            place -= 1
        result.insert(place, item)
    return result
