"""The ledger: nothing acknowledged is lost, and no edit goes unseen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.errors import ConflictError, InputError, IntegrityError, NotFoundError, RefusedError
from interlock.formats.sigstore import PrivateKey
from interlock.platform.books.keys import AttestKey, load
from interlock.platform.books.ledger import Ledger, entries
from interlock.platform.domain.ids import Digest

Clock = Callable[[], datetime]
EVIDENCE = {"reviews": Digest("sha256:" + "a" * 64)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.jsonl"


@pytest.fixture
def ledger(path: Path, attest_key: AttestKey, now: Clock) -> Ledger:
    return Ledger(path, attest_key, now=now)


def fill(ledger: Ledger, count: int = 5) -> list[entries.Entry]:
    return [
        ledger.append("merged", "prod/payments", key=f"merged/{i}", body={"number": i}, evidence=EVIDENCE)
        for i in range(1, count + 1)
    ]


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_entries_are_numbered_and_chained(ledger: Ledger) -> None:
    first, second = fill(ledger, 2)
    assert (first.sequence, first.previous) == (1, entries.GENESIS)
    assert (second.sequence, second.previous) == (2, first.id)
    assert list(ledger.entries()) == [first, second]
    assert ledger.get(second.id) == second
    assert list(ledger.of_subject("prod/payments", kind="merged")) == [second, first]
    assert list(ledger.of_subject("test/payments", kind="merged")) == []
    assert ledger.verify().whole


def test_a_retried_act_is_one_entry(ledger: Ledger) -> None:
    first = ledger.append("sealed", "prod/payments", key="sealed/1", body={"seal": "abc"})
    again = ledger.append("sealed", "prod/payments", key="sealed/1", body={"seal": "abc"})
    assert again == first
    assert ledger.verify().size == 1
    with pytest.raises(ConflictError) as error:
        ledger.append("sealed", "prod/quotes", key="sealed/1", body={})
    assert error.value.code == "ledger-key-reused"


def test_the_key_is_replaced_and_what_the_old_one_signed_stays(
    path: Path, attest_key: AttestKey, now: Clock, tmp_path: Path
) -> None:
    fill(Ledger(path, attest_key, now=now), 2)
    new = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    public, secret = tmp_path / "attest.pem", tmp_path / "secret.pem"
    secret.write_bytes(new.pem)
    public.write_bytes(attest_key.public.pem)
    with pytest.raises(InputError) as caught:
        load(public, secret)
    assert caught.value.code == "key-pair"
    for pem in (new.public.pem + attest_key.public.pem, attest_key.public.pem + new.public.pem):
        public.write_bytes(pem)
        both = load(public, secret)
        assert both.public.fingerprint == new.public.fingerprint, "it signs, wherever it stands"
    ledger = Ledger(path, both, now=now)
    assert ledger.verify().whole
    last = ledger.append("sealed", "prod/payments", key="sealed/9", body={})
    assert ledger.verify().whole and len(list(Ledger(path, load(public), now=now).entries())) == 3
    assert last.authentic(AttestKey(new.public)) and not last.authentic(attest_key)
    assert not Ledger(path, attest_key, now=now).verify().whole


def test_a_checkpoint_that_was_kept_shows_another_history(path: Path, attest_key: AttestKey, now: Clock) -> None:
    """By the holder of the key: the history is whole, and not the one that was."""
    ledger = Ledger(path, attest_key, now=now)
    fill(ledger, 3)
    found = ledger.checkpoint()
    assert found is not None
    kept = found.signed
    ledger.append("sealed", "prod/payments", key="sealed/9", body={})
    assert ledger.verify(kept=kept).whole and ledger.verify(kept=kept).size == 4

    other = Ledger(path.with_name("other") / "ledger.jsonl", attest_key, now=now)
    for count, reason in ((2, "ledger-truncated"), (3, "ledger-rewritten"), (5, "ledger-rewritten")):
        for number in range(count):
            other.append("merged", "prod/payments", key=f"other/{number}", body={"number": number})
        fault = other.verify(kept=kept).fault
        assert fault is not None and (fault.sequence, fault.reason) == (3, reason)
        assert other.verify().whole

    stranger = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    theirs = Ledger(path.with_name("theirs") / "ledger.jsonl", AttestKey(stranger.public, stranger), now=now)
    fill(theirs, 2)
    foreign = theirs.checkpoint()
    assert foreign is not None
    for wrong, code in ((foreign.signed, "checkpoint-forged"), (b"what?", "checkpoint-unreadable")):
        with pytest.raises(IntegrityError) as caught:
            ledger.verify(kept=wrong)
        assert caught.value.code == code


def test_an_empty_ledger_is_whole(ledger: Ledger) -> None:
    assert ledger.verify().whole
    assert list(ledger.entries()) == []


def test_secrets_are_refused(ledger: Ledger) -> None:
    with pytest.raises(RefusedError):
        ledger.append("refused", "prod/payments", key="k", body={"token": "abc"})


def test_who_has_no_private_key_cannot_write(path: Path, attest_key: AttestKey, now: Clock) -> None:
    with pytest.raises(RefusedError) as error:
        Ledger(path, AttestKey(attest_key.public), now=now).append("x", "y", key="k", body={})
    assert error.value.code == "attest-key-public"


def test_readers_and_writers_of_other_processes_see_one_another(path: Path, attest_key: AttestKey, now: Clock) -> None:
    one, other = Ledger(path, attest_key, now=now), Ledger(path, attest_key, now=now)
    a = one.append("x", "s", key="1", body={})
    b = other.append("x", "s", key="2", body={})
    c = one.append("x", "s", key="3", body={})
    assert [a, b, c] == list(Ledger(path, AttestKey(attest_key.public)).entries())
    assert one.verify().whole


def test_threads_do_not_interleave(ledger: Ledger) -> None:
    def work(name: int) -> None:
        for index in range(10):
            ledger.append("x", "s", key=f"{name}/{index}", body={})

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ledger.verify().size, ledger.verify().fault) == (40, None)


@pytest.mark.parametrize("number", range(1, 6))
def test_every_altered_entry_is_named_and_only_it_is_lost(ledger: Ledger, path: Path, number: int) -> None:
    written, rows = fill(ledger), lines(path)
    rows[number - 1] = rows[number - 1].replace(b'"number":', b'"number":9')
    path.write_bytes(b"".join(rows))
    fault = ledger.verify().fault
    assert fault is not None
    assert (fault.sequence, fault.reason) == (number, "ledger-entry-altered")
    assert list(ledger.entries()) == [entry for entry in written if entry.sequence != number]
    with pytest.raises(IntegrityError) as error:
        ledger.get(written[number - 1].id)
    assert error.value.code == "ledger-entry-altered"


def test_every_byte_counts(ledger: Ledger, path: Path) -> None:
    fill(ledger, 2)
    original = path.read_bytes()
    for index in range(len(original)):
        path.write_bytes(original[:index] + bytes([original[index] ^ 1]) + original[index + 1 :])
        assert not ledger.verify().whole, index


@pytest.mark.parametrize("number", range(1, 5))
def test_every_deleted_entry_is_named(ledger: Ledger, path: Path, number: int) -> None:
    written, rows = fill(ledger), lines(path)
    del rows[number - 1]
    path.write_bytes(b"".join(rows))
    fault = ledger.verify().fault
    assert fault is not None
    assert (fault.sequence, fault.reason) == (number, "ledger-entry-missing")
    with pytest.raises(NotFoundError) as error:
        ledger.get(written[number - 1].id)
    assert error.value.code == "ledger-entry-missing"


@pytest.mark.parametrize("kept", range(5))
def test_truncation_is_seen_against_the_checkpoint(ledger: Ledger, path: Path, kept: int) -> None:
    fill(ledger)
    path.write_bytes(b"".join(lines(path)[:kept]))
    fault = ledger.verify().fault
    assert fault is not None
    assert (fault.sequence, fault.reason) == (kept + 1, "ledger-truncated")


def test_a_deleted_ledger_is_seen(ledger: Ledger, path: Path, attest_key: AttestKey, now: Clock) -> None:
    fill(ledger)
    path.unlink()
    assert not ledger.verify().whole
    with pytest.raises(IntegrityError):
        Ledger(path, attest_key, now=now).append("x", "s", key="new", body={})


def test_swapped_entries_are_seen(ledger: Ledger, path: Path) -> None:
    fill(ledger)
    rows = lines(path)
    rows[1], rows[2] = rows[2], rows[1]
    path.write_bytes(b"".join(rows))
    assert not ledger.verify().whole


def test_a_ledger_rewritten_without_the_key_is_seen(ledger: Ledger, path: Path, now: Clock) -> None:
    secret = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    forged = Ledger(path.with_name("forged"), AttestKey(secret.public, secret), now=now)
    fill(ledger), fill(forged)
    path.write_bytes(forged.path.read_bytes())
    fault = ledger.verify().fault
    assert fault is not None
    assert (fault.sequence, fault.reason) == (1, "ledger-entry-altered")


@pytest.mark.parametrize("damage", ["delete", "forge", "empty"])
def test_the_checkpoint_is_guarded_too(ledger: Ledger, path: Path, damage: str) -> None:
    fill(ledger)
    checkpoint = path.with_name(path.name + ".checkpoint")
    if damage == "delete":
        checkpoint.unlink()
    elif damage == "forge":
        checkpoint.write_text(checkpoint.read_text().replace("\n5\n", "\n2\n"))
    else:
        checkpoint.write_text("")
    fault = ledger.verify().fault
    assert fault is not None
    assert fault.sequence == 0


def test_an_altered_ledger_takes_no_entries(path: Path, attest_key: AttestKey, now: Clock) -> None:
    fill(Ledger(path, attest_key, now=now))
    rows = lines(path)
    rows[2] = rows[2].replace(b'"number":', b'"number":9')
    path.write_bytes(b"".join(rows))
    with pytest.raises(IntegrityError) as error:
        Ledger(path, attest_key, now=now).append("x", "s", key="new", body={})
    assert error.value.code == "ledger-entry-altered"
    assert path.read_bytes() == b"".join(rows)


def test_a_torn_tail_is_cut_at_every_length(path: Path, attest_key: AttestKey, now: Clock) -> None:
    kept = fill(Ledger(path, attest_key, now=now), 2)
    checkpoint = path.with_name(path.name + ".checkpoint")
    acknowledged, whole = checkpoint.read_bytes(), path.read_bytes()
    Ledger(path, attest_key, now=now).append("x", "s", key="torn", body={"big": "y" * 50})
    torn = path.read_bytes()
    for length in range(len(whole), len(torn), 7):
        path.write_bytes(torn[:length])
        checkpoint.write_bytes(acknowledged)
        ledger = Ledger(path, attest_key, now=now)
        assert ledger.verify().whole
        entry = ledger.append("x", "s", key="after", body={})
        assert list(ledger.entries()) == [*kept, entry]
        assert ledger.verify().whole


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"\0" * 700 + b'"}\n', b"{}\n"])
def test_garbage_after_power_loss_is_cut(ledger: Ledger, path: Path, tail: bytes) -> None:
    kept = fill(ledger, 2)
    with path.open("ab") as file:
        file.write(tail)
    entry = ledger.append("x", "s", key="after", body={})
    assert list(ledger.entries()) == [*kept, entry]
    assert ledger.verify().whole


def test_a_whole_entry_without_acknowledgement_is_kept_and_found_by_its_retry(
    path: Path, attest_key: AttestKey, now: Clock
) -> None:
    fill(Ledger(path, attest_key, now=now), 2)
    checkpoint = path.with_name(path.name + ".checkpoint")
    acknowledged = checkpoint.read_bytes()
    entry = Ledger(path, attest_key, now=now).append("x", "s", key="died", body={})
    checkpoint.write_bytes(acknowledged)
    ledger = Ledger(path, attest_key, now=now)
    assert ledger.append("x", "s", key="died", body={}) == entry
    latest = ledger.checkpoint()
    assert latest is not None and latest.size == 3


def test_an_acknowledged_entry_is_never_cut(path: Path, attest_key: AttestKey, now: Clock) -> None:
    fill(Ledger(path, attest_key, now=now), 2)
    torn = path.read_bytes()[:-1]
    path.write_bytes(torn)
    with pytest.raises(IntegrityError) as error:
        Ledger(path, attest_key, now=now).append("x", "s", key="after", body={})
    assert error.value.code == "ledger-truncated"
    assert path.read_bytes() == torn


WRITER = """
import sys, pathlib
from datetime import UTC, datetime
from interlock.platform.books.keys import load
from interlock.platform.books.ledger import Ledger
folder = pathlib.Path(sys.argv[1])
ledger = Ledger(folder / "ledger", load(folder / "pub", folder / "key"), now=lambda: datetime.now(UTC))
for number in range(10**6):
    print(ledger.append("x", "s", key=f"{sys.argv[2]}/{number}", body={}).id, flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, attest_key: AttestKey, now: Clock) -> None:
    (tmp_path / "pub").write_bytes(attest_key.public.pem)
    (tmp_path / "key").write_bytes(attest_key.private.pem)
    acknowledged: list[str] = []
    for turn in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(turn)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            acknowledged += [child.stdout.readline().decode().strip() for _ in range(5 + turn)]
            os.kill(child.pid, signal.SIGKILL)
            acknowledged += [line.decode().strip() for line in child.stdout if line.endswith(b"\n")]
    ledger = Ledger(tmp_path / "ledger", load(tmp_path / "pub", tmp_path / "key"), now=now)
    last = ledger.append("x", "s", key="last", body={})
    assert ledger.verify().whole
    written = [entry.id for entry in ledger.entries()]
    assert [name for name in written if name in set(acknowledged)] == acknowledged
    assert written[-1] == last.id
