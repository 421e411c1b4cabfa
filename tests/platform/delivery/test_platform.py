"""Edits of the platform repo's own files: judged by the sealed base, merged, sealed, and in force afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.clients.git import keys
from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.formats.sigstore import PrivateKey
from interlock.platform.books.vocabulary import Judged, Merged
from interlock.platform.catalog import TOOLBOX
from interlock.platform.delivery import edits, gate
from interlock.platform.domain.ids import CommitId, RecordNumber
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import argocd
from interlock.platform.facts import Facts, estates, ground, image
from interlock.platform.kinds.platform.checks import REASONS
from interlock.platform.proof import chain, forward

from .test_reading import Controller, carol, platform_tickets, standing, ticket_system

if TYPE_CHECKING:
    from interlock.clients.tickets import TicketsClient

    from .conftest import World

__all__ = ["carol", "platform_tickets", "ticket_system"]

NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)
Changes = Mapping[str, bytes | list[tuple[str, str]] | None]
"""Path -> content (None deletes it), or what is to be written instead of what."""
AGE: Changes = {"platform.yaml": [("scanMaxAge: 30d", "scanMaxAge: 60d")]}
STRICT: Changes = {"platform.yaml": [("scanMaxAge: 30d", "scanMaxAge: 20d")]}


@pytest.fixture
def controller(make_world: Callable[[str], World], platform_tickets: TicketsClient) -> Controller:
    world = make_world("platform")
    made = Controller(world, platform_tickets)
    refresh(world)
    return made


def refresh(world: World) -> None:
    """Rules and people are those of the newest seal, as the controller reads them."""
    world.estate = estates.tip(world.git, world.keys.seal[1])
    world.environment = world.estate.environment("platform")


def propose(world: World, changes: Changes, *, person: str = "pat") -> int:
    files: dict[str, bytes | None] = {}
    for path, change in changes.items():
        if not isinstance(change, list):
            files[path] = change
            continue
        text = (world.git.read("refs/heads/main", path) or b"").decode()
        for old, new in change:
            assert old in text, old
            text = text.replace(old, new)
        files[path] = text.encode()
    return world.propose(f"edit/main/{len(world.pulls):07x}", files, person=person).number


def judged(
    controller: Controller, number: int, *, by: tuple[str, ...] = ("nils", "mara")
) -> dict[str, tuple[str, str]]:
    """What stands in the way once these people approved: check -> (reason, detail)."""
    for account in by:
        controller.world.approve(number, account)
    found = gate.judge(replaced(controller, number))
    return {str(item.id): (str(item.reason), item.detail) for item in found.standing}


def replaced(controller: Controller, number: int) -> Facts:
    later = replace(controller, now=lambda: NOW)
    return later.read(number)


def records(found: dict[str, tuple[str, str]]) -> bool:
    return "record-named" in found


def sealed(controller: Controller, number: int) -> bool:
    controller.round()
    refresh(controller.world)
    return controller.world.pulls[number].merged


def test_a_weaker_rule_from_pull_request_to_seal_and_in_force_afterwards(
    controller: Controller, carol: TicketsClient
) -> None:
    world = controller.world
    number = propose(world, AGE)
    first = standing(controller.round(), number)
    assert set(first) == {"approval-platform-team", "record-approved", "record-unchanged", "record-state"}
    record = world.pulls[number].title.split(" ")[0]
    opened = controller.tickets.get(record)
    assert opened.raw["cmdb_ci"] == "platform"
    assert opened.raw["short_description"] == "platform: edit of the platform to platform"
    assert opened.raw["test_plan"] == "Weaker: platform.yaml environments.prod.rules.scanMaxAge"

    carol.approve(record, "go")
    world.approve(number, "nils")
    assert standing(controller.round(), number) == {"approval-platform-team": "approval-missing"}
    world.approve(number, "mara")
    before = world.estate
    assert sealed(controller, number)
    assert before.environment("prod").rules.scan_max_age == world.estate.environment("prod").rules.scan_max_age / 2  # type: ignore[operator]

    (entry,) = world.found(Merged)
    decided = world.books.read(Merged, entry).said
    assert (decided.kind, decided.subject, decided.record) == ("platform", "platform/-", record)
    assert decided.platform_commit == before.commit
    assert set(decided.result) >= {"platform.yaml", "people.yaml", "keys", "catalog", "argocd"} - {"catalog"}
    (entry,) = world.found(Judged)
    assert "platform-unlocked" in {item.id for item in world.books.read(Judged, entry).said.checks}
    tip = world.git.log("refs/heads/sealed", first_parent=True)[0]
    assert "Kind: platform" in tip.message and f"Change record: {record}" in tip.message

    # The next one is judged by what is sealed now: less is stricter, and no record is asked.
    second = propose(world, {"platform.yaml": [("scanMaxAge: 60d", "scanMaxAge: 30d")]})
    assert judged(controller, second, by=("nils",)).keys() == {"approval-platform-team"}
    assert judged(controller, second, by=("mara",)) == {}

    told = forward.forward(controller.sources(), RecordNumber(record), now=world.now)
    assert told.holds, [(item.id, item.reason, item.detail) for item in told.journeys[0].findings]
    assert [item.id for item in told.journeys[0].findings] == ["change-record", "approvals", "merge", "seal"]


def test_two_of_the_platforms_team_approve_who_do_not_ask(controller: Controller) -> None:
    number = propose(controller.world, STRICT)
    assert judged(controller, number, by=("pat", "sam", "nils"))["approval-platform-team"] == (
        "approval-by-author",
        "missing: platform-team (pat: approval-by-author)",
    )
    assert judged(controller, number, by=("mara",)) == {}


def test_an_estate_that_says_less_of_the_kind_still_asks_two(controller: Controller) -> None:
    world = controller.world
    text = world.git.read("refs/heads/main", "platform.yaml") or b""
    start, end = text.index(b"    kinds:\n"), text.index(b"\n# In the order of promotion.")
    number = propose(world, {"platform.yaml": text[:start] + text[end:]})
    found = judged(controller, number)
    assert not records(found), "what holds of the kind is the design's table, as before"
    assert found == {}
    world.git.fetch()
    assert sealed(controller, number)
    assert not world.environment.rules.kinds
    third = propose(world, STRICT)
    assert "approval-platform-team" in judged(controller, third, by=("nils",))
    assert judged(controller, third, by=("mara",)) == {}


def test_who_is_added_or_whose_entry_changes_does_not_count(controller: Controller) -> None:
    world = controller.world
    _, public = keys.generate_ssh("ines")
    entry = (
        "people:\n  - id: ines\n    name: Ines\n    email: ines@acme.test\n    teams: [platform]\n"
        f'    accounts: {{forge: [ines]}}\n    sshKeys: ["{public.strip()}"]\n'
    )
    number = propose(world, {"people.yaml": [("people:\n", entry)]})
    found = judged(controller, number, by=("nils", "ines"))
    assert found["approval-platform-team"] == (
        "approval-by-unknown",
        "missing: platform-team (ines: approval-by-unknown)",
    )
    assert records(found), "who comes may approve: in prod too"
    roled = ("  - id: nils\n", "  - id: nils\n    roles: [platform-reviewer]\n")
    role = propose(world, {"people.yaml": [roled]})
    assert judged(controller, role)["approval-platform-team"] == (
        "approval-by-concerned",
        "missing: platform-team (nils: approval-by-concerned)",
    )


def test_old_and_new_owner_approve_a_registration_that_changes(controller: Controller) -> None:
    world = controller.world
    number = propose(world, {"services/payments.yaml": [("owner: sam", "owner: dana")]})
    case = gate.judge(replaced(controller, number)).case
    assert (case.kind, case.service) == ("platform", None)
    found = judged(controller, number)
    assert found["approval-owners-touched"][0] == "approval-missing" and records(found)
    assert "approval-owners-touched" in judged(controller, number, by=("sam",))
    assert "approval-owners-touched" not in judged(controller, number, by=("dana",))
    # Who asks for it has said yes already.
    own = propose(world, {"services/payments.yaml": [("owner: sam", "owner: dana")]}, person="dana")
    assert "approval-owners-touched" not in judged(controller, own, by=("nils", "mara", "sam"))


def test_another_services_registration_does_not_void_an_approval_and_that_of_a_touched_one_does(
    controller: Controller,
) -> None:
    world = controller.world
    number = propose(world, {"services/payments.yaml": [("configurationItem: payments", "configurationItem: pay")]})
    rules = propose(world, STRICT)
    for given in (number, rules):
        judged(controller, given, by=("nils", "mara", "sam"))
    quotes = world.git.read("refs/heads/main", "services/quotes.yaml") or b""
    world.commit({"services/quotes.yaml": quotes.replace(b"configurationItem: quotes", b"configurationItem: q")})
    for given in (number, rules):
        assert not [key for key in judged(controller, given, by=()) if key.startswith("approval-")]
    payments = world.git.read("refs/heads/main", "services/payments.yaml") or b""
    world.commit({"services/payments.yaml": b"# A note.\n" + payments})
    assert not [key for key in judged(controller, rules, by=()) if key.startswith("approval-")]
    void = judged(controller, number, by=())
    assert {reason for key, (reason, _) in void.items() if key.startswith("approval-")} == {"approval-result-changed"}


def generated(world: World, text: bytes) -> dict[str, bytes | None]:
    """Argo CD's objects of an edited ``platform.yaml``, as they are to come with it."""
    from interlock.platform.estate.model import parse
    from interlock.platform.estate.platform import Platform

    found = argocd.files(
        parse(Platform, text, file="platform.yaml"),
        seal_key_ids=["0123456789ABCDEF"],
        seal_certificate=world.estate.keys.seal,
    )
    return {**found}


def test_argo_cds_objects_come_with_the_values_that_they_are_generated_of(controller: Controller) -> None:
    world = controller.world
    text = world.git.read("refs/heads/main", "platform.yaml") or b""
    moved = text.replace(b"https://test-cluster", b"https://other-cluster")
    alone = propose(world, {"platform.yaml": moved})
    assert judged(controller, alone)["platform-generated"][0] == "platform-generated-differs"
    whole = propose(world, {"platform.yaml": moved, **generated(world, moved)})
    assert "platform-generated" not in judged(controller, whole)
    forged = {**generated(world, moved), "argocd/project-prod.yaml": b"kind: AppProject\n"}
    assert judged(controller, propose(world, {"platform.yaml": moved, **forged}))["platform-generated"][0] == (
        "platform-generated-differs"
    )
    added = propose(world, {"argocd/extra.yaml": b"kind: Application\n"})
    assert judged(controller, added)["platform-generated"][0] == "platform-generated-differs"


OTHER = "registry.acme.test/toolbox@sha256:" + "a" * 64
TASK = f"""\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: lint
  annotations:
    interlock.dev/network: ""
spec:
  steps:
    - name: lint
      image: {TOOLBOX}
      command: [interlock-toolbox, sbom]
"""
LEFT = '    validUntil: "2026-08-24T11:00:00+00:00"\n'
LATER = LEFT.replace("2026", "2036")
DATES = 'from: "2026-01-01T00:00:00+00:00", to: "2026-01-02T00:00:00+00:00"'
CHANGED = "      changeRecord: true\n"
PATHS = "goldenPaths:\n"
CERTIFICATE = keys.generate_openpgp("Other <x@acme.test>")[1].encode()
NEW_KEY = keys.generate_ssh("new")[1].strip()
REFUSED: list[tuple[str, Changes]] = [
    ("platform-broken", {"people.yaml": [("teams: [ledger]", "teams: [nobody]")]}),
    ("platform-broken", {"people.yaml": None}),
    ("platform-broken", {"people.yaml": b"people: [\xff]\n"}),
    ("platform-broken", {"platform.yaml": [("name: prod\n", "name: &a prod\n")]}),
    ("platform-broken", {"platform.yaml": [("name: prod\n", "name: prod\n    name: prod\n")]}),
    ("platform-broken", {"platform.yaml": [("prune: false", "prune: no")]}),
    ("platform-broken", {"platform.yaml": [(CHANGED, CHANGED + "      kinds: {image: {approvals: []}}\n")]}),
    ("platform-check-unknown", {"checks.yaml": [("id: signed-commits", "id: signed-comits")]}),
    ("platform-check-unknown", {"checks.yaml": [("  onboarding:\n", "  onbording:\n")]}),
    ("platform-path-unknown", {"platform.yaml": [("pipeline: build-ace-flow", "pipeline: build-other")]}),
    ("platform-path-unknown", {"platform.yaml": [(PATHS, PATHS + "  - {shape: none, pipeline: p}\n")]}),
    ("catalog-lint", {"catalog/tasks/lint.yaml": TASK.replace("sbom", "sh").encode()}),
    ("catalog-lint", {"catalog/tasks/lint.yaml": TASK.replace(TOOLBOX, OTHER).encode()}),
    ("catalog-lint", {"catalog/tasks/lint.yaml": TASK.encode(), "platform.yaml": [(TOOLBOX, OTHER)]}),
    ("platform-broken", {"platform.yaml": [(TOOLBOX, "registry.acme.test/platform/toolbox:latest")]}),
    ("catalog-lint", {"catalog/role.yaml": b"kind: Role\n"}),
    ("catalog-lint", {"catalog/tasks/lint.yaml": b"kind: [Task\n"}),
    ("catalog-lint", {"catalog/pipelines/p.yaml": b"kind: Pipeline\nspec: {tasks: [{name: a, taskSpec: {}}]}\n"}),
    ("platform-key-fixed", {"keys/seal.asc": CERTIFICATE}),
    ("platform-key-fixed", {"keys/forge.asc": CERTIFICATE}),
    ("platform-key-invalid", {"keys/release.pem": b"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n"}),
    ("platform-key-invalid", {"keys/attest.pem": b""}),
    ("platform-fixed", {"platform.yaml": [("organisation: acme", "organisation: emca")]}),
    ("person-moved", {"people.yaml": [("forge: [rita]", "forge: []"), ("dana-alt]", "dana-alt, rita]")]}),
    ("person-moved", {"people.yaml": [("KEY(sam)", NEW_KEY), ("KEY(rita)", "KEY(sam)")]}),
    (
        "person-reused",
        {"people.yaml": [("rita@acme.test", "x@acme.test"), ("forge: [rita]", "forge: [x]"), ("KEY(rita)", NEW_KEY)]},
    ),
    ("freeze-past", {"platform.yaml": [("freezes: []", f"freezes: [{{name: old, {DATES}, environments: [prod]}}]")]}),
    ("estate-locked-out", {"people.yaml": [("  - id: mara\n", "  - id: mara\n" + LEFT)]}),
    ("estate-locked-out", {"people.yaml": [("  - id: mara\n", "  - id: mara\n" + LATER)]}),
    ("estate-locked-out", {"people.yaml": [("forge: [mara]", "forge: []")]}),
    ("estate-locked-out", {"people.yaml": [("roles: [change-manager]", "roles: []")]}),
    ("estate-locked-out", {"platform.yaml": [("            count: 2", "            count: 3")]}),
    ("estate-locked-out", {"platform.yaml": [("  team: platform\n", "  team: payments\n")]}),
]


@pytest.fixture
def alone(make_world: Callable[[str], World]) -> Controller:
    """Where nothing but the check in question is looked at: no ticket system."""
    world = make_world("platform")
    refresh(world)
    return Controller(world, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("reason", "changes"), REFUSED, ids=[f"{i}-{item[0]}" for i, item in enumerate(REFUSED)])
def test_it_is_refused_by_name(alone: Controller, reason: str, changes: Changes) -> None:
    def key(text: str) -> str:
        return re.sub(r"KEY\((\w+)\)", lambda match: alone.world.keys.ssh[match[1]][1].strip(), text)

    made = {
        path: [(key(old), key(new)) for old, new in change] if isinstance(change, list) else change
        for path, change in changes.items()
    }
    found = judged(alone, propose(alone.world, made))
    assert reason in {reason for reason, _ in found.values()}, found


def test_an_entry_of_people_is_never_taken_out(alone: Controller) -> None:
    people = (alone.world.git.read("refs/heads/main", "people.yaml") or b"").decode()
    dana = people[people.index("  - id: dana") : people.index("  - id: sam")]
    found = judged(alone, propose(alone.world, {"people.yaml": [(dana, "")]}))
    assert found["people-apart"] == ("person-removed", "dana")


def test_a_freeze_that_is_over_stays_what_it_was_and_may_go(alone: Controller) -> None:
    world, old = alone.world, f"{{name: old, {DATES}, environments: [prod]}}"
    world.commit({"platform.yaml": change(world, "platform.yaml", "freezes: []", f"freezes: [{old}]")})
    for new in (old.replace("2026-01-02", "2026-01-03"), old.replace("2026-01-02", "2036-01-02")):
        found = judged(alone, propose(world, {"platform.yaml": [(old, new)]}))
        assert found["freezes-past"] == ("freeze-past", "old")
    assert "freezes-past" not in judged(alone, propose(world, {"platform.yaml": [(f"[{old}]", "[]")]}))


def pem(*private: PrivateKey) -> bytes:
    return b"".join(item.public.pem for item in private)


def test_a_key_is_replaced_with_an_overlap(alone: Controller) -> None:
    """Add the successor, wait, take the old one out; neither in one edit nor too early."""
    world = alone.world
    old, new, other = (PrivateKey(ec.generate_private_key(ec.SECP256R1())) for _ in range(3))

    def found(*private: PrivateKey, after: timedelta = timedelta()) -> tuple[str, str] | None:
        number = propose(world, {"keys/release.pem": pem(*private)})
        at = replace(alone, now=lambda: NOW + after)
        return {str(item.id): (str(item.reason), item.detail) for item in gate.judge(at.read(number)).standing}.get(
            "keys-overlap"
        )

    def seal(*private: PrivateKey, at: datetime) -> None:
        world.commit({"keys/release.pem": pem(*private)})
        main, last = world.main(), world.git.resolve("refs/heads/sealed")
        message = f"Seal\n\nArgocd-gpg-seal: sha256:{'0' * 64}\n"
        world.push(
            world.git.commit_tree(
                world.git.tree(main), [last, main], message, author=("I", "i@x"), date=at, sign=world.keys.sign_seal
            ),
            "sealed",
        )
        refresh(world)

    seal(old, at=NOW - timedelta(days=90))
    assert found(new, old) is None, "the successor stands beside it, first or last"
    assert found(old, new) is None
    assert found(new) == ("key-overlap-short", "keys/release.pem: its successor comes with this edit")
    seal(new, old, at=NOW)
    told = f"keys/release.pem: its successor was sealed at {NOW.isoformat()}"
    assert found(new, after=timedelta(days=29)) == ("key-overlap-short", told)
    assert found(new, after=timedelta(days=30)) is None
    assert found(other, after=timedelta(days=90)) == (
        "key-overlap-short",
        "keys/release.pem: its successor comes with this edit",
    )
    assert found(old) is None, "the successor is given up"
    seal(old, at=NOW)
    seal(new, old, at=NOW + timedelta(days=60))
    assert (found(new, after=timedelta(days=61)) or ("",))[0] == "key-overlap-short", "it was away in between"


def test_either_key_of_an_overlap_signs_images(alone: Controller) -> None:
    old, new = (PrivateKey(ec.generate_private_key(ec.SECP256R1())) for _ in range(2))
    world = alone.world
    world.estate = replace(world.estate, keys=replace(world.estate.keys, release=pem(new, old).decode()))
    ring = Facts({ground.estate: world.estate}).get(image.release_key)
    assert all(ring.verifies(item.sign(b"x"), b"x") for item in (old, new))


def change(world: World, path: str, old: str, new: str) -> bytes:
    text = (world.git.read("refs/heads/main", path) or b"").decode()
    assert old in text
    return text.replace(old, new).encode()


def test_every_reason_has_such_a_case() -> None:
    """But those that have a test of their own; of taking back, `interlock revert` says it."""
    own = {"platform-generated-differs", "person-removed", "key-overlap-short"}
    assert {reason for reason, _ in REFUSED} == REASONS.keys() - own


def test_a_good_task_and_a_freeze_to_come_are_taken(alone: Controller) -> None:
    world = alone.world
    found = judged(alone, propose(world, {"catalog/tasks/lint.yaml": TASK.encode()}))
    assert "catalog-lint" not in found and records(found), "what the catalog runs builds what prod runs"
    freeze = f"freezes: [{{name: end, {DATES.replace('2026', '2036')}, environments: [prod]}}]"
    number = propose(world, {"platform.yaml": [("freezes: []", freeze)]})
    assert judged(alone, number) == {}, "a freeze is stricter: no record"


def test_another_toolbox_comes_with_the_tasks_that_run_on_it(alone: Controller) -> None:
    world = alone.world
    world.commit({"catalog/tasks/lint.yaml": TASK.encode()})
    moved = prepared(world, {"platform.yaml": change(world, "platform.yaml", TOOLBOX, OTHER)})
    changed = world.git.diff(world.main(), moved.prepared.tree)
    assert {item.path for item in changed} == {"platform.yaml", "catalog/tasks/lint.yaml"}
    assert moved.records == ("prod",), "what builds is what prod trusts"
    files = {item.path: world.git.read(moved.prepared.tree, item.path) for item in changed}
    assert (files["catalog/tasks/lint.yaml"] or b"").decode() == TASK.replace(TOOLBOX, OTHER)
    assert "catalog-lint" not in judged(alone, propose(world, files))


def test_who_leaves_and_is_not_the_last_is_let_go(alone: Controller) -> None:
    number = propose(alone.world, {"people.yaml": [("  - id: rita\n", "  - id: rita\n" + LEFT)]})
    assert judged(alone, number) == {}
    assert gate.judge(replaced(alone, number)).verdict is Verdict.VALID


# -- the way back ------------------------------------------------------------------------------------------------------

GENESIS = "keys/genesis.pub"
ENDED = 'validUntil: "2026-08-24T11:59:00+00:00"\n'


def founded_with_genesis(controller: Controller) -> World:
    """The stranger's key is the estate's genesis key, and everybody of the platform's team has left."""
    world = controller.world
    people = (world.git.read(world.main(), "people.yaml") or b"").decode()
    for person in ("pat", "nils", "mara"):
        people = people.replace(f"  - id: {person}\n", f"  - id: {person}\n    {ENDED}")
    world.commit({GENESIS: world.keys.ssh["stranger"][1].encode(), "people.yaml": people.encode()})
    world.estate = estates.of(world.git, CommitId(world.main()))
    world.environment = world.estate.environment("platform")
    return world


def returning(world: World, signer: str = "stranger") -> int:
    """A pull request after which the platform's team is back, signed by this key."""
    people = (world.git.read(world.main(), "people.yaml") or b"").decode().replace(f"    {ENDED}", "")
    return world.propose(f"edit/main/{len(world.pulls):07x}", {"people.yaml": people.encode()}, person=signer).number


def test_the_genesis_key_brings_back_an_estate_that_nobody_could_change(alone: Controller) -> None:
    world = founded_with_genesis(alone)
    assert "approval-platform-team" in judged(alone, returning(world, "dana"), by=()), "people are asked of people"
    number = returning(world)
    found = gate.judge(replaced(alone, number))
    assert found.standing == () and found.verdict is Verdict.VALID
    told = {str(item.id): item.detail for item in found.findings}
    assert told["genesis-key"] == "SIGNED BY THE GENESIS KEY, APPROVED BY NOBODY"
    merged = world.merge("acme", "platform", number, head_commit_id=world.pulls[number].head_sha)
    commit = CommitId(str(merged.merge_commit_sha))
    assert world.pulls[number].head_sha[:12] in chain.genesis(world.git, estates.of(world.git, commit))


def test_the_genesis_key_is_worth_nothing_anywhere_else(alone: Controller, make_world: Callable[[str], World]) -> None:
    world = founded_with_genesis(alone)
    assert chain.genesis(world.git, world.estate) == ""
    old = returning(world)
    world.commit({"catalog/tasks/lint.yaml": TASK.encode()})
    stale = judged(alone, old, by=())
    assert "approval-platform-team" in stale and stale["signed-commits"][0] == "commit-signer-unknown"
    number = returning(world)
    world.commit({"catalog/tasks/other.yaml": TASK.encode()}, branch=world.pulls[number].head_ref, person="dana")
    world.edit(number, head_sha=world.git.resolve(f"refs/heads/{world.pulls[number].head_ref}"))
    assert {"approval-platform-team", "signed-commits"} <= judged(alone, number, by=()).keys(), "somebody's commit more"
    prod = make_world("prod")
    prod.estate = world.estate
    prod.environment = world.estate.environment("prod")
    pull = prod.propose("configure/payments/1", {"apps/payments/values.prod.yaml": b"replicas: 2\n"}, person="stranger")
    with_genesis = Controller(prod, None)  # type: ignore[arg-type]
    assert judged(with_genesis, pull.number, by=())["signed-commits"][0] == "commit-signer-unknown"


def test_the_genesis_key_never_changes_and_is_nobodys(alone: Controller) -> None:
    world = founded_with_genesis(alone)
    for changed in (None, NEW_KEY.encode()):
        number = world.propose(f"edit/main/{len(world.pulls):07x}", {GENESIS: changed}, person="stranger").number
        assert judged(alone, number, by=())["platform-roots"][0] == "platform-key-fixed"
    for wrong in (b"no key", world.keys.ssh["sam"][1].encode()):
        with pytest.raises(InputError, match="estate-inconsistent"):
            prepared(world, {GENESIS: wrong})


# -- as the command line prepares them ---------------------------------------------------------------------------------


def prepared(world: World, files: Mapping[str, bytes | None]) -> edits.Edit:
    return edits.prepare(world.git, files, "platform: edit")


def test_a_prepared_edit_brings_what_is_generated_and_says_what_it_asks(alone: Controller) -> None:
    world = alone.world
    moved = change(world, "platform.yaml", "https://test-cluster", "https://other-cluster")
    edit = prepared(world, {"platform.yaml": moved})
    assert edit.records == (), "another cluster of test is weaker in test alone"
    changed = {item.path for item in world.git.diff(world.main(), edit.prepared.tree)}
    assert changed == {"platform.yaml", "argocd/project-test.yaml"}
    assert [(item.who, item.count) for item in edit.approvals] == [("platform-team", 2)]
    weak = prepared(world, {"platform.yaml": change(world, "platform.yaml", "scanMaxAge: 30d", "scanMaxAge: 60d")})
    assert weak.records == ("prod",)
    assert weak.prepared.body == "- weaker: `platform.yaml environments.prod.rules.scanMaxAge`\n"
    assert weak.prepared.branch.startswith("edit/main/")
    task = prepared(world, {"catalog/tasks/lint.yaml": TASK.encode()})
    assert task.records == ("prod",) and task.prepared.body == "- catalog/tasks/lint.yaml\n"
    with pytest.raises(InputError, match=r"platform\.yaml:\d+:\d+"):
        prepared(world, {"platform.yaml": change(world, "platform.yaml", "scanMaxAge: 30d", "scanMaxAge: 30")})
    with pytest.raises(RefusedError, match="change-nothing"):
        prepared(world, {"platform.yaml": world.git.read(world.main(), "platform.yaml")})


def test_a_joiner_a_leaver_and_a_freeze_are_written_into_the_files(alone: Controller) -> None:
    world = alone.world
    people, platform = (world.git.read(world.main(), path) or b"" for path in ("people.yaml", "platform.yaml"))
    entry = {
        "id": "ines", "name": "Ines Roth", "email": "ines@acme.test", "teams": ["platform"],
        "accounts": {"forge": ["ines"], "tickets": []}, "sshKeys": [NEW_KEY],
    }  # fmt: skip
    joined = edits.person_added(people, entry)
    assert joined.startswith(people)
    assert [item.path for item in prepared(world, {"people.yaml": joined}).differences] == ["people.yaml ines"]
    left = edits.person_left(joined, "rita", "2026-08-24T12:00:00+00:00")
    assert left.replace(b'    validUntil: "2026-08-24T12:00:00+00:00"\n', b"") == joined
    again = edits.person_left(left, "rita", "2026-08-25T12:00:00+00:00")
    assert again == left.replace(b"2026-08-24", b"2026-08-25")
    with pytest.raises(NotFoundError, match="person-unknown"):
        edits.person_left(people, "nobody", "2026-08-24T12:00:00+00:00")
    freeze = {"name": "end", "from": "2036-01-01T00:00:00+00:00", "to": "2036-01-02T00:00:00+00:00"}
    frozen = edits.freeze_added(platform, {**freeze, "environments": ["prod"]})
    twice = edits.freeze_added(frozen, {**freeze, "environments": ["test"]})
    edit = prepared(world, {"platform.yaml": twice, "people.yaml": left})
    assert {item.path: item.stricter for item in edit.differences} == {
        "platform.yaml freezes.prod": True,
        "platform.yaml freezes.test": True,
        "people.yaml ines": False,
        "people.yaml rita.valid_until": True,
    }
