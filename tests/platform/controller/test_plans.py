"""Plans are functions of values; and whatever a kill leaves behind, the next plan brings to the same end, once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.formats.tekton import conditions
from interlock.platform.books import Entry, Recorded
from interlock.platform.books.vocabulary import BuildRefused, BuildStarted, Merged
from interlock.platform.controller.acts import (
    Act,
    Attest,
    CancelRecord,
    CaptureSync,
    CloseRecord,
    CreateRun,
    KeepFailed,
    Prune,
    Publish,
    Seal,
    SetStatus,
    Write,
)
from interlock.platform.controller.loops import attests, builds, deliveries, judge, syncs
from interlock.platform.controller.push_file import FILE
from interlock.platform.delivery.history import Main, Proof
from interlock.platform.domain.ids import (
    CommitId,
    DeliveryKind,
    EnvironmentName,
    ReasonCode,
    RecordNumber,
    ServiceName,
)
from interlock.platform.domain.removal import Place
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import Estate
from interlock.platform.facts.seals import Seal as SealMade
from interlock.platform.statements.run import FinishedRun

GOLDEN = (Path(__file__).parents[3] / "examples" / "payments" / FILE).read_bytes()
COMMIT = "1" * 40
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def ended(status: str, reason: str = "x") -> dict[str, Any]:
    condition = {"type": "Succeeded", "status": status, "reason": reason, "message": "m"}
    return {"status": {"conditions": [condition], "completionTime": "2026-05-04T11:00:00Z"}}


# -- builds ------------------------------------------------------------------------------------------------------------


def planned(estate: Estate, seen: builds.Seen) -> list[str]:
    acts = builds.plan(estate, estate.service("payments"), seen)
    return [f"{act.state}: {act.description}" if isinstance(act, SetStatus) else type(act).__name__ for act in acts]


def test_a_commit_that_is_new_is_built(estate: Estate) -> None:
    assert planned(estate, builds.Seen(COMMIT, GOLDEN)) == [
        "CreateRun",
        "pending: PipelineRun payments-111111111111",
        "Write",
    ]


@pytest.mark.parametrize("file", [None, b"[]", GOLDEN.replace(b"pipelineRef", b"taskRunTemplate")])
def test_a_commit_that_cannot_be_built_is_told_why_once(estate: Estate, file: bytes | None) -> None:
    told, write = builds.plan(estate, estate.service("payments"), builds.Seen(COMMIT, file))
    assert isinstance(told, SetStatus) and told.state == "error"
    assert isinstance(write, Write) and isinstance(write.body, BuildRefused) and write.body.code in told.description
    assert planned(estate, builds.Seen(COMMIT, file, refused=True)) == []


def test_while_a_run_goes_on_there_is_nothing_to_do(estate: Estate) -> None:
    assert planned(estate, builds.Seen(COMMIT, GOLDEN, attempts=1)) == []


@pytest.mark.parametrize(("status", "state"), [("True", "success"), ("False", "failure")])
def test_how_a_run_ended_is_told(estate: Estate, status: str, state: str) -> None:
    assert planned(estate, builds.Seen(COMMIT, GOLDEN, 1, run=ended(status))) == [f"{state}: x: m"]


@pytest.mark.parametrize(("attempts", "again"), [(1, True), (builds.ATTEMPTS - 1, True), (builds.ATTEMPTS, False)])
def test_an_interrupted_run_is_repeated_a_few_times(estate: Estate, attempts: int, again: bool) -> None:
    found = planned(estate, builds.Seen(COMMIT, GOLDEN, attempts, run=ended("False"), interrupted=True))
    assert ("CreateRun" in found) == again
    assert any(item.startswith("pending" if again else "failure") for item in found)


# -- attestation, syncs, records ---------------------------------------------------------------------------------------


def test_only_a_run_that_succeeded_is_attested() -> None:
    run = FinishedRun(ended("True"), ())
    assert attests.plan(run, ours=True) == (Attest(run), Publish(run))
    assert attests.plan(run, ours=False) == (Attest(run),)
    failed = FinishedRun(ended("False"), ())
    assert attests.plan(failed, ours=True) == (KeepFailed(failed),), "clusters delete runs, and why they failed"
    others: list[dict[str, Any]] = [ended("Unknown"), {"status": {}}]
    assert [attests.plan(FinishedRun(other, ()), ours=True) for other in others] == [(), ()]


def application(**status: Any) -> dict[str, Any]:
    synced = {"sync": {"status": "Synced", "revision": "a" * 40}, "health": {"status": "Healthy"}}
    return {"metadata": {"name": "payments-prod"}, "status": {**synced, **status}}


def merged(number: str | None) -> Recorded[Merged]:
    body = Merged(
        environment=EnvironmentName("prod"),
        service=ServiceName("payments"),
        kind=DeliveryKind("image"),
        repository="https://git/acme/env-prod",
        pull=1,
        base=CommitId("b" * 40),
        head=CommitId("c" * 40),
        merge=CommitId("d" * 40),
        result={},
        platform_commit=CommitId("e" * 40),
        record=RecordNumber(number) if number else None,
    )
    entry = dataclasses.replace(ENTRY, id=f"sha256:{(number or '0') * 8:0<64.64}")  # type: ignore[arg-type]
    return Recorded(entry, body)


ENTRY = object.__new__(Entry)
for _field in dataclasses.fields(Entry):
    object.__setattr__(ENTRY, _field.name, "")


@pytest.mark.parametrize(
    "status",
    [
        {"sync": {"status": "OutOfSync", "revision": "a" * 40}},
        {"health": {"status": "Progressing"}},
        {"operationState": {"phase": "Failed"}},
        {"sync": {"status": "Synced"}},
        {"sync": None},
    ],
)
def test_what_is_not_all_there_is_not_captured(estate: Estate, status: dict[str, Any]) -> None:
    seen = syncs.Seen(application(**status), open=[merged("CHG1")])
    assert syncs.plan(estate.environment("prod"), estate.service("payments"), seen) == ()


def test_a_sync_is_captured_before_its_records_are_closed(estate: Estate) -> None:
    found = syncs.Seen(application(), open=[merged("CHG1"), merged(None), merged("CHG2")])
    capture, *closed = syncs.plan(estate.environment("prod"), estate.service("payments"), found)
    assert isinstance(capture, CaptureSync) and capture.body.revision == "a" * 40
    assert [item.number for item in closed if isinstance(item, CloseRecord)] == ["CHG1", "CHG2"]
    again = dataclasses.replace(found, captured=True, open=())
    assert syncs.plan(estate.environment("prod"), estate.service("payments"), again) == ()


def test_what_a_delivery_took_out_is_deleted_and_nothing_else(estate: Estate) -> None:
    left = Place("", "ConfigMap", "payments", "payments")
    status = application(sync={"status": "OutOfSync", "revision": "a" * 40})
    seen = syncs.Seen(status, leaving=(left,), open=[merged("CHG1")])
    place = estate.environment("prod"), estate.service("payments")
    assert syncs.plan(*place, seen) == (Prune("payments-prod", "a" * 40, (left,)),)
    assert syncs.plan(*place, dataclasses.replace(seen, leaving=())) == ()


class Closed:
    """As much of a pull request as counts."""

    number = 7

    def __init__(self, *, merged: bool) -> None:
        self.merged = merged


@pytest.mark.parametrize(
    ("merged", "number", "withdrawn", "cancelled"),
    [
        (False, "CHG1", False, True),
        (True, "CHG1", False, False),
        (False, None, False, False),
        (False, "CHG1", True, False),
    ],
)
def test_the_record_of_what_was_closed_unmerged_is_cancelled(
    merged: bool, number: str | None, withdrawn: bool, cancelled: bool
) -> None:
    record = RecordNumber(number) if number else None
    acts = judge.closed(Closed(merged=merged), "acme/env-prod", record, withdrawn=withdrawn)  # type: ignore[arg-type]
    assert acts == ((CancelRecord(RecordNumber("CHG1"), "acme/env-prod#7"),) if cancelled else ())


# -- a kill between any two acts ---------------------------------------------------------------------------------------


@dataclass
class Engine:
    """What acts of the build loop leave behind. Tekton ends a run as ``ends`` says, attempt by attempt."""

    ends: list[tuple[str, bool]]
    file: bytes | None = GOLDEN
    runs: list[str] = field(default_factory=list)
    entries: dict[str, str] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)
    done: int = 0

    def perform(self, act: Act) -> None:
        self.done += 1
        match act:
            case CreateRun(run):
                name = str(run["metadata"]["name"])
                if name not in self.runs:  # the API server answers with a conflict
                    self.runs.append(name)
            case Write(_, body, key):
                self.entries.setdefault(key, body.KIND)
            case SetStatus():
                text = f"{act.state} {act.description}"
                if self.statuses[-1:] != [text]:  # what stands there is not said again
                    self.statuses.append(text)

    def seen(self) -> builds.Seen:
        started = [key for key, kind in self.entries.items() if kind == BuildStarted.KIND]
        if BuildRefused.KIND in self.entries.values():
            return builds.Seen(COMMIT, self.file, refused=True)
        if not started:
            return builds.Seen(COMMIT, self.file)
        status, interrupted = self.ends[len(started) - 1]
        return builds.Seen(COMMIT, self.file, len(started), run=ended(status), interrupted=interrupted)


ENDS = st.integers(0, builds.ATTEMPTS - 1).flatmap(
    lambda times: st.sampled_from([("True", False), ("False", False)]).map(
        lambda last: [("False", True)] * times + [last]
    )
)


@given(ENDS, st.sampled_from([GOLDEN, None, b"[]"]), st.lists(st.integers(0, 3), max_size=12))
def test_a_build_ends_the_same_whenever_it_is_killed(
    ends: list[tuple[str, bool]], file: bytes | None, kills: list[int]
) -> None:
    whole, killed = Engine(ends, file), Engine(ends, file)
    for _ in range(20):
        run_builds(whole, None)
    for kill in kills:  # this round does so many acts and dies
        run_builds(killed, kill)
    for _ in range(20):
        run_builds(killed, None)
    assert (killed.runs, killed.entries, killed.statuses) == (whole.runs, whole.entries, whole.statuses)
    assert len(set(killed.runs)) == len(killed.runs) == (len(ends) if file == GOLDEN else 0)
    assert conditions.INTERRUPTED not in killed.statuses


def run_builds(engine: Engine, kill: int | None) -> None:
    for act in builds.plan(ESTATE[0], ESTATE[0].service("payments"), engine.seen())[:kill]:
        engine.perform(act)


ESTATE: list[Estate] = []


@pytest.fixture(autouse=True, scope="module")
def known(estate: Estate) -> None:
    ESTATE[:] = [estate]


@given(st.lists(st.integers(0, 4), max_size=8), st.lists(st.sampled_from(["CHG1", "CHG2", "CHG3"]), unique=True))
def test_a_sync_is_captured_and_its_records_closed_once_whenever_it_is_killed(
    kills: list[int], numbers: list[str]
) -> None:
    estate, kept, closed = ESTATE[0], list[str](), list[str]()
    for kill in [*kills, None]:
        waiting = [merged(number) for number in numbers if number not in closed]
        seen = syncs.Seen(application(), captured=bool(kept), open=waiting)
        for act in syncs.plan(estate.environment("prod"), estate.service("payments"), seen)[:kill]:
            match act:
                case CaptureSync():
                    kept.append(act.body.key)
                case CloseRecord():
                    closed.append(act.number)
    assert len(kept) == 1
    assert closed == numbers


# -- proof and seal ----------------------------------------------------------------------------------------------------

MAIN = Main(SealMade(CommitId("a" * 40), CommitId("0" * 40), CommitId("b" * 40), "sha256:1"), CommitId("c" * 40), ())


def proof(verdict: Verdict, commit: str = "d") -> Proof:
    return Proof(CommitId(commit * 40), verdict, ReasonCode("x"))


def names(acts: Sequence[Act]) -> list[str]:
    return [type(act).__name__ for act in acts]


def test_what_is_about_the_repository_itself_has_its_record_closed_when_it_is_sealed(estate: Estate) -> None:
    platform = estate.environment("platform")
    opened = [merged("CHG0030001"), merged(None), merged("CHG0030002")]
    found = deliveries.closing(platform, CommitId("a" * 40), opened)
    assert [item.number for item in found if isinstance(item, CloseRecord)] == ["CHG0030001", "CHG0030002"]
    assert len(found) == 2


def test_the_oldest_proven_commit_is_sealed_from_where_sealed_was_seen(estate: Estate) -> None:
    prod, valid = estate.environment("prod"), [proof(Verdict.VALID, item) for item in "de"]
    assert names(deliveries.advance(prod, MAIN, [])) == ["RecordSeal"]
    assert deliveries.advance(prod, MAIN, valid)[1:] == [Seal(prod, valid[0], MAIN.sealed.id)]


@pytest.mark.parametrize(
    ("merges", "applications", "done"),
    [
        ([], None, ["RecordSeal"]),
        ([Verdict.VALID], None, ["RecordSeal", "RecordMerge"]),
        ([Verdict.INVALID, Verdict.VALID], Verdict.VALID, ["RecordSeal", "RecordMerge", "SealApplications"]),
        ([Verdict.VALID, Verdict.UNKNOWN], Verdict.VALID, ["RecordSeal", "RecordMerge"]),
        ([], Verdict.INVALID, ["RecordSeal"]),
        ([], Verdict.UNKNOWN, ["RecordSeal"]),
    ],
)
def test_nothing_is_sealed_over_a_merge_that_is_not_known_to_be_written_down(
    estate: Estate, merges: list[Verdict], applications: Verdict | None, done: list[str]
) -> None:
    dev, found = estate.environment("dev"), proof(applications) if applications else None
    assert names(deliveries.advance_open(dev, MAIN, map(proof, merges), found)) == done
