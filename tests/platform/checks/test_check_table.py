"""The estate's own table of checks: it may ask for more and be stricter, never for less."""

from __future__ import annotations

import dataclasses
from typing import Any

from interlock.platform import estate
from interlock.platform.domain.ids import CheckId
from interlock.platform.domain.verdict import Finding, Verdict
from interlock.platform.estate import check_table
from interlock.platform.kinds import table

from .conftest import Known


def judged(known: Known, *entries: dict[str, Any]) -> tuple[dict[str, Finding], tuple[CheckId, ...]]:
    """Findings by check, in order, and what the software added, with this table for images into prod."""
    told = estate.CheckTable.model_validate(
        {"apiVersion": "interlock.dev/v1alpha1", "kind": "CheckTable", "checks": {"image": {"prod": list(entries)}}}
    )
    facts = dataclasses.replace(known, estate=dataclasses.replace(known.estate, check_table=told)).facts()
    checks, added = table.demanded(facts)
    return {check.id: check.examine(facts) for check in checks}, added


def test_what_the_software_demands_holds_whether_it_is_named_or_not(good: Known) -> None:
    without = [check.id for check in table.demanded(good.facts())[0]]
    found, added = judged(good, {"id": "image-signature"})
    assert set(found) == set(without) and next(iter(found)) == "image-signature"
    assert set(added) == set(without) - {"image-signature"}
    assert {item.verdict for item in found.values()} == {Verdict.VALID}


def test_a_check_of_another_kind_may_be_asked_for(good: Known) -> None:
    found, _ = judged(good, {"id": "revert-keeps-workload"})
    assert found["revert-keeps-workload"].verdict is Verdict.VALID


def test_a_check_that_the_software_lacks_is_unknown(good: Known) -> None:
    found, _ = judged(good, {"id": "two-moons"})
    assert (found["two-moons"].verdict, found["two-moons"].reason) == (Verdict.UNKNOWN, "check-unknown")


def test_a_parameter_makes_a_check_stricter(good: Known) -> None:
    assert judged(good, {"id": "image-scan", "parameters": {"maxAgeDays": 2}})[0]["image-scan"].verdict is Verdict.VALID
    old = dataclasses.replace(good, now=good.now.replace(month=9))
    found, _ = judged(old, {"id": "image-scan", "parameters": {"maxAgeDays": 2}})
    assert found["image-scan"].reason == "scan-outdated"


def test_a_parameter_that_it_does_not_take_is_unknown(good: Known) -> None:
    for entry in ({"id": "image-scan", "parameters": {"never": True}}, {"id": "pull-base", "parameters": {"x": 1}}):
        found, _ = judged(good, entry)
        told = found[entry["id"]]  # type: ignore[index]
        assert (told.verdict, told.reason) == (Verdict.UNKNOWN, "check-parameters")


def test_the_table_that_an_estate_begins_with_names_all_that_is_demanded(good: Known) -> None:
    told = table.as_data(good.estate.platform)
    names = [item.name for item in good.estate.platform.environments] + ["platform"]
    assert check_table.read(told.dump(), environments=names) == told
    facts = dataclasses.replace(good, estate=dataclasses.replace(good.estate, check_table=told)).facts()
    checks, added = table.demanded(facts)
    assert added == () and [check.id for check in checks] == [check.id for check in table.demanded(good.facts())[0]]
