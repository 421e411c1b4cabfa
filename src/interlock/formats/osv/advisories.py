"""A folder of advisories: ``manifest.json`` says when it was refreshed, ``<ecosystem>/`` holds records or ``all.zip``.

The layout is osv.dev's (``<ecosystem>/all.zip``), so that a mirror of it works as it is, with the manifest beside.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlock.errors import InputError
from interlock.formats.ace import archive
from interlock.formats.osv import record
from interlock.formats.osv.record import Record
from interlock.formats.osv.versions import ECOSYSTEMS

MAX_AGE = timedelta(days=5)
"""Default maximum age, grype's (db.max-allowed-built-age)."""
_LIMITS = archive.Limits(depth=1, members=500_000, total=4 * 1024**3)


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    refreshedAt: datetime  # noqa: N815
    source: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Advisories:
    """The records, where they are from and how old they are."""

    records: tuple[Record, ...]
    refreshed_at: datetime
    source: str
    ecosystems: frozenset[str]
    """Ecosystems that the folder covers: a package of another one is unknown, not free of vulnerabilities."""

    def age(self, now: datetime) -> timedelta:
        return now - self.refreshed_at

    def is_current(self, now: datetime, maximum: timedelta = MAX_AGE) -> bool:
        """Not older than the maximum, and not from the future by more than a clock may be off."""
        return -timedelta(minutes=10) <= self.age(now) <= maximum


def load(files: Mapping[str, bytes]) -> Advisories:
    """The folder's files (path -> bytes) as advisories.

    Raises InputError ``advisories-manifest`` (missing or malformed: an age that is not known is not young), ``osv-*``
    (a record that cannot be read could be the one that matters), ``archive-*``.
    """
    if "manifest.json" not in files:
        raise InputError(
            "advisories-manifest", "the advisory folder has no manifest.json", expected="refreshedAt, source"
        )
    try:
        manifest = _Manifest.model_validate(json.loads(files["manifest.json"]))
    except (ValueError, ValidationError) as error:
        raise InputError(
            "advisories-manifest", "malformed", got=str(error).splitlines()[0], where="manifest.json"
        ) from error
    if manifest.refreshedAt.tzinfo is None:
        raise InputError("advisories-manifest", "refreshedAt has no offset", where="manifest.json")
    records: dict[str, Record] = {}
    covered: set[str] = set()
    for path, data in sorted(files.items()):
        ecosystem, _, name = path.partition("/")
        if ecosystem not in ECOSYSTEMS or not name:
            continue
        if posixpath.basename(name) == "all.zip":
            covered.add(ecosystem)
            for inner, content in archive.read(data, where=path, budget=archive.Budget(_LIMITS)).items():
                if inner.endswith(".json"):
                    found = record.parse(content, file=f"{path}!/{inner}")
                    records[found.id] = found
        elif name.endswith(".json"):
            covered.add(ecosystem)
            found = record.parse(data, file=path)
            records[found.id] = found
    return Advisories(
        records=tuple(records[key] for key in sorted(records)),
        refreshed_at=manifest.refreshedAt.astimezone(UTC),
        source=manifest.source,
        ecosystems=frozenset(covered),
    )
