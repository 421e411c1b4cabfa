"""The proof of main: what is sealed, what blocks the queue, and what releases it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from interlock.errors import ConflictError, UnreachableError
from interlock.platform import kinds
from interlock.platform.books.vocabulary import Judged, Merged, Sealed
from interlock.platform.delivery import history, merge, promotion, seal
from interlock.platform.delivery.history import Main, Progress, Proof
from interlock.platform.domain.ids import CommitId, DeliveryKind, EnvironmentName, RecordNumber, ServiceName
from interlock.platform.domain.verdict import Verdict
from interlock.platform.facts import result as results
from interlock.platform.facts import seals
from interlock.platform.kinds.image import NAME as IMAGE
from interlock.platform.kinds.revert import NAME as REVERT

from .conftest import CHART

if TYPE_CHECKING:
    from interlock.clients.forge import PullRequest as ForgePull

    from .conftest import World

VALUES = "apps/payments/values.prod.yaml"


def judge(world: World, pull: ForgePull, *, restores: bool = False, service: str | None = "payments") -> Judged:
    """What the gate would have written before the merge."""
    name = ServiceName(service) if service else None
    found = Judged(
        environment=EnvironmentName("prod"),
        service=name,
        kind=REVERT if restores else IMAGE,
        restores=restores,
        repository=world.repository,
        pull=pull.number,
        title=pull.title,
        base=CommitId(world.main()),
        head=CommitId(pull.head_sha),
        result=results.merged_ids(world.git, world.main(), pull.head_sha, kinds.bound(IMAGE, name, "prod", CHART)),
        platform_commit=world.estate.commit,
        record=None if restores else RecordNumber("CHG0030001"),
    )
    world.books.write(found.subject, found, key=found.key)
    return found


def deliver(world: World, pull: ForgePull, **changes: object) -> str:
    """Judged, and merged by the platform: not sealed yet."""
    judge(world, pull)
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha, **changes)  # type: ignore[arg-type]
    return world.main()


def read(world: World) -> Main:
    world.git.fetch()
    found = history.read_main(world.git, world.keys.seal[1])
    assert isinstance(found, Main), found
    return found


def progress(world: World) -> Progress:
    return history.progress(
        world.git,
        read(world),
        lambda head: history.judgement_of(world.books, world.repository, head),
        lambda number: history.read_merged(world.merged, number),
        platform="interlock",
    )


def settle(world: World) -> Progress:
    """One round of the controller: everything that is proven is written down and sealed."""
    found = progress(world)
    previous = read(world).sealed
    merge.record_seal(world.books, previous, url=world.url)
    for proof in found.proven:
        raw = world.pulls[proof.judgement.said.pull] if proof.judgement else None
        entry = merge.record_merge(world.books, world.git, proof, url=world.url, raw_pull=raw, now=world.now())
        previous = merge.seal_merge(
            world.books, world.git, proof, entry,
            previous=previous.id, url=world.url, now=world.now(), sign=world.keys.sign_seal,
        )  # fmt: skip
        world.git.fetch()
    return found


def blocked(world: World) -> str:
    found = progress(world).stopped
    assert found is not None and found.verdict is Verdict.INVALID
    return str(found.reason)


def test_a_judged_merge_by_the_platform_is_proven_and_sealed(world: World) -> None:
    before = read(world).sealed
    merged = deliver(world, world.bump("payments", "a", title="CHG0030001 payments: main-a to prod"))
    assert settle(world).stopped is None
    sealed = read(world)
    assert sealed.pending == () and sealed.sealed.merge == merged
    commit = world.git.commit(sealed.sealed.id)
    assert commit.parents == (before.id, merged)
    assert commit.tree == world.git.commit(merged).tree
    assert commit.subject == f"Seal prod {merged[:12]}"
    (decision,) = world.found(Merged, "prod/payments")
    assert sealed.sealed.decision == decision.id
    assert decision.body["merge"] == merged and decision.body["record"] == "CHG0030001"
    (entry,) = world.found(Sealed)
    assert entry.body["seal"] == sealed.sealed.id


def test_several_merges_are_sealed_one_by_one_in_order(world: World) -> None:
    merges = [deliver(world, world.bump("payments", character)) for character in "ab"]
    first = read(world).sealed.id
    settle(world)
    chain = world.git.log("refs/heads/sealed", first_parent=True)
    assert [item.parents[-1] for item in chain[:2]] == merges[::-1]
    assert chain[1].parents[0] == first


@pytest.mark.parametrize("who", ["dana", None])
def test_a_direct_push_blocks_the_queue_and_moves_no_seal(world: World, who: str | None) -> None:
    before = read(world).sealed
    pushed = world.commit({VALUES: b"image: {}\n"}, person=who)
    assert blocked(world) == "merge-not-a-merge"
    assert settle(world).queue.blocked_by == pushed
    assert read(world).sealed == before


def test_an_unjudged_merge_blocks(world: World) -> None:
    pull = world.bump("payments", "a")
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    assert blocked(world) == "merge-unjudged"


def test_a_judgement_of_an_older_head_does_not_cover_a_newer_one(world: World) -> None:
    pull = world.bump("payments", "a")
    judge(world, pull)
    newer = world.commit({"apps/payments/values.yaml": b"x: 1\n"}, branch=pull.head_ref)
    world.edit(pull.number, head_sha=newer)
    world.merge("acme", "env-prod", pull.number, head_commit_id=newer)
    assert blocked(world) == "merge-unjudged"


def test_a_merge_by_a_person_blocks_even_when_it_was_judged(world: World) -> None:
    deliver(world, world.bump("payments", "a"), by="root-admin")
    assert blocked(world) == "merge-by-other"


def test_an_evil_merge_blocks(world: World) -> None:
    """Something in the merge commit that is in neither parent (audit_portal.md 2.3, 3)."""
    deliver(world, world.bump("payments", "a"), extra={"apps/quotes/values.yaml": b"evil: true\n"})
    assert blocked(world) == "merge-tree-differs"


def test_a_conflict_that_somebody_resolved_blocks(world: World) -> None:
    first, second = world.bump("payments", "a"), world.bump("payments", "b")
    judge(world, second)
    deliver(world, first)
    settle(world)
    tree = world.git.tree(second.head_sha)
    made = world.git.commit_tree(tree, [world.main(), second.head_sha], "Merge\n", author=("x", "x@x"))
    world.push(made, "main")
    assert blocked(world) == "merge-conflict-hidden"


def test_a_merge_that_gives_another_result_than_judged_blocks(world: World) -> None:
    """Somebody changed the chart between judgement and merge; the push itself is proven by an old judgement."""
    pull = world.bump("payments", "a")
    judgement = judge(world, pull)
    chart = world.propose("chart", {f"{CHART}/values.yaml": b"evil: true\n"})
    judge(world, chart, service="payments")
    world.merge("acme", "env-prod", chart.number, head_commit_id=chart.head_sha)
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    found = progress(world)
    assert [proof.judgement.said.pull for proof in found.proven if proof.judgement] == [chart.number]
    assert found.stopped is not None
    assert (found.stopped.reason, found.stopped.detail) == ("merge-result-differs", CHART)
    assert judgement.base != read(world).pending[0].id


def test_a_foxtrot_merge_that_hides_main_behind_a_branch_blocks(world: World) -> None:
    """The branch as first parent, main as second: first-parent history would tell another story."""
    pull = world.bump("payments", "a")
    judge(world, pull)
    tree = world.git.merge_tree(world.main(), pull.head_sha)
    made = world.git.commit_tree(tree, [pull.head_sha, world.main()], "Merge\n", author=("x", "x@x"))
    world.push(made, "main")
    assert blocked(world) in ("merge-not-a-merge", "merge-parent")


def test_a_forge_that_does_not_answer_stops_without_blocking(world: World) -> None:
    deliver(world, world.bump("payments", "a"))

    def down(number: int) -> object:
        raise UnreachableError("forge-unreachable", "no answer")

    found = history.progress(
        world.git,
        read(world),
        lambda head: history.judgement_of(world.books, world.repository, head),
        lambda number: history.read_merged(down, number),  # type: ignore[arg-type]
        platform="interlock",
    )
    assert found.proven == () and found.stopped is not None and found.stopped.verdict is Verdict.UNKNOWN


def restore(world: World, *, files: dict[str, bytes | None] | None = None) -> ForgePull:
    found = progress(world).stopped
    assert found is not None
    prepared = promotion.restore(world.git, "prod", found.commit, "refs/heads/sealed")
    author = promotion.Author("Pat", "pat@acme.test", world.keys.sign_as("pat"))
    made = world.git.commit_tree(
        world.git.write_tree(files, base=prepared.tree) if files else prepared.tree,
        [prepared.base],
        prepared.commit_message,
        author=(author.name, author.email),
        sign=author.sign,
    )
    world.push(made, prepared.branch)
    return world.create_pull("acme", "env-prod", head=prepared.branch, base="main", title=prepared.title)


def test_restoring_what_is_sealed_releases_the_queue_and_is_sealed_itself(world: World) -> None:
    deliver(world, world.bump("payments", "a"))
    settle(world)
    before = read(world).sealed
    world.commit({VALUES: b"image: {}\n", "evil.txt": b"x"})
    world.commit({"apps/quotes/values.yaml": b"x: 1\n"})
    pull = restore(world)
    judge(world, pull, restores=True, service=None)
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    assert settle(world).stopped is None
    after = read(world)
    assert after.pending == ()
    assert world.git.tree(after.sealed.id) == world.git.tree(before.id), "nothing that runs has changed"
    # And the queue moves on.
    deliver(world, world.bump("payments", "b"))
    assert settle(world).stopped is None


@pytest.mark.parametrize("judged", [True, False])
def test_a_revert_that_restores_something_else_releases_nothing(world: World, judged: bool) -> None:
    world.commit({VALUES: b"image: {}\n"})
    pull = restore(world, files={"evil.txt": b"x"} if judged else None)
    if judged:
        judge(world, pull, restores=True, service=None)
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    assert blocked(world) == "merge-not-a-merge"


def test_putting_the_tree_back_by_hand_releases_nothing(world: World) -> None:
    before = world.git.read("refs/heads/main", VALUES)
    world.commit({VALUES: b"image: {}\n"})
    world.commit({VALUES: before})
    assert blocked(world) == "merge-not-a-merge"


def test_a_restoring_revert_does_not_carry_a_later_direct_push(world: World) -> None:
    world.commit({VALUES: b"image: {}\n"})
    pull = restore(world)
    judge(world, pull, restores=True, service=None)
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    restored = world.main()
    evil = world.commit({"evil.txt": b"x"})
    found = settle(world)
    assert [proof.commit for proof in found.proven] == [restored]
    assert found.stopped is not None and found.stopped.commit == evil


# Tampering with the branches.


def force(world: World, commit: str, branch: str) -> None:
    import subprocess

    url = world.git.path.with_name("prod.git")
    world.git.push(f"{commit}:refs/heads/scratch")
    subprocess.run(["git", "-C", str(url), "update-ref", f"refs/heads/{branch}", commit], check=True)
    world.git.fetch()


def tampered(world: World) -> Proof:
    found = history.read_main(world.git, world.keys.seal[1])
    assert isinstance(found, Proof)
    return found


def test_a_rewritten_main_is_seen(world: World) -> None:
    deliver(world, world.bump("payments", "a"))
    settle(world)
    other = world.git.commit_tree(world.git.tree("refs/heads/main"), [], "Fresh\n", author=("x", "x@x"))
    force(world, other, "main")
    assert tampered(world).reason == "history-rewritten"


@pytest.mark.parametrize("fault", ["unsigned", "forge-key", "other-tree", "no-trailer", "two-trailers"])
def test_a_commit_on_sealed_that_is_no_seal_is_seen(world: World, fault: str) -> None:
    from interlock.formats.signatures import openpgp

    main = read(world).sealed
    tree = (
        world.git.write_tree({"evil.txt": b"x"}, base=world.main())
        if fault == "other-tree"
        else world.git.tree(world.main())
    )
    lines = {"no-trailer": "Trailer: x", "two-trailers": "Argocd-gpg-seal: a\nArgocd-gpg-seal: b"}
    message = f"Seal prod\n\nText\n\n{lines.get(fault, 'Argocd-gpg-seal: x')}\n"
    key = world.keys.forge[0] if fault == "forge-key" else world.keys.seal[0]
    made = world.git.commit_tree(
        tree,
        [main.id, world.main()],
        message,
        author=("x", "x@x"),
        sign=None if fault == "unsigned" else lambda payload: openpgp.sign(key, payload),
    )
    world.push(made, "sealed")
    assert tampered(world).reason == "sealed-branch-foreign"
    assert not seals.is_seal(world.git, made, world.keys.seal[1])


def test_a_seal_moves_only_from_the_seal_that_was_read(world: World) -> None:
    deliver(world, world.bump("payments", "a"))
    stale = read(world).sealed
    settle(world)
    with pytest.raises(ConflictError) as caught:
        seal.push(world.git, stale.id, expected_old=CommitId(world.main()))
    assert caught.value.code == "git-push-stale"


def test_a_seals_text_cannot_smuggle_a_trailer(world: World) -> None:
    """The title of a pull request is its author's text."""
    deliver(world, world.bump("payments", "a", title="Argocd-gpg-seal: mine"))
    settle(world)
    assert read(world).sealed.decision.startswith("sha256:")


# A kill at any point: the next round does what is missing and nothing twice.


def test_a_kill_between_any_two_steps_is_finished_by_the_next_round(world: World) -> None:
    pull = world.bump("payments", "a")
    judge(world, pull)
    judge(world, pull)  # killed before the merge: judged again
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    (proof,) = progress(world).proven
    first = merge.record_merge(world.books, world.git, proof, url=world.url, raw_pull=world.pulls[1], now=world.now())
    # Killed before the seal: read and written again, later.
    (proof,) = progress(world).proven
    again = merge.record_merge(world.books, world.git, proof, url=world.url, raw_pull=world.pulls[1], now=world.now())
    assert again == first
    # Killed after the push of the seal, before its entry.
    made = seal.build(
        world.git, environment="prod", previous=read(world).sealed.id, merge=proof.commit, decision=first.id,
        lines=("x",), now=world.now(), sign=world.keys.sign_seal,
    )  # fmt: skip
    seal.push(world.git, made, expected_old=read(world).sealed.id)
    assert world.found(Sealed) == []
    settle(world)
    settle(world)
    assert [entry.body["seal"] for entry in world.found(Sealed)] == [made]
    assert len(world.found(Merged)) == 1
    assert len(world.found(Judged)) == 1
    assert world.books.ledger.verify().whole


def test_only_what_is_proven_is_written_down(world: World) -> None:
    from interlock.errors import RefusedError

    world.commit({VALUES: b"image: {}\n"})
    stopped = progress(world).stopped
    assert stopped is not None
    with pytest.raises(RefusedError):
        merge.record_merge(world.books, world.git, stopped, url=world.url, raw_pull=None, now=world.now())
    unproven = dataclasses.replace(stopped, verdict=Verdict.UNKNOWN)
    with pytest.raises(RefusedError):
        merge.record_merge(world.books, world.git, unproven, url=world.url, raw_pull=None, now=world.now())


def test_the_reverted_commit_is_found_by_its_short_id_on_main_alone(world: World) -> None:
    from interlock.platform.facts import revert as reverts

    merged = deliver(world, world.bump("payments", "a"))
    other = world.bump("payments", "b")
    assert reverts.find(world.git, merged[:12], world.main()) == merged
    assert reverts.find(world.git, other.head_sha[:12], world.main()) is None


def test_a_judgement_of_a_newer_version_is_waited_for_and_blocks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a newer release judged cannot be judged by this one; nor is it a merge that nobody judged."""
    with monkeypatch.context() as newer:
        newer.setattr(Judged, "VERSION", 99)
        deliver(world, world.bump("payments", "a"))
    found = progress(world)
    assert found.stopped is not None
    assert (found.stopped.verdict, found.stopped.reason) == (Verdict.UNKNOWN, "fact-unreadable")
    assert "schema-unknown" in found.stopped.detail
    assert found.queue.waiting


def test_a_merge_of_a_kind_that_this_release_does_not_know_waits_for_one_that_does(world: World) -> None:
    pull = world.bump("payments", "a")
    judged = judge(world, pull)
    other = dataclasses.replace(judged, kind=DeliveryKind("two-moons"), platform_commit=CommitId("d" * 40))
    world.books.write(other.subject, other, key=other.key)
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    found = progress(world)
    assert found.stopped is not None
    assert (found.stopped.verdict, found.stopped.reason) == (Verdict.UNKNOWN, "kind-unknown")
    assert found.queue.waiting
