"""The ledger: an append-only, hash-chained, signed log of what was checked, decided and applied.

``<path>`` holds one canonical JSON entry a line. The lines are the leaves of a Merkle tree (RFC 6962), whose size and
root ``<path>.checkpoint`` signs. Entries past the checkpoint prove themselves, by their signatures and the chain; what
the checkpoint covers is never repaired: when it is not whole, nothing more is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from interlock.clients import files
from interlock.errors import ConflictError, IntegrityError, NotFoundError, UnsupportedError
from interlock.formats.tlog import merkle
from interlock.platform.books import checkpoints, entries, secrets, terms, verification
from interlock.platform.books.checkpoints import Checkpoint
from interlock.platform.books.entries import Entry, Stamp, Unknown
from interlock.platform.books.journal import Journal, unwritable
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.known import Known, NotWholeError
from interlock.platform.books.proofs import Inclusion
from interlock.platform.books.remains import Remains
from interlock.platform.books.times import timestamp
from interlock.platform.books.verification import Fault, Report
from interlock.platform.domain.ids import Digest


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
        """``now`` and ``stamp`` are needed to write; ``origin`` names the log in its checkpoints."""
        self.path = path
        self._checkpoint_path = path.with_name(path.name + ".checkpoint")
        self._journal = Journal(path)
        self._key, self._now, self._stamp, self._origin = key, now, stamp, origin
        self._mutex = threading.RLock()
        self._known = Known(key)
        self._remains: Remains | None = None
        self._state: tuple[int, int, int] | None = None

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
        with self._mutex, self._journal.exclusive():
            known, checkpoint = self._recovered()
            self._fence(known, stamp)
            found = next(self._about(known, terms.key(key)), None)
            if found is None:
                before = next(self._about(known, terms.subject(subject)), None)
                entry = Entry(
                    sequence=known.size + 1,
                    time=timestamp(self._now()),
                    kind=kind,
                    subject=subject,
                    key=key,
                    body=body,
                    evidence=evidence or {},
                    previous=known.head,
                    version=version,
                    interlock=stamp.interlock,
                    rules=stamp.rules,
                    epoch=stamp.epoch,
                    before=before.id if before else None,
                ).signed(self._key)
                line = entry.encode()
                self._journal.append(line)
                known.add(entry, line)
                self._state, self._remains = self._journal.state(), None
                found = entry
            elif (found.kind, found.subject) != (kind, subject):
                raise ConflictError(
                    "ledger-key-reused",
                    "a ledger key names another act",
                    got=f"{kind} {subject}",
                    expected=f"{found.kind} {found.subject}",
                    where=key,
                )
            self._acknowledge(known, checkpoint)
            return found

    def get(self, id: Digest) -> Entry:
        """The entry of that id. Raises NotFoundError ``ledger-entry-missing``, IntegrityError
        ``ledger-entry-altered``, UnsupportedError ``ledger-format-unknown``."""
        found = next(self._find(terms.entry(id)), None)
        if found is not None:
            return found
        with self._mutex:
            if id in self._rest().claimed:
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
        start = timestamp(since) if since else ""
        with self._mutex:
            found = list(self._rest().all())
        return (entry for entry in found if entry.time >= start)

    def prove(self, id: Digest) -> Inclusion:
        """The proof that the entry is in the ledger, for :func:`~interlock.platform.books.proofs.verify`.

        Raises as :meth:`get`; IntegrityError when the ledger is not whole; NotFoundError ``checkpoint-behind`` while
        no checkpoint covers the entry.
        """
        entry = self.get(id)
        with self._mutex:
            known, checkpoint = self._known, self.checkpoint()
            if checkpoint is None or checkpoint.root is None or checkpoint.size < entry.sequence:
                raise NotFoundError("checkpoint-behind", "no checkpoint covers the entry yet", got=id)
            read = merkle.over([place.leaf for place in known.places])
            path = merkle.inclusion(entry.sequence - 1, checkpoint.size, read)
        return Inclusion(entry, entry.sequence, checkpoint.size, checkpoint.root, tuple(path), checkpoint.signed)

    def verify(self) -> Report:
        """Judge the whole file against itself and the checkpoint; the first fault is named."""
        try:
            # Before the entries: somebody may be appending, and entries are written before their checkpoint.
            checkpoint = self.checkpoint()
        except IntegrityError as error:
            return Report(0, entries.GENESIS, Fault(0, error.code, error.message))
        return verification.verify(self._journal.lines, checkpoint, self._key)

    def checkpoint(self) -> Checkpoint | None:
        """The signed size and root; None for a ledger that was never written. Raises IntegrityError
        ``checkpoint-unreadable`` or ``checkpoint-forged``."""
        try:
            data = self._checkpoint_path.read_bytes()
        except FileNotFoundError:
            return None
        return checkpoints.read(data, self._origin, self._key)

    def epoch(self) -> int:
        """That of the last entry; 0 when there is none."""
        with self._mutex:
            self._view()
            return self._known.last.epoch if isinstance(self._known.last, Entry) else 0

    def close(self) -> None:
        """Let go of what is open. The ledger can be used again."""

    def _find(self, term: str) -> Iterator[Entry]:
        with self._mutex:
            view = self._view()
            try:
                found = list(self._about(view, term) if isinstance(view, Known) else view.about(term))
            except NotWholeError:
                found = list(self._rest().about(term))
        yield from found

    def _view(self) -> Known | Remains:
        state = self._journal.state()
        if state != self._state or (self._remains is None and self._known.size == 0):
            self._state, self._remains = state, None
            try:
                self._read(self.checkpoint())
            except (NotWholeError, IntegrityError):
                self._known = Known(self._key)
                return self._rest()
        return self._remains or self._known

    def _rest(self) -> Remains:
        self._remains = self._remains or Remains(self._journal, self._key)
        return self._remains

    def _read(self, checkpoint: Checkpoint | None) -> bytes:
        if self._known.offset > (self._journal.state() or (0, 0, 0))[1]:
            self._known = Known(self._key)
        return self._known.absorb(self._journal.read(self._known.offset), checkpoint)

    def _about(self, known: Known, term: str) -> Iterator[Entry]:
        for place in reversed(known.postings.get(term, [])):
            line = self._journal.read(place.offset, place.length)
            if merkle.leaf_hash(line) != place.leaf:
                raise NotWholeError
            entry = entries.parse(line)
            if isinstance(entry, Entry):
                yield entry

    def _recovered(self) -> tuple[Known, Checkpoint | None]:
        """What a writer knows: all entries that are there, and nothing else in the file."""
        checkpoint = self.checkpoint()
        try:
            lost = self._read(checkpoint)
            if lost.count(b"\n") > 1:
                raise NotWholeError
        except NotWholeError:
            self._known = Known(self._key)
            fault = self.verify().fault or Fault(0, "ledger-entry-altered", "it was changed while it was read")
            raise IntegrityError(
                fault.reason,
                f"the ledger is not whole: {fault.detail}",
                where=str(self.path),
                todo="restore the ledger from its backup; nothing is decided until then",
            ) from None
        if self._known.size > 1 and checkpoint is None:
            raise IntegrityError(
                "checkpoint-missing",
                "entries were acknowledged that no checkpoint covers",
                where=str(self._checkpoint_path),
                todo="restore the ledger with its checkpoint from its backup; nothing is decided until then",
            )
        if lost:
            self._journal.cut(self._known.offset)
        return self._known, checkpoint

    def _fence(self, known: Known, stamp: Stamp) -> None:
        if isinstance(known.last, Unknown):
            raise UnsupportedError(
                "ledger-format-unknown",
                "a later release wrote to the ledger",
                got=f"format {known.last.format}",
                expected=f"format {entries.FORMAT} or before",
                where=str(self.path),
                todo="run the release that wrote it, or a later one",
            )
        if known.last and stamp.epoch < known.last.epoch:
            raise ConflictError(
                "ledger-epoch",
                "another writer has taken over",
                got=f"epoch {stamp.epoch}",
                expected=f"epoch {known.last.epoch} or later",
                where=str(self.path),
            )

    def _acknowledge(self, known: Known, before: Checkpoint | None) -> None:
        if before and before.size == known.size and before.root is not None:
            return
        made = checkpoints.make(self._origin, known.size, known.edge.root(), self._key)
        try:
            files.write_durably(self._checkpoint_path, made.signed)
        except OSError as error:
            raise unwritable(self._checkpoint_path, error) from error
