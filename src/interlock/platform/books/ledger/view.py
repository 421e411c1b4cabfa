"""What a process sees of the ledger: how it comes to know it, and how it keeps up with it.

Whatever is derived (index, tiles) is checked when it is used, against what is signed. When it turns out to be wrong it
is left alone and made again from the ledger, and the question is answered anew. When the ledger itself is not whole,
:class:`~interlock.platform.books.ledger.remains.Remains` answers: nothing is written then, and what proves itself is
found.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from interlock.errors import IntegrityError, UnreachableError
from interlock.formats.tlog import merkle
from interlock.formats.tlog.tiles import HASH, WIDTH
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger import entries
from interlock.platform.books.ledger.checkpoints import Checkpoint, Notary
from interlock.platform.books.ledger.entries import Entry
from interlock.platform.books.ledger.index import Head, Index, StaleError
from interlock.platform.books.ledger.journal import Journal, State, state
from interlock.platform.books.ledger.known import Known, NotWholeError
from interlock.platform.books.ledger.remains import Remains
from interlock.platform.books.ledger.runs import DoubtError
from interlock.platform.books.ledger.tree import Tree

BATCH = 1024
"""Entries that a writer leaves to memory before it writes the index."""
BULK = 16 * BATCH
"""Entries that stay in memory where there is no index."""
_CHUNK = 8 << 20


class View:
    """For one thread at a time: hold ``mutex``."""

    def __init__(self, journal: Journal, key: AttestKey, notary: Notary, index: Path | None) -> None:
        self.mutex = threading.RLock()
        self._journal, self._key, self._notary, self._index = journal, key, notary, index
        self._known: Known | None = None
        self._remains: Remains | None = None
        self._seen: State | None = None
        self._checkpoint: Checkpoint | None = None
        self._checkpoint_seen: State | None = None
        self._distrusted: set[bytes] = set()
        self._patience = 0
        self._certain = False
        """Under the lock, once what is known is up to date: nobody changes it."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody else writes, in any process or thread. Raises UnreachableError."""
        with self.mutex, self._journal.exclusive():
            try:
                yield
            finally:
                self._certain = False

    def current(self) -> Known | Remains:
        """The ledger as it is now."""
        if self._certain and self._known:
            return self._known
        seen, found = self._journal.state(), self._remains or self._known
        if found and seen == self._seen:
            return found
        self._remains = None
        try:
            known, _ = self._follow(self.checkpoint())
        except (NotWholeError, IntegrityError):
            return self._give_up()
        self._seen = seen
        return known

    def recovered(self) -> Known:
        """What a writer goes on from: under the lock, after what no writer finished was taken away.

        Raises NotWholeError, IntegrityError, UnreachableError."""
        if self._certain and self._known:
            return self._known
        checkpoint, known, lost = self.checkpoint(), self._known, b""
        seen = self._journal.state()
        there = known and seen == self._seen and (seen[1] if seen else 0) == known.offset
        if known is None or not there or (checkpoint and checkpoint.size > known.size):
            self._remains = None
            known, lost = self._follow(checkpoint)
            self._seen = self._journal.state()
        if known.size > 1 and checkpoint is None and self._checkpoint_seen is None:
            raise IntegrityError(
                "checkpoint-missing",
                "entries were acknowledged that no checkpoint covers",
                where=str(self._journal.checkpoint),
                todo="restore the ledger with its checkpoint from its backup; nothing is decided until then",
            )
        if lost and known.beyond is None:
            self._journal.cut(known.offset)
            self._seen = self._journal.state()
        self._certain = True
        return known

    def write(self, entry: Entry, line: bytes) -> None:
        """Under the lock: put ``line`` at the end, durably. Raises UnreachableError; then it is not there."""
        try:
            self._journal.append(line)
        except UnreachableError:
            self._known = None
            raise
        if self._known:
            self._known.add(entry, line)
        self._seen = self._journal.state()

    def checkpoint(self) -> Checkpoint | None:
        """What is signed; None when nothing is, or when an empty file is left of it. Raises IntegrityError
        ``checkpoint-unreadable`` or ``checkpoint-forged``."""
        seen = state(self._journal.checkpoint)
        if seen != self._checkpoint_seen:
            data = self._journal.signed()
            self._checkpoint = self._notary.read(data) if data else None
            self._checkpoint_seen = seen
        return self._checkpoint

    def acknowledge(self) -> None:
        """Under the lock: sign what is known, and bring up to date what is derived. Raises UnreachableError."""
        known, before = self._known, self._checkpoint
        if known is None or (before and before.root is not None and before.size == known.size):
            return
        made = self._notary.make(known.size, known.tree.root)
        self._journal.acknowledge(made.signed, before.signed if before else None)
        self._checkpoint, self._checkpoint_seen = made, state(self._journal.checkpoint)
        self.settle()

    def settle(self, *, now: bool = False) -> None:
        """Under the lock: save the tiles; write the index when it lacks many entries, or any at all and ``now``. When
        that cannot be done, nothing is lost by it."""
        known = self._known
        if known is None or self._key.secret is None:
            return
        shared = known.base.head if known.base and known.base.shared else None
        lacking = known.size - (shared.size if shared else 0)
        try:
            known.tree.save()
            if self._index and lacking >= (1 if now else max(BATCH, self._patience)):
                self._write(known, self._index)
                self._patience = 0
        except (sqlite3.Error, OSError):
            self._patience = lacking + BATCH
        except DoubtError as doubt:
            self.doubt(doubt)

    def doubt(self, doubt: DoubtError, *, again: bool = False) -> None:
        """Something derived is not as it was signed: do without it from now on. ``again``: so is what was made anew,
        hence it is the ledger that changes under our hands."""
        if self._known and self._known.base and not isinstance(doubt, StaleError):
            self._distrusted.add(self._known.base.note)
        self._known = self._seen = None
        if again:
            self._give_up()

    def _give_up(self) -> Remains:
        self._known, self._seen = None, self._journal.state()
        self._remains = Remains(self._journal, self._key)
        return self._remains

    def _follow(self, checkpoint: Checkpoint | None) -> tuple[Known, bytes]:
        """What there is of a whole ledger, and the bytes after it. Raises NotWholeError."""
        seen, known = self._journal.state(), self._known
        if known and self._seen and (seen is None or seen[0] != self._seen[0] or seen[1] < known.offset):
            known = None
        if known is None or (known.base and known.base.stale()):
            known = self._opened() or Known(self._key, Tree(self._journal.tiles))
        self._known = None
        lost = self._read(known, checkpoint)
        if lost.count(b"\n") > 1 and known.beyond is None:
            raise NotWholeError  # a writer that dies leaves no more than one line unfinished
        self._known = known
        return known, lost

    def _read(self, known: Known, checkpoint: Checkpoint | None) -> bytes:
        chunk = _CHUNK
        while True:
            before = known.offset
            data = self._journal.read(before, chunk)
            lost = known.absorb(data, checkpoint)
            if known.newer >= BULK and not (known.base and known.base.shared):
                with suppress(sqlite3.Error, OSError):
                    self._spool(known)
            if len(data) < chunk or b"\n" in lost:
                break
            chunk = chunk if known.offset > before else 2 * chunk
        if checkpoint and known.size < checkpoint.size:
            raise NotWholeError
        return lost

    def _spool(self, known: Known) -> None:
        """Out of memory into an index of our own."""
        base = known.base or Index.private()
        known.index(base, self._sign)

    def _write(self, known: Known, path: Path) -> None:
        if known.base and known.base.shared:
            known.index(known.base, self._sign)
            return
        self._spool(known)
        if known.base and known.base.head:
            known.base.publish(path, self._sign(known.base.head))
            self._distrusted.clear()
            known.base = Index.open(path, self._notary, write=True) or known.base

    def _sign(self, head: Head) -> bytes:
        return self._notary.sign(head.text(self._notary.origin))

    def _opened(self) -> Known | None:
        """The ledger as far as the index goes, when the index is signed and fits: by its root, and by the last line,
        which names by hash the one before it and so all the others."""
        write = self._key.secret is not None
        base = Index.open(self._index, self._notary, write=write) if self._index else None
        if base is None or base.head is None or base.note in self._distrusted:
            return None
        size = base.head.size
        try:
            tree = Tree(self._journal.tiles, size)
            if tree.root != base.head.root:
                return None
            position = (size - 1) % WIDTH * HASH
            line = self._journal.read(base.head.start, base.head.end - base.head.start)
            leaf = tree.leaves((size - 1) // WIDTH)[position : position + HASH]
            if not line.endswith(b"\n") or merkle.leaf_hash(line[:-1]) != leaf:
                return None
            known = Known(self._key, tree, base)
            known.last, known.offset, known.latest = entries.parse(line[:-1]), base.head.end, base.head.latest
            return known
        except (DoubtError, IntegrityError):
            return None
