"""The whole ledger judged against itself and its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.errors import IntegrityError
from interlock.formats.tlog import merkle
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger import entries
from interlock.platform.books.ledger.checkpoints import Checkpoint
from interlock.platform.books.ledger.entries import GENESIS, Entry, Unknown
from interlock.platform.books.ledger.journal import Journal
from interlock.platform.books.ledger.tree import Tree
from interlock.platform.domain.ids import Digest


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where the ledger is not whole. ``sequence`` counts from 1; 0 means what stands beside the
    entries: the checkpoint, or the tiles."""

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


_BESIDE = ("ledger-format-unknown", "ledger-tile-altered")
"""Faults of what stands there although the signed root came out."""


def verify(
    journal: Journal, checkpoint: Checkpoint | None, key: AttestKey, *, kept: Checkpoint | None = None
) -> Report:
    """Every line has its place in the chain, and its bytes are those that were signed. ``kept``: a checkpoint that
    somebody outside kept, of this ledger when it was shorter: its entries must be the first of those of now.

    Signatures are verified one by one only where no signed root covers the entries; when the root does not come out,
    everything is judged again, one by one, for the name of the first fault.
    """
    covered = checkpoint.size if checkpoint and checkpoint.root is not None else 0
    report = _judge(journal, checkpoint, key, covered, kept)
    if covered and report.fault is not None and report.fault.reason not in _BESIDE:
        return _judge(journal, checkpoint, key, 0, kept)
    return report


def _judge(
    journal: Journal, checkpoint: Checkpoint | None, key: AttestKey, covered: int, kept: Checkpoint | None
) -> Report:
    head, number, unknown, tree = GENESIS, 0, None, Tree(journal.tiles)
    for number, line in enumerate(journal.lines(), 1):
        try:
            entry = entries.parse(line)
        except IntegrityError:
            return Report(number - 1, head, Fault(number, "ledger-entry-altered", f"entry {number} cannot be read"))
        fault = _misplaced(entry, line, number, head, key, proven=number <= covered)
        if fault:
            return Report(number - 1, head, fault)
        if isinstance(entry, Unknown):
            unknown = unknown or Fault(
                number, "ledger-format-unknown", f"entry {number} has format {entry.format}: a later release wrote it"
            )
        tree.add(merkle.leaf_hash(line))
        head = entry.id
        if checkpoint and number == checkpoint.size and not checkpoint.fits(head, tree.root):
            detail = "the checkpoint signs another entry here, or others before it"
            return Report(number, head, Fault(number, "ledger-rewritten", detail))
        if kept and number == kept.size and not kept.fits(head, tree.root):
            detail = "the checkpoint that was kept signs another entry here, or others before it"
            return Report(number, head, Fault(number, "ledger-rewritten", detail))
    fault = _against(checkpoint, number) or (_against(kept, number) if kept else None)
    return Report(number, head, fault or unknown or _tiles(tree))


def _misplaced(
    entry: Entry | Unknown, line: bytes, number: int, head: Digest, key: AttestKey, *, proven: bool
) -> Fault | None:
    if isinstance(entry, Entry):
        own = entry.hashed() if proven else entries.authentic(line, entry, key)
        if own and entry.sequence > number:
            return Fault(number, "ledger-entry-missing", f"entry {number} is missing")
        if not own:
            return Fault(number, "ledger-entry-altered", f"entry {number} was altered")
    if entry.sequence != number or entry.previous != head:
        return Fault(number, "ledger-order", f"entry {number} is out of order")
    return None


def _against(checkpoint: Checkpoint | None, size: int) -> Fault | None:
    if checkpoint is None:
        # One entry without a checkpoint is a writer that died before its first acknowledgement.
        return Fault(0, "checkpoint-missing", "the checkpoint is missing") if size > 1 else None
    if size < checkpoint.size:
        return Fault(size + 1, "ledger-truncated", f"the checkpoint signs {checkpoint.size} entries, {size} are here")
    return None


def _tiles(tree: Tree) -> Fault | None:
    name = next(tree.differing(), None)
    detail = f"{name} holds other hashes than those of the entries; without it, it is made again"
    return Fault(0, "ledger-tile-altered", detail) if name else None
