"""Loops look at their keys when these are woken, when others changed something, and by the resync."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from interlock.errors import UnreachableError
from interlock.platform.controller.guard import Guard
from interlock.platform.controller.queue import Key
from interlock.platform.controller.schedule import Done, Loop, Schedule

FOREVER = 3600.0
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@contextmanager
def running(*loops: Loop, resync: float = FOREVER, active: bool = True) -> Iterator[Schedule]:
    guard = Guard()
    schedule = Schedule(loops, resync=resync, active=lambda: active, now=lambda: NOW, chance=lambda: 0.99)
    schedule.start(guard)
    try:
        yield schedule
    finally:
        guard.stop()
        schedule.stop()


class Counter:
    """Counts looks at each key; ``reached(key, n)`` waits for the n-th."""

    def __init__(self, name: str, *keys: str, answers: Sequence[Done | Exception] = ()) -> None:
        self.name, self.found, self.answers = name, keys, list(answers)
        self.seen: list[str] = []
        self.listed = 0
        self.changed = threading.Condition()

    def keys(self) -> list[Key]:
        with self.changed:
            self.listed += 1
            self.changed.notify_all()
        return [(self.name, key) for key in self.found]

    def run(self, key: Key) -> Done:
        with self.changed:
            self.seen.append(key[1])
            self.changed.notify_all()
            answer = self.answers.pop(0) if self.answers else Done()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def reached(self, key: str, count: int) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.seen.count(key) >= count, timeout=10)

    def listed_often(self, count: int) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.listed >= count, timeout=10)


def test_every_key_is_looked_at_at_start_and_when_it_is_woken() -> None:
    loop = Counter("loop", "a", "b")
    with running(loop) as schedule:
        assert loop.reached("a", 1) and loop.reached("b", 1)
        schedule.wake([("loop", "a"), ("unknown", "a"), ("loop", "new")])
        assert loop.reached("a", 2) and loop.reached("new", 1)
        assert loop.seen.count("b") == 1


def test_a_loops_name_wakes_all_that_it_finds() -> None:
    loop = Counter("loop", "a")
    with running(loop) as schedule:
        assert loop.reached("a", 1)
        schedule.wake([("loop",)])
        assert loop.reached("a", 2)


def test_the_resync_finds_what_no_webhook_told() -> None:
    loop = Counter("loop", "a")
    with running(loop, resync=0.01):
        assert loop.reached("a", 3)


def test_a_change_wakes_others() -> None:
    other = Counter("other", "x")
    with running(other, Counter("changes", "a", answers=[Done(wake=(("other", "y"),))])):
        assert other.reached("y", 1)


def test_a_key_that_fails_is_tried_again_and_the_others_go_on() -> None:
    loop = Counter("loop", "a", "b", answers=[UnreachableError("forge-unreachable", "no answer"), RuntimeError("bug")])
    with running(loop):
        assert loop.reached("a", 2) and loop.reached("b", 2)


def test_a_key_whose_question_nobody_answered_is_tried_again_and_still_wakes_others() -> None:
    other = Counter("other")
    loop = Counter("loop", "a", answers=[Done(unanswered=True, wake=(("other", "x"),)), Done(unanswered=True)])
    with running(loop, other):
        assert loop.reached("a", 3) and other.reached("x", 1)


def test_a_key_may_come_again_by_itself() -> None:
    loop = Counter("loop", "a", answers=[Done(again=0.0), Done(again=0.0)])
    with running(loop):
        assert loop.reached("a", 3)


def test_without_the_lease_nothing_runs() -> None:
    loop = Counter("loop", "a")
    with running(loop, resync=0.01, active=False) as schedule:
        schedule.wake()
    assert loop.seen == [] and loop.listed == 0


def test_what_a_loop_did_last_is_told() -> None:
    failing = Counter("failing", "a", answers=[UnreachableError("forge-unreachable", "no answer")] * 50)
    with running(failing, Counter("idle")) as schedule:
        assert failing.reached("a", 2)
        (item, ended), (idle, _) = schedule.rounds()["failing"], schedule.rounds()["idle"]
    assert item is not None and item.key == ("failing", "a") and ended == NOW
    assert item.outcome in ("forge-unreachable", "running")
    assert idle is None or idle.key == ("idle",)
