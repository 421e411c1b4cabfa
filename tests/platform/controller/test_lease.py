"""Whose lease it is."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import ConflictError, NotFoundError
from interlock.platform.controller.lease import Lease, claim, holder_of, taken_by

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def lease(holder: str, age: timedelta, duration: int = 15) -> dict[str, object]:
    renewed = (NOW - age).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": duration}}


@pytest.mark.parametrize(
    ("found", "holder"),
    [
        ({}, None),
        (lease("", timedelta(0)), None),
        (lease("other", timedelta(seconds=14)), "other"),
        (lease("other", timedelta(seconds=15)), None),
    ],
)
def test_a_lease_is_taken_until_its_time_is_over(found: dict[str, object], holder: str | None) -> None:
    assert taken_by(found, NOW) == holder


class Hub:
    """Keeps one Lease."""

    def __init__(self, held: dict[str, Any] | None = None) -> None:
        self.held = held

    def get(self, *_: str) -> dict[str, Any]:
        if self.held is None:
            raise NotFoundError("kubernetes-not-found", "no lease")
        return self.held

    def create(self, lease: dict[str, Any]) -> None:
        self.held = lease

    replace = create


def run(hub: Hub, holder: str) -> Lease:
    return Lease(lambda: cast(KubernetesClient, hub), holder=holder, now=lambda: NOW)


def test_whoever_gets_the_lease_is_told_at_once() -> None:
    told = threading.Event()
    one = run(Hub(), "one")
    one.start(told.set)
    assert told.wait(5)
    assert one.held()
    one.release()


def test_after_a_kill_the_same_folder_goes_on_at_once(tmp_path: Path) -> None:
    """The lease of the killed process has not run out: its holder is the folder, and the folder is free again."""
    hub, told = Hub(cast(dict[str, Any], lease(holder_of(tmp_path), timedelta(seconds=1)))), threading.Event()
    with claim(tmp_path):
        again = run(hub, holder_of(tmp_path))
        again.start(told.set)
        assert told.wait(5)
        again.release()


def test_another_folder_waits(tmp_path: Path) -> None:
    hub = Hub(cast(dict[str, Any], lease(holder_of(tmp_path / "other"), timedelta(seconds=1))))
    assert run(hub, holder_of(tmp_path))._take() is None


def test_a_folder_has_one_controller(tmp_path: Path) -> None:
    with claim(tmp_path), pytest.raises(ConflictError, match="another controller"):
        claim(tmp_path)
    claim(tmp_path).close()


def test_each_holder_has_an_epoch_of_its_own() -> None:
    """The number goes up when the lease changes hands, and not when it is renewed."""
    hub = Hub()
    one, two = run(hub, "one"), run(hub, "two")
    assert one._take() is not None and one._take() is not None
    assert one.epoch == 1
    assert hub.held is not None
    hub.held["spec"]["holderIdentity"] = ""
    assert two._take() is not None
    assert (one.epoch, two.epoch) == (1, 2)


def test_a_lease_that_was_deleted_goes_on_above_what_the_ledger_has_seen() -> None:
    again = Lease(lambda: cast(KubernetesClient, Hub()), holder="one", now=lambda: NOW, floor=lambda: 7)
    assert again._take() is not None
    assert again.epoch == 8
