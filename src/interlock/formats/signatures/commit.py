"""Git commit objects as bytes (git ``Documentation/gitformat-signature.txt``, ``commit.c``).

The payload that a signature covers is the object without its ``gpgsig`` header. Git drops *every* header that starts
with ``gpgsig`` from the payload and joins the signatures of repeated ones; tools disagree there, so such commits are
``ambiguous``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from interlock.errors import InputError

_IDENTITY = re.compile(rb"^(.*?) ?<([^<>\n]*)> (\d{1,12}) ([+-]\d{4})$")
_OBJECT_ID = re.compile(rb"^([0-9a-f]{40}|[0-9a-f]{64})$")
_TRAILER = re.compile(r"^([A-Za-z0-9][A-Za-z0-9-]*):[ \t]*(.*)$")


@dataclass(frozen=True, slots=True)
class Identity:
    """Author or committer: free text chosen by whoever made the commit, never a proof of who did."""

    name: str
    email: str
    when: datetime
    """Claimed time, to the second, with its offset from UTC."""

    def line(self) -> bytes:
        """As in a commit header. Raises InputError ``git-identity-invalid`` for characters that git forbids."""
        for text in (self.name, self.email):
            if any(character in "<>\n\0" for character in text):
                raise InputError("git-identity-invalid", "forbidden character in a name or address", got=repr(text))
        offset = self.when.utcoffset()
        if offset is None:
            raise InputError("git-identity-invalid", "a time without offset", got=self.when.isoformat())
        minutes = int(offset.total_seconds() // 60)
        zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
        return f"{self.name} <{self.email}> {int(self.when.timestamp())} {zone}".encode()


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit object. ``id`` is what the object was read as; computing it from bytes is git's business."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: Identity
    committer: Identity
    message: str
    signature: str | None
    """Armored signature of the ``gpgsig`` header."""
    payload: bytes
    """What the signature covers."""
    ambiguous: bool = False
    """More than one signature header: no verification may call it good."""

    @property
    def subject(self) -> str:
        """First line of the message."""
        return self.message.split("\n", 1)[0]

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        """Trailers of the last paragraph, in order (git-interpret-trailers(1); every line of it must be one)."""
        return trailers(self.message)


def parse(data: bytes, *, id: str = "") -> Commit:
    """Read a commit object's content. Raises InputError ``git-commit-malformed``."""
    head, separator, message = data.partition(b"\n\n")
    if not separator:
        head, message = data.removesuffix(b"\n"), b""
    headers: list[tuple[bytes, bytes]] = []
    kept: list[bytes] = []
    signature_header = False
    for line in head.split(b"\n"):
        if line.startswith(b" ") and headers:
            key, value = headers[-1]
            headers[-1] = (key, value + b"\n" + line[1:])
        else:
            key, _, value = line.partition(b" ")
            headers.append((key, value))
            signature_header = key.startswith(b"gpgsig")
        if not signature_header:
            kept.append(line)
    names = [key for key, _ in headers]
    parents = names.count(b"parent")
    if names[: parents + 3] != [b"tree", *[b"parent"] * parents, b"author", b"committer"]:
        # Git reads parents up to the first other header: one that stands later is a parent to us alone.
        raise _malformed("headers that are not tree, parents, author, committer", id)
    payload = b"\n".join(kept) + (separator + message if separator else data[len(head) :])
    signatures = [value for key, value in headers if key.startswith(b"gpgsig")]
    own = [value for key, value in headers if key == b"gpgsig"]
    return Commit(
        id=id,
        tree=_id(_one(headers, b"tree", id), id),
        parents=tuple(_id(value, id) for key, value in headers if key == b"parent"),
        author=_identity(_one(headers, b"author", id), id),
        committer=_identity(_one(headers, b"committer", id), id),
        message=message.decode(errors="replace"),
        signature=own[0].decode(errors="replace") + "\n" if own else None,
        payload=payload,
        ambiguous=len(signatures) > len(own[:1]),
    )


def build(
    tree: str,
    parents: Sequence[str],
    message: str,
    *,
    author: Identity,
    committer: Identity,
    signature: str | None = None,
) -> bytes:
    """A commit object's content; without ``signature`` this is the payload to sign.

    Raises InputError ``git-commit-malformed`` for ids that are none and for a NUL in the message.
    """
    for object_id in (tree, *parents):
        _id(object_id.encode(), "")
    if "\0" in message:
        raise InputError("git-commit-malformed", "NUL in a commit message")
    lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
    lines += [b"author " + author.line(), b"committer " + committer.line()]
    if signature is not None:
        lines.append(b"gpgsig " + signature.strip("\n").replace("\n", "\n ").encode())
    return b"\n".join(lines) + b"\n\n" + (message.rstrip("\n") + "\n").encode()


def trailers(message: str) -> tuple[tuple[str, str], ...]:
    """See ``Commit.trailers``. A message of one paragraph has none: its first paragraph is the title."""
    paragraphs = [part for part in re.split(r"\n[ \t]*\n", message.strip("\n")) if part.strip()]
    if len(paragraphs) < 2:
        return ()
    found: list[tuple[str, str]] = []
    for line in paragraphs[-1].splitlines():
        if line[:1] in " \t" and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
            continue
        match = _TRAILER.match(line)
        if match is None:
            return ()
        found.append((match[1], match[2].strip()))
    return tuple(found)


def _one(headers: list[tuple[bytes, bytes]], name: bytes, where: str) -> bytes:
    values = [value for key, value in headers if key == name]
    if len(values) != 1:
        raise _malformed(f"{len(values)} {name.decode()} headers", where)
    return values[0]


def _id(value: bytes, where: str) -> str:
    if not _OBJECT_ID.match(value):
        raise _malformed(f"object id {value[:70]!r}", where)
    return value.decode()


def _identity(value: bytes, where: str) -> Identity:
    match = _IDENTITY.match(value)
    if match is None:
        raise _malformed(f"identity {value[:100]!r}", where)
    name, email, seconds, zone = match.groups()
    minutes = int(zone[1:3]) * 60 + int(zone[3:5])
    offset = timezone(timedelta(minutes=-minutes if zone[:1] == b"-" else minutes)) if minutes < 1440 else UTC
    try:
        when = datetime.fromtimestamp(int(seconds), offset)
    except (ValueError, OverflowError) as error:
        raise _malformed(f"time {seconds!r}", where) from error
    return Identity(name.decode(errors="replace"), email.decode(errors="replace"), when)


def _malformed(got: str, where: str) -> InputError:
    return InputError("git-commit-malformed", "not a well-formed commit object", got=got, where=where or None)
