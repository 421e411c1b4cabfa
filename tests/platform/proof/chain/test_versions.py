"""What a newer release wrote, or nobody can read: the links that rest on it are unknown, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.platform.books.vocabulary import (
    ApprovalCaptured,
    Attested,
    Body,
    Merged,
    ReviewsFact,
    RunRead,
    Sealed,
    Synced,
)
from interlock.platform.domain.ids import EnvironmentName, ServiceName
from interlock.platform.domain.verdict import Verdict
from interlock.platform.proof.chain import Trace, trace

NEWER = 99


def traced(world: Any) -> Trace:
    return trace(world.sources(), EnvironmentName("prod"), ServiceName("payments"), now=world.clock)


def again(world: Any, kind: type[Body], **changes: Any) -> Any:
    """The newest entry of that kind written once more, as a newer release would."""
    entry = [item for item in world.found(kind) if item.subject.startswith(("prod/", "sha256:", "acme/env-prod"))][-1]
    return world.ledger.append(
        kind.KIND,
        entry.subject,
        key=f"newer/{kind.KIND}",
        body={**entry.body, "new": "field", **changes},
        version=NEWER,
        evidence=entry.evidence,
    )


def told(found: Trace) -> dict[str, tuple[Verdict, str]]:
    return {item.id: (item.verdict, item.reason) for item in found.findings if item.verdict is not Verdict.VALID}


@pytest.mark.parametrize(
    ("kind", "links"),
    [
        (Sealed, {"seal"}),
        (Synced, {"sync"}),
        (ApprovalCaptured, {"approvals"}),
        (Attested, {"provenance", "sbom", "scan"}),
        (RunRead, {"pipeline-run"}),
    ],
)
def test_an_entry_of_a_newer_version(world: Any, kind: type[Body], links: set[str]) -> None:
    again(world, kind)
    found = told(traced(world))
    assert links <= found.keys()
    assert set(found.values()) == {(Verdict.UNKNOWN, "schema-unknown")}
    assert "merge" not in found and "signature" not in found


def test_a_decision_of_a_newer_version(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What rests on the decision, or on the rules that it names, is unknown; what runs and its sync are not."""
    tag, digest = world.build("two")
    with monkeypatch.context() as newer:
        newer.setattr(Merged, "VERSION", NEWER)
        world.ship("prod", tag, digest)
    found = told(traced(world))
    assert {"seal", "merge", "approvals", "change-record"} <= found.keys()
    assert set(found.values()) == {(Verdict.UNKNOWN, "schema-unknown")}
    assert not {"running-object", "sync", "pipeline-run"} & found.keys()


def test_evidence_of_a_newer_version(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tag, digest = world.build("two")
    with monkeypatch.context() as newer:
        newer.setattr(ReviewsFact, "VERSION", NEWER)
        world.ship("prod", tag, digest)
    assert told(traced(world)) == {
        "approvals": (Verdict.UNKNOWN, "schema-unknown"),
        "change-record": (Verdict.UNKNOWN, "schema-unknown"),
    }
