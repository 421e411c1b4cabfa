from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from interlock.errors import ConflictError, NotFoundError, RefusedError
from interlock.platform.checks.pull import PullBase
from interlock.platform.delivery import gate, promotion
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import Digest, ServiceName
from interlock.platform.domain.image import ImageReference
from interlock.platform.facts import Facts, case, change, onboarding
from interlock.platform.facts.kept import Kept
from interlock.platform.facts.queue import QueueState

if TYPE_CHECKING:
    from interlock.clients.forge import PullRequest

    from .conftest import World

PAYMENTS = ServiceName("payments")
IMAGE = ImageReference("registry.acme.test/integration/payments", "main-aaaaaaaaaaaa", Digest("sha256:" + "a" * 64))


def author(world: World, person: str = "dana") -> promotion.Author:
    return promotion.Author("Dana Moss", "dana@acme.test", world.keys.sign_as(person))


def open_pull(world: World, prepared: promotion.Prepared, person: str = "dana") -> PullRequest:
    found = promotion.open_pull(
        world.git,
        world_forge(world),
        world.repository,
        prepared,
        author(world, person),
        now=world.now(),
    )
    world.git.fetch()
    return found


def known(world: World, pull: PullRequest) -> Facts:
    """Facts of the pull request as the gate has them."""
    sources = SimpleNamespace(
        mirror=lambda _: world.git,
        seal=world.keys.seal[1],
        kept=Kept(),
        generate=lambda service, where, _: world.golden(service, where),
    )
    return gate.facts_of(
        sources, world.estate, world.environment, pull, QueueState(), others=(), now=world.now()  # type: ignore[arg-type]
    )  # fmt: skip


def world_forge(world: World) -> Any:
    class Forge:
        create_pull = staticmethod(world.create_pull)

        @staticmethod
        def pulls(owner: str, repo: str, *, state: str) -> list[PullRequest]:
            return world.pulls_open()

    return Forge()


def test_a_promotion_is_one_signed_commit_that_changes_tag_and_digest(world: World) -> None:
    pull = open_pull(world, promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test"))
    assert (pull.head_ref, pull.base_ref) == ("promote/payments/main-aaaaaaaaaaaa", "main")
    assert pull.title == "payments: main-aaaaaaaaaaaa to prod"
    facts = known(world, pull)
    assert [item.path for item in facts.get(change.read).effect] == ["apps/payments/values.prod.yaml"]
    assert [item.person for item in facts.get(change.commits)] == ["dana"]
    assert (facts.get(case.read).kind, facts.get(case.read).service) == ("image", "payments")


def test_asking_twice_gives_the_same_pull_request(world: World) -> None:
    first = open_pull(world, promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test"))
    world.commit({"README.md": b"moved on\n"})
    again = open_pull(world, promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test"))
    assert again == first


def test_a_kill_between_push_and_pull_request_is_finished(world: World) -> None:
    first = open_pull(world, promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test"))
    world.pulls.clear()
    again = open_pull(world, promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test"))
    assert again.head_sha == first.head_sha


def test_a_version_that_was_merged_and_reverted_is_promoted_again(world: World) -> None:
    path = "apps/payments/values.prod.yaml"
    before = world.git.read("refs/heads/main", path)
    first = open_pull(world, promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test"))
    world.git.push(f"{first.head_sha}:refs/heads/main")
    world.git.fetch()
    assert before is not None
    world.commit({path: before})
    world.pulls.clear()
    again = open_pull(world, promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test"))
    assert again.head_ref == first.head_ref
    assert again.head_sha != first.head_sha
    assert world.git.is_ancestor(first.head_sha, again.head_sha)


def test_somebody_elses_branch_is_not_taken_for_ours(world: World) -> None:
    prepared = promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test")
    world.commit({"evil.txt": b"x"}, branch=prepared.branch)
    with pytest.raises(ConflictError) as caught:
        open_pull(world, prepared)
    assert caught.value.code == "delivery-branch"


def test_nothing_to_promote_is_refused(world: World) -> None:
    none = ImageReference(IMAGE.repository, "", Digest(""))
    with pytest.raises(RefusedError, match="test runs no image"):
        promotion.promotion(world.git, PAYMENTS, "prod", none, source="test")
    pull = open_pull(world, promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test"))
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    with pytest.raises(RefusedError, match="already"):
        promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test")
    with pytest.raises(NotFoundError) as caught:
        promotion.promotion(world.git, ServiceName("orders"), "prod", IMAGE, source="test")
    assert caught.value.code == "service-not-onboarded"


def test_an_onboarding_brings_the_golden_paths_files(world: World) -> None:
    payments = world.estate.service("payments").model_copy(update={"name": "orders"})
    files = world.golden(payments, world.environment)
    pull = open_pull(world, promotion.onboarding(world.git, ServiceName("orders"), "prod", files))
    world.estate = dataclasses.replace(world.estate, services={**world.estate.services, "orders": payments})
    facts = known(world, pull)
    assert (facts.get(case.read).kind, facts.get(case.read).service) == ("onboarding", "orders")
    found = facts.get(onboarding.read)
    assert found.present == found.expected == files
    assert "charts/service/1.1.0/Chart.yaml" not in facts.get(change.read).paths, "the repository has its chart already"
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    world.commit({"apps/orders/values.prod.yaml": b"replicas: 2\n"})
    with pytest.raises(RefusedError, match="already"):
        promotion.onboarding(world.git, ServiceName("orders"), "prod", files)


def test_a_fork_with_the_deliverys_branch_stands_in_nobodys_way(world: World) -> None:
    """Whoever may read may fork, and name a branch there as the delivery's."""
    prepared = promotion.promotion(world.git, PAYMENTS, "prod", IMAGE, source="test")
    world.commit({"x": b"y"}, branch="elsewhere")
    theirs = world.create_pull("acme", "env-prod", head="elsewhere", base="main", title="x")
    world.edit(theirs.number, head_ref=prepared.branch, from_fork=True)
    own = open_pull(world, prepared)
    assert own.number != theirs.number and own.head_ref == prepared.branch
    facts = known(world, world.pulls[theirs.number])
    assert PullBase().examine(facts).reason == "pull-from-fork"
    found = facts.look(change.read)
    assert isinstance(found, Unread) and found.code == "pull-from-fork", "the branch of that name here is another"
