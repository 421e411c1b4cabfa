"""The books as everybody else sees them: entries and evidence by the classes of the vocabulary, never as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from interlock.clients.context import Context
from interlock.errors import IntegrityError, UnsupportedError
from interlock.platform.books.evidence import EvidenceStore, Fact
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger import Ledger
from interlock.platform.books.ledger.entries import Entry, Stamp
from interlock.platform.books.vocabulary.body import Body, decode
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import Digest

B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True)
class Recorded(Generic[B]):
    """An entry of one kind. ``body`` is Unread where this software cannot read it."""

    entry: Entry
    body: B | Unread

    @property
    def id(self) -> Digest:
        return self.entry.id

    @property
    def evidence(self) -> Mapping[str, Digest]:
        return self.entry.evidence

    @property
    def said(self) -> B:
        """The body. Raises UnsupportedError ``schema-unknown`` where it cannot be read."""
        if isinstance(self.body, Unread):
            raise _unsupported(self.body, self.entry.id)
        return self.body


@dataclass(frozen=True, slots=True)
class Books:
    """Ledger and evidence store. ``reader`` is the account in whose name facts are captured."""

    ledger: Ledger
    store: EvidenceStore
    reader: str = ""

    @classmethod
    def of(
        cls,
        context: Context,
        key: AttestKey,
        *,
        reader: str = "",
        now: Callable[[], datetime] | None = None,
        stamp: Callable[[], Stamp] | None = None,
    ) -> Books:
        """Those that a context file names; ``now`` and ``stamp`` are for the controller, which alone writes."""
        stores, origin = context.stores, f"interlock.dev/ledger/{context.organisation}"
        ledger = Ledger(stores.ledger, key, index=stores.index, now=now, stamp=stamp, origin=origin)
        return cls(ledger, EvidenceStore(stores.evidence), reader)

    # -- entries -----------------------------------------------------------------------------------------------------

    def write(self, subject: str, body: Body, *, key: str, evidence: Mapping[str, Digest] | None = None) -> Entry:
        """Write an entry, or return the one that ``key`` already names. Raises what `Ledger.append` raises."""
        return self.ledger.append(
            body.KIND, subject, key=key, body=body.encode(), version=body.VERSION, evidence=evidence
        )

    def of_subject(self, kind: type[B], subject: str) -> Iterator[Recorded[B]]:
        """Entries of that kind and subject, newest first, read as far as they are asked for."""
        return (self.read(kind, entry) for entry in self.ledger.of_subject(subject, kind=kind.KIND))

    def about(self, kind: type[B], term: str) -> Iterator[Recorded[B]]:
        """Entries of that kind that name ``term`` (a commit, a record, a digest), newest first."""
        return (self.read(kind, entry) for entry in self.ledger.about(term, kind=kind.KIND))

    def by_key(self, kind: type[B], key: str) -> Recorded[B] | None:
        """The entry that ``key`` names, when it is of that kind."""
        entry = self.ledger.by_key(key)
        return self.read(kind, entry) if entry is not None and entry.kind == kind.KIND else None

    def has(self, key: str) -> bool:
        """Whether an act of that key was written down."""
        return self.ledger.by_key(key) is not None

    def read(self, kind: type[B], entry: Entry) -> Recorded[B]:
        """``entry`` by the class of its kind. Raises IntegrityError ``entry-other-kind``."""
        if entry.kind != kind.KIND:
            raise IntegrityError(
                "entry-other-kind", "an entry is of another kind", got=entry.kind, expected=kind.KIND, where=entry.id
            )
        return Recorded(entry, decode(kind, entry.body, entry.version))

    # -- evidence ----------------------------------------------------------------------------------------------------

    def capture(self, body: Body, source: str, *, now: datetime) -> Digest:
        """Store a fact, read at ``now`` from the stable address ``source``. Raises what `EvidenceStore.put` raises."""
        return self.store.put(Fact(body.KIND, source, self.reader, now, body.encode(), body.VERSION))

    def fact(self, kind: type[B], digest: Digest) -> B:
        """The captured fact. Raises what `EvidenceStore.get` raises, IntegrityError ``evidence-other-kind``,
        UnsupportedError ``schema-unknown``."""
        found = self.store.get(digest)
        if found.kind != kind.KIND:
            raise IntegrityError(
                "evidence-other-kind", "evidence is of another kind", got=found.kind, expected=kind.KIND, where=digest
            )
        body = decode(kind, found.body, found.version)
        if isinstance(body, Unread):
            raise _unsupported(body, digest)
        return body


def _unsupported(unread: Unread, where: Digest) -> UnsupportedError:
    return UnsupportedError(
        unread.code,
        "the books hold what this version cannot read",
        got=unread.detail,
        where=where,
        todo="use the version of Interlock that wrote it, or a newer one",
    )
