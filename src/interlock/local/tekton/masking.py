"""Secrets out of a byte stream, in every form a program is likely to print them, however the stream is cut."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = b"***"
SHORTEST = 6
"""Shorter values are not masked: they would mask ordinary text (research/supplychain.md section 5)."""

_MOST_HELD = 64 * 1024


def forms(value: bytes) -> set[bytes]:
    """The value, its lines and JSON leaves, each also base64 (at every offset), URL- and JSON-escaped."""
    plain = {value, value.strip()}
    plain |= {line.strip() for line in value.splitlines()} if b"\n" in value.strip() else set()
    plain |= _leaves(value)
    found: set[bytes] = set()
    for item in plain:
        if len(item) < SHORTEST:
            continue
        found |= {item, *_base64(item)}
        found |= {quote(item, safe="").encode(), quote(item).encode(), quote_plus(item).encode()}
        text = item.decode("utf-8", "replace")
        found |= {json.dumps(text)[1:-1].encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode()}
    return {item for item in found if len(item) >= SHORTEST}


def _leaves(value: bytes) -> set[bytes]:
    if value.lstrip()[:1] not in (b"{", b"["):
        return set()
    try:
        document = json.loads(value)
    except ValueError:
        return set()
    found: set[bytes] = set()
    pending = [document]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += [child for key, child in item.items() if key not in ("username", "email")]
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str):
            found.add(item.encode())
    return found


def _base64(value: bytes) -> set[bytes]:
    """What base64 of any text that contains ``value`` must contain, at each of the three offsets, in both alphabets."""
    found: set[bytes] = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + value).rstrip(b"=")
        # Characters that also carry bits of the neighbours differ: keep those that carry only the value's.
        start = (offset * 8 + 5) // 6
        end = (offset + len(value)) * 8 // 6
        stable = encoded[start:end]
        found |= {stable, stable.replace(b"+", b"-").replace(b"/", b"_")}
    found.add(base64.b64encode(value))
    return found


class Masker:
    """Replaces the forms of the given secrets by ``***``. `feed` takes any cut of the stream; `flush` ends it."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        patterns = {form for secret in secrets for form in forms(secret)}
        self._patterns = sorted(patterns, key=len, reverse=True)
        self._longest = len(self._patterns[0]) if self._patterns else 0
        self._starts: dict[int, list[bytes]] = {}
        for pattern in self._patterns:
            self._starts.setdefault(pattern[0], []).append(pattern)
        self._held = b""

    def fresh(self) -> Masker:
        """A masker of the same secrets for another stream."""
        other = Masker(())
        other._patterns, other._longest, other._starts = self._patterns, self._longest, self._starts
        return other

    def feed(self, chunk: bytes) -> bytes:
        """What is safe to show now; a tail that may be the start of a secret is held back."""
        if not self._patterns:
            return chunk
        data = self._held + chunk
        found = self._occurrences(data)
        cut = self._possible_start(data)
        for start, end in found:
            if start < cut < end:
                cut = start
        if len(data) - cut > _MOST_HELD:
            cut = len(data)
        self._held = data[cut:]
        return _masked(data[:cut], [(start, min(end, cut)) for start, end in found if start < cut])

    def flush(self) -> bytes:
        """The rest of the stream."""
        data, self._held = self._held, b""
        return _masked(data, self._occurrences(data))

    def text(self, value: str) -> str:
        """``value`` masked as a whole, apart from the stream."""
        data = value.encode("utf-8", "surrogateescape")
        return _masked(data, self._occurrences(data)).decode("utf-8", "replace")

    def _occurrences(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets stand, overlapping ones merged."""
        spans: list[tuple[int, int]] = []
        for pattern in self._patterns:
            at = data.find(pattern)
            while at >= 0:
                spans.append((at, at + len(pattern)))
                at = data.find(pattern, at + 1)
        merged: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _possible_start(self, data: bytes) -> int:
        """Where the longest tail begins that could grow into a secret; the end if none could."""
        for at in range(max(0, len(data) - self._longest + 1), len(data)):
            for pattern in self._starts.get(data[at], ()):
                if len(pattern) > len(data) - at and pattern.startswith(data[at:]):
                    return at
        return len(data)


def _masked(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    if not spans:
        return data
    parts: list[bytes] = []
    last = 0
    for start, end in spans:
        parts += [data[last:start], MASK]
        last = end
    return b"".join([*parts, data[last:]])
