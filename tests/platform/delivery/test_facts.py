"""Readers: signers, source, health, changes."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from interlock.errors import NotFoundError, UnreachableError
from interlock.formats.signatures import openpgp
from interlock.platform.domain.change import Change
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.health import ApplicationFacts
from interlock.platform.domain.ids import CommitId, Digest, ObjectId, ServiceName
from interlock.platform.domain.image import ImageFacts, ImageReference, Provenance
from interlock.platform.domain.people import People
from interlock.platform.domain.verdict import Basis
from interlock.platform.facts import Facts, change, ground, health, image, pull, rendering, source
from interlock.platform.facts import case as cases
from interlock.platform.facts.case import Case
from interlock.platform.facts.kept import Kept
from interlock.platform.facts.signers import Signers
from interlock.platform.kinds.image import NAME as IMAGE

if TYPE_CHECKING:
    from .conftest import World

PAYMENTS = ServiceName("payments")


def attributed(world: World, commit: str) -> tuple[str | None, bool, str]:
    (found,) = Signers(world.estate).attribute([world.git.commit(commit)], at=world.now())
    return found.person, found.platform, found.problem


def test_a_commit_is_whose_key_signed_it(world: World) -> None:
    """The author line says "Anybody" in every one of them."""
    assert attributed(world, world.commit({"a": b"1"}, person="sam")) == ("sam", False, "")
    assert attributed(world, world.commit({"a": b"2"}, person=None)) == (None, False, "unsigned")
    assert attributed(world, world.commit({"a": b"3"}, person="stranger")) == (None, False, "unknown-key")


def test_the_forges_key_signs_merges_and_also_what_somebody_edited(world: World) -> None:
    pull = world.bump("payments", "a")
    merged = world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    assert attributed(world, str(merged.merge_commit_sha)) == (None, True, "")
    edited = world.git.commit_tree(
        world.git.tree(world.main()), [world.main()], "Edit in the browser\n", author=("Dana", "d@x"),
        sign=lambda payload: openpgp.sign(world.keys.forge[0], payload),
    )  # fmt: skip
    assert attributed(world, edited) == (None, False, "forge-signed-edit")


def test_authorship_outlives_employment_and_the_right_to_ask_does_not(world: World) -> None:
    sam = world.commit({"a": b"1"}, person="sam")
    persons = tuple(
        dataclasses.replace(item, valid_until=world.now()) if item.id == "sam" else item
        for item in world.estate.people.persons
    )
    signers = Signers(dataclasses.replace(world.estate, people=People(persons)))
    commits = [world.git.commit(sam)]
    assert signers.attribute(commits, at=None)[0].person == "sam"
    assert signers.attribute(commits, at=world.now())[0].problem == "unknown-person"


def test_the_source_of_a_delivery_is_what_is_new_since_the_last_one(world: World) -> None:
    """The env repo stands in for an app repo here."""
    first = CommitId(world.commit({"a": b"1"}, person="dana"))
    second = CommitId(world.commit({"a": b"2"}, person="sam"))
    found = Signers(world.estate).attribute(source.between(world.git, first, second), at=None)
    assert [item.person for item in found] == ["sam"]
    assert len(source.between(world.git, None, second)) == 3


def built(world: World, commit: CommitId) -> ImageFacts:
    """An image whose provenance names ``commit``."""
    reference = ImageReference("registry.acme.test/integration/payments", "main-1", Digest("sha256:" + "a" * 64))
    made = Provenance("b", "https://git/acme/payments", commit, "build-ace-flow", "run", "bubblewrap")
    return ImageFacts(reference, "m", reference.digest, provenance=made)


def test_source_that_is_not_on_main_is_nobodys(world: World) -> None:
    aside = CommitId(world.commit({"a": b"1"}, branch="aside"))
    bring = {cases.read: Case(IMAGE, PAYMENTS, brings_source=True), image.held_read: None}
    found = known(world, more={**bring, image.read: built(world, aside)}).look(source.read)
    assert isinstance(found, Unread) and found.code == "source-not-on-main"
    gone = known(world, more={**bring, image.read: built(world, CommitId("0" * 40))}).look(source.read)
    assert isinstance(gone, Unread)


SIMULATED = {"metadata": {"annotations": {"interlock.dev/simulated": "true"}}}


class Cluster:
    """One Application, or an error, and one Deployment."""

    def __init__(self, found: dict[str, Any] | Exception) -> None:
        self.found = found

    def get(self, _: str, kind: str, *name: str) -> dict[str, Any]:
        if kind == "Deployment":
            return SIMULATED if name == ("payments", "payments") else {}
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def known(world: World, **given: Any) -> Facts:
    """Facts of payments; the environment before is prod itself, whose repository there is."""
    sources = SimpleNamespace(
        cluster=lambda _: Cluster(given.get("application", {})),
        mirror=lambda _: world.git,
        seal=world.keys.seal[1],
        kept=given.get("kept") or Kept(),
    )
    values = {
        ground.sources: sources, ground.estate: world.estate, ground.environment: world.environment,
        ground.moment: world.now(), cases.read: Case(IMAGE, PAYMENTS), health.before: world.environment,
    }  # fmt: skip
    return Facts({**values, **given.get("more", {})})


def read_health(world: World, found: dict[str, Any] | Exception) -> ApplicationFacts | Unread | None:
    return known(world, application=found).look(health.read)


def status(revision: str, **changes: Any) -> dict[str, Any]:
    values = {
        "sync": {"status": "Synced", "revision": revision},
        "health": {"status": "Healthy"},
        "operationState": {"phase": "Succeeded"},
    }
    return {"status": {**values, **changes}}


def test_health_is_of_the_digest_at_the_synced_revision(world: World) -> None:
    sealed = world.git.resolve("refs/heads/sealed")
    found = read_health(world, status(sealed))
    assert isinstance(found, ApplicationFacts)
    assert (found.sync, found.health, found.digest, found.sealed) == ("Synced", "Healthy", "", True)
    assert found.basis is Basis.SIMULATED
    unsealed = read_health(world, status(world.main()))
    assert isinstance(unsealed, ApplicationFacts) and not unsealed.sealed


def test_an_operation_that_did_not_succeed_is_not_synced(world: World) -> None:
    sealed = world.git.resolve("refs/heads/sealed")
    found = read_health(world, status(sealed, operationState={"phase": "Running"}))
    assert isinstance(found, ApplicationFacts) and found.sync == "Synced, operation Running"


def test_no_application_and_no_answer_are_two_things(world: World) -> None:
    assert read_health(world, NotFoundError("kubernetes-not-found", "no such Application")) is None
    assert isinstance(read_health(world, UnreachableError("kubernetes-unreachable", "down")), Unread)
    assert isinstance(read_health(world, status("0" * 40)), Unread)
    assert isinstance(read_health(world, {}), Unread)


def read_change(world: World, number: int) -> Change | Unread:
    world.git.fetch()
    return known(world, more={pull.answer: world.pulls[number]}).look(change.read)


def test_a_change_has_both_what_reviewers_see_and_what_lands(world: World) -> None:
    world.bump("payments", "a")
    world.commit({"apps/quotes/values.yaml": b"x: 1\n"})
    found = read_change(world, 1)
    assert isinstance(found, Change)
    path = "apps/payments/values.prod.yaml"
    assert [item.path for item in found.proposed] == [item.path for item in found.effect] == [path]
    assert b'tag: ""' in found.before[path] and b"main-aaaaaaaaaaaa" in found.after[path]
    assert found.base == world.main() != found.merge_base


def test_a_conflict_a_missing_branch_and_foreign_history_are_told_apart(world: World) -> None:
    first, second = world.bump("payments", "a"), world.bump("payments", "b")
    world.merge("acme", "env-prod", first.number, head_commit_id=first.head_sha)
    conflict = read_change(world, second.number)
    assert isinstance(conflict, Unread) and conflict.code == "merge-conflict"
    world.edit(second.number, head_ref="somebody:elsewhere")
    missing = read_change(world, second.number)
    assert isinstance(missing, Unread) and missing.code != "merge-conflict"
    root = world.git.commit_tree(world.git.write_tree({"a": b"1"}), [], "Fresh\n", author=("x", "x@x"))
    world.push(root, "fresh")
    world.edit(second.number, head_ref="fresh")
    assert isinstance(read_change(world, second.number), Unread)


def test_a_link_has_no_content_that_could_be_judged(world: World) -> None:
    blob = world.git._git("hash-object", "-w", "--stdin", stdin=b"/etc/passwd").decode().strip()
    tree = world.git._git("mktree", stdin=f"120000 blob {blob}\tlink\n".encode()).decode().strip()
    commit = world.git.commit_tree(tree, [world.main()], "x\n", author=("x", "x@x"))
    world.push(commit, "link")
    pull = world.create_pull("acme", "env-prod", head="link", base="main", title="x")
    found = read_change(world, pull.number)
    assert isinstance(found, Change)
    (link,) = [item for item in found.effect if item.path == "link"]
    assert link.new_mode == "120000" and "link" not in found.after


def rendered(world: World, base: str, tree: str) -> rendering.Rendering | Unread:
    found = Change(CommitId(base), CommitId(tree), CommitId(base), ObjectId(tree), (), ())
    return known(world, more={change.read: found}).look(rendering.read)


def test_rendering_a_first_release_adds_the_workload(world: World) -> None:
    pull = world.bump("payments", "a")
    found = rendered(world, world.main(), pull.head_sha)
    assert not isinstance(found, Unread)
    before, after = ({item["kind"] for item in side} for side in (found.before, found.after))
    assert after - before == {"Deployment", "Service"}


def test_rendering_says_what_the_chart_does_wrong(world: World) -> None:
    broken = world.commit({"apps/payments/templates/service.yaml": b"{{ nonsense }}\n"})
    found = rendered(world, world.main() + "~1", broken)
    assert isinstance(found, Unread) and found.code.startswith("helm-")


@pytest.mark.parametrize("service", ["orders"])
def test_a_service_without_a_chart_renders_nothing(world: World, service: str) -> None:
    assert rendering.render(world.git, world.main(), ServiceName(service), world.environment) == ()


def test_what_commits_alone_decide_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose commits they are is asked again: people come and go."""
    number = world.bump("payments", "a").number
    kept = Kept()
    first = known(world, more={pull.answer: world.pulls[number]}, kept=kept).get(change.read)

    def refuse(*_: object) -> None:
        raise AssertionError("merged again")

    monkeypatch.setattr(type(world.git), "merge_tree", refuse)
    world.estate = dataclasses.replace(world.estate, people=People(()))
    again = known(world, more={pull.answer: world.pulls[number]}, kept=kept).get(change.read)
    assert (again.tree, again.effect) == (first.tree, first.effect)
    assert [item.person for item in first.commits] == ["dana"] and [item.person for item in again.commits] == [None]


def test_keeping_has_an_end() -> None:
    kept = Kept(room=2)
    read: list[str] = []

    def look(key: str) -> str:
        read.append(key)
        return key

    for key in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(key, lambda key=key: look(key)) == key  # type: ignore[misc]
    assert read == ["a", "b", "c", "b"], "the one that was asked for longest ago made room"
