"""The forms in which programs print a secret: as it is, encoded, escaped for a shell, a URL, JSON, Python or HTML."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 6
"""Shorter values are not masked: they would mask ordinary text (research/supplychain.md section 5)."""

LARGE: Final = 16 * 1024
"""Beyond, a value and each of its lines are looked for as they are, and base64 of the whole: more would cost too much
memory."""

RELEASED: Final = 3
"""How many characters of a broken base64 form may be shown: fewer than four at a line's end are not held back."""

_CONTROLS: Final = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 27: "\\E"}
_SPECIAL = re.compile(r"([ \"'\\$`!&()*;<>?\[\]^{|},])")
_PERCENT = re.compile(rb"%[0-9A-F]{2}")


def plain(secrets: Iterable[bytes]) -> set[bytes]:
    """What may stand in a stream as one piece."""
    found: set[bytes] = set()
    for value in secrets:
        if len(value) > LARGE:
            found |= {value, value.strip(), _stable(value, 0), *_lines(value)}
            continue
        for item in _parts(value):
            found |= {item} | _base64(item) | _url(item) | _escaped(item)
    return {item for item in found if len(item) >= SHORTEST}


def broken(secrets: Iterable[bytes]) -> set[bytes]:
    """What may stand in a stream cut by line breaks and blanks, without them: base64, and text of several lines.

    Each base64 form also without its first `RELEASED` characters.
    """
    found: set[bytes] = set()
    for value in secrets:
        large = len(value) > LARGE
        for item in [value] if large else _parts(value):
            encoded = {_stable(item, 0)} if large else _base64(item)
            found |= encoded | {form[RELEASED:] for form in encoded}
            if _lines(item):
                found.add(item.translate(None, BLANKS))
    return {item for item in found if len(item) >= SHORTEST}


BLANKS: Final = b"\r\n\t "


def _parts(value: bytes) -> set[bytes]:
    """The value, its lines and JSON leaves."""
    return {item for item in {value, value.strip(), *_lines(value), *_leaves(value)} if len(item) >= SHORTEST}


def _lines(value: bytes) -> set[bytes]:
    """The lines of a text that has several; bytes that are no text have none."""
    if b"\n" not in value.strip() or b"\0" in value:
        return set()
    return {line.strip() for line in value.splitlines()}


def _leaves(value: bytes) -> set[bytes]:
    if value.lstrip()[:1] not in (b"{", b"["):
        return set()
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
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
            found.add(item.encode("utf-8", "surrogatepass"))
    return found


def _base64(value: bytes) -> set[bytes]:
    """What base64 of any text that contains ``value`` must contain, at each of the three offsets, in both alphabets."""
    found = {base64.b64encode(value), base64.urlsafe_b64encode(value)}
    for offset in range(3):
        stable = _stable(value, offset)
        found |= {stable, stable.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def _stable(value: bytes, offset: int) -> bytes:
    encoded = base64.b64encode(b"\0" * offset + value).rstrip(b"=")
    # Characters that also carry bits of the neighbours differ: keep those that carry only the value's.
    return encoded[(offset * 8 + 5) // 6 : (offset + len(value)) * 8 // 6]


def _url(value: bytes) -> set[bytes]:
    found = {quote(value, safe="").encode(), quote(value).encode(), quote_plus(value).encode()}
    return found | {_PERCENT.sub(lambda match: match[0].lower(), item) for item in found}


def _escaped(value: bytes) -> set[bytes]:
    text = value.decode("utf-8", "surrogateescape")
    readable = value.decode("utf-8", "replace")
    found = {
        json.dumps(readable)[1:-1],
        json.dumps(readable, ensure_ascii=False)[1:-1],
        json.dumps(readable)[1:-1].replace("/", "\\/"),
        # Between quotes of a shell, which end and begin again around a quote (XCU 2.2.2; dash and ash show traces so).
        text.replace("'", "'\\''").strip("'"),
        text.replace("'", "'\"'\"'").strip("'"),
        re.sub(r'([\\"$`])', r"\\\1", text),
        # bash's printf %q (lib/sh/shquote.c sh_backslash_quote).
        _SPECIAL.sub(r"\\\1", text),
        _ansi_c(value),
        _ansi_c(value, all_octal=True),
        repr(text)[1:-1],
        repr(value)[2:-1],
        html.escape(readable),
        html.escape(readable, quote=False),
        html.escape(readable).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        value.replace(b"\n", b"\r\n").decode("utf-8", "surrogateescape"),
    }
    return {item.encode("utf-8", "surrogateescape") for item in found}


def _ansi_c(value: bytes, *, all_octal: bool = False) -> str:
    """The inside of ``$'…'`` (bash(1), QUOTING), as bash itself writes it."""
    text = value.decode("utf-8", "surrogateescape")
    parts: list[str] = []
    for char in text:
        code = ord(char)
        if char in "\\'":
            parts.append("\\" + char)
        elif code in _CONTROLS and not all_octal:
            parts.append(_CONTROLS[code])
        elif code < 32 or code == 127:
            parts.append(f"\\{code:03o}")
        elif code > 127 and (all_octal or 0xDC80 <= code <= 0xDCFF):
            parts += [f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape")]
        else:
            parts.append(char)
    return "".join(parts)
