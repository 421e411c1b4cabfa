"""What wakes loops beside webhooks: the hub's watches, and records whose answer is waited for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interlock.clients.kubernetes.objects import WatchEvent
from interlock.errors import NotFoundError, UnreachableError
from interlock.platform.controller import watches
from interlock.platform.controller.guard import Guard
from interlock.platform.controller.loops.judge import RECORD_SECONDS, Records
from interlock.platform.controller.queue import Key
from interlock.platform.controller.watches import Watches
from interlock.platform.delivery.readmodel import Pull, ReadModel
from interlock.platform.estate import Estate

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


# -- watches -----------------------------------------------------------------------------------------------------------


def named(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


@pytest.mark.parametrize(
    ("keys", "item", "woken"),
    [
        (watches.of_run, named("x-1", **{"interlock.dev/service": "x"}), (("attest", "x-1"), ("build", "x"))),
        (watches.of_run, named("somebody-elses"), ()),
        (watches.of_run, {"metadata": {"labels": None}}, ()),
        (watches.of_application, named("payments-prod"), (("sync", "payments-prod"),)),
        (watches.of_application, {"metadata": {"resourceVersion": "9"}}, ()),
        (watches.of_application, {}, ()),
    ],
)
def test_an_event_wakes_what_it_is_about(keys: Any, item: dict[str, Any], woken: tuple[Key, ...]) -> None:
    assert keys(item) == woken


class Hub:
    """Its first watch breaks; the second tells one Application; the third ends everything by a bug."""

    def __init__(self) -> None:
        self.watched = 0

    def list(self, *_: str, namespace: str) -> Any:
        return SimpleNamespace(resource_version="1")

    def watch(self, api: str, kind: str, **_: Any) -> Iterator[WatchEvent]:
        if kind != "Application":
            raise UnreachableError("kubernetes-unreachable", "no answer")
        self.watched += 1
        if self.watched == 1:
            raise UnreachableError("kubernetes-unreachable", "no answer")
        if self.watched > 2:
            raise TypeError("a bug")
        yield WatchEvent("MODIFIED", named("payments-prod"))


def test_a_watch_that_breaks_is_begun_again_and_a_bug_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "_RETRY_SECONDS", 0.0)
    woken: list[Key] = []

    def wake(keys: Iterable[Key]) -> None:
        woken.extend(key for key in keys if key[0] == "sync")

    guard, hub = Guard(), Hub()
    watching = Watches(lambda: hub, wake=wake)  # type: ignore[arg-type, return-value]
    watching.start(guard)
    assert guard.wait() == ("watch-Application",)
    watching.stop()
    assert woken == [("sync",), ("sync",), ("sync", "payments-prod"), ("sync",)]


# -- records -----------------------------------------------------------------------------------------------------------


class Tickets:
    def __init__(self) -> None:
        self.state, self.rows, self.gone = "-4", ["requested"], False

    def get(self, number: str) -> Any:
        if self.gone:
            raise NotFoundError("record-not-found", "no such record")
        return SimpleNamespace(raw={"state": self.state}, sys_id="1")

    def approvals(self, sys_id: str) -> list[Any]:
        return [SimpleNamespace(raw={"state": item}) for item in self.rows]


def test_a_record_that_changes_wakes_the_judge(estate: Estate, tmp_path: Path) -> None:
    """Only then: a delivery that waits for days asks nothing of the forge."""
    tickets, model = Tickets(), ReadModel(tmp_path / "readmodel.db")
    model.put(Pull("acme/env-prod", 7, "a", "main", "CHG1 x", "prod", NOW, record="CHG1"))
    model.put(Pull("acme/env-prod", 8, "a", "main", "x", "prod", NOW))
    connections = SimpleNamespace(tickets=lambda: tickets)
    loop = Records(SimpleNamespace(estate=lambda: estate, model=model, connections=connections))  # type: ignore[arg-type]
    (key,) = loop.keys()

    def wakes() -> list[Key]:
        done = loop.run(key)
        assert done.again == RECORD_SECONDS
        return list(done.wake)

    assert key == ("record", "prod", "7")
    assert [wakes() for _ in range(3)] == [[], [], []]
    tickets.rows = ["approved"]
    assert [wakes(), wakes()] == [[("judge", "prod", "7")], []]
    tickets.gone = True
    assert [wakes(), wakes()] == [[("judge", "prod", "7")], []]
    model.gone("acme/env-prod", 7)
    assert loop.run(key).again is None
    assert loop.keys() == []
