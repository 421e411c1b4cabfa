"""Logs of containers: written, cut as the kubelet cuts them, followed without polling."""

from __future__ import annotations

import itertools
import select
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.tekton.engine.logs import Board, LogWriter, Times, path_of
from interlock.tekton.engine.logs import reading as log_reading
from interlock.tekton.engine.logs.reading import Options
from interlock.tekton.engine.storage import Storage

SECOND = 10**9
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * SECOND
PATIENCE = 20


def never(descriptor: int) -> bool:
    raise AssertionError("nobody waits for a log that has ended")


def read(path: Path, **options: object) -> bytes:
    return b"".join(log_reading.read(path, Options(**options), never))  # type: ignore[arg-type]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Three lines, a second apart; the last has no end."""
    moments = iter([START, START + SECOND, START + 2 * SECOND])
    path = tmp_path / "logs" / "step.log"
    with LogWriter(path, clock=lambda: next(moments)) as writer:
        for text in (b"one\n", b"two\n", b"three"):
            writer.write(text)
        writer.write(b"")
    return path


def test_a_log_is_the_plain_bytes(log: Path) -> None:
    assert log.read_bytes() == read(log) == b"one\ntwo\nthree"
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"tail": 0}, b""),
        ({"tail": 1}, b"three"),
        ({"tail": 2}, b"two\nthree"),
        ({"tail": 9}, b"one\ntwo\nthree"),
        ({"limit": 5}, b"one\nt"),
        ({"tail": 2, "limit": 1}, b"t"),
        ({"since": START + SECOND}, b"two\nthree"),
        ({"since": START + 1}, b"two\nthree"),
        ({"since": START + 9 * SECOND}, b""),
        ({"since": START + SECOND, "tail": 1}, b"three"),
        ({"timestamps": True, "tail": 2}, b"2026-01-01T00:00:01.000000000Z two\n2026-01-01T00:00:02.000000000Z three"),
        ({"timestamps": True, "limit": 3}, b"202"),
    ],
)
def test_parts_of_a_log(log: Path, options: dict[str, object], expected: bytes) -> None:
    assert read(log, **options) == expected


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path / "none.log") == read(tmp_path / "none.log", follow=True) == b""


def test_a_log_that_is_continued_keeps_its_times(log: Path) -> None:
    with LogWriter(log, clock=lambda: START + 60 * SECOND) as writer:
        writer.write(b" and a half\nfour\n")
    assert read(log, timestamps=True, tail=2).splitlines() == [
        b"2026-01-01T00:00:02.000000000Z three and a half",
        b"2026-01-01T00:01:00.000000000Z four",
    ]


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "step.log"
    with LogWriter(path) as writer:
        for _ in range(40):
            writer.write(b"x" * 65536)
    shown = read(path, timestamps=True)
    assert shown.count(b"x") == 40 * 65536
    assert max(len(line) for line in shown.split(b"\n")) < 2 * 2**20


@given(
    lines=st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"")), max_size=30),
    ended=st.booleans(),
    tail=st.integers(0, 35),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=9),
)
def test_however_it_is_cut_the_lines_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ended: bool, tail: int, sizes: list[int]
) -> None:
    """A log written in any pieces: the last lines are the last lines, and every line has one time."""
    path = tmp_path_factory.mktemp("log") / "step.log"
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    cuts = itertools.cycle(sizes)
    with LogWriter(path) as writer:
        rest = data
        while rest:
            size = next(cuts)
            writer.write(rest[:size])
            rest = rest[size:]
    expected = data.split(b"\n")
    expected = expected[:-1] if expected[-1] == b"" else expected
    last = expected[len(expected) - min(tail, len(expected)) :]
    shown = read(path, tail=tail)
    assert shown == b"\n".join(last) + (b"\n" if last and data.endswith(b"\n") else b"")
    stamped = read(path, timestamps=True).split(b"\n")
    assert [line[31:] for line in stamped[: len(expected)]] == expected


def test_followers_see_everything_and_leave_when_the_container_ends(tmp_path: Path) -> None:
    path, board = tmp_path / "step.log", Board()
    board.expect(path)
    seen: list[bytes] = []
    arrived = threading.Condition()

    def follow() -> None:
        for chunk in log_reading.read(path, Options(follow=True), _wait, board=board):
            with arrived:
                seen.append(chunk)
                arrived.notify_all()

    def until(text: bytes) -> None:
        with arrived:
            assert arrived.wait_for(lambda: b"".join(seen) == text, PATIENCE), seen

    follower = threading.Thread(target=follow)
    follower.start()
    with LogWriter(path, board=board) as writer:
        writer.write(b"one\n")
        until(b"one\n")
        writer.write(b"two\n")
        until(b"one\ntwo\n")
    # The writer has closed; the container has not been said to have ended.
    assert follower.is_alive()
    board.end(path)
    follower.join(PATIENCE)
    assert not follower.is_alive()


def _wait(descriptor: int) -> bool:
    select.select([descriptor], [], [], PATIENCE)
    return False


def test_a_follower_whose_client_leaves_ends(tmp_path: Path) -> None:
    path, board = tmp_path / "step.log", Board()
    board.expect(path)
    assert list(log_reading.read(path, Options(follow=True), lambda descriptor: True, board=board)) == []
    board.close()
    assert list(log_reading.read(path, Options(follow=True), never, board=board)) == []


def test_a_clock_that_is_set_back_does_not_undo_the_order(tmp_path: Path) -> None:
    moments = iter([START + 9 * SECOND, START + 10 * SECOND])
    path = tmp_path / "step.log"
    with LogWriter(path, clock=lambda: next(moments)) as writer:
        writer.write(b"a\n")
        writer.write(b"b\n")
    with LogWriter(path, clock=lambda: START) as writer:
        writer.write(b"c\n")
    times = Times(path)
    times.refresh()
    assert times.of(0) <= times.of(2) <= times.of(4)
    assert read(path, since=START + 10 * SECOND) == b"b\nc\n"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"tailLines": "-1"}, 'tailLines: Invalid value: "-1": must be greater than or equal to 0'),
        ({"limitBytes": "0"}, 'limitBytes: Invalid value: "0": must be greater than or equal to 1'),
        ({"sinceTime": "yesterday"}, 'sinceTime: Invalid value: "yesterday": must be RFC 3339'),
        (
            {"sinceSeconds": "1", "sinceTime": "2026-01-01T00:00:00Z"},
            "at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
    ],
)
def test_options_that_are_refused(query: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Options.of(query, datetime(2026, 1, 1, tzinfo=UTC))
    assert caught.value.message == message


def test_options_of_a_request() -> None:
    now = datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)
    found = Options.of({"follow": "true", "tailLines": "3", "sinceSeconds": "10", "timestamps": "1"}, now)
    assert found == Options(follow=True, tail=3, since=START, timestamps=True)
    assert Options.of({"sinceTime": "2026-01-01T01:00:00+01:00"}, now).since == START


@pytest.mark.parametrize(
    ("container", "retries", "expected"),
    [
        ("step-s", 0, "ci/run/s.log"),
        ("step-s", 2, "ci/run/retry2/s.log"),
        ("step-sidecar-s", 0, "ci/run/sidecar-s.log"),
        ("sidecar-s", 0, "ci/run/sidecars/s.log"),
    ],
)
def test_where_logs_lie(tmp_path: Path, container: str, retries: int, expected: str) -> None:
    assert path_of(Storage(tmp_path), "ci", "run", container, retries) == tmp_path / "logs" / expected


def test_names_that_climb_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        path_of(Storage(tmp_path), "ci", "run", "step-../../x")
