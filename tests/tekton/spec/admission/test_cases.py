"""Objects, good and bad, and what upstream's webhooks say of them, letter by letter.

One case a line in ``cases/*.json``: the object (and with ``old`` what is stored), the flags, the refusal ("" for none)
and the rules. The refusals were compared with those of tektoncd/pipeline 3ee1745 itself when they were written down.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from interlock.tekton.spec import admission
from interlock.tekton.spec.flags import Flags

CASES = Path(__file__).parent / "cases"


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{file.stem}: {case['name']}")
        for file in sorted(CASES.glob("*.json"))
        for case in json.loads(file.read_text())
    ]


@pytest.mark.parametrize("case", cases())
def test_the_webhooks_say(case: dict[str, Any]) -> None:
    value, old, flags = case["object"], case.get("old"), Flags.model_validate(case.get("flags", {}))
    before = json.dumps(value)
    review = admission.examine(value, flags=flags, old=old)
    assert review is not None
    refusal = review.refusal()
    assert (refusal.reason if refusal else "") == case["refused"]
    findings = admission.check(value, flags=flags, old=old)
    assert sorted({finding.rule for finding in findings}) == case["rules"]
    for finding in findings:
        found = value
        for part in finding.path:
            found = found[part]
        assert finding.remedy
        assert finding.severity == "error"
    assert json.dumps(value) == before


def test_every_rule_of_the_webhooks_has_a_case() -> None:
    """The others are about several objects, or refuse what no webhook does."""
    shown = {rule for case in cases() for rule in case.values[0]["rules"]}
    elsewhere = {"unknown-kind", "object-size", "nul-byte", "path-climbs", "script-injection"}
    between = {rule for rule in admission.RULES if rule.startswith("call-")}
    assert set(admission.RULES) - shown == elsewhere | between
