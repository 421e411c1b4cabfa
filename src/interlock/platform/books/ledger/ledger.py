"""The ledger: an append-only, hash-chained, signed log of what was checked, decided and applied.

``<path>`` holds one canonical JSON entry a line. The lines are the leaves of a Merkle tree (RFC 6962), whose size and
root ``<path>.checkpoint`` signs. Entries past the checkpoint prove themselves, by their signatures and the chain; what
the checkpoint covers is never repaired: when it is not whole, nothing more is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from interlock.errors import ConflictError, IntegrityError, NotFoundError, UnreachableError, UnsupportedError
from interlock.formats.tlog import merkle
from interlock.platform.books import secrets
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger import entries, terms, verification
from interlock.platform.books.ledger.checkpoints import Checkpoint, Notary
from interlock.platform.books.ledger.entries import Entry, Stamp, Unknown
from interlock.platform.books.ledger.journal import Journal
from interlock.platform.books.ledger.known import Known, NotWholeError
from interlock.platform.books.ledger.proofs import Inclusion
from interlock.platform.books.ledger.remains import Remains
from interlock.platform.books.ledger.runs import DoubtError
from interlock.platform.books.ledger.search import Search
from interlock.platform.books.ledger.verification import Fault, Report
from interlock.platform.books.ledger.view import View
from interlock.platform.books.times import timestamp
from interlock.platform.domain.ids import Digest

FENCED = "ledger-epoch"
"""Code of the ConflictError that stops who wrote under a lease and lost it."""


class Ledger:
    """Safe for several threads and processes; one writes at a time (``<path>.lock``)."""

    def __init__(
        self,
        path: Path,
        key: AttestKey,
        *,
        index: Path | None = None,
        now: Callable[[], datetime] | None = None,
        stamp: Callable[[], Stamp] | None = None,
        origin: str = "interlock.dev/ledger",
    ) -> None:
        """``now`` and ``stamp`` are for who writes; ``index`` is a file that makes lookups fast: whoever holds the
        private key keeps it, everybody else reads it; ``origin`` names the log in its checkpoints."""
        self.path = path
        self._journal = Journal(path)
        self._key, self._now, self._stamp, self._notary = key, now, stamp, Notary(origin, key)
        self._view = View(self._journal, key, self._notary, index)
        self._search = Search(self._view, self._journal)

    def append(
        self,
        kind: str,
        subject: str,
        *,
        key: str,
        body: Mapping[str, Any],
        version: int = 1,
        evidence: Mapping[str, Digest] | None = None,
    ) -> Entry:
        """Write an entry durably, or return the one that ``key`` already named: a retried act is one entry.

        ``version`` is that of the body. Raises ConflictError ``ledger-key-reused`` when ``key`` names an entry of
        another kind or subject, and ``ledger-epoch`` when the last entry is of a later epoch (the fence: whoever lost
        the lease writes no more); IntegrityError when what was acknowledged is not whole; UnsupportedError
        ``ledger-format-unknown`` after an entry of a later release; RefusedError ``evidence-secret``; UnreachableError
        ``ledger-unwritable``.
        """
        secrets.refuse_secrets(body, where=f"ledger entry {kind} of {subject}")
        if self._now is None:
            raise TypeError("a ledger that is written needs a clock")
        stamp = self._stamp() if self._stamp else Stamp("", None, 0)
        with self._view.writing():
            self._fence(self._recovered(), stamp)
            found = None if self._search.lacks(key) else self.by_key(key)
            if found is None:
                found = self._write(kind, subject, key, body, version, evidence or {}, stamp, self._now())
            elif (found.kind, found.subject) != (kind, subject):
                raise ConflictError(
                    "ledger-key-reused",
                    "a ledger key names another act",
                    got=f"{kind} {subject}",
                    expected=f"{found.kind} {found.subject}",
                    where=key,
                )
            self._view.acknowledge()
            return found

    def get(self, id: Digest) -> Entry:
        """The entry of that id. Raises NotFoundError ``ledger-entry-missing``, IntegrityError
        ``ledger-entry-altered``, UnsupportedError ``ledger-format-unknown``."""
        found = next(self._search.find(terms.entry(id)), None)
        if isinstance(found, Unknown):
            raise self._later(found)
        if found is not None:
            return found
        with self._view.mutex:
            view = self._view.current()
        if isinstance(view, Remains) and id in view.claimed:
            raise IntegrityError(
                "ledger-entry-altered",
                "a ledger entry is not what its hash and signature say",
                got="another entry under its hash",
                expected=id,
                where=str(self.path),
                todo="restore the ledger from its backup, and find out who changed it",
            )
        raise NotFoundError(
            "ledger-entry-missing",
            "the ledger has no such entry",
            got=id,
            where=str(self.path),
            todo="restore the ledger from its backup",
        )

    def by_key(self, key: str) -> Entry | None:
        """The entry that ``key`` names."""
        return next(self._find(terms.key(key)), None)

    def about(self, term: str, *, kind: str | None = None) -> Iterator[Entry]:
        """Entries that name ``term``, newest first: a subject or a part of it, a record's number, a commit, a
        revision, an image digest, the digest of a piece of evidence."""
        return (entry for entry in self._find(terms.about(term)) if kind in (None, entry.kind))

    def of_subject(self, subject: str, *, kind: str | None = None) -> Iterator[Entry]:
        """Entries of exactly that subject, newest first."""
        return self._find(terms.subject(subject, kind))

    def entries(self, *, since: datetime | None = None) -> Iterator[Entry]:
        """Every authentic entry, oldest first; altered lines are left out (:meth:`verify` names them)."""
        return self._search.scan(timestamp(since) if since else "")

    def prove(self, id: Digest) -> Inclusion:
        """The proof that the entry is in the ledger, for :func:`~interlock.platform.books.ledger.proofs.verify`.

        Raises as :meth:`get`; IntegrityError when the ledger is not whole; NotFoundError ``checkpoint-behind`` while
        no checkpoint covers the entry.
        """
        entry = self.get(id)
        with self._view.mutex:
            for again in (False, True):
                try:
                    return self._proof(entry)
                except DoubtError as doubt:
                    self._view.doubt(doubt, again=again)
            return self._proof(entry)

    def verify(self, *, kept: bytes | None = None) -> Report:
        """Judge the whole file against itself and the checkpoint; the first fault is named. ``kept``: an earlier
        checkpoint of it that somebody outside kept; IntegrityError ``checkpoint-unreadable`` or ``checkpoint-forged``
        where that is none."""
        earlier = None if kept is None else self._notary.read(kept)
        try:
            # Before the entries: somebody may be appending, and entries are written before their checkpoint.
            checkpoint = self.checkpoint()
        except IntegrityError as error:
            return Report(0, entries.GENESIS, Fault(0, error.code, error.message))
        return verification.verify(self._journal, checkpoint, self._key, kept=earlier)

    def checkpoint(self) -> Checkpoint | None:
        """The signed size and root; None for a ledger that was never written. Raises IntegrityError
        ``checkpoint-unreadable`` or ``checkpoint-forged``."""
        data = self._journal.signed()
        return None if data is None else self._notary.read(data)

    def epoch(self) -> int:
        """That of the last entry that can be read; 0 when there is none."""
        with self._view.mutex:
            view = self._view.current()
            last = view.last if isinstance(view, Known) else max(view.all(), key=_sequence, default=None)
        return last.epoch if isinstance(last, Entry) else 0

    def close(self) -> None:
        """Bring the index up to date, where this process keeps it. The ledger can be used again."""
        if self._key.secret is not None and self._journal.state() is not None:
            with suppress(IntegrityError, UnreachableError), self._view.writing():
                self._recovered()
                self._view.settle(now=True)

    def _find(self, term: str) -> Iterator[Entry]:
        return (entry for entry in self._search.find(term) if isinstance(entry, Entry))

    def _write(
        self,
        kind: str,
        subject: str,
        key: str,
        body: Mapping[str, Any],
        version: int,
        evidence: Mapping[str, Digest],
        stamp: Stamp,
        now: datetime,
    ) -> Entry:
        before = self._search.newest(terms.subject(subject))
        known = self._recovered()
        content = {
            "format": entries.FORMAT,
            "sequence": known.size + 1,
            # Times never fall, so that they can be searched: a clock that went back repeats the last one.
            "time": max(timestamp(now), known.latest),
            "kind": kind,
            "subject": subject,
            "key": key,
            "version": version,
            "body": body,
            "evidence": evidence,
            "previous": known.id,
            "before": before,
            "interlock": stamp.interlock,
            "rules": stamp.rules,
            "epoch": stamp.epoch,
        }
        entry, line = entries.make(content, self._key)
        self._view.write(entry, line)
        return entry

    def _recovered(self) -> Known:
        try:
            return self._view.recovered()
        except NotWholeError:
            fault = self.verify().fault or Fault(0, "ledger-entry-altered", "it was changed while it was read")
            raise IntegrityError(
                fault.reason,
                f"the ledger is not whole: {fault.detail}",
                where=str(self.path),
                todo="restore the ledger from its backup; nothing is decided until then",
            ) from None

    def _proof(self, entry: Entry) -> Inclusion:
        view, checkpoint = self._view.current(), self._view.checkpoint()
        if checkpoint is None or checkpoint.size < entry.sequence:
            checkpoint = self.checkpoint()
        if isinstance(view, Remains):
            raise IntegrityError(
                "ledger-altered",
                "nothing can be proven: the ledger is not whole",
                where=str(self.path),
                todo="see what `interlock ledger verify` says; restore the ledger from its backup",
            )
        number = entry.sequence - 1
        if checkpoint is None or checkpoint.root is None or checkpoint.size <= number:
            raise NotFoundError(
                "checkpoint-behind", "no checkpoint covers the entry", got=entry.id, where=str(self._journal.checkpoint)
            )
        path = view.tree.path(number, checkpoint.size)
        if not merkle.includes(merkle.leaf_hash(entry.encode()), number, checkpoint.size, path, checkpoint.root):
            raise DoubtError
        return Inclusion(entry, entry.sequence, checkpoint.size, checkpoint.root, tuple(path), checkpoint.signed)

    def _fence(self, known: Known, stamp: Stamp) -> None:
        later = known.beyond or known.last
        if isinstance(later, Unknown):
            raise self._later(later)
        if later and stamp.epoch < later.epoch:
            raise ConflictError(
                FENCED,
                "another writer has taken over",
                got=f"epoch {stamp.epoch}",
                expected=f"epoch {later.epoch} or later",
                where=str(self.path),
            )

    def _later(self, found: Unknown) -> UnsupportedError:
        return UnsupportedError(
            "ledger-format-unknown",
            "a later release wrote an entry of the ledger",
            got=f"format {found.format}",
            expected=f"format {entries.FORMAT} or before",
            where=str(self.path),
            todo="run the release that wrote it, or a later one",
        )


def _sequence(entry: Entry) -> int:
    return entry.sequence
