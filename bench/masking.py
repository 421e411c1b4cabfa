"""Masking of a step's log, in the engine's own pieces, against `cat` of the same bytes."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from estate import Estate
from figures import Table, median, ms, ratio, repeated, timed

from interlock.tekton.engine.masking import Masker

_CHUNK = 64 * 1024
_SIZE = 64 * 1024 * 1024
_TIMES = 3
_LINE = (
    b"2026-11-26T23:00:00Z INFO [worker-3] Downloading https://repo.example/maven2/org/foo/bar/1.2.3/bar-1.2.3.jar "
    b"(34 kB at 1.2 MB/s)\n"
)
_KEY_LINES = 28


def measure(_estate: Estate) -> list[Table]:
    return [table()]


def table() -> Table:
    log = (_LINE * (_SIZE // len(_LINE) + 1))[:_SIZE]
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
        file = Path(folder, "log")
        file.write_bytes(log)
        base = median(repeated(lambda: _cat(file), _TIMES))
    rows = [["`cat` of the log through a pipe", "", ms(base), _speed(base), "1.0 ×"]]
    for count, key in ((1, False), (10, True), (100, True), (1000, True)):
        built, masker = _built(count, key=key)
        took = median(repeated(partial(_mask, masker, log), _TIMES))
        name = f"{count} secret{'s' if count > 1 else ''}{', one of them a private key' if key else ''}"
        rows.append([name, ms(built), ms(took), _speed(took), ratio(took, base)])
    built, masker = _built(10, key=True)
    lines = b"".join(b"token=%s line %d\n" % (_secret(number % 10), number) for number in range(1_000_000))
    took = timed(lambda: _mask(masker, lines))
    rows.append(["a million lines, each with a secret", ms(built), ms(took), _speed(took, len(lines)), ""])
    note = (
        f"{_SIZE >> 20} MiB of one log, in pieces of {_CHUNK >> 10} KiB as the engine reads them; median of {_TIMES}. "
        "Built: every form of every secret, and the automata, once for a TaskRun. The private key has "
        f"{_KEY_LINES} lines, each of which is a secret too."
    )
    columns = ("masked", "built in", "time", "throughput", "against cat")
    return Table("Masking of a log", columns, rows, [note])


def _cat(file: Path) -> None:
    with subprocess.Popen(["cat", str(file)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while process.stdout.read(_CHUNK):
            pass


def _secret(number: int) -> bytes:
    return base64.b64encode(hashlib.sha256(b"secret %d" % number).digest())[:28]


def _built(count: int, *, key: bool) -> tuple[float, Masker]:
    secrets = [_secret(number) for number in range(count)]
    if key:
        body = b"".join(hashlib.sha512(b"key %d" % number).digest() for number in range(_KEY_LINES * 48 // 64 + 1))
        text = base64.b64encode(body)[: _KEY_LINES * 64]
        rows = [text[at : at + 64] for at in range(0, len(text), 64)]
        secrets[0] = b"-----BEGIN PRIVATE KEY-----\n" + b"\n".join(rows) + b"\n-----END PRIVATE KEY-----\n"
    made: list[Masker] = []
    return timed(lambda: made.append(Masker(secrets))), made[0]


def _chunks(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), _CHUNK):
        yield data[at : at + _CHUNK]


def _mask(masker: Masker, data: bytes) -> None:
    stream = masker.fresh()
    show: Callable[[bytes], object] = len
    for chunk in _chunks(data):
        show(stream.feed(chunk))
    show(stream.flush())


def _speed(seconds: float, size: int = _SIZE) -> str:
    return f"{size / seconds / 1e6:.0f} MB/s"
