"""What a process has read of a whole ledger, and found to be authentic."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.errors import IntegrityError
from interlock.formats.tlog import merkle
from interlock.platform.books import entries, terms
from interlock.platform.books.checkpoints import Checkpoint
from interlock.platform.books.entries import GENESIS, Entry, Unknown
from interlock.platform.books.keys import AttestKey
from interlock.platform.domain.ids import Digest


class NotWholeError(Exception):
    """What was acknowledged is not here as it was written. Never leaves the books."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line is, and the hash of the leaf that it is in the tree."""

    sequence: int
    offset: int
    length: int
    leaf: bytes


class Known:
    """The entries from the beginning, in memory: where each line is, and under which terms."""

    def __init__(self, key: AttestKey) -> None:
        self._key = key
        self.last: Entry | Unknown | None = None
        self.edge = merkle.Edge()
        self.offset = 0
        self.places: list[Place] = []
        self.postings: dict[str, list[Place]] = {}

    @property
    def size(self) -> int:
        return self.edge.size

    @property
    def head(self) -> Digest:
        return self.last.id if self.last else GENESIS

    def absorb(self, data: bytes, checkpoint: Checkpoint | None) -> bytes:
        """Read the lines that follow; what is left are bytes that are not the ledger's, or not yet.

        What a signed root covers is what was written. Anything else must prove itself: by its place in the chain, its
        hash and its signature. Raises NotWholeError.
        """
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
        if checkpoint and self.size < checkpoint.size:
            raise NotWholeError
        return data[position:]

    def add(self, entry: Entry | Unknown, line: bytes) -> None:
        place = Place(self.size + 1, self.offset, len(line), merkle.leaf_hash(line))
        self.edge.append(place.leaf)
        self.offset += len(line) + 1
        self.last = entry
        self.places.append(place)
        for term in terms.of(entry):
            self.postings.setdefault(term, []).append(place)

    def _following(self, line: bytes, *, proven: bool) -> Entry | Unknown | None:
        try:
            entry = entries.parse(line)
        except IntegrityError:
            return None
        if (entry.sequence, entry.previous) != (self.size + 1, self.head):
            return None
        if proven:
            return entry
        return entry if isinstance(entry, Entry) and entries.authentic(line, entry, self._key) else None

    def _compare(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint and checkpoint.size == self.size and not checkpoint.fits(self.head, self.edge.root()):
            raise NotWholeError
