from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from interlock.errors import ConflictError, InputError, NotFoundError, RefusedError
from interlock.platform.checks import Check
from interlock.platform.delivery import gate, promotion, seal
from interlock.platform.domain.ids import CommitId, Digest, ServiceName
from interlock.platform.domain.verdict import Verdict
from interlock.platform.facts import Facts, case, ground
from interlock.platform.facts import revert as reverts
from interlock.platform.facts.case import Case
from interlock.platform.facts.queue import QueueState
from interlock.platform.facts.revert import RevertFacts
from interlock.platform.facts.sources import Sources
from interlock.platform.kinds.image import Image
from interlock.platform.kinds.revert import NAME as REVERT
from interlock.platform.kinds.revert.checks import RevertExact, RevertNewest

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


# -- the way back: judged as a revert; everything else as what it delivers -------------------------------------------

SUNDAY = datetime(2026, 8, 23, 3, 0, tzinfo=UTC)


def sealed(world: World, merge: str) -> None:
    """The seal of a merge, as the controller makes it."""
    previous = CommitId(world.git.resolve("refs/heads/sealed"))
    made = seal.build(
        world.git, environment=world.environment.name, previous=previous, merge=CommitId(merge),
        decision=Digest("sha256:" + "0" * 64), lines=("Delivery",), now=world.now(), sign=world.keys.sign_seal,
    )  # fmt: skip
    seal.push(world.git, made, expected_old=previous)
    world.git.fetch()


def delivered(world: World, service: str, character: str) -> CommitId:
    made = merged(world, service, character)
    sealed(world, made)
    return made


def proposed(world: World, prepared: promotion.Prepared, *, branch: str = "", now: datetime = SUNDAY) -> Facts:
    """The facts of the pull request that brings a prepared revert."""
    files = {
        item.path: None if item.new_id is None else world.git.blob(item.new_id)
        for item in world.git.diff(prepared.base, prepared.tree)
    }
    pull = world.propose(branch or prepared.branch, files)
    sources: Any = Sources(
        books=world.books, seal=world.keys.seal[1], cluster=_down, mirror=lambda _: world.git, forge=_down,
        registry=_down, tickets=_down,
    )  # fmt: skip
    return gate.facts_of(sources, world.estate, world.environment, pull, QueueState(), others=(), now=now)


def _down(*_: object) -> Any:
    raise NotFoundError("kubernetes-not-found", "nothing here")


def taken_back(world: World, service: str, commit: CommitId) -> CommitId:
    """A revert of ``commit``, merged and sealed."""
    prepared = promotion.revert(world.git, ServiceName(service), "prod", commit)
    proposed(world, prepared)
    pull = world.pulls[len(world.pulls)]
    found = world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    sealed(world, str(found.merge_commit_sha))
    return CommitId(str(found.merge_commit_sha))


def obstacle(world: World, commit: CommitId) -> str:
    prepared = promotion.revert(world.git, PAYMENTS, world.environment.name, commit)
    return promotion.obstacle(world.git, world.environment, commit, prepared, certificate=world.keys.seal[1])


def judged(world: World, commit: CommitId) -> Case:
    """The case of the revert of ``commit``; what is told to who opens it agrees with the gate."""
    facts = proposed(world, promotion.revert(world.git, PAYMENTS, "prod", commit))
    found = facts.get(case.read)
    assert (found.kind == REVERT) is (obstacle(world, commit) == "")
    return found


def examined(facts: Facts, check: Check) -> tuple[Verdict, str]:
    found = check.examine(facts)
    return found.verdict, str(found.reason)


def test_the_newest_delivery_goes_back_outside_windows_and_in_a_freeze(world: World) -> None:
    delivered(world, "payments", "a")
    bad = delivered(world, "payments", "b")
    delivered(world, "quotes", "c")
    facts = proposed(world, promotion.revert(world.git, PAYMENTS, "prod", bad))
    assert facts.get(case.read) == Case(REVERT, PAYMENTS)
    demand = facts.get(ground.demand)
    assert world.environment.windows and (demand.windows, demand.freezes) == ((), False)
    assert demand.approvals == world.environment.rules.approvals and demand.change_record
    findings = {str(item.id): item for item in gate.judge(facts).findings}
    assert findings["change-window"].verdict is Verdict.VALID and "no-freeze" not in findings
    assert findings["revert-newest"].verdict is findings["revert-exact"].verdict is Verdict.VALID
    back = [item.id for item in world.git.log("refs/heads/sealed", first_parent=True)][2]
    assert findings["revert-newest"].detail == f"back to {back[:12]}", "the seal directly before the bad one's"


def test_a_revert_of_a_revert_is_judged_as_the_image_that_it_brings(world: World) -> None:
    """What was taken back does not come again by night (M2)."""
    delivered(world, "payments", "a")
    undone = taken_back(world, "payments", delivered(world, "payments", "b"))
    found = judged(world, undone)
    assert (found.kind, found.brings_source) == ("image", True)
    assert "went back itself" in obstacle(world, undone)


def test_what_is_promoted_again_after_a_revert_can_go_back_again(world: World) -> None:
    delivered(world, "payments", "a")
    taken_back(world, "payments", delivered(world, "payments", "b"))
    again = delivered(world, "payments", "b")
    assert obstacle(world, again) == ""
    assert judged(world, taken_back(world, "payments", again)).kind == "image"


def test_an_older_delivery_is_taken_back_as_what_it_delivers(world: World) -> None:
    delivered(world, "payments", "a")
    older = delivered(world, "payments", "b")
    path = "apps/payments/values.yaml"
    newer = world.commit({path: (world.git.read("refs/heads/main", path) or b"") + b"# more\n"})
    sealed(world, newer)
    assert judged(world, older).kind == "image"
    assert newer[:12] in obstacle(world, older)


def test_a_delivery_of_another_kind_is_taken_back_as_what_it_delivers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(world, "payments", "a")
    bad = delivered(world, "payments", "b")
    monkeypatch.setattr(Image, "undone_anytime", False)
    assert judged(world, bad).kind == "image"
    assert "is of kind image" in obstacle(world, bad)


def test_what_no_kind_claims_is_refused_whatever_its_branch_is_called(world: World) -> None:
    delivered(world, "payments", "a")
    odd = CommitId(world.commit({"apps/payments/extra.yaml": b"a: 1\n"}))
    sealed(world, odd)
    found = judged(world, odd)
    assert (found.kind, found.reason) == (None, "file-deleted")
    assert "is of no kind" in obstacle(world, odd)


def test_a_commit_that_was_never_sealed_before_is_no_state_to_go_back_to(world: World) -> None:
    merged(world, "payments", "a")
    bad = delivered(world, "payments", "b")
    assert "would not be exactly what it was" in obstacle(world, bad)
    unsealed = merged(world, "payments", "c")
    assert "nothing was sealed directly before" in obstacle(world, unsealed)


def test_a_first_release_has_nothing_to_go_back_to_and_is_refused_as_a_removal(world: World) -> None:
    first = delivered(world, "payments", "a")
    facts = proposed(world, promotion.revert(world.git, PAYMENTS, "prod", first))
    assert facts.get(case.read).kind == REVERT
    reasons = {str(item.id): str(item.reason) for item in gate.judge(facts).findings}
    assert reasons["revert-keeps-workload"] == "revert-removes-workload"


def test_a_branch_that_brings_more_than_the_inverse_is_no_revert(world: World) -> None:
    delivered(world, "payments", "a")
    bad = delivered(world, "payments", "b")
    prepared = promotion.revert(world.git, PAYMENTS, "prod", bad)
    path = "apps/payments/values.prod.yaml"
    other = world.git.read(prepared.tree, path)
    assert other is not None
    world.propose(prepared.branch, {path: other.replace(b"main-" + b"a" * 12, b"main-" + b"e" * 12)})
    facts = gate.facts_of(
        Sources(
            books=world.books, seal=world.keys.seal[1], cluster=_down, mirror=lambda _: world.git, forge=_down,
            registry=_down, tickets=_down,
        ),
        world.estate, world.environment, world.pulls[len(world.pulls)], QueueState(), others=(), now=SUNDAY,
    )  # fmt: skip
    assert facts.get(case.read).kind == "image"
    assert examined(facts, RevertExact()) == (Verdict.INVALID, "revert-not-exact")
    assert examined(facts, RevertNewest()) == (Verdict.INVALID, "revert-not-newest")


def test_where_there_are_no_seals_main_says_what_was_before(make_world: Any) -> None:
    world = make_world("dev")
    merged(world, "payments", "a")
    bad = merged(world, "payments", "b")
    assert not world.environment.sealed and obstacle(world, bad) == ""
