"""One running estate for the whole folder: made by the commands that a person types, and torn down whatever happens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from story_world.estate import Estate
from story_world.waiting import eventually


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """payments, built by its pipeline and healthy in dev, test and prod. ``first`` tells of that first delivery."""
    made = Estate(tmp_path_factory.mktemp("estate"))
    try:
        made.up()
        made.run("platform", "init")
        made.run("service", "create", "payments", "--path", "ace-flow", "--team", "payments", "--as", "dana")
        for environment, person in (("platform", "pat"), ("test", "pat"), ("prod", "sam"), ("prod", "rita")):
            made.run("approve", "payments", "--env", environment, "--as", person)
        made.run("approve", "payments", "--env", "prod", "--as", "carol")
        deliver(made, "payments", "dev")
        made.run("promote", "payments", "--to", "test", "--as", "dana")
        made.run("approve", "payments", "--env", "test", "--as", "pat")
        deliver(made, "payments", "test")
        made.run("promote", "payments", "--to", "prod", "--as", "dana")
        made.first["gate"] = made.run("gate", "payments", "--env", "prod", "--json", expect=1).out
        for person in ("sam", "rita", "carol"):
            made.run("approve", "payments", "--env", "prod", "--as", person)
        deliver(made, "payments", "prod")
        made.first["record"] = made.pulls("env-prod", "payments", state="closed")[-1].title.split()[0]
        made.first["commit"] = made.branch("payments")
        eventually(lambda: str(made.tickets().get(made.first["record"]).state) == "3", what="the record is closed")
        yield made
    finally:
        made.down()


def deliver(estate: Estate, service: str, environment: str) -> None:
    """Wait until the cluster runs what the branch says, and remember by which pull request."""
    estate.run("wait", service, "--env", environment, "--timeout", "90")
    estate.first[environment] = eventually(lambda: estate.image(service, environment), what=f"{service} runs")
    estate.first[f"pull-{environment}"] = str(estate.pulls(f"env-{environment}", service, state="closed")[-1].number)
