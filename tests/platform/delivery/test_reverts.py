from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from interlock.errors import ConflictError, InputError, RefusedError
from interlock.platform.delivery import promotion
from interlock.platform.domain.ids import CommitId, ServiceName
from interlock.platform.facts import revert as reverts
from interlock.platform.facts.revert import RevertFacts

if TYPE_CHECKING:
    from .conftest import World

PAYMENTS = ServiceName("payments")


def merged(world: World, service: str, character: str) -> CommitId:
    pull = world.bump(service, character)
    found = world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    return CommitId(str(found.merge_commit_sha))


def facts(world: World, prepared: promotion.Prepared, **changes: str | None) -> RevertFacts:
    short = reverts.reverted(prepared.branch)
    assert short is not None
    return reverts.judge(world.git, short, base=world.main(), tree=prepared.tree, sealed=changes.get("sealed"))


def test_a_prepared_revert_is_the_exact_inverse(world: World) -> None:
    before = world.git.tree(world.main())
    bad = merged(world, "payments", "a")
    prepared = promotion.revert(world.git, PAYMENTS, "prod", bad)
    assert prepared.tree == before
    found = facts(world, prepared)
    assert (found.commit, found.expected, found.restores) == (bad, prepared.tree, False)


def test_other_services_deliveries_in_between_stay(world: World) -> None:
    bad = merged(world, "payments", "a")
    merged(world, "quotes", "b")
    prepared = promotion.revert(world.git, PAYMENTS, "prod", bad)
    changed = [item.path for item in world.git.diff(world.main(), prepared.tree)]
    assert changed == ["apps/payments/values.prod.yaml"]


def test_what_was_changed_again_since_is_not_reverted(world: World) -> None:
    bad = merged(world, "payments", "a")
    merged(world, "payments", "b")
    with pytest.raises(ConflictError) as caught:
        promotion.revert(world.git, PAYMENTS, "prod", bad)
    assert caught.value.code == "revert-overtaken"
    tree = world.git.tree(world.main())
    found = reverts.judge(world.git, bad[:12], base=world.main(), tree=tree, sealed=None)
    assert found.expected is None and "changed again" in found.problem


def test_the_first_commit_has_no_inverse(world: World) -> None:
    with pytest.raises(InputError, match="nothing to go back to"):
        reverts.inverse(world.git, world.main(), world.main())


def test_a_first_release_is_taken_back_by_a_removal_and_the_kind_says_so(world: World) -> None:
    service = world.estate.service("payments").model_copy(
        update={"name": "orders", "image": "registry.acme.test/integration/orders"}
    )
    pull = world.propose("onboard/orders", world.golden(service, world.environment))
    found = world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    with pytest.raises(RefusedError) as caught:
        promotion.revert(world.git, ServiceName("orders"), "prod", CommitId(str(found.merge_commit_sha)))
    assert caught.value.code == "revert-removes-workload" and "onboarding" in (caught.value.got or "")


def test_only_commits_of_main_are_reverted(world: World) -> None:
    tree = world.git.tree(world.main())
    found = reverts.judge(world.git, "0123456789ab", base=world.main(), tree=tree, sealed=None)
    assert found.commit is None


def test_restoring_is_only_looked_for_while_the_queue_is_blocked(world: World) -> None:
    evil = CommitId(world.commit({"evil.txt": b"x"}))
    prepared = promotion.restore(world.git, "prod", evil, "refs/heads/sealed")
    assert facts(world, prepared, sealed="refs/heads/sealed").restores
    assert not facts(world, prepared).restores
    assert world.git.tree("refs/heads/sealed") == prepared.tree


@pytest.mark.parametrize("branch", ["promote/payments/x", "revert/payments", "revert/a/b/c", "revert/payments/XYZ"])
def test_other_branches_are_no_reverts(branch: str) -> None:
    assert reverts.reverted(branch) is None
