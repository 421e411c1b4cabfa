from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.platform import checks, kinds, proof
from interlock.platform.checks import reasons
from interlock.platform.checks.link import Link
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.verdict import Basis, Finding, Verdict, overall
from interlock.platform.kinds import KINDS, Position
from interlock.platform.kinds.image import NAME as IMAGE
from interlock.platform.kinds.table import rules
from interlock.platform.proof import links

from .conftest import Known, evaluate

Broken = Callable[..., dict[str, Finding]]


def test_a_good_promotion_to_prod_holds(good: Known) -> None:
    findings = evaluate(good)
    assert [item.id for item in findings if item.verdict is not Verdict.VALID] == []
    assert overall(findings, good.environment.bases) is Verdict.VALID


def test_a_prod_that_accepts_only_executed_facts_refuses_a_simulated_test(good: Known) -> None:
    findings = evaluate(good)
    assert overall(findings, [Basis.EXECUTED]) is Verdict.UNKNOWN
    assert [item.id for item in findings if item.basis is not Basis.EXECUTED] == ["healthy-before"]


def test_every_kind_has_rules_of_its_own_everywhere(good: Known) -> None:
    for name in ("dev", "test", "prod", "platform"):
        position = Position(good.estate.environment(name))
        plain = {check.id for check in rules(None, position)} - {"no-freeze"}
        for kind in KINDS:
            assert {check.id for check in rules(kind.name, position)} > plain, (name, kind)


def test_environments_ask_for_more_towards_prod(good: Known) -> None:
    dev, test, prod = (
        {check.id for check in rules(IMAGE, Position(good.estate.environment(name), first=name == "dev"))}
        for name in ("dev", "test", "prod")
    )
    assert dev < test
    assert test - prod == {"approval-platform-reviewer"}
    assert "approval-service-owner" in prod and "record-approved" in prod
    assert not any(item.startswith(("approval-", "record-")) for item in dev)


def test_what_cannot_be_read_is_never_a_pass(broken: Broken) -> None:
    down = Unread("https://somewhere", "unreachable", "no answer")
    for name in ("change", "result", "reviews", "rendering", "image", "previous", "health", "source"):
        found = broken(**{name: down})
        assert found, name
        assert {item.verdict for item in found.values()} <= {Verdict.UNKNOWN, Verdict.INVALID}, name
        assert any(item.reason == "fact-unreadable" and "no answer" in item.detail for item in found.values()), name


def test_what_nobody_read_is_never_a_pass(broken: Broken) -> None:
    for name in ("rendering", "image", "previous", "health"):
        assert broken(**{name: None}), name


def _codes(path: Path) -> set[str]:
    """Texts that are given as reason codes in a module: arguments of invalid/unknown, and members of code tuples."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(attr="invalid" | "unknown"), args=[first, *_]):
                texts = [item.value for item in ast.walk(first) if isinstance(item, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str)}
            case ast.Return(value=ast.Constant(value=str(text))) if text.startswith(("approval-", "record-")):
                found.add(text)
    return found


def test_every_reason_code_is_in_the_table_of_its_room() -> None:
    modules = [path for room in (checks, kinds, proof) for path in Path(room.__path__[0]).rglob("*.py")]
    used = set().union(*(_codes(path) for path in modules))
    assert links.LINKS
    assert used <= reasons.REASONS.keys(), used - reasons.REASONS.keys()
    assert len(used) > 60


def test_every_reason_says_what_it_means_and_what_to_do() -> None:
    for code, reason in reasons.REASONS.items():
        assert code == code.lower() and " " not in code
        assert reason.explanation.endswith(".")
        assert reason.remedy or code == reasons.OK


def test_a_check_fits_on_a_screen() -> None:
    def subclasses(kind: type[Any]) -> list[type[Any]]:
        return [item for one in kind.__subclasses__() for item in (one, *subclasses(one))]

    for kind in set(subclasses(checks.Check)) - set(subclasses(Link)):
        assert len(inspect.getsource(kind).splitlines()) < 60, kind
