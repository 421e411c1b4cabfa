"""Whose lease it is."""

from __future__ import annotations

import contextlib
import copy
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import ConflictError, NotFoundError, UnreachableError
from interlock.platform.controller.lease import DURATION, Lease, Said, claim, holder_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECONDS = DURATION.total_seconds()


class Hub:
    """Keeps one Lease, and lets only who read it last replace it."""

    def __init__(self, spec: object = None) -> None:
        self.versions = itertools.count(1)
        self.held: dict[str, Any] | None = None
        self.down = False
        if spec is not None:
            self.write(spec)

    def write(self, spec: object) -> None:
        self.held = {"metadata": {"resourceVersion": str(next(self.versions))}, "spec": spec}

    @property
    def spec(self) -> dict[str, Any]:
        assert self.held is not None
        return cast(dict[str, Any], self.held["spec"])

    def get(self, *_: str) -> dict[str, Any]:
        if self.down:
            raise UnreachableError("kubernetes-unreachable", "no answer")
        if self.held is None:
            raise NotFoundError("kubernetes-not-found", "no lease")
        return copy.deepcopy(self.held)

    def create(self, lease: dict[str, Any]) -> None:
        if self.held is not None:
            raise ConflictError("kubernetes-conflict", "there is one")
        self.write(lease["spec"])

    def replace(self, lease: dict[str, Any]) -> None:
        if self.held is None or lease["metadata"] != self.held["metadata"]:
            raise ConflictError("kubernetes-conflict", "it was changed")
        self.write(lease["spec"])


class Machine:
    """One controller's clocks: the monotonic one, and a wall clock that is off by ``skew``."""

    def __init__(self, hub: Hub, name: str, *, skew: timedelta = timedelta(0), floor: int = 0) -> None:
        self.time, self.skew = 1000.0, skew
        self.lease = Lease(
            lambda: cast(KubernetesClient, hub),
            holder=name,
            now=lambda: NOW + self.skew + timedelta(seconds=self.time),
            floor=lambda: floor,
            clock=lambda: self.time,
        )

    def later(self, seconds: float) -> bool:
        self.time += seconds
        return self.lease.take()


def others(**changes: Any) -> dict[str, Any]:
    """What another controller wrote."""
    spec = {
        "holderIdentity": "other",
        "leaseDurationSeconds": 15,
        "leaseTransitions": 3,
        "acquireTime": "2026-11-23T11:00:00.000000Z",
        "renewTime": "2026-11-23T12:00:00.000000Z",
    }
    return {**spec, **changes}


def test_a_lease_that_nobody_has_is_taken_at_once() -> None:
    one = Machine(Hub(), "one")
    assert one.lease.take() and one.lease.held()
    assert one.lease.remaining == pytest.approx(10)


def test_a_lease_that_its_holder_gave_up_is_taken_at_once() -> None:
    hub = Hub()
    one, two = Machine(hub, "one"), Machine(hub, "two")
    one.lease.take()
    assert not two.lease.take()
    one.lease.release()
    assert two.lease.take() and not one.lease.held()
    assert not one.lease.take(), "it was stopped"


def test_anothers_lease_is_taken_once_it_has_not_changed_for_its_duration() -> None:
    one = Machine(Hub(others()), "one")
    assert not one.lease.take()
    assert not one.later(SECONDS - 1)
    assert one.later(1)


def test_a_renewal_begins_the_wait_anew() -> None:
    hub = Hub(others())
    one = Machine(hub, "one")
    one.lease.take()
    hub.write(others(renewTime="2026-11-23T12:00:03.000000Z"))
    assert not one.later(SECONDS - 1)
    assert not one.later(SECONDS - 1)
    assert one.later(1)


def test_a_holder_that_wants_longer_is_left_longer() -> None:
    one = Machine(Hub(others(leaseDurationSeconds=60)), "one")
    assert not one.lease.take() and not one.later(59) and one.later(1)


GARBAGE = [
    pytest.param({"renewTime": "2026-11-23T12:00:00"}, id="no-zone"),
    pytest.param({"renewTime": "yesterday"}, id="no-time"),
    pytest.param({"renewTime": 5}, id="number"),
    pytest.param({"renewTime": None, "holderIdentity": ""}, id="holder-taken-away"),
    pytest.param({"holderIdentity": None}, id="no-holder"),
    pytest.param({"holderIdentity": ["x"]}, id="holder-list"),
    pytest.param({"leaseDurationSeconds": "15s"}, id="duration-text"),
    pytest.param({"leaseDurationSeconds": 0}, id="duration-zero"),
    pytest.param({"leaseDurationSeconds": -9}, id="duration-negative"),
    pytest.param({"leaseDurationSeconds": 10**12}, id="duration-for-ever"),
    pytest.param({"leaseDurationSeconds": True}, id="duration-bool"),
    pytest.param({"leaseTransitions": "many"}, id="transitions-text"),
    pytest.param({"leaseTransitions": 10**30}, id="transitions-huge"),
    pytest.param({"acquireTime": {}}, id="acquired-object"),
]


@pytest.mark.parametrize("written", GARBAGE)
def test_what_other_tools_write_is_waited_out(written: dict[str, Any]) -> None:
    one = Machine(Hub(others(**written)), "one")
    assert not one.lease.take()
    assert not one.later(SECONDS - 1)
    assert one.later(1) and one.lease.epoch in (1, 4)


@pytest.mark.parametrize("spec", ["text", 3, [], {}])
def test_a_lease_without_a_spec_is_waited_out(spec: object) -> None:
    one = Machine(Hub(spec), "one")
    assert not one.lease.take() and one.later(SECONDS)


def test_a_lease_that_is_deleted_leaves_its_holder_time_to_notice() -> None:
    hub = Hub(others())
    one = Machine(hub, "one")
    one.lease.take()
    hub.held = None
    assert not one.later(1)
    assert one.later(SECONDS)


def test_what_others_added_stays() -> None:
    hub = Hub(others(holderIdentity="one", strategy="OldestEmulationVersion"))
    assert Machine(hub, "one").lease.take()
    assert hub.spec["strategy"] == "OldestEmulationVersion"
    assert hub.spec["acquireTime"] == "2026-11-23T11:00:00.000000Z"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_whatever_stands_in_a_field_is_read(value: object) -> None:
    for field in others():
        said = Said.read(others(**{field: value}))
        assert SECONDS <= said.seconds <= 3600 and 0 <= said.epoch < 2**31


def test_whoever_cannot_renew_stops_in_time() -> None:
    hub = Hub()
    one, two = Machine(hub, "one"), Machine(hub, "two")
    one.lease.take()
    two.lease.take()
    hub.down = True
    with pytest.raises(UnreachableError):
        one.later(3)
    assert one.lease.held(), "one failure is nothing"
    one.time += 7
    assert not one.lease.held()


@settings(deadline=None, max_examples=150)
@given(
    skews=st.tuples(*[st.integers(-86_400, 86_400)] * 2),
    steps=st.lists(
        st.tuples(st.floats(0, 20), st.sampled_from(["one", "two", "both", "nobody"]), st.booleans()), max_size=60
    ),
)
def test_two_controllers_with_skewed_clocks_never_both_hold_it(
    skews: tuple[int, int], steps: list[tuple[float, str, bool]]
) -> None:
    """Each asks when it gets to it; sometimes the hub does not answer."""
    hub = Hub()
    machines = {
        name: Machine(hub, name, skew=timedelta(seconds=skew)) for name, skew in zip(("one", "two"), skews, strict=True)
    }
    for seconds, who, down in steps:
        hub.down = down
        for machine in machines.values():
            machine.time += seconds
        for name, machine in machines.items():
            if who in (name, "both"):
                with contextlib.suppress(UnreachableError):
                    machine.lease.take()
        assert [machine.lease.held() for machine in machines.values()].count(True) <= 1


def test_after_a_kill_the_same_folder_goes_on_at_once(tmp_path: Path) -> None:
    """The lease of the killed process has not run out: its holder is the folder, and the folder is free again."""
    hub = Hub(others(holderIdentity=holder_of(tmp_path)))
    with claim(tmp_path):
        again = Machine(hub, holder_of(tmp_path))
        assert again.lease.take()
        assert again.lease.epoch == 3


def test_a_folder_has_one_controller(tmp_path: Path) -> None:
    with claim(tmp_path), pytest.raises(ConflictError, match="another controller"):
        claim(tmp_path)
    claim(tmp_path).close()


def test_whoever_gets_the_lease_is_told_once() -> None:
    one = Machine(Hub(), "one")
    told: list[int] = []

    def acquired() -> None:
        told.append(one.lease.epoch)
        one.lease.release()

    one.lease.serve(acquired)
    assert told == [1]


def test_each_holder_has_an_epoch_of_its_own() -> None:
    """The number goes up when the lease changes hands, and not when it is renewed."""
    hub = Hub()
    one, two = Machine(hub, "one"), Machine(hub, "two")
    assert one.lease.take() and one.later(3)
    assert one.lease.epoch == 1
    one.lease.release()
    assert two.lease.take()
    assert (one.lease.epoch, two.lease.epoch) == (1, 2)


def test_a_lease_that_was_deleted_goes_on_above_what_the_ledger_has_seen() -> None:
    again = Machine(Hub(), "one", floor=7)
    assert again.lease.take()
    assert again.lease.epoch == 8
