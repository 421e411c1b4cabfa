"""Loops run when they are woken, when others changed something, and by the resync; a failing loop is tried again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from interlock.errors import UnreachableError
from interlock.platform.controller.schedule import Loop, Schedule

FOREVER = 3600.0


@contextmanager
def running(*loops: Loop, resync: float = FOREVER, active: bool = True) -> Iterator[Schedule]:
    schedule = Schedule(loops, resync=resync, active=lambda: active)
    schedule.start()
    try:
        yield schedule
    finally:
        schedule.stop()


class Counter:
    """Counts runs; ``reached(n)`` waits for the n-th."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.runs = 0
        self.changed = threading.Condition()

    def __call__(self) -> bool:
        with self.changed:
            self.runs += 1
            self.changed.notify_all()
            answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer

    def reached(self, count: int) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.runs >= count, timeout=10)


def test_every_loop_runs_at_start_and_when_woken() -> None:
    counter = Counter()
    with running(Loop("a", counter)) as schedule:
        assert counter.reached(1)
        schedule.wake(["a", "unknown"])
        assert counter.reached(2)


def test_the_resync_finds_what_no_webhook_told() -> None:
    counter = Counter()
    with running(Loop("a", counter), resync=0.01):
        assert counter.reached(3)


def test_a_change_wakes_the_others() -> None:
    other = Counter()
    changes = Counter(True)
    with running(Loop("other", other), Loop("changes", changes)):
        assert other.reached(2)


def test_a_loop_that_fails_is_tried_again() -> None:
    counter = Counter(UnreachableError("forge-unreachable", "no answer"), RuntimeError("a bug"))
    with running(Loop("a", counter)):
        assert counter.reached(3)


def test_without_the_lease_nothing_runs() -> None:
    counter = Counter()
    with running(Loop("a", counter), resync=0.01, active=False) as schedule:
        schedule.wake()
    assert counter.runs == 0
