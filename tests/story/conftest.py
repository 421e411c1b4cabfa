"""One running estate for the whole folder: made by the commands that a person types, and torn down whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .story_world.deliveries import Proposal, commit, fresh_clone
from .story_world.estate import Estate
from .story_world.waiting import eventually

HERE = Path(__file__).parent
LONGEST = ("test_tutorial", "test_kill", "test_tutorial_webhooks", "test_evidence", "test_refusals_build")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules begin first, so that no worker is left alone with one (with --no-loadscope-reorder)."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)) if item.path.parent == HERE else -1)


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


@pytest.fixture(scope="session")
def second(estate: Estate) -> str:
    """A second image of payments, healthy in dev and test, and not in production: its tag@digest."""
    clone = fresh_clone(estate, "dana", "payments")

    def change(folder: Path) -> None:
        (folder / "README.md").write_text("The second release.\n")

    commit(estate, "dana", clone, "Write the second release", change)
    estate.git("dana", "push", "--quiet", cwd=clone)
    tag = f"main-{estate.branch('payments')[:12]}"
    estate.run("wait", "payments", "--env", "dev", "--image", tag, "--timeout", "90")
    estate.run("promote", "payments", "--to", "test", "--as", "dana")
    estate.run("approve", "payments", "--env", "test", "--as", "pat")
    estate.run("wait", "payments", "--env", "test", "--image", tag, "--timeout", "90")
    image = str(estate.image("payments", "test"))
    return image.partition(":")[2]


@pytest.fixture
def promotion(estate: Estate, second: str) -> Iterator[Proposal]:
    """The second image on its way to production: dana asks, nobody has approved. Withdrawn in the end."""
    estate.run("promote", "payments", "--to", "prod", "--as", "dana")
    pull = estate.pulls("env-prod", "payments")[-1]
    made = Proposal(estate, "env-prod", pull.number, pull.head_ref)
    try:
        yield made
    finally:
        made.close()


def deliver(estate: Estate, service: str, environment: str) -> None:
    """Wait until the cluster runs what the branch says, and remember by which pull request."""
    estate.run("wait", service, "--env", environment, "--timeout", "90")
    estate.first[environment] = eventually(lambda: estate.image(service, environment), what=f"{service} runs")
    estate.first[f"pull-{environment}"] = str(estate.pulls(f"env-{environment}", service, state="closed")[-1].number)
