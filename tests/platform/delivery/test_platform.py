"""Edits of the platform repo's own files: judged by the sealed base, merged, sealed, and in force for what comes next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from interlock.clients.git import keys
from interlock.formats import yaml
from interlock.platform.books.vocabulary import Judged, Merged
from interlock.platform.checks import reasons
from interlock.platform.delivery import gate
from interlock.platform.domain.ids import CommitId, RecordNumber
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import argocd
from interlock.platform.facts import estates
from interlock.platform.kinds.platform.checks import REASONS
from interlock.platform.proof import forward

from .test_reading import Controller, carol, platform_tickets, standing, ticket_system

if TYPE_CHECKING:
    from interlock.clients.tickets import TicketsClient

    from .conftest import World

__all__ = ["carol", "platform_tickets", "ticket_system"]

NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)
AGE = (b"scanMaxAge: 30d", b"scanMaxAge: 60d")
STRICT = (b"scanMaxAge: 30d", b"scanMaxAge: 20d")
FREEZES = b'freezes:\n  - {name: %s, from: "%s", to: "%s", environments: [%s]}\n'


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


def propose(world: World, *edits: tuple[str, bytes, bytes], person: str = "pat", **files: bytes | None) -> int:
    changed: dict[str, bytes | None] = dict(files)
    for path, old, new in edits:
        found = changed.get(path) or world.git.read("refs/heads/main", path)
        assert found is not None and old in found, (path, old)
        changed[path] = found.replace(old, new)
    return world.propose(f"edit/main/{len(world.pulls):07x}", changed, person=person).number


def judged(
    controller: Controller, number: int, *, by: tuple[str, ...] = ("nils", "mara")
) -> dict[str, tuple[str, str]]:
    """What stands in the way once these people approved: check -> (reason, detail)."""
    for account in by:
        controller.world.approve(number, account)
    found = gate.judge(replaced(controller, number))
    return {str(item.id): (str(item.reason), item.detail) for item in found.standing}


def replaced(controller: Controller, number: int) -> gate.Facts:
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
    number = propose(world, ("platform.yaml", *AGE))
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
    second = propose(world, ("platform.yaml", b"scanMaxAge: 60d", b"scanMaxAge: 30d"))
    assert judged(controller, second, by=("nils",)).keys() == {"approval-platform-team"}
    assert judged(controller, second, by=("mara",)) == {}

    told = forward.forward(controller.sources(), RecordNumber(record), now=world.now)
    assert told.holds, [(item.id, item.reason, item.detail) for item in told.journeys[0].findings]
    assert [item.id for item in told.journeys[0].findings] == ["change-record", "approvals", "merge", "seal"]


def test_two_of_the_platforms_team_approve_who_do_not_ask(controller: Controller) -> None:
    number = propose(controller.world, ("platform.yaml", *STRICT))
    assert judged(controller, number, by=("pat", "sam", "nils"))["approval-platform-team"] == (
        "approval-by-author",
        "missing: platform-team (pat: approval-by-author)",
    )
    assert judged(controller, number, by=("mara",)) == {}


def test_an_estate_that_says_less_of_the_kind_still_asks_two(controller: Controller) -> None:
    world = controller.world
    text = world.git.read("refs/heads/main", "platform.yaml") or b""
    start, end = text.index(b"    kinds:\n"), text.index(b"\n# In the order of promotion.")
    number = propose(world, ("platform.yaml", text[start:end], b""))
    found = judged(controller, number)
    assert not records(found), "what holds of the kind is the design's table, as before"
    assert found == {}
    world.git.fetch()
    assert sealed(controller, number)
    assert not world.environment.rules.kinds
    third = propose(world, ("platform.yaml", *STRICT))
    assert "approval-platform-team" in judged(controller, third, by=("nils",))
    assert judged(controller, third, by=("mara",)) == {}


def test_who_is_added_or_whose_entry_changes_does_not_count(controller: Controller) -> None:
    world = controller.world
    private, public = keys.generate_ssh("ines")
    entry = (
        "people:\n  - id: ines\n    name: Ines\n    email: ines@acme.test\n    teams: [platform]\n"
        f'    accounts: {{forge: [ines]}}\n    sshKeys: ["{public.strip()}"]\n'
    )
    number = propose(world, ("people.yaml", b"people:\n", entry.encode()))
    found = judged(controller, number, by=("nils", "ines"))
    assert found["approval-platform-team"] == (
        "approval-by-unknown",
        "missing: platform-team (ines: approval-by-unknown)",
    )
    assert records(found), "who comes may approve: in prod too"
    role = propose(
        world, ("people.yaml", b"    teams: [platform]\n    accounts:\n      forge: [nils]", b"    roles: "
                b"[platform-reviewer]\n    teams: [platform]\n    accounts:\n      forge: [nils]")
    )  # fmt: skip
    assert judged(controller, role)["approval-platform-team"] == (
        "approval-by-concerned",
        "missing: platform-team (nils: approval-by-concerned)",
    )


def test_old_and_new_owner_approve_a_registration_that_changes(controller: Controller) -> None:
    world = controller.world
    number = propose(world, ("services/payments.yaml", b"owner: sam", b"owner: dana"))
    assert gate.judge(replaced(controller, number)).case == gate.Case("platform", None)  # type: ignore[arg-type]
    found = judged(controller, number)
    assert found["approval-owners-touched"][0] == "approval-missing" and records(found)
    assert "approval-owners-touched" in judged(controller, number, by=("sam",))
    assert "approval-owners-touched" not in judged(controller, number, by=("dana",))
    # Who asks for it has said yes already.
    own = propose(world, ("services/payments.yaml", b"owner: sam", b"owner: dana"), person="dana")
    assert "approval-owners-touched" not in judged(controller, own, by=("nils", "mara", "sam"))


def test_another_services_registration_does_not_void_an_approval_and_that_of_a_touched_one_does(
    controller: Controller,
) -> None:
    world = controller.world
    number = propose(world, ("services/payments.yaml", b"configurationItem: payments", b"configurationItem: pay"))
    rules = propose(world, ("platform.yaml", *STRICT))
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
    alone = propose(world, **{"platform.yaml": moved})
    assert judged(controller, alone)["platform-generated"][0] == "platform-generated-differs"
    whole = propose(world, **{"platform.yaml": moved, **generated(world, moved)})
    assert "platform-generated" not in judged(controller, whole)
    forged = {**generated(world, moved), "argocd/project-prod.yaml": b"kind: AppProject\n"}
    assert judged(controller, propose(world, **{"platform.yaml": moved, **forged}))["platform-generated"][0] == (
        "platform-generated-differs"
    )
    added = propose(world, **{"argocd/extra.yaml": b"kind: Application\n"})
    assert judged(controller, added)["platform-generated"][0] == "platform-generated-differs"


TASK = """\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: lint
  annotations:
    interlock.dev/network: ""
spec:
  steps:
    - name: lint
      image: registry.acme.test/toolbox@sha256:{digest}
      command: [interlock-toolbox, sbom]
""".format(digest="a" * 64)
PERSON = b"    accounts:\n      forge: [%s]"
LEFT = b'    validUntil: "2026-08-24T11:00:00+00:00"\n'


def edits(world: World) -> dict[str, tuple[tuple[tuple[str, bytes, bytes], ...], dict[str, bytes | None]]]:
    """Reason code -> edits and files that are refused by it."""
    people = world.git.read("refs/heads/main", "people.yaml") or b""
    rita = people[people.index(b"  - id: rita") : people.index(b"  - id: pat")]
    sam_key = world.keys.ssh["sam"][1].strip().encode()
    other = keys.generate_ssh("new")[1].strip().encode()
    seal = keys.generate_openpgp("Other <x@acme.test>")[1].encode()
    past = (b"2026-01-01T00:00:00+00:00", b"2026-01-02T00:00:00+00:00", b"prod")
    rita_key = world.keys.ssh["rita"][1].strip().encode()
    strangers = rita.replace(b"rita@acme.test", b"x@acme.test").replace(b"[rita]", b"[other]").replace(rita_key, other)
    dana = people[people.index(b"  - id: dana") : people.index(b"  - id: sam")]
    return {
        "platform-broken": ((("people.yaml", b"teams: [ledger]", b"teams: [nobody]"),), {}),
        "platform-broken 2": ((("platform.yaml", b"name: prod\n", b"name: &a prod\n"),), {}),
        "platform-broken 3": ((), {"people.yaml": None}),
        "platform-broken 4": ((("platform.yaml", b"      changeRecord: true\n", b"      changeRecord: true\n      kinds:\n        image: {approvals: []}\n"),), {}),
        "platform-check-unknown": ((("checks.yaml", b"id: signed-commits", b"id: signed-comits"),), {}),
        "platform-check-unknown 2": ((("checks.yaml", b"  onboarding:\n", b"  onbording:\n"),), {}),
        "platform-path-unknown": ((("platform.yaml", b"pipeline: build-ace-flow", b"pipeline: build-other"),), {}),
        "platform-path-unknown 2": ((("platform.yaml", b"goldenPaths:\n", b"goldenPaths:\n  - {shape: none, pipeline: p}\n"),), {}),
        "catalog-lint": ((), {"catalog/tasks/lint.yaml": TASK.replace("sbom", "sh").encode()}),
        "catalog-lint 2": ((), {"catalog/role.yaml": b"kind: Role\n"}),
        "catalog-lint 3": ((), {"catalog/tasks/lint.yaml": b"kind: [Task\n"}),
        "platform-key-fixed": ((), {"keys/seal.asc": seal}),
        "platform-key-fixed 2": ((), {"keys/forge.asc": seal}),
        "platform-fixed": ((("platform.yaml", b"organisation: acme", b"organisation: emca"),), {}),
        "person-removed": ((("people.yaml", dana, b""),), {}),
        "person-moved": ((("people.yaml", b"forge: [rita]", b"forge: []"), ("people.yaml", b"forge: [dana, dana-alt]", b"forge: [dana, dana-alt, rita]")), {}),
        "person-moved 2": ((("people.yaml", sam_key, other), ("people.yaml", b'      - "' + rita_key, b'      - "' + sam_key + b'"\n      - "' + rita_key)), {}),
        "person-reused": ((("people.yaml", rita, strangers),), {}),
        "freeze-past": ((("platform.yaml", b"freezes: []\n", FREEZES % (b"old", *past)),), {}),
        "estate-locked-out": ((("people.yaml", b"  - id: mara\n", b"  - id: mara\n" + LEFT),), {}),
        "estate-locked-out 2": ((("people.yaml", b"  - id: mara\n", b"  - id: mara\n" + LEFT.replace(b"2026", b"2036")),), {}),
        "estate-locked-out 3": ((("people.yaml", b"forge: [mara]", b"forge: []"),), {}),
        "estate-locked-out 4": ((("people.yaml", b"roles: [change-manager]", b"roles: []"),), {}),
        "estate-locked-out 5": ((("platform.yaml", b"            count: 2", b"            count: 3"),), {}),
        "estate-locked-out 6": ((("platform.yaml", b"  team: platform\n", b"  team: payments\n"),), {}),
    }  # fmt: skip


CASES = [
    "platform-broken", "platform-broken 2", "platform-broken 3", "platform-broken 4", "platform-check-unknown",
    "platform-check-unknown 2", "platform-path-unknown", "platform-path-unknown 2", "catalog-lint", "catalog-lint 2",
    "catalog-lint 3", "platform-key-fixed", "platform-key-fixed 2", "platform-fixed", "person-removed", "person-moved",
    "person-moved 2", "person-reused", "freeze-past", "estate-locked-out", "estate-locked-out 2", "estate-locked-out 3",
    "estate-locked-out 4", "estate-locked-out 5", "estate-locked-out 6",
]  # fmt: skip


@pytest.fixture
def alone(make_world: Callable[[str], World]) -> Controller:
    """Where nothing but the check in question is looked at: no ticket system."""
    world = make_world("platform")
    refresh(world)
    return Controller(world, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_by_name(alone: Controller, case: str) -> None:
    changes, files = edits(alone.world)[case]
    found = judged(alone, propose(alone.world, *changes, **files))
    assert case.split(" ")[0] in {reason for reason, _ in found.values()}, found


def test_every_reason_has_such_a_case(alone: Controller) -> None:
    """But that of an object of Argo CD and that of taking back, which have tests of their own."""
    told = {case.split(" ")[0] for case in edits(alone.world)}
    assert sorted(edits(alone.world)) == sorted(CASES)
    assert told == REASONS.keys() - {"platform-generated-differs", "platform-edit-again"}
    assert reasons.REASONS["platform-edit-again"].remedy


def test_a_good_task_and_a_freeze_to_come_are_taken(alone: Controller) -> None:
    world = alone.world
    assert "catalog-lint" not in judged(alone, propose(world, **{"catalog/tasks/lint.yaml": TASK.encode()}))
    freeze = FREEZES % (b"end", b"2026-12-20T00:00:00+00:00", b"2027-01-05T00:00:00+00:00", b"prod")
    number = propose(world, ("platform.yaml", b"freezes: []\n", freeze))
    assert judged(alone, number) == {}, "a freeze is stricter: no record"
    assert yaml.load(freeze, file="x").value["freezes"][0]["name"] == "end"


def test_who_leaves_and_may_be_missed_is_let_go(alone: Controller) -> None:
    found = judged(alone, propose(alone.world, ("people.yaml", b"  - id: rita\n", b"  - id: rita\n" + LEFT)))
    assert found == {}
    assert CommitId(alone.world.estate.commit) == alone.world.git.resolve("refs/heads/sealed")
    assert gate.judge(replaced(alone, 1)).verdict is Verdict.VALID
