"""A decision is judged by the rules that judged it: newer code reads what was found, and does not judge it again."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.formats.sigstore import PrivateKey
from interlock.platform.books.vocabulary import Checked, Judged, Merged
from interlock.platform.checks import image
from interlock.platform.domain.ids import CheckId, EnvironmentName, ReasonCode, ServiceName
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Basis, Finding, Verdict
from interlock.platform.proof.chain import trace


def signature(world: Any) -> Finding:
    found = trace(world.sources(), EnvironmentName("prod"), ServiceName("payments"), now=world.clock).findings
    return next(item for item in found if item.id == "signature")


def judge(world: Any, *checks: Checked) -> str:
    """Write down what the gate found of the newest delivery; the entry's id."""
    entry = [item for item in world.found(Merged) if item.subject == "prod/payments"][-1]
    said = world.books.read(Merged, entry).said
    body = Judged(
        environment=said.environment, service=said.service, kind=said.kind, restores=False,
        repository="acme/env-prod", pull=said.pull, title="x", base=said.base, head=said.head,
        result=ResultIds.of(said.result), platform_commit=said.platform_commit, record=said.record, checks=checks,
    )  # fmt: skip
    return str(world.books.write(body.subject, body, key=body.key).id)


def found(verdict: Verdict, version: int = 1) -> Checked:
    reason = "ok" if verdict is Verdict.VALID else "signature-missing"
    return Checked(CheckId("image-signature"), version, verdict, ReasonCode(reason), "1 valid", Basis.EXECUTED)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release whose rule of signatures has changed, and would refuse everything of before."""
    monkeypatch.setattr(image.ImageSigned, "version", 2)
    monkeypatch.setattr(
        image.ImageSigned, "judge", lambda self, facts: self.invalid("signature-wrong-key", "by the newer rule")
    )


def test_what_was_decided_before_checks_were_recorded_is_judged_by_its_recorded_facts(world: Any, newer: None) -> None:
    assert signature(world).reason == "signature-wrong-key"


def test_a_rule_that_changed_since_reads_its_finding(world: Any, newer: None) -> None:
    entry = judge(world, found(Verdict.VALID))
    told = signature(world)
    assert (told.verdict, told.reason) == (Verdict.VALID, "ok")
    assert "as judged by version 1" in told.detail
    assert any(item.source == "ledger" and item.digest == entry for item in told.evidence)


def test_a_rule_that_did_not_change_is_judged_again(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(world, found(Verdict.VALID))
    monkeypatch.setattr(image.ImageSigned, "judge", lambda self, facts: self.invalid("signature-missing", "gone"))
    assert signature(world).verdict is Verdict.INVALID, "a recorded verdict alone is never believed"


def test_a_check_that_came_later_says_nothing_of_it(world: Any, newer: None) -> None:
    judge(world, Checked(CheckId("pull-base"), 1, Verdict.VALID, ReasonCode("ok"), "", Basis.EXECUTED))
    assert signature(world).verdict is Verdict.VALID


def test_what_a_newer_rule_found_is_unknown_here(world: Any) -> None:
    judge(world, found(Verdict.VALID, version=7))
    told = signature(world)
    assert (told.verdict, told.reason) == (Verdict.UNKNOWN, "check-newer") and told.remedy


def test_what_was_signed_before_a_key_was_replaced_is_proven_by_the_keys_of_then(world: Any) -> None:
    other = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    repo, sealed = world.repositories["platform"], world.tip("platform", "sealed")
    tree = repo.write_tree({"keys/release.pem": other.public.pem}, base=sealed)
    main = world.commit("platform", [world.tip("platform", "main")], tree, "Replace", by="pat", branch="main")
    message = f"Seal platform\n\nReplaced.\n\nArgocd-gpg-seal: sha256:{'0' * 64}\n"
    world.commit("platform", [sealed, main], tree, message, by="seal", branch="sealed")
    assert signature(world).verdict is Verdict.VALID
