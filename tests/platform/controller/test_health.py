"""A controller that does not work says so, and ends."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from interlock.platform.controller.guard import Guard
from interlock.platform.controller.health import STUCK, Health
from interlock.platform.controller.schedule import Round

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LONG_AGO = NOW - STUCK - timedelta(seconds=1)


# -- threads -----------------------------------------------------------------------------------------------------------


def fails(error: BaseException | None) -> None:
    if error is not None:
        raise error


@pytest.mark.parametrize("error", [TypeError("a bug"), SystemExit(1), None])
def test_the_end_of_a_thread_is_the_end_of_the_process(error: BaseException | None) -> None:
    """However it ends: by a bug, by a server that cannot listen, or by just being done."""
    guard = Guard()
    lasting = threading.Event()
    guard.start("good", lasting.wait)
    guard.start("bad", lambda: fails(error))
    assert guard.wait() == ("bad",)
    lasting.set()


def test_a_thread_may_end_once_everything_stops() -> None:
    guard, lasting = Guard(), threading.Event()
    thread = guard.start("good", lasting.wait)
    guard.stop()
    lasting.set()
    thread.join(10)
    assert guard.wait() == () and guard.dead == ()


# -- the answer --------------------------------------------------------------------------------------------------------


def health(
    ended: datetime | None, *, remaining: float = 9.5, since: datetime = LONG_AGO, dead: tuple[str, ...] = ()
) -> Health:
    rounds = {"build": (Round(("build", "payments"), NOW, ended, "ok"), ended)}
    return Health(remaining, 4, rounds, dead, since)


def test_all_is_well() -> None:
    assert health(NOW - timedelta(seconds=3)).report(NOW) == (
        True,
        {
            "status": "ok",
            "lease": {"held": True, "epoch": 4, "until": "2026-11-30T12:00:09.500000+00:00"},
            "loops": {
                "build": {
                    "key": "build/payments",
                    "started": "2026-11-30T12:00:00+00:00",
                    "ended": "2026-11-30T11:59:57+00:00",
                    "outcome": "ok",
                    "age": 3.0,
                }
            },
            "stuck": [],
            "dead": [],
        },
    )


@pytest.mark.parametrize("ended", [LONG_AGO, None])
def test_a_loop_that_ends_no_round_for_too_long_is_a_failure(ended: datetime | None) -> None:
    well, body = health(ended).report(NOW)
    assert not well and body["stuck"] == ["build"] and body["status"] == "failed"


def test_a_loop_that_never_began_is_stuck_too() -> None:
    assert Health(9, 4, {"build": (None, None)}, (), LONG_AGO).report(NOW)[1]["stuck"] == ["build"]


def test_whoever_waits_for_the_lease_or_has_just_got_it_is_not_stuck() -> None:
    well, body = health(LONG_AGO, remaining=0).report(NOW)
    assert well and body["lease"] == {"held": False, "epoch": 4, "until": None}
    assert health(LONG_AGO, since=NOW - timedelta(minutes=1)).report(NOW)[0]


def test_a_dead_thread_is_a_failure() -> None:
    well, body = health(NOW, dead=("lease",)).report(NOW)
    assert not well and body["dead"] == ["lease"]
