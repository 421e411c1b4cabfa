"""What every kind of delivery must say, and that another one touches nothing but its folder and one line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from interlock.platform import kinds
from interlock.platform.books.plain import as_json
from interlock.platform.checks import Check, reasons
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.ids import CommitId, DeliveryKind, ObjectId, ServiceName
from interlock.platform.domain.result import CHART
from interlock.platform.domain.verdict import Basis, Finding, Verdict
from interlock.platform.estate import PLATFORM, rules
from interlock.platform.facts import Facts, case, change, ground, image, pull, removal
from interlock.platform.facts.facts import name
from interlock.platform.kinds import Kind, Need, Position, reading, table
from interlock.platform.kinds.classify import classify
from interlock.platform.kinds.record import Plan, Told

from .conftest import Known

COMMIT = CommitId("a" * 40)
FILE = "apps/payments/logging.yaml"
ENVIRONMENTS = ("dev", "test", "prod", PLATFORM)


@pytest.fixture(params=kinds.KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def test_each_has_a_name_of_its_own_and_a_row_in_the_designs_table(kind: Kind) -> None:
    assert [item.name for item in kinds.KINDS].count(kind.name) == 1
    assert kinds.find(kind.name) is kind
    assert kind.name in rules.FLOOR


def test_each_has_checks_in_every_environment(kind: Kind, good: Known) -> None:
    for where in ENVIRONMENTS:
        own = kind.checks(Position(good.estate.environment(where)))
        assert own, where
        assert len({check.id for check in own}) == len(own)
        assert all(check.claim.endswith(".") and check.version >= 1 for check in own)


def test_each_binds_approvals_to_paths(kind: Kind) -> None:
    assert all(kind.paths(ServiceName("payments"), where, CHART) for where in ENVIRONMENTS)


def test_each_is_taken_back_or_says_why_not(kind: Kind) -> None:
    assert kind.inverse == "" or reasons.REASONS[kind.inverse].remedy


def test_each_tells_its_change_record_what_moves(kind: Kind, good: Known) -> None:
    known = {**good.given(), image.held: None, removal.before: None, removal.after: None}
    facts = Facts({**known, case.read: case.Case(kind.name, ServiceName("payments"))})
    told = kind.record(facts)
    assert isinstance(told, Told) and told.what and told.before and told.after and told.back_out


def test_its_checks_look_at_the_facts_that_it_names_and_those_are_kept(
    kind: Kind, good: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own: what every delivery's checks look at (reviews, record, queue, time) is captured for every kind."""
    looked: set[Any] = set()
    given = Facts.get

    def get(self: Facts, read: Any) -> Any:
        looked.add(read)
        return given(self, read)

    monkeypatch.setattr(Facts, "get", get)
    for where in ("test", "prod"):
        known = {**good.given(), case.read: case.Case(kind.name, ServiceName("payments"))}
        facts = Facts({**known, ground.environment: good.estate.environment(where)})
        for check in kind.checks(Position(good.estate.environment(where))):
            check.examine(facts)
    grounds = {read for read in looked if read.__module__ in (ground.__name__, case.__name__)}
    named = {need.read for need in kind.needs}
    assert looked - grounds - {change.commits} <= named, {name(read) for read in looked - grounds - named}
    for need in kind.needs:
        if need.kept == "evidence" and need.read in known:
            as_json(known[need.read])


# -- another kind, as a package of somebody else would bring it --------------------------------------------------------


class LogLevelText(Check):
    id = "log-level-text"
    claim = "Only the log level changes."

    def judge(self, facts: Facts) -> Finding:
        level = facts.get(log_level)
        return self.valid(level) if level in ("debug", "info") else self.invalid("log-level-unknown", level)


def log_level(facts: Facts) -> str:
    """A fact: its reader, and nothing else."""
    return facts.get(change.read).after[FILE].decode().strip()


class LogLevel(Kind):
    name = DeliveryKind("log-level")
    needs = (Need(change.read, "git"), Need(log_level, "git"))

    def claims(self, file: FileChange, change: Change, environment: str) -> bool:
        return file.path == FILE and file.status == "modified"

    def checks(self, position: Position) -> tuple[Check, ...]:
        return (LogLevelText(),)

    def paths(self, service: ServiceName | None, environment: str, chart: str) -> tuple[str, ...] | None:
        return (f"apps/{service}/logging.yaml",)

    def record(self, facts: Facts) -> Told | None:
        return Told("log level", "info", facts.get(log_level), (), "Revert it.")


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Kind:
    """Its class, and the one line that registers it."""
    kind = LogLevel()
    monkeypatch.setattr(kinds, "KINDS", (*kinds.KINDS, kind))
    monkeypatch.setitem(reasons.REASONS, "log-level-unknown", reasons.Reason("No level.", "name one"))
    return kind


def test_another_kind_is_recognised_judged_and_told(added: Kind, good: Known) -> None:
    file = FileChange(FILE, "modified")
    moved = Change(COMMIT, COMMIT, COMMIT, ObjectId("f" * 40), (file,), (file,), {}, {FILE: b"debug\n"})
    assert classify(kinds.KINDS, moved, "prod") == case.Case(added.name, ServiceName("payments"))
    known = {**good.given(), change.read: moved, case.read: case.Case(added.name, ServiceName("payments"))}
    facts = Facts(known, {ground.sources: lambda _: None})
    checks, _ = table.demanded(facts)
    findings = {check.id: check.examine(facts) for check in checks}
    assert findings["log-level-text"].verdict is Verdict.VALID
    assert findings["log-level-text"].basis is Basis.EXECUTED
    assert {"approval-service-owner", "record-approved", "change-window", "no-freeze"} <= findings.keys()
    assert "image-signature" not in findings


def test_its_record_is_written_from_what_it_tells(added: Kind, good: Known) -> None:
    file = FileChange(FILE, "modified")
    moved = Change(COMMIT, COMMIT, COMMIT, ObjectId("f" * 40), (file,), (file,), {}, {FILE: b"debug\n"})
    known = {
        **good.given(), change.read: moved, pull.answer: SimpleNamespace(html_url="https://git/acme/env-prod/pulls/7"),
        case.read: case.Case(added.name, ServiceName("payments")),
    }  # fmt: skip
    plan = Facts(known).get(reading.plan)
    assert isinstance(plan, Plan)
    assert plan.texts()["short_description"] == "payments: log level to prod"
    assert "After: debug" in plan.texts()["description"]
