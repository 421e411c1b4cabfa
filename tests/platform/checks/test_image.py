from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.formats.oci import media
from interlock.formats.sigstore import Reason
from interlock.platform.checks import reasons
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, Digest, ReasonCode
from interlock.platform.domain.image import ImageFacts, ImageReference, Signed, StatementKind
from interlock.platform.domain.verdict import Finding, Verdict

from .conftest import Known

Broken = Callable[..., dict[str, Finding]]
NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)
OTHER = Digest("sha256:" + "e" * 64)
DOWN = Unread("registry", "registry-unreachable", "no answer")


def bad(reason: str) -> Signed:
    return Signed(Verdict.INVALID, ReasonCode(reason), "told by formats/sigstore")


@pytest.mark.parametrize(
    ("image", "check", "reason"),
    [
        ({"media_type": None}, "image-exists", "image-missing"),
        ({"media_type": media.INDEX}, "image-exists", "image-index"),
        ({"missing_blobs": (OTHER,)}, "image-exists", "image-missing"),
        ({"media_type": DOWN}, "image-exists", "fact-unreadable"),
        ({"tag_digest": OTHER}, "image-tag", "image-tag-moved"),
        ({"tag_digest": None}, "image-tag", "image-tag-missing"),
        ({"tag_digest": DOWN}, "image-tag", "fact-unreadable"),
        ({"signature": bad("signature-missing")}, "image-signature", "signature-missing"),
        ({"signature": bad("signature-wrong-predicate")}, "image-signature", "signature-wrong-predicate"),
        ({"signature": DOWN}, "image-signature", "fact-unreadable"),
        ({"signature": None}, "image-signature", "fact-missing"),
        ({"scan": {"verdict": Verdict.INVALID}}, "image-scan", "scan-failed"),
        ({"scan": {"verdict": Verdict.UNKNOWN}}, "image-scan", "scan-unknown"),
        ({"scan": {"advisories_at": None}}, "image-scan", "advisories-outdated"),
        ({"scan": {"advisories_at": NOW - timedelta(days=6, seconds=1)}}, "image-scan", "advisories-outdated"),
        ({"scan": None}, "image-scan", "fact-missing"),
        ({"provenance": {"builder": "https://mallory"}}, "build-origin", "provenance-wrong-builder"),
        ({"provenance": {"source": "https://git/mallory/payments"}}, "build-origin", "provenance-wrong-source"),
        ({"provenance": {"pipeline": "my-own"}}, "build-origin", "provenance-wrong-pipeline"),
        ({"provenance": {"commit": CommitId("6" * 40)}}, "build-origin", "provenance-wrong-commit"),
        ({"provenance": {"succeeded": False}}, "build-origin", "provenance-failed-run"),
        ({"provenance": {"isolation": "none"}}, "build-isolation", "isolation-weak"),
        ({"provenance": {"isolation": "unshare"}}, "build-isolation", "isolation-weak"),
        ({"provenance": DOWN}, "build-isolation", "fact-unreadable"),
    ],
)
def test_one_thing_wrong_with_an_image_is_one_finding(
    broken: Broken, image: dict[str, Any], check: str, reason: str
) -> None:
    found = broken(image=image)
    assert found[check].reason == reason
    together = {"build-origin", "build-isolation"} if image.get("provenance") is DOWN else {check}
    assert set(found) == together


@pytest.mark.parametrize("kind", list(StatementKind))
def test_a_missing_statement_is_refused(good: Known, broken: Broken, kind: StatementKind) -> None:
    assert isinstance(good.image, ImageFacts)
    rest = {key: value for key, value in good.image.statements.items() if key is not kind}
    assert set(broken(image={"statements": rest})) == {f"image-{kind.value}"}
    wrong = {**rest, kind: bad("signature-wrong-key")}
    assert broken(image={"statements": wrong})[f"image-{kind.value}"].reason == "signature-wrong-key"


def test_reasons_of_the_signature_format_are_in_the_table() -> None:
    assert {item.value for item in Reason} <= reasons.REASONS.keys()


def test_a_scan_ages_with_the_environments_clock(broken: Broken) -> None:
    later = NOW + timedelta(days=29, seconds=1)
    assert broken(now=later)["image-scan"].reason == "scan-outdated"
    assert "image-scan" not in broken(now=later - timedelta(seconds=1))


@pytest.mark.parametrize(
    "reference",
    [
        ImageReference("registry.acme.test/integration/payments", "main-555555555555", Digest("")),
        ImageReference("registry.acme.test/integration/payments", "main-555555555555", Digest("sha256:short")),
        ImageReference("registry.acme.test/integration/payments", "", Digest("sha256:" + "d" * 64)),
    ],
)
def test_a_tag_alone_pins_nothing(broken: Broken, reference: ImageReference) -> None:
    assert broken(image={"reference": reference})["image-pinned"].reason == "image-unpinned"


@pytest.mark.parametrize(
    "previous",
    [
        ImageReference("registry.acme.test/integration/payments", "main-555555555555", OTHER),
        ImageReference("registry.acme.test/integration/payments", "main-444444444444", Digest("sha256:" + "d" * 64)),
        ImageReference("registry.acme.test/integration/payments", "", Digest("")),
    ],
)
def test_nothing_skips_an_environment(broken: Broken, previous: ImageReference) -> None:
    assert broken(previous=previous)["image-promoted"].reason == "image-not-promoted"


@pytest.mark.parametrize(
    ("health", "reason"),
    [
        ({"sync": "OutOfSync"}, "not-healthy-before"),
        ({"health": "Progressing"}, "not-healthy-before"),
        ({"health": "Unknown"}, "not-healthy-before"),
        ({"digest": OTHER}, "not-healthy-before"),
        ({"sealed": False}, "health-unsealed"),
    ],
)
def test_prod_gets_only_what_was_healthy_in_test(broken: Broken, health: dict[str, Any], reason: str) -> None:
    assert broken(health=health)["healthy-before"].reason == reason


def test_test_does_not_demand_seals_of_a_dev_without_seals(good: Known, broken: Broken, make: Any) -> None:
    reviews = (make["review"](1, "pat"),)
    found = broken(
        environment=good.estate.environment("test"),
        pull={"repository": "acme/env-test"},
        health={"sealed": False},
        reviews=reviews,
        approvals=tuple(make["captured"](item, repository="acme/env-test") for item in reviews),
    )
    # The file's name is prod's here; everything else holds.
    assert set(found) == {"image-text-diff"}
