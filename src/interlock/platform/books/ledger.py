"""The ledger: an append-only, hash-chained, signed log of what was checked, decided and applied.

``<path>`` holds one canonical JSON entry a line; ``<path>.checkpoint`` the signed size and head. An append is
acknowledged after entry and checkpoint are on disk, so everything that the checkpoint covers was acknowledged and is
never repaired: when it is not whole, that is :class:`~interlock.errors.IntegrityError`. Past the checkpoint there can
be one entry whose writer died before the acknowledgement: a whole one is kept (a retry finds it by its key), a torn
one is cut.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from interlock.clients import files
from interlock.errors import ConflictError, IntegrityError, NotFoundError
from interlock.platform.books import entries, secrets
from interlock.platform.books.entries import GENESIS, Checkpoint, Entry
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.times import timestamp
from interlock.platform.domain.ids import Digest


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where the ledger is not whole. ``sequence`` counts from 1; 0 means the checkpoint itself."""

    sequence: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of :meth:`Ledger.verify`."""

    size: int
    head: Digest
    fault: Fault | None

    @property
    def whole(self) -> bool:
        return self.fault is None


class Ledger:
    """Safe for several threads and processes; one writes at a time (``<path>.lock``)."""

    def __init__(
        self, path: Path, key: AttestKey, *, index: Path | None = None, now: Callable[[], datetime] | None = None
    ) -> None:
        self.path = path
        self._checkpoint_path = path.with_name(path.name + ".checkpoint")
        self._lock_path = path.with_name(path.name + ".lock")
        self._key = key
        self._now = now
        self._mutex = threading.Lock()
        # What this process already read and checked: an append reads only what came after it.
        self._kept: list[Entry] = []
        self._keys: dict[str, Entry] = {}
        self._offset = 0
        self._last: _View | None = None

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

        Raises ConflictError ``ledger-key-reused`` when ``key`` names an entry of another kind or subject,
        IntegrityError when what was acknowledged is not whole, RefusedError ``evidence-secret``.
        """
        secrets.refuse_secrets(body, where=f"ledger entry {kind} of {subject}")
        if self._now is None:
            raise TypeError("a ledger that is written needs a clock")
        with self._mutex, self._exclusive():
            self._recover()
            known = self._keys.get(key)
            if known is not None:
                if (known.kind, known.subject) != (kind, subject):
                    raise ConflictError(
                        "ledger-key-reused",
                        "a ledger key names another act",
                        got=f"{kind} {subject}",
                        expected=f"{known.kind} {known.subject}",
                        where=key,
                    )
                return known
            entry = entries.make(
                sequence=len(self._kept) + 1,
                time=timestamp(self._now()),
                kind=kind,
                subject=subject,
                key=key,
                body=body,
                evidence=evidence or {},
                previous=self._kept[-1].id if self._kept else GENESIS,
                signer=self._key,
            )
            line = entry.encode() + b"\n"
            self._write(line)
            self._keep(entry, len(line))
            self._acknowledge(entry)
            return entry

    def entries(self) -> list[Entry]:
        """Every authentic entry in order; altered lines are left out (:meth:`verify` names them)."""
        return self.find()

    def find(self, kind: str | None = None, subject: str | None = None) -> list[Entry]:
        """Authentic entries of that kind and subject, oldest first."""
        view = self._view()
        return [
            entry
            for entry in view.entries
            if kind in (None, entry.kind) and subject in (None, entry.subject) and view.authentic(entry)
        ]

    def of_subject(self, subject: str, *, kind: str | None = None) -> Iterator[Entry]:
        return reversed(self.find(kind, subject))

    def about(self, term: str, *, kind: str | None = None) -> Iterator[Entry]:
        from interlock.platform.books.index import _terms

        return reversed([item for item in self.find(kind) if term in _terms(item)])

    def get(self, name: Digest) -> Entry:
        """The entry of that id. Raises NotFoundError ``ledger-entry-missing``, IntegrityError
        ``ledger-entry-altered``."""
        view = self._view()
        for entry in view.entries:
            if entry.id == name:
                if view.authentic(entry):
                    return entry
                raise IntegrityError(
                    "ledger-entry-altered",
                    "a ledger entry is not what its hash and signature say",
                    got=f"entry {entry.sequence}",
                    expected=name,
                    where=str(self.path),
                    todo="restore the ledger from its backup, and find out who changed it",
                )
        raise NotFoundError(
            "ledger-entry-missing",
            "the ledger has no such entry",
            got=name,
            where=str(self.path),
            todo="restore the ledger from its backup",
        )

    def by_key(self, key: str) -> Entry | None:
        """The authentic entry that ``key`` names."""
        return next((entry for entry in self.entries() if entry.key == key), None)

    def verify(self) -> Report:
        """Judge the whole file against itself and the checkpoint; the first fault is named."""
        head, size = GENESIS, 0
        try:
            # Before the entries: somebody may be appending, and entries are written before their checkpoint.
            checkpoint = self._checkpoint()
        except IntegrityError as error:
            return Report(0, GENESIS, Fault(0, error.code, error.message))
        lines = self._data().split(b"\n")[:-1]
        for number, line in enumerate(lines, 1):
            try:
                entry = entries.parse(line)
            except IntegrityError:
                return Report(size, head, Fault(number, "ledger-entry-altered", f"entry {number} cannot be read"))
            if entry.sequence > number and entry.authentic(self._key):
                return Report(size, head, Fault(number, "ledger-entry-missing", f"entry {number} is missing"))
            if entry.encode() != line or not entry.authentic(self._key):
                return Report(size, head, Fault(number, "ledger-entry-altered", f"entry {number} was altered"))
            if entry.sequence != number or entry.previous != head:
                return Report(size, head, Fault(number, "ledger-order", f"entry {number} is out of order"))
            head, size = entry.id, number
            if checkpoint and number == checkpoint.size and head != checkpoint.head:
                return Report(size, head, Fault(number, "ledger-rewritten", "the checkpoint signs another entry here"))
        return Report(size, head, _against_checkpoint(size, checkpoint))

    def checkpoint(self) -> Checkpoint | None:
        """The signed size and head; None for a ledger that was never written. Raises IntegrityError
        ``checkpoint-unreadable`` or ``checkpoint-forged``."""
        return self._checkpoint()

    def _view(self) -> _View:
        """What the file holds now. Parsed again only when its bytes have changed."""
        data = self._data()
        if self._last is None or self._last.data != data:
            self._last = _View(data, self._key)
        return self._last

    def _data(self) -> bytes:
        """Terminated lines only: an unterminated tail is not acknowledged, somebody may be writing it."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return b""
        return data[: data.rfind(b"\n") + 1]

    def _checkpoint(self) -> Checkpoint | None:
        try:
            checkpoint = entries.parse_checkpoint(self._checkpoint_path.read_bytes())
        except FileNotFoundError:
            return None
        if not checkpoint.authentic(self._key):
            raise IntegrityError(
                "checkpoint-forged",
                "the ledger's checkpoint is not signed by the attest key",
                where=str(self._checkpoint_path),
            )
        return checkpoint

    def _recover(self) -> None:
        """Read what was appended since; keep acknowledged entries and one whole other; cut a torn tail."""
        checkpoint = self._checkpoint()
        covered = checkpoint.size if checkpoint else 0
        data = self._tail()
        position = 0
        while (end := data.find(b"\n", position)) >= 0:
            entry = self._following(data[position:end], covered)
            if entry is None:
                break
            self._keep(entry, end + 1 - position)
            position = end + 1
        lost = data[position:]
        size = len(self._kept)
        if size < covered or (checkpoint and self._kept[covered - 1].id != checkpoint.head) or lost.count(b"\n") > 1:
            self._kept, self._keys, self._offset = [], {}, 0
            fault = self.verify().fault or Fault(size + 1, "ledger-entry-altered", "it was changed while it was read")
            raise IntegrityError(
                fault.reason,
                f"the ledger is not whole: {fault.detail}",
                where=str(self.path),
                todo="restore the ledger from its backup; nothing is decided until then",
            )
        if size > covered + 1:
            raise IntegrityError(
                "checkpoint-missing",
                "entries were acknowledged that no checkpoint covers",
                got=f"a checkpoint of {covered} entries",
                expected=f"one of {size - 1} or more",
                where=str(self._checkpoint_path),
            )
        if lost:
            with self.path.open("r+b") as file:
                file.truncate(self._offset)
                os.fsync(file.fileno())
        if size > covered:
            self._acknowledge(self._kept[-1])

    def _tail(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                return file.read()
        except FileNotFoundError:
            self._kept, self._keys, self._offset = [], {}, 0
            return b""

    def _following(self, line: bytes, covered: int) -> Entry | None:
        """``line`` as the next entry, or None when it is not one."""
        try:
            entry = entries.parse(line)
        except IntegrityError:
            return None
        if entry.sequence != len(self._kept) + 1 or entry.previous != (self._kept[-1].id if self._kept else GENESIS):
            return None
        # What the checkpoint covers chains up to its signed head; only what comes after must prove itself.
        return entry if (entry.hashed() if entry.sequence <= covered else entry.authentic(self._key)) else None

    def _keep(self, entry: Entry, length: int) -> None:
        self._kept.append(entry)
        self._keys[entry.key] = entry
        self._offset += length

    def _write(self, line: bytes) -> None:
        fresh = not self.path.exists()
        with self.path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if fresh:
            files.sync_folder(self.path.parent)

    def _acknowledge(self, entry: Entry) -> None:
        checkpoint = entries.make_checkpoint(entry.sequence, entry.id, entry.time, self._key)
        files.write_durably(self._checkpoint_path, checkpoint.encode())

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        files.make_folder(self.path.parent)
        with self._lock_path.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class _View:
    """The readable lines of one state of the file; signatures are verified when first asked for."""

    def __init__(self, data: bytes, key: AttestKey) -> None:
        self.data, self._key = data, key
        self.entries = [entry for line in data.split(b"\n")[:-1] if (entry := _readable(line)) is not None]
        self._known: dict[int, bool] = {}

    def authentic(self, entry: Entry) -> bool:
        known = self._known.get(id(entry))
        if known is None:
            known = self._known[id(entry)] = entry.authentic(self._key)
        return known


def _readable(line: bytes) -> Entry | None:
    try:
        return entries.parse(line)
    except IntegrityError:
        return None


def _against_checkpoint(size: int, checkpoint: Checkpoint | None) -> Fault | None:
    if checkpoint is None:
        # One entry without a checkpoint is a writer that died before its first acknowledgement.
        return Fault(0, "checkpoint-missing", "the checkpoint is missing") if size > 1 else None
    if size < checkpoint.size:
        return Fault(size + 1, "ledger-truncated", f"the checkpoint signs {checkpoint.size} entries, {size} are here")
    return None
