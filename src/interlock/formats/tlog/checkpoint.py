"""The text of a log's checkpoint (c2sp.org/tlog-checkpoint): which log, how many entries, which root."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from interlock.errors import IntegrityError

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``origin`` names the log; ``root`` is that of its first ``size`` entries (32 bytes); further lines are rare."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """What is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse(text: str) -> Checkpoint:
    """Raises IntegrityError ``checkpoint-unreadable``."""
    lines = text.split("\n")
    if lines.pop() or len(lines) < 3 or not all(lines):
        raise _unreadable("no three lines that say something")
    origin, size, root, *extensions = lines
    try:
        digest = base64.b64decode(root, validate=True)
    except binascii.Error:
        digest = b""
    if not _SIZE.fullmatch(size) or len(digest) != 32 or base64.b64encode(digest).decode() != root:
        raise _unreadable("no size, or no root hash")
    return Checkpoint(origin, int(size), digest, tuple(extensions))


def _unreadable(got: str) -> IntegrityError:
    return IntegrityError("checkpoint-unreadable", "not a checkpoint", got=got, expected="origin, size, root hash")
