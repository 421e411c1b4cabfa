"""Secrets out of a byte stream, in every form a program is likely to print them, however the stream is cut.

Every occurrence is found by Aho-Corasick automata (ahocorasick_rs): one for the forms as they are, one for the stream
without blanks, in which base64 that a program broke into lines is whole again. Most of a log meets neither: a small
third one, of the first bytes of every form, says that nothing of both is there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from interlock.tekton.engine.masking import forms as secret_forms
from interlock.tekton.engine.masking.forms import BLANKS, RELEASED, SHORTEST

__all__ = ["MASK", "SHORTEST", "Masker"]

MASK: Final = b"***"
_BLOCK: Final = 1024
_SMALL: Final = 20_000
"""Up to so many states the faster kind of automaton is made, of up to 1 KiB a state; the other takes some 20 bytes."""
_GAP: Final = 64 * 1024
"""How many blanks may be held back for a form that a break cuts."""

Span = tuple[int, int]


@dataclass(frozen=True)
class _Forms:
    """One set of patterns and what finds them; never changed, so threads share it."""

    patterns: list[bytes]
    """Sorted: those that begin alike stand together."""
    longest: int
    whole: BytesAhoCorasick
    heads: BytesAhoCorasick
    """The first `SHORTEST` bytes of each."""

    @classmethod
    def of(cls, patterns: set[bytes]) -> _Forms:
        ordered = sorted(patterns)
        heads = sorted({item[:SHORTEST] for item in ordered})
        return cls(
            ordered,
            max(map(len, ordered)),
            _automaton(ordered),
            _automaton(heads),
        )

    def occurrences(self, data: bytes) -> list[Span]:
        """Where patterns stand, overlapping ones merged."""
        return _merged((start, end) for _, start, end in self.whole.find_matches_as_indexes(data, overlapping=True))

    def starts(self, data: bytes) -> Iterable[int]:
        """Where a tail of ``data`` begins that could grow into a pattern, the longest first."""
        tail = data[max(0, len(data) - self.longest + 1) :]
        base = len(data) - len(tail)
        for _, at, _ in self.heads.find_matches_as_indexes(tail, overlapping=True):
            if self._begins(tail[at:]):
                yield base + at
        for at in range(max(0, len(tail) - SHORTEST + 1), len(tail)):
            if self._begins(tail[at:]):
                yield base + at

    def _begins(self, text: bytes) -> bool:
        """Whether a longer pattern begins with ``text``."""
        at = bisect_left(self.patterns, text)
        if at < len(self.patterns) and self.patterns[at] == text:
            at += 1
        return at < len(self.patterns) and self.patterns[at].startswith(text)


class Masker:
    """Replaces the forms of the given secrets by ``***``. `feed` takes any cut of the stream; `flush` ends it.

    No more is held back than what could become a secret, at most as long as the longest form. A masker belongs to one
    stream; `fresh` makes another for a second one without building the automata again.
    """

    def __init__(self, secrets: Iterable[bytes]) -> None:
        values = list(secrets)
        plain, broken = secret_forms.plain(values), secret_forms.broken(values)
        self._plain = _Forms.of(plain) if plain else None
        self._broken = _Forms.of(broken) if broken else None
        self._hint = _hint(plain | broken)
        self._held = b""
        self._covered = 0
        """How much of `_held` belongs to an occurrence whose mask was shown."""

    @property
    def knows_secrets(self) -> bool:
        """Whether there is anything to mask."""
        return self._plain is not None

    def fresh(self) -> Masker:
        """A masker of the same secrets for another stream."""
        other = Masker(())
        other._plain, other._broken, other._hint = self._plain, self._broken, self._hint
        return other

    def feed(self, chunk: bytes) -> bytes:
        """What is safe to show now; a tail that may be the start of a secret is held back."""
        if self._plain is None or not (chunk or self._held):
            return chunk
        data = self._held + chunk if self._held else chunk
        squeezed = _Squeezed(data)
        return self._shown(data, self._occurrences(data, squeezed), self._cut(data, squeezed))

    def flush(self) -> bytes:
        """The rest of the stream."""
        data = self._held
        return self._shown(data, self._occurrences(data, _Squeezed(data)), len(data))

    def text(self, value: str) -> str:
        """``value`` masked as a whole, apart from the stream."""
        other = self.fresh()
        data = value.encode("utf-8", "surrogateescape")
        return (other.feed(data) + other.flush()).decode("utf-8", "replace")

    def _occurrences(self, data: bytes, squeezed: _Squeezed) -> list[Span]:
        if self._plain is None or (self._hint and not self._hint.find_matches_as_indexes(squeezed.text)):
            return []
        found = self._plain.occurrences(data)
        if self._broken is not None and (cut := self._broken.occurrences(squeezed.text)):
            found = _merged(sorted([*found, *((squeezed.place(start), squeezed.end(end)) for start, end in cut)]))
        return found

    def _cut(self, data: bytes, squeezed: _Squeezed) -> int:
        """From where on nothing may be shown yet."""
        if self._plain is None:
            return len(data)
        cut = next(iter(self._plain.starts(data)), len(data))
        if self._broken is None:
            return cut
        for at in self._broken.starts(squeezed.text):
            if len(squeezed.text) - at <= RELEASED:
                break
            start = squeezed.place(at)
            if start >= cut:
                break
            if len(data) - start <= self._broken.longest + _GAP:
                return start
        return cut

    def _shown(self, data: bytes, found: list[Span], cut: int) -> bytes:
        """``data`` up to ``cut``, masked; the rest is kept."""
        covered, self._covered = self._covered, 0
        self._held = data[cut:]
        if covered:
            found = _merged([(0, covered), *found])
            self._covered = found[0][1] if cut == 0 else 0
        if not found:
            return data[:cut]
        parts: list[bytes] = []
        last = 0
        for start, end in found:
            if start >= cut:
                break
            parts.append(data[last:start])
            if start or not covered:
                parts.append(MASK)
            last = end
            if end > cut:
                self._covered = end - cut
        parts.append(data[last:cut])
        return b"".join(parts)


def _hint(patterns: set[bytes]) -> BytesAhoCorasick | None:
    """Finds something in the stream without blanks wherever a pattern is in the stream; None where that says little."""
    heads = sorted({item.translate(None, BLANKS)[:SHORTEST] for item in patterns})
    if not heads or min(map(len, heads)) < SHORTEST // 2:
        return None
    return _automaton(heads, MatchKind.LeftmostFirst)


def _automaton(patterns: list[bytes], kind: MatchKind = MatchKind.Standard) -> BytesAhoCorasick:
    small = sum(map(len, patterns)) <= _SMALL
    chosen = Implementation.DFA if small else Implementation.ContiguousNFA
    return BytesAhoCorasick(patterns, matchkind=kind, implementation=chosen)


class _Squeezed:
    """The data without blanks, and where its bytes stood."""

    def __init__(self, data: bytes) -> None:
        self.text = data.translate(None, BLANKS)
        self._data = data
        self._counts: list[int] | None = None

    def place(self, index: int) -> int:
        """Where byte ``index`` of the text stands in the data."""
        if len(self.text) == len(self._data):
            return index
        if self._counts is None:
            self._counts = [0]
            for at in range(0, len(self._data), _BLOCK):
                kept = len(self._data[at : at + _BLOCK].translate(None, BLANKS))
                self._counts.append(self._counts[-1] + kept)
        block = bisect_left(self._counts, index + 1) - 1
        low, high = block * _BLOCK, min(len(self._data), (block + 1) * _BLOCK)
        before = self._counts[block]
        # The smallest place with index + 1 bytes that are no blanks up to and including it.
        while high - low > 1:
            middle = (low + high) // 2
            kept = len(self._data[low:middle].translate(None, BLANKS))
            if before + kept > index:
                high = middle
            else:
                low, before = middle, before + kept
        return low

    def end(self, index: int) -> int:
        """Where a piece of the text that ends before ``index`` ends in the data."""
        return self.place(index - 1) + 1


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Overlapping spans as one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged
