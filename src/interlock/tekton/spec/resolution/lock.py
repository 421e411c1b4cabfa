"""The lock file: for each reference what it was resolved to, so that the next resolution gives the same or an error.

References are told apart by resolver and params, without those that only say how to get in (`texts.NOT_CONTENT`).
The cluster's own objects are not locked: they are not remote.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from interlock.errors import InputError, IntegrityError, RefusedError
from interlock.formats import yaml
from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution import texts
from interlock.tekton.spec.resolution.source import Fetched, RefSource

NAME: Final = "interlock.lock"
LOCKED: Final = ("git", "http", "hub", "bundles")
"""Resolvers whose references are locked."""


@dataclass(frozen=True, order=True, slots=True)
class Key:
    """One reference."""

    resolver: str
    params: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.resolver} " + " ".join(f"{name}={value}" for name, value in self.params)

    @property
    def id(self) -> str:
        """Hexadecimal SHA-256 of the key: a file name."""
        return hashlib.sha256(json.dumps([self.resolver, self.params]).encode()).hexdigest()


def key(resolver: str, params: Sequence[Param]) -> Key:
    given = texts.of(params)
    return Key(resolver, tuple(sorted((name, given[name]) for name in given.keys() - texts.NOT_CONTENT)))


@dataclass(frozen=True, slots=True)
class Entry:
    """What a reference was resolved to. ``at`` is when, RFC 3339; ``digest`` is ``sha256:…`` of the content's bytes."""

    key: Key
    digest: str
    source: RefSource
    revision: str = ""
    at: str = ""

    def to_object(self) -> dict[str, Any]:
        value: dict[str, Any] = {"resolver": self.key.resolver, "params": dict(self.key.params)}
        if self.revision:
            value["revision"] = self.revision
        return {**value, "digest": self.digest, "source": self.source.to_object(), "resolvedAt": self.at}


def entry(reference: Key, fetched: Fetched, *, at: str) -> Entry:
    return Entry(reference, digest(fetched.data), fetched.source or RefSource(""), fetched.revision, at)


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class Lock:
    """The entries by key. Values: every change gives a new lock."""

    entries: Mapping[Key, Entry] = field(default_factory=dict)

    def pinned(self, reference: Key) -> Entry:
        """Raises RefusedError ``lock-missing``: with a lock file nothing else is fetched."""
        if (found := self.entries.get(reference)) is None:
            raise RefusedError(
                "lock-missing", "the lock file does not name this reference", got=reference, todo=_TODO_LOCK
            )
        return found

    def with_entries(self, entries: Iterable[Entry]) -> Lock:
        """With these instead of those of the same keys. An entry that says the same keeps its time."""
        result = dict(self.entries)
        for item in entries:
            held = result.get(item.key)
            if held is None or not same(held, item):
                result[item.key] = item
        return Lock(result)

    def only(self, keys: Iterable[Key]) -> Lock:
        """Without references that nothing uses any more."""
        return Lock({item: self.entries[item] for item in keys if item in self.entries})

    def dump(self) -> str:
        """The file: sorted, so that equal locks are equal bytes."""
        entries = [self.entries[item].to_object() for item in sorted(self.entries)]
        return _HEADER + yaml.dump({"version": 1, "resolved": entries})


_TODO_LOCK = "run: interlock pipeline lock FILE"
_HEADER = "# Written by `interlock pipeline lock`. Keep it beside the pipeline, in git.\n"


def same(one: Entry, other: Entry) -> bool:
    """Whether both pin the same content of the same source."""
    return (one.digest, one.revision, one.source) == (other.digest, other.revision, other.source)


def check(pinned: Entry, fetched: Fetched) -> None:
    """Raise IntegrityError ``lock-mismatch`` unless ``fetched`` is what the lock says."""
    found = digest(fetched.data)
    if found != pinned.digest:
        raise IntegrityError(
            "lock-mismatch",
            f"the content is not what the lock file pins: {pinned.key}",
            got=found,
            expected=pinned.digest,
            todo="if the change is wanted, run: interlock pipeline lock FILE --update",
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two locks."""

    kind: Literal["added", "removed", "changed"]
    key: Key
    old: Entry | None = None
    new: Entry | None = None

    def __str__(self) -> str:
        if self.kind == "changed" and self.old and self.new:
            moved = f"{self.old.revision[:12]} -> {self.new.revision[:12]}, " if self.old.revision else ""
            if self.old.revision == self.new.revision:
                moved = ""
            return f"changed  {self.key}: {moved}{self.old.digest[:19]} -> {self.new.digest[:19]}"
        found = self.new or self.old
        return f"{self.kind:8} {self.key}: {found.digest[:19] if found else ''}"


def compare(old: Lock, new: Lock) -> list[Change]:
    """What an update changes, in key order."""
    changes = []
    for reference in sorted({*old.entries, *new.entries}):
        before, after = old.entries.get(reference), new.entries.get(reference)
        if before is None:
            changes.append(Change("added", reference, None, after))
        elif after is None:
            changes.append(Change("removed", reference, before, None))
        elif not same(before, after):
            changes.append(Change("changed", reference, before, after))
    return changes


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    uri: str = ""
    digest: dict[str, str] = {}
    entry_point: str = Field(default="", alias="entryPoint")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    resolver: Literal["git", "http", "hub", "bundles"]
    params: dict[str, str]
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    source: _Source
    revision: str = ""
    resolved_at: str = Field(default="", alias="resolvedAt")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1]
    resolved: list[_Entry]


def parse(text: str | bytes, *, file: str) -> Lock:
    """Raises InputError ``lock-invalid`` with file:line:column, also for two entries of one reference."""
    document = yaml.load(text, file=file)
    try:
        found = _File.model_validate(document.value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise InputError(
            "lock-invalid", f"lock file: {place}: {first['msg']}", where=document.where(*first["loc"])
        ) from error
    entries: dict[Key, Entry] = {}
    for index, item in enumerate(found.resolved):
        reference = Key(item.resolver, tuple(sorted(item.params.items())))
        if reference in entries:
            where = document.where("resolved", index)
            raise InputError("lock-invalid", "two entries of one reference", got=reference, where=where)
        source = RefSource(item.source.uri, item.source.digest, item.source.entry_point)
        entries[reference] = Entry(reference, item.digest, source, item.revision, item.resolved_at)
    return Lock(entries)
