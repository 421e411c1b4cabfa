"""What a round costs: proportional to what changed, whatever the estate's size, and equal for every history."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from interlock.platform.books.vocabulary import Merged, body
from interlock.platform.domain.ids import CommitId, EnvironmentName, ObjectId, ServiceName
from interlock.platform.kinds.image import NAME as IMAGE

from .test_rounds import Round, onboard

if TYPE_CHECKING:
    from .conftest import World

SERVICES, LITTLE, MUCH = map(int, os.environ.get("INTERLOCK_SCALE", "120,40,400").split(","))
"""Services of the estate, and deliveries that were merged before: `bench/rounds.py` asks for more."""


@dataclass
class Meter:
    """Counts git processes, requests to the forge, and entries and facts read from the books."""

    git: Path
    forge: Counter[str] = field(default_factory=Counter)
    read: int = 0
    seconds: float = 0.0
    """CPU time of the last."""

    def of(self, act: Callable[[], object]) -> dict[str, int]:
        self.git.write_text("")
        self.forge.clear()
        self.read = 0
        before = time.process_time()
        act()
        self.seconds = time.process_time() - before
        started = self.git.read_text().splitlines()
        return {"git": len(started), "forge": self.forge.total(), "books": self.read}


@pytest.fixture
def meter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Meter:
    made = Meter(tmp_path / "started")
    wrapper = tmp_path / "wrapper" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f"#!/bin/sh\necho \"$*\" >> '{made.git}'\nexec '{shutil.which('git')}' \"$@\"\n")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    decode = body.decode

    def counting(*arguments: Any) -> Any:
        made.read += 1
        return decode(*arguments)

    monkeypatch.setattr("interlock.platform.books.books.decode", counting)
    return made


def estate(world: World, deliveries: int, meter: Meter) -> Round:
    """dev with many services, each onboarded, and so many deliveries in the books."""
    payments = world.estate.service("payments")
    made = {
        name: payments.model_copy(
            update={"name": name, "image": f"registry.acme.test/integration/{name}", "configuration_item": name}
        )
        for name in (f"service-{number}" for number in range(SERVICES))
    }
    world.estate = dataclasses.replace(world.estate, services={**world.estate.services, **made})
    files: dict[str, bytes | None] = {}
    for service in list(made.values())[:-2]:
        files.update(world.golden(service, world.environment))
    world.commit(files)
    url = world.estate.url(world.environment.repository)
    for number in range(deliveries):
        commits = [CommitId(f"{number:08x}" + character * 32) for character in "abc"]
        said = Merged(
            environment=EnvironmentName("dev"), service=ServiceName(f"service-{number % SERVICES}"), kind=IMAGE,
            repository=url, pull=number + 1000, base=commits[0], head=commits[1], merge=commits[2],
            result={"apps/x": ObjectId("1" * 40)}, platform_commit=world.estate.commit,
        )  # fmt: skip
        world.books.write(said.subject, said, key=Merged.key(url, said.merge))
    found = Round(world)
    meter.forge = found.forge.asked
    found.play(2)
    return found


def costs(world: World, deliveries: int, meter: Meter) -> dict[str, dict[str, int]]:
    """Of a round in which nothing happens, and of one in which a service is onboarded, up to its merge."""
    found = estate(world, deliveries, meter)
    idle = meter.of(lambda: found.play(1))
    report(deliveries, "idle", idle, meter)
    onboard(world, f"service-{SERVICES - 1}", "one more")
    busy = meter.of(lambda: found.play(1))
    report(deliveries, "busy", busy, meter)
    assert len(found.merged()) == 1, "opened, judged and merged in one round"
    return {"idle": idle, "busy": busy}


def report(deliveries: int, what: str, counts: dict[str, int], meter: Meter) -> None:
    """For `bench/rounds.py`: a line of JSON."""
    if place := os.environ.get("INTERLOCK_SCALE_REPORT"):
        line = {"services": SERVICES, "deliveries": deliveries, "round": what, "cpu": meter.seconds, **counts}
        with Path(place).open("a") as file:
            file.write(json.dumps(line) + "\n")


def test_a_round_costs_the_same_after_ten_times_the_deliveries(
    make_world: Callable[[str], World], meter: Meter, tmp_path: Path
) -> None:
    little = costs(make_world("dev"), LITTLE, meter)
    shutil.rmtree(tmp_path / "ledger")
    for name in ("dev.git", "dev-mirror.git"):
        shutil.rmtree(tmp_path / name)
    (tmp_path / "dev-readmodel.db").unlink()
    much = costs(make_world("dev"), MUCH, meter)
    assert much == little
    idle, busy = little["idle"], little["busy"]
    assert idle["forge"] == 1, "the list of open pull requests, once a resync"
    assert idle["books"] == 0 and idle["git"] <= 3
    assert 0 < busy["forge"] <= 20
