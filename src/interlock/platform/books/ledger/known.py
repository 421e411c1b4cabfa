"""What a process has read of a whole ledger, and found to be authentic."""

from __future__ import annotations

from collections.abc import Callable

from interlock.errors import IntegrityError
from interlock.formats.tlog import merkle
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger import entries, terms
from interlock.platform.books.ledger.checkpoints import Checkpoint
from interlock.platform.books.ledger.entries import GENESIS, Entry, Unknown
from interlock.platform.books.ledger.index import Head, Index, Place
from interlock.platform.books.ledger.tree import Tree
from interlock.platform.domain.ids import Digest


class NotWholeError(Exception):
    """What was acknowledged is not here as it was written. Never leaves the books."""


class Known:
    """The index up to some entry, and in memory what came after it: where each line is, and under which terms."""

    def __init__(self, key: AttestKey, tree: Tree, base: Index | None = None) -> None:
        self._key, self.tree, self.base = key, tree, base
        self.last: Entry | Unknown | None = None
        self.latest = ""
        """The latest time of an entry."""
        self.beyond: Unknown | None = None
        """An entry of a later release that follows and cannot be proven."""
        self.offset = 0
        """The end of the last line."""
        self.start = 0
        """The beginning of the last line."""
        self.newer = 0
        """How many entries are in memory alone."""
        self.postings: dict[str, list[Place]] = {}

    @property
    def size(self) -> int:
        return self.tree.size

    @property
    def id(self) -> Digest:
        """That of the last entry."""
        return self.last.id if self.last else GENESIS

    def absorb(self, data: bytes, checkpoint: Checkpoint | None) -> bytes:
        """Read the lines that follow; what is left are bytes that are not the ledger's, or not yet.

        What a signed root covers is what was written. Anything else must prove itself: by its place in the chain, its
        hash and its signature. Raises NotWholeError.
        """
        self.beyond = None
        covered = checkpoint.size if checkpoint and checkpoint.root is not None else 0
        self._compare(checkpoint)
        position = 0
        while (end := data.find(b"\n", position)) >= 0:
            line = data[position:end]
            entry = self._following(line, proven=self.size < covered)
            if entry is None:
                break
            self.add(entry, line)
            self._compare(checkpoint)
            position = end + 1
        return data[position:]

    def add(self, entry: Entry | Unknown, line: bytes) -> None:
        place = Place(self.offset, merkle.leaf_hash(line), entry.id)
        self.tree.add(place.leaf)
        self.start, self.offset = self.offset, self.offset + len(line) + 1
        self.last = entry
        self.newer += 1
        if isinstance(entry, Entry):
            self.latest = max(self.latest, entry.time)
        for term in terms.of(entry):
            self.postings.setdefault(term, []).append(place)

    def index(self, base: Index, sign: Callable[[Head], bytes]) -> None:
        """Move what is in memory into ``base``, which goes up to there. Raises DoubtError, sqlite3.Error, OSError."""
        if self.newer:
            head = Head(self.size, self.tree.root, self.start, self.offset, self.latest)
            base.add(self.postings, head, sign)
        self.base, self.newer, self.postings = base, 0, {}

    def _following(self, line: bytes, *, proven: bool) -> Entry | Unknown | None:
        try:
            entry = entries.parse(line)
        except IntegrityError:
            return None
        if (entry.sequence, entry.previous) != (self.size + 1, self.id):
            return None
        if proven:
            return entry
        if isinstance(entry, Unknown):
            self.beyond = entry
            return None
        return entry if entries.authentic(line, entry, self._key) else None

    def _compare(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint and checkpoint.size == self.size and not checkpoint.fits(self.id, self.tree.root):
            raise NotWholeError
