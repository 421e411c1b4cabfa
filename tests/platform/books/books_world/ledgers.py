"""Ledgers with something in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from interlock.platform.books.ledger import Ledger
from interlock.platform.books.ledger.entries import Entry
from interlock.platform.domain.ids import Digest


class Open(Protocol):
    def __call__(self, *, read: bool = False, epoch: int = 0) -> Ledger: ...


def fill(ledger: Ledger, numbers: Sequence[int]) -> list[Entry]:
    """Entries of a few services, each with a key, a commit and a piece of evidence of its own."""
    written = []
    for number in numbers:
        environment, service = "prod" if number % 2 else "test", f"service-{number % 3}"
        body = {"environment": environment, "service": service, "merge": f"{number:040x}"}
        evidence = {"reviews": Digest(f"sha256:{number:064x}")}
        kind = "sealed" if number % 5 == 0 else "merged"
        written.append(
            ledger.append(kind, f"{environment}/{service}", key=f"act/{number}", body=body, evidence=evidence)
        )
    return written


def grown(opened: Open, size: int, step: int = 3) -> list[Entry]:
    """A ledger of that size, whose index consists of several runs."""
    written: list[Entry] = []
    for start in range(0, size, step):
        ledger = opened()
        written += fill(ledger, range(start, min(start + step, size)))
        ledger.close()
    return written
