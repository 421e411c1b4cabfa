"""A service whose newest delivery is a configuration: approvals and record are its own, the rest is the image's."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.platform.books.vocabulary import Merged
from interlock.platform.domain.ids import DeliveryKind, EnvironmentName, ServiceName
from interlock.platform.domain.verdict import Verdict
from interlock.platform.facts import ground, running
from interlock.platform.kinds.configuration import NAME
from interlock.platform.proof import back
from interlock.platform.proof.chain import Trace, trace

from .proof_world.objects import values

IMAGE_LINKS = ("image-digest", "signature", "sbom", "scan", "provenance", "pipeline-run", "source-commit")


def proof(world: Any, environment: str = "prod") -> Trace:
    return trace(world.sources(), EnvironmentName(environment), ServiceName("payments"), now=world.clock)


@pytest.fixture
def configured(world: Any) -> Any:
    """The delivered world, with more replicas since."""
    for environment in ("dev", "prod"):
        revision = world.deliver(environment, more(world, environment), NAME)
        image = back.facts(world.sources(), EnvironmentName(environment), ServiceName("payments")).get(running.image)
        world.sync(environment, revision, image.tag, image.digest)
    return world


def more(world: Any, environment: str, replicas: int = 3) -> dict[str, str]:
    path = f"apps/payments/values.{environment}.yaml"
    held = world.repositories[f"env-{environment}"].read("refs/heads/main", path).decode()
    return {path: held.partition("replicas")[0] + f"replicas: {replicas}\n"}


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_chain_over_image_and_configuration_holds(configured: Any, environment: str) -> None:
    found = proof(configured, environment)
    assert found.overall is Verdict.VALID, [item for item in found.findings if item.verdict is not Verdict.VALID]
    if environment == "prod":
        assert {item.reason for item in found.findings if item.id in IMAGE_LINKS} == {"ok"}, "none is waived"
        decided = [item for item in configured.found(Merged) if item.subject == "prod/payments"][-1]
        said = configured.books.read(Merged, decided).said
        told = next(item.detail for item in found.findings if item.id == "image-digest")
        assert "a delivery of kind image" in told, told
        assert said.kind == NAME and found.ids["pull"] == str(said.pull) and found.ids["record"] == said.record


def test_several_configurations_in_a_row_hold(configured: Any) -> None:
    revision = configured.deliver("prod", more(configured, "prod", 5), NAME)
    image = back.facts(configured.sources(), EnvironmentName("prod"), ServiceName("payments")).get(running.image)
    configured.sync("prod", revision, image.tag, image.digest)
    assert proof(configured).holds


def test_its_approvals_are_demanded_of_the_configuration(configured: Any) -> None:
    revision = configured.deliver("prod", more(configured, "prod", 7), NAME, reviewers=("sam",))
    image = back.facts(configured.sources(), EnvironmentName("prod"), ServiceName("payments")).get(running.image)
    configured.sync("prod", revision, image.tag, image.digest)
    wrong = [item.id for item in proof(configured).findings if item.verdict is not Verdict.VALID]
    assert wrong == ["approvals"]


def test_a_configuration_that_brings_an_image_is_judged_as_what_brought_it(world: Any) -> None:
    """Nobody's gate would merge it; the proof asks that decision for what an image must have, and it has none."""
    tag, digest = world.build("two", verdict="fail")
    revision = world.deliver("prod", values("prod", tag, digest), DeliveryKind("configuration"))
    world.sync("prod", revision, tag, digest)
    found = proof(world)
    assert not found.holds
    assert [item.id for item in found.findings if item.id == "scan" and item.verdict is Verdict.INVALID]


def test_the_image_is_judged_by_the_rules_of_its_own_delivery(configured: Any) -> None:
    facts = back.facts(configured.sources(), EnvironmentName("prod"), ServiceName("payments"))
    origin = facts.get(back.origin)
    assert origin is not facts
    assert origin.get(ground.merging) < facts.get(ground.merging)
    assert origin.get(running.image) == facts.get(running.image)
