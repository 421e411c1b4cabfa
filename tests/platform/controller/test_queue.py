"""The work queue: no key is lost, none is looked at twice at once, and one that fails delays no other."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from interlock.platform.controller.queue import FIRST_RETRY, LONGEST_RETRY, Key, Queue, backoff

A, B, C = ("loop", "a"), ("loop", "b"), ("loop", "c")


def queue() -> Queue:
    return Queue(lambda: 0.0)


def test_a_key_that_is_added_twice_is_taken_once() -> None:
    found = queue()
    found.add(A, 0)
    found.add(A, 1)
    assert (found.take("loop", 2), found.take("loop", 2)) == (A, None)


def test_whoever_is_due_for_longest_comes_first() -> None:
    found = queue()
    found.add(B, 0, after=1)
    found.add(A, 0, after=2)
    found.add(C, 0, after=9)
    assert found.wait("loop", 0) == 1
    assert [found.take("loop", 5) for _ in range(3)] == [B, A, None]


def test_what_happens_while_a_key_is_looked_at_leads_to_another_look() -> None:
    found = queue()
    found.add(A, 0)
    found.take("loop", 0)
    found.add(A, 1)
    assert found.take("loop", 1) is None
    found.done(A, 2)
    assert found.take("loop", 2) == A
    found.done(A, 3)
    assert found.take("loop", 1000) is None


def test_failures_in_a_row_wait_longer_each_time_and_not_for_ever() -> None:
    found, now, waited = queue(), 0.0, []
    found.add(A, now)
    for _ in range(12):
        assert found.take("loop", now) == A
        found.done(A, now, failed=True)
        waited.append(found.wait("loop", now) or 0)
        now += waited[-1]
    assert waited == [min(FIRST_RETRY * 2**n, LONGEST_RETRY) for n in range(12)]


def test_the_resync_does_not_hurry_what_fails_and_a_wake_does() -> None:
    found = queue()
    for _ in range(3):
        found.wake(A, 0)
        found.take("loop", 0)
        found.done(A, 0, failed=True)
    found.add(A, 0)
    assert found.wait("loop", 0) == FIRST_RETRY
    found.take("loop", FIRST_RETRY)
    found.done(A, 1, failed=True)
    assert found.wait("loop", 1) == 2 * FIRST_RETRY
    found.wake(A, 1)
    assert found.take("loop", 1) == A


def test_one_that_was_woken_while_it_failed_is_tried_at_once() -> None:
    found = queue()
    found.add(A, 0)
    found.take("loop", 0)
    found.wake(A, 0)
    found.done(A, 1, failed=True)
    assert found.take("loop", 1) == A


def test_a_key_may_ask_to_come_again() -> None:
    found = queue()
    found.add(A, 0)
    found.take("loop", 0)
    found.done(A, 0, again=10)
    assert found.wait("loop", 0) == 10


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_chance_spreads_retries_within_bounds(failures: int, chance: float) -> None:
    assert 0.75 * FIRST_RETRY <= backoff(failures, chance) <= LONGEST_RETRY


KEYS = st.tuples(st.sampled_from(["x", "y"]), st.sampled_from("abcd"))


class Model(RuleBasedStateMachine):
    """Against a dictionary of what is owed: a key, and by when at the latest."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue(lambda: 0.5)
        self.now = 0.0
        self.owed: dict[Key, float] = {}
        self.busy: set[Key] = set()
        self.failures: dict[Key, int] = {}
        self.woken: set[Key] = set()

    @rule(seconds=st.floats(0, 30))
    def time_goes_on(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=KEYS, wake=st.booleans(), after=st.floats(0, 5))
    def something_happens(self, key: Key, wake: bool, after: float) -> None:
        (self.queue.wake if wake else self.queue.add)(key, self.now, after=after)
        if wake:
            self.failures.pop(key, None)
            if key in self.busy:
                self.woken.add(key)
        if key in self.busy or key not in self.failures:
            self.owed[key] = min(self.owed.get(key, self.now + after), self.now + after)

    @rule(loop=st.sampled_from(["x", "y"]))
    def a_worker_is_free(self, loop: str) -> None:
        key = self.queue.take(loop, self.now)
        due = {item for item, at in self.owed.items() if item[0] == loop and item not in self.busy and at <= self.now}
        if key is None:
            assert not due
            return
        assert key not in self.busy, "never twice at once"
        assert key in due
        assert self.owed[key] == min(self.owed[item] for item in due), "nobody due is passed over for it"
        self.busy.add(key)
        del self.owed[key]

    @precondition(lambda self: self.busy)
    @rule(data=st.data(), failed=st.booleans(), again=st.none() | st.floats(0, 9))
    def a_worker_ends(self, data: st.DataObject, failed: bool, again: float | None) -> None:
        key = data.draw(st.sampled_from(sorted(self.busy)))
        self.queue.done(key, self.now, failed=failed, again=again)
        self.busy.discard(key)
        woken = key in self.woken
        self.woken.discard(key)
        if failed and not woken:
            self.failures[key] = self.failures.get(key, 0) + 1
            self.owed[key] = self.now + backoff(self.failures[key], 0.5)
            return
        self.failures.pop(key, None)
        again = 0.0 if failed else again
        if again is not None:
            self.owed[key] = min(self.owed.get(key, self.now + again), self.now + again)

    @invariant()
    def no_key_is_lost(self) -> None:
        assert len(self.queue) == len(self.busy | self.owed.keys())
        for loop in "xy":
            waiting = [at for key, at in self.owed.items() if key[0] == loop and key not in self.busy]
            wait = self.queue.wait(loop, self.now)
            assert wait == (max(0.0, min(waiting) - self.now) if waiting else None)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
