"""The ledger at a hundred thousand entries: lookups, proofs, appends, verification; and the one of release 0.1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import merges
from cryptography.hazmat.primitives.asymmetric import ec
from estate import ROOT, Estate
from figures import Table, median, ratio

from interlock.formats.sigstore import PrivateKey
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger import Ledger, proofs
from interlock.platform.books.ledger.entries import Stamp
from interlock.platform.domain.ids import Digest

_SIZE = 100_000
_OLD_SIZE = 10_000
_OLD = "717cc82"
"""The commit of release 0.1."""
_TIMES = 500
_STEP = 7919
"""A prime: the entries asked for lie all over the ledger."""
_APPENDS = 2048
_START = datetime(2026, 1, 1, tzinfo=UTC)


def measure(estate: Estate) -> list[Table]:
    with tempfile.TemporaryDirectory(dir=estate.folder) as folder:
        return tables(Path(folder))


def tables(folder: Path) -> list[Table]:
    secret = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    key, ticks = AttestKey(secret.public, secret), iter(range(10**9))
    files = folder / "ledger.jsonl", folder / "index.sqlite"

    def opened(key: AttestKey) -> Ledger:
        return Ledger(
            files[0],
            key,
            index=files[1],
            now=lambda: _START + timedelta(seconds=next(ticks)),
            stamp=lambda: Stamp("0.2.0", None, 1),
        )

    writer = opened(key)
    with mock.patch("os.fdatasync"):
        for number in range(_SIZE):
            merges.append(writer, number)
        writer.close()
    reader = opened(AttestKey(secret.public))
    old = _before(folder)

    def since(number: int) -> object:
        return next(reader.entries(since=_START + timedelta(seconds=number)))

    def proven(id: Digest) -> object:
        return proofs.verify(reader.prove(id), secret.public)

    rows = [
        ["the first, with the opening of ledger and index", _us(_once(lambda: reader.by_key(merges.key(7)))), "", ""],
        _row("an entry by its key", old["key"], lambda n: _present(reader.by_key(merges.key(n)))),
        _row("no entry by its key", old["none"], lambda n: reader.by_key(f"none/{n}")),
        _row("the newest of a subject and kind", old["subject"], lambda n: _newest(reader, n)),
        _row("an entry by its commit", None, lambda n: next(reader.about(merges.digest("merge", n)[:40]))),
        _row("an entry by its id", None, _by_id(reader, reader.get)),
        _row("the first of the entries since a moment", None, since),
        _row("the proof that an entry is in the ledger", None, _by_id(reader, reader.prove)),
        _row("the same again, and its verification", None, _by_id(reader, proven)),
    ]
    lookups = Table(
        f"Lookups in a ledger of {_SIZE:,} entries",
        ("what", "median", f"release 0.1, {_OLD_SIZE:,} entries", "its time against ours"),
        rows,
        [
            f"{_TIMES} of each, of entries all over the ledger, by a process that has the public key alone. "
            f"Release 0.1 is commit {_OLD}, which reads all entries at each question: of a tenth of them, as its first "
            "answer verifies all signatures.",
        ],
    )
    return [lookups, _appends(writer, folder, secret), _verification(writer, files)]


def _appends(writer: Ledger, folder: Path, secret: PrivateKey) -> Table:
    """Each append beside a bare one of the same bytes."""
    ours, bare = [], []
    handle = os.open(folder / "bare", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number in range(_SIZE, _SIZE + _APPENDS):
        started = time.perf_counter()
        line = merges.append(writer, number).encode() + b"\n"
        between = time.perf_counter()
        secret.sign(line[:80])
        os.write(handle, line)
        os.fdatasync(handle)
        ended = time.perf_counter()
        ours.append(between - started)
        bare.append(ended - between)
    os.close(handle)
    means = sum(ours) / len(ours), sum(bare) / len(bare)
    rows = [
        ["one signature, one write, one fdatasync", _us(median(bare)), _us(means[1]), "1.0 ×", "1.0 ×"],
        [
            "an append to the ledger",
            _us(median(ours)),
            _us(means[0]),
            ratio(median(ours), median(bare)),
            ratio(means[0], means[1]),
        ],
    ]
    note = (
        f"{_APPENDS} of each in turn, each bare one with the bytes of the entry before it. The mean has the index in "
        f"it, which is written with every 1,024th entry; the longest append took {max(ours) * 1000:.0f} ms."
    )
    return Table("Appending", ("what", "median", "mean", "medians", "means"), rows, [note])


def _verification(ledger: Ledger, files: tuple[Path, Path]) -> Table:
    started = time.perf_counter()
    report = ledger.verify()
    took = time.perf_counter() - started
    assert report.whole
    sizes = [f"{path.stat().st_size / 2**20:.0f} MiB" for path in files]
    row = [f"{report.size:,} entries", f"{took:.1f} s", f"{report.size / took:,.0f} entries/s", *sizes]
    return Table("Verification of the whole ledger", ("what", "time", "speed", "ledger", "index"), [row])


def _row(name: str, old: float | None, work: Callable[[int], object]) -> list[str]:
    times = [_once(partial(work, number * _STEP % _SIZE)) for number in range(_TIMES)]
    took = median(times)
    return [name, _us(took), _us(old) if old else "", ratio(old, took) if old else ""]


def _newest(ledger: Ledger, number: int) -> object:
    return next(ledger.of_subject(merges.subject(number), kind="merged"))


def _by_id(ledger: Ledger, work: Callable[[Digest], object]) -> Callable[[int], object]:
    numbers = {number * _STEP % _SIZE for number in range(_TIMES)}
    ids = {number: _present(ledger.by_key(merges.key(number))).id for number in numbers}
    return lambda number: work(ids[number])


def _present(found: Any) -> Any:
    assert found is not None
    return found


def _once(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"


def _before(folder: Path) -> dict[str, float]:
    """The same questions to the ledger of release 0.1, in a process of its own; seconds."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", _OLD, "src"], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    script = Path(__file__).with_name("books_before.py")
    command = [sys.executable, str(script), str(folder), str(_OLD_SIZE)]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found
