"""The work queue: one worker a key, many wake-ups are one, an earlier wake-up wins."""

from __future__ import annotations

import threading

from interlock.local.argocd.queue import Queue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_many_wake_ups_are_one() -> None:
    queue = Queue(Clock())
    for _ in range(3):
        queue.add("a")
    queue.add("b")
    assert [queue.take(), queue.take()] == ["a", "b"]
    queue.done("a")
    queue.done("b")
    queue.add("c")
    assert queue.take() == "c"


def test_the_earliest_wake_up_wins() -> None:
    clock = Clock()
    queue = Queue(clock)
    queue.add("a", 60)
    queue.add("b", 30)
    queue.add("a", 10)
    clock.now = 20
    assert queue.take() == "a"
    queue.done("a")
    clock.now = 100
    assert queue.take() == "b"
    queue.done("b")
    queue.add("z")
    assert queue.take() == "z"


def test_a_key_that_is_worked_on_waits_for_its_worker() -> None:
    queue = Queue(Clock())
    queue.add("a")
    assert queue.take() == "a"
    queue.add("a")
    queue.add("b")
    assert queue.take() == "b"
    queue.done("a")
    assert queue.take() == "a"


def test_closing_wakes_every_worker() -> None:
    queue = Queue()
    seen: list[str | None] = []
    workers = [threading.Thread(target=lambda: seen.append(queue.take())) for _ in range(3)]
    for worker in workers:
        worker.start()
    queue.close()
    for worker in workers:
        worker.join(5)
    assert seen == [None, None, None]
