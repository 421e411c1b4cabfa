"""What can still be read of a ledger that is not whole: every line that proves itself, whatever became of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from interlock.errors import IntegrityError
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger import entries, terms
from interlock.platform.books.ledger.entries import Entry, Unknown
from interlock.platform.books.ledger.journal import Journal


class Remains:
    """One state of the file. Signatures are verified when an entry is asked for."""

    def __init__(self, journal: Journal, key: AttestKey) -> None:
        self._key = key
        self._entries: list[tuple[bytes, Entry]] = []
        self._postings: dict[str, list[int]] = {}
        self._judged: dict[int, bool] = {}
        self.claimed: set[str] = set()
        """Ids that lines give themselves, rightly or not."""
        for line in journal.lines():
            try:
                entry = entries.parse(line)
            except IntegrityError:
                continue
            self.claimed.add(entry.id)
            if isinstance(entry, Unknown):
                continue
            for term in terms.of(entry):
                self._postings.setdefault(term, []).append(len(self._entries))
            self._entries.append((line, entry))

    def about(self, term: str) -> Iterator[Entry]:
        """Newest first."""
        return self._proven(reversed(self._postings.get(term, [])))

    def all(self) -> Iterator[Entry]:
        """Oldest first."""
        return self._proven(range(len(self._entries)))

    def _proven(self, places: Iterable[int]) -> Iterator[Entry]:
        """Each entry once, however often somebody put it there."""
        seen: set[str] = set()
        for at in places:
            entry = self._entries[at][1]
            if entry.id not in seen and self._authentic(at):
                seen.add(entry.id)
                yield entry

    def _authentic(self, at: int) -> bool:
        if at not in self._judged:
            line, entry = self._entries[at]
            self._judged[at] = entries.authentic(line, entry, self._key)
        return self._judged[at]
