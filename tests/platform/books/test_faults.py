"""Deaths, full disks and other writers: nothing acknowledged is lost, nothing is there twice, one clear sentence."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import IntegrityError, UnreachableError
from interlock.platform.books.keys import AttestKey, load
from interlock.platform.books.ledger import Ledger
from interlock.platform.books.ledger.entries import Entry

from .books_world.ledgers import Open, fill, grown


class Death(BaseException):
    """The process ends here: no handler of the program runs that would not run then."""


CALLS = ("write", "fdatasync", "fsync", "ftruncate", "rename", "replace", "unlink", "open")


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, at: int, share: float) -> Iterator[list[int]]:
    """The call number ``at`` to the file system is the last; of a write, ``share`` of the bytes arrive: but those of a
    checkpoint, which lie in one sector, wholly or not at all."""
    count = [0]

    def guarded(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            count[0] += 1
            if count[0] > at:
                raise Death
            if count[0] == at:
                if name == "write":
                    handle, data = arguments
                    part = round(share + 0.1) if data.startswith(b"interlock.dev/") else share
                    call(handle, data[: int(len(data) * part)])
                raise Death
            return call(*arguments, **named)

        return run

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, guarded(name, getattr(os, name)))
        yield count


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [0, 1, 5])
def test_death_at_every_call(
    opened: Open, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, share: float
) -> None:
    path.parent.mkdir()
    written = grown(opened, size)
    kept = shutil.copytree(path.parent, tmp_path / "kept")
    acknowledged: list[Entry] = []
    for at in range(1, 200):
        shutil.rmtree(path.parent)
        shutil.copytree(kept, path.parent)
        ledger = opened()
        acknowledged = list(written)
        with dying(monkeypatch, at, share) as count, suppress(Death):
            acknowledged += fill(ledger, [100])
            acknowledged += fill(ledger, [101])
            ledger.close()
        assert list(opened(read=True).entries())[: len(acknowledged)] == acknowledged
        after = fill(opened(), [100, 101, 102])
        assert after[: len(acknowledged) - size] == acknowledged[size:]
        assert list(opened(read=True).entries()) == [*written, *after]
        report = opened().verify()
        assert (report.size, report.fault) == (size + 3, None), at
        if count[0] < at:
            return
    pytest.fail("the calls do not end")


def test_the_ledger_cut_at_every_byte(opened: Open, path: Path) -> None:
    checkpoint = path.with_name(path.name + ".checkpoint")
    written = fill(opened(), [1])
    acknowledged, whole = checkpoint.read_bytes(), path.read_bytes()
    written += fill(opened(), [2])
    signed, longer = checkpoint.read_bytes(), path.read_bytes()
    for length in range(len(longer)):
        path.write_bytes(longer[:length])
        # What the checkpoint covers was acknowledged: it is missed, and nothing is written.
        checkpoint.write_bytes(signed if length >= len(whole) else acknowledged)
        with pytest.raises(IntegrityError) as error:
            fill(opened(), [3])
        assert error.value.code == "ledger-truncated"
        assert path.read_bytes() == longer[:length]
        if length < len(whole):
            continue
        # What it does not cover was not: the torn rest is cut, and the act is done again.
        checkpoint.write_bytes(acknowledged)
        ledger = opened()
        assert list(ledger.entries()) == written[:1]
        entry = fill(ledger, [2])[0]
        assert list(opened(read=True).entries()) == [written[0], entry]
        assert ledger.verify().whole


def test_the_checkpoint_cut_at_every_byte(opened: Open, path: Path) -> None:
    checkpoint = path.with_name(path.name + ".checkpoint")
    written = fill(opened(), range(3))
    signed = checkpoint.read_bytes()
    for length in range(1, len(signed)):
        checkpoint.write_bytes(signed[:length])
        assert list(opened(read=True).entries()) == written
        with pytest.raises(IntegrityError) as error:
            fill(opened(), [3])
        assert error.value.code in ("checkpoint-unreadable", "checkpoint-forged")
        fault = opened().verify().fault
        assert fault is not None and (fault.sequence, fault.reason) == (0, error.value.code)


def test_an_empty_checkpoint_is_made_again(opened: Open, path: Path) -> None:
    checkpoint = path.with_name(path.name + ".checkpoint")
    written = fill(opened(), range(3))
    checkpoint.write_bytes(b"")
    fault = opened().verify().fault
    assert fault is not None and fault.reason == "checkpoint-unreadable"
    assert list(opened(read=True).entries()) == written
    written += fill(opened(), [3])
    assert opened().verify().whole
    assert list(opened(read=True).entries()) == written


def test_a_missing_checkpoint_is_missed(opened: Open, path: Path) -> None:
    written = fill(opened(), range(3))
    path.with_name(path.name + ".checkpoint").unlink()
    assert list(opened(read=True).entries()) == written
    with pytest.raises(IntegrityError) as error:
        fill(opened(), [3])
    assert error.value.code == "checkpoint-missing"
    fault = opened().verify().fault
    assert fault is not None and fault.reason == "checkpoint-missing"


def test_after_a_loss_of_power_an_older_checkpoint_will_do(opened: Open, path: Path) -> None:
    checkpoint = path.with_name(path.name + ".checkpoint")
    ledger = opened()
    written = fill(ledger, range(2))
    older = checkpoint.read_bytes()
    written += fill(ledger, range(2, 9))
    ledger.close()
    checkpoint.write_bytes(older)
    assert list(opened(read=True).entries()) == written
    assert opened().by_key("act/8") == written[8]
    assert opened().verify().whole
    written += fill(opened(), [9])
    assert opened().checkpoint().size == 10  # type: ignore[union-attr]
    assert list(opened(read=True).entries()) == written


@pytest.mark.parametrize("damage", ["alter", "swap", "delete", "spell"])
def test_what_is_not_whole_past_an_older_checkpoint_is_not_cut(opened: Open, path: Path, damage: str) -> None:
    checkpoint = path.with_name(path.name + ".checkpoint")
    ledger = opened()
    written = fill(ledger, range(2))
    older = checkpoint.read_bytes()
    written += fill(ledger, range(2, 6))
    checkpoint.write_bytes(older)
    lines, left = path.read_bytes().splitlines(), list(written)
    if damage == "swap":
        lines[3], lines[4] = lines[4], lines[3]
        left[3], left[4] = left[4], left[3]
    elif damage == "delete":
        del lines[3], left[3]
    else:
        lines[3] = lines[3].replace(b"act/3", b"act/x") if damage == "alter" else lines[3].replace(b'":', b'": ')
        del left[3]
    data = b"".join(line + b"\n" for line in lines)
    path.write_bytes(data)
    assert list(opened(read=True).entries()) == left
    assert opened(read=True).by_key("act/5") == written[5]
    with pytest.raises(IntegrityError):
        fill(opened(), [9])
    assert path.read_bytes() == data
    assert not opened().verify().whole


@contextmanager
def full(size: int) -> Iterator[None]:
    """No file can grow past ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_after_every_byte(opened: Open, path: Path) -> None:
    ledger = opened()
    written = fill(ledger, range(3))
    before = path.read_bytes()
    length = len(before) // 3
    for more in (0, 1, 10, length // 2, length - 5):
        with full(len(before) + more):
            for writer in (ledger, opened()):
                with pytest.raises(UnreachableError) as error:
                    fill(writer, [3])
                assert error.value.code == "ledger-unwritable"
                assert str(error.value.where) == str(path)
        assert path.read_bytes() == before
        assert list(opened(read=True).entries()) == written
    written += fill(ledger, [3])
    assert ledger.verify().whole
    assert list(opened(read=True).entries()) == written


def test_a_full_disk_costs_the_index_alone(opened: Open, path: Path, index: Path) -> None:
    ledger = opened()
    written = fill(ledger, range(4))
    with full(3 * path.stat().st_size):
        ledger.close()
        written += fill(ledger, [4])
        assert list(ledger.about("prod")) == [entry for entry in written[::-1] if entry.subject.startswith("prod/")]
    assert not index.exists()
    assert [item.name for item in path.parent.iterdir() if item.name.startswith(".")] == []
    ledger.close()
    assert index.exists()
    size = index.stat().st_size
    written += fill(ledger, range(5, 40))
    with full(max(size, path.stat().st_size)):
        ledger.close()
        assert ledger.by_key("act/39") == written[39]
    ledger.close()
    assert opened(read=True).by_key("act/39") == written[39]
    assert ledger.verify().whole


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_disk_that_fails(opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    ledger = opened()
    written = fill(ledger, range(3))
    before = path.read_bytes()

    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(UnreachableError) as error:
            fill(ledger, [3])
    assert (error.value.code, error.value.got) == ("ledger-unwritable", "Input/output error")
    assert path.read_bytes() == before
    written += fill(ledger, [3])
    assert list(ledger.entries()) == written
    assert ledger.verify().whole


def test_a_checkpoint_that_cannot_be_written_is_made_up_for(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = opened()
    written = fill(ledger, range(3))
    checkpoint = path.with_name(path.name + ".checkpoint")
    real = os.write

    def fail(handle: int, data: bytes) -> int:
        if data.startswith(b"interlock.dev/"):
            raise OSError(28, "No space left on device")
        return real(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(UnreachableError) as error:
            fill(ledger, [3])
        assert (error.value.code, str(error.value.where)) == ("ledger-unwritable", str(checkpoint))
    written += fill(ledger, [3])
    assert list(opened(read=True).entries()) == written
    assert ledger.checkpoint().size == 4  # type: ignore[union-attr]
    assert ledger.verify().whole


def test_two_writers_take_turns(opened: Open) -> None:
    one, other = opened(), opened()
    written = []
    for number in range(30):
        written += fill(one if number % 2 else other, [number])
        if number % 7 == 0:
            one.close()
        if number % 5 == 0:
            other.close()
    for ledger in (one, other, opened(read=True)):
        assert list(ledger.entries()) == written
        assert all(ledger.by_key(entry.key) == entry for entry in written)
        assert ledger.verify().whole


def test_threads_of_two_ledgers(opened: Open) -> None:
    ledgers = [opened(), opened()]
    errors: list[BaseException] = []

    def work(name: int) -> None:
        try:
            ledger = ledgers[name % 2]
            for number in range(12):
                entry = fill(ledger, [name * 100 + number])[0]
                assert ledger.get(entry.id) == entry
                assert entry in list(ledger.about("prod" if number % 2 else "test"))
                assert ledger.by_key(f"act/{number}x") is None
                if number % 4 == 3:
                    ledger.close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    report = opened().verify()
    assert (report.size, report.fault) == (48, None)
    # Two that do the same act do it once.
    same = [fill(ledger, [7])[0] for ledger in ledgers]
    assert same[0] == same[1]


WRITER = """
import pathlib, sys
from datetime import UTC, datetime
from interlock.platform.books.keys import load
from interlock.platform.books.ledger import Ledger
folder = pathlib.Path(sys.argv[1])
ledger = Ledger(
    folder / "ledger", load(folder / "pub", folder / "key"), index=folder / "index", now=lambda: datetime.now(UTC)
)
for number in range(10**6):
    body = {"service": f"s{number % 5}", "uid": f"{sys.argv[2]}/{number}"}
    print(ledger.append("x", f"prod/s{number % 5}", key=f"{sys.argv[2]}/{number}", body=body).id, flush=True)
    if number % 3 == 2:
        ledger.close()
"""


@pytest.mark.parametrize("writers", [1, 2])
def test_kill_9_while_index_and_tiles_are_written(tmp_path: Path, attest_key: AttestKey, writers: int) -> None:
    (tmp_path / "pub").write_bytes(attest_key.public.pem)
    (tmp_path / "key").write_bytes(attest_key.private.pem)
    acknowledged: set[str] = set()
    for turn in range(4):
        children = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), f"{turn}.{name}"], stdout=subprocess.PIPE)
            for name in range(writers)
        ]
        for child in children:
            assert child.stdout is not None
            acknowledged |= {child.stdout.readline().decode().strip() for _ in range(4 + 3 * turn)}
        for child in children:
            os.kill(child.pid, signal.SIGKILL)
        for child in children:
            with child:
                assert child.stdout is not None
                acknowledged |= {line.decode().strip() for line in child.stdout if line.endswith(b"\n")}
        public = load(tmp_path / "pub")
        reader = Ledger(tmp_path / "ledger", public, index=tmp_path / "index")
        entries = list(reader.entries())
        assert acknowledged <= {entry.id for entry in entries}
        assert len({entry.key for entry in entries}) == len(entries)
        for entry in entries:
            assert reader.by_key(entry.key) == entry
            assert list(reader.about(str(entry.body["uid"]))) == [entry]
        assert reader.by_key("9/9") is None
    ledger = Ledger(tmp_path / "ledger", load(tmp_path / "pub", tmp_path / "key"), now=lambda: datetime.now(UTC))
    ledger.append("x", "s", key="last", body={})
    assert ledger.verify().whole
