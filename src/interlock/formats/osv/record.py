"""OSV records, schema 1.7.5 (ossf/osv-schema docs/schema.md): strict where a mistake would hide a vulnerability.

Unknown fields are allowed, as the schema demands; a field that decides whether a version is hit must be well-formed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from interlock.errors import InputError
from interlock.formats.osv.cvss import Severity, rating, score

_EVENTS = ("introduced", "fixed", "last_affected", "limit")


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Severity(_Model):
    type: str
    score: str


class _Package(_Model):
    ecosystem: str = Field(min_length=1)
    name: str = Field(min_length=1)


class _Event(_Model):
    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None
    limit: str | None = None

    @model_validator(mode="after")
    def _one(self) -> _Event:
        if sum(getattr(self, name) is not None for name in _EVENTS) != 1:
            raise ValueError(f"an event is exactly one of {', '.join(_EVENTS)}")
        return self


class _Range(_Model):
    type: Literal["SEMVER", "ECOSYSTEM", "GIT"]
    events: list[_Event] = Field(min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> _Range:
        if not any(event.introduced is not None for event in self.events):
            raise ValueError("a range needs an introduced event")
        if any(event.fixed is not None for event in self.events) and any(
            event.last_affected is not None for event in self.events
        ):
            raise ValueError("a range has fixed or last_affected events, not both")
        return self


class _Affected(_Model):
    package: _Package | None = None
    ranges: list[_Range] = Field(default_factory=list)
    versions: list[str] = Field(default_factory=list)
    severity: list[_Severity] = Field(default_factory=list)
    database_specific: dict[str, Any] = Field(default_factory=dict)


class _Record(_Model):
    id: str = Field(min_length=1)
    modified: str
    withdrawn: str | None = None
    aliases: list[str] = Field(default_factory=list)
    summary: str = ""
    severity: list[_Severity] = Field(default_factory=list)
    affected: list[_Affected] = Field(default_factory=list)
    database_specific: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """``kind`` is introduced, fixed, last_affected or limit; ``version`` as written (``0``: from the beginning)."""

    kind: str
    version: str


@dataclass(frozen=True, slots=True)
class Affected:
    """One ``affected`` block. A package may have several; a version is hit when any of them hits."""

    ecosystem: str
    """Without suffix: ``Debian:12`` is ``Debian``."""
    package: str
    ranges: tuple[tuple[Event, ...], ...]
    """Events of each SEMVER or ECOSYSTEM range; GIT ranges name commits, which no component carries."""
    versions: frozenset[str]
    severity: Severity
    """Own severity of this block, UNKNOWN when it states none."""


@dataclass(frozen=True, slots=True)
class Record:
    """One vulnerability."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    severity: Severity
    affected: tuple[Affected, ...]
    withdrawn: bool = False
    vectors: tuple[str, ...] = field(default=())


def parse(data: bytes, *, file: str) -> Record:
    """Raises InputError ``osv-invalid`` with the place of the fault in the document."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("osv-invalid", "not JSON", got=error, where=file) from error
    try:
        found = _Record.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise InputError(
            "osv-invalid", f"not an OSV record: {place or 'document'}: {first['msg']}", where=file
        ) from error
    return Record(
        id=found.id,
        aliases=tuple(found.aliases),
        summary=found.summary,
        severity=_severity(found.severity, found.database_specific),
        affected=tuple(_affected(item) for item in found.affected if item.package is not None),
        withdrawn=found.withdrawn is not None,
        vectors=tuple(item.score for item in found.severity),
    )


def _affected(item: _Affected) -> Affected:
    assert item.package is not None  # noqa: S101  # filtered by the caller
    return Affected(
        ecosystem=item.package.ecosystem.partition(":")[0],
        package=item.package.name,
        ranges=tuple(tuple(_event(event) for event in span.events) for span in item.ranges if span.type != "GIT"),
        versions=frozenset(item.versions),
        severity=_severity(item.severity, item.database_specific),
    )


def _event(event: _Event) -> Event:
    return next(Event(kind, value) for kind in _EVENTS if (value := getattr(event, kind)) is not None)


_RANK = [Severity.NONE, Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL]
_WORDS = {"MODERATE": Severity.MEDIUM, **{severity.value: severity for severity in _RANK}}


def _severity(stated: list[_Severity], specific: Mapping[str, Any]) -> Severity:
    """The highest of all that is stated: scores of different versions and the database's own word may disagree."""
    found = [
        rating(value)
        for item in stated
        if item.type in ("CVSS_V3", "CVSS_V4") and (value := score(item.score)) is not None
    ]
    word = specific.get("severity")
    if isinstance(word, str) and word.upper() in _WORDS:
        found.append(_WORDS[word.upper()])
    return max(found, key=_RANK.index, default=Severity.UNKNOWN)
