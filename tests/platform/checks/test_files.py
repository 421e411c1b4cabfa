from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from interlock.platform import estate
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, ObjectId, ServiceName
from interlock.platform.domain.image import ImageFacts, Scan
from interlock.platform.domain.verdict import Finding, Verdict
from interlock.platform.facts.case import Case
from interlock.platform.facts.onboarding import Onboarding
from interlock.platform.facts.revert import RevertFacts
from interlock.platform.kinds.onboarding import NAME as ONBOARDING_KIND
from interlock.platform.kinds.revert import NAME as REVERT_KIND
from interlock.platform.kinds.revert.checks import RevertKeepsWorkload

from .conftest import Known

Broken = Callable[..., dict[str, Finding]]
PATH = "apps/payments/values.prod.yaml"
ONBOARDING = Case(ONBOARDING_KIND, ServiceName("payments"))
REVERT = Case(REVERT_KIND, ServiceName("payments"))
BACK = RevertFacts(CommitId("8" * 40), ObjectId("f" * 40), before=CommitId("7" * 40))


def after(good: Known, old: bytes, new: bytes) -> dict[str, bytes]:
    assert isinstance(good.change, Change)
    data = good.change.after[PATH]
    assert old in data
    return {PATH: data.replace(old, new, 1)}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"replicas: 2", b"replicas: 3", "image-diff-other"),
        (b"replicas: 2", b"replicas: 2 ", "image-diff-other"),
        (b"# An image", b"# An  image", "image-diff-other"),
        (b"replicas: 2\n", b"replicas: 2", "image-diff-other"),
        (b"replicas: 2\n", b"replicas: 2\nextra: 1\n", "image-diff-other"),
        (b"\n", b"\r\n", "image-diff-other"),
        (b'tag: "main-555555555555"', b"tag: main-555555555555", "image-diff-other"),
        (b'tag: "main-555555555555"', b"tag: 12345678e90", "image-file-invalid"),
        (b'tag: "main-555555555555"', b'tag: "a"\n  tag: "b"', "image-file-invalid"),
        (b"  digest:", b"  pullPolicy: Always\n  digest:", "image-file-invalid"),
        (b"repository: registry.acme.test", b"repository: evil.test", "image-diff-other"),
        (b"image:", b"image: &x", "image-file-invalid"),
    ],
)
def test_an_image_delivery_changes_two_values_and_no_other_byte(
    good: Known, broken: Broken, old: bytes, new: bytes, reason: str
) -> None:
    found = broken(change={"after": after(good, old, new)})["image-text-diff"]
    assert (found.verdict, found.reason) == (Verdict.INVALID, reason)
    assert PATH in found.detail


@pytest.mark.parametrize("name", ["proposed", "effect"])
def test_a_second_file_is_seen_in_what_reviewers_see_and_in_what_lands(good: Known, broken: Broken, name: str) -> None:
    files = (FileChange(PATH, "modified"), FileChange("apps/payments/values.yaml", "modified"))
    assert "apps/payments/values.yaml" in broken(change={name: files})["image-text-diff"].detail


def test_both_sides_in_a_foreign_repository_are_refused(good: Known, broken: Broken) -> None:
    assert isinstance(good.change, Change)
    both = {
        side: {PATH: getattr(good.change, side)[PATH].replace(b"registry.acme.test", b"evil.test")}
        for side in ("before", "after")
    }
    assert broken(change=both)["image-text-diff"].reason == "image-wrong-repository"


FILES = {"argocd/payments.yaml": b"kind: Application\n", "apps/payments/Chart.yaml": b"name: payments\n"}


def onboarding(there: dict[str, bytes] | None = None, **changes: Any) -> dict[str, Any]:
    """``there``: what the repository has already."""
    added = tuple(FileChange(path, "added") for path in FILES)
    change: dict[str, Any] = {"proposed": added, "effect": added, "before": {}, "after": FILES, **changes}
    return {"case": ONBOARDING, "onboarding": Onboarding(FILES, {**(there or {}), **change["after"]}), "change": change}


def test_an_onboarding_equals_what_the_golden_path_generates(broken: Broken) -> None:
    assert broken(**onboarding()) == {}


def test_files_that_are_there_already_count(broken: Broken) -> None:
    (first, *rest) = FILES
    fewer = tuple(FileChange(path, "added") for path in rest)
    change: dict[str, Any] = {"proposed": fewer, "effect": fewer, "after": {path: FILES[path] for path in rest}}
    assert "onboarding-files" in broken(**onboarding(**change))
    assert broken(**onboarding({first: FILES[first]}, **change)) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"after": {**FILES, "argocd/payments.yaml": b"kind: Application\n\n"}},
        {"after": {"argocd/payments.yaml": FILES["argocd/payments.yaml"]}},
        {"effect": (*(FileChange(path, "added") for path in FILES), FileChange("apps/payments/x.yaml", "added"))},
        {"proposed": (FileChange("README.md", "modified"),)},
    ],
)
def test_one_byte_or_file_more_is_refused(broken: Broken, change: dict[str, Any]) -> None:
    assert broken(**onboarding(**change))["onboarding-files"].reason == "onboarding-files-differ"


@pytest.fixture
def registration(good: Known, make: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    def facts(old: str = "", new: str = "", **changes: Any) -> dict[str, Any]:
        service = estate.Service(
            name="ledger-events",
            shape="ace-flow",
            team="ledger",
            owner="rita",
            repository="ledger-events",
            image="registry.acme.test/integration/ledger-events",
            configuration_item="ledger-events",
        )
        path = "services/ledger-events.yaml"
        data = service.file().decode().replace(old, new, 1).encode()
        files = (FileChange(path, "added"),)
        reviews = (make["review"](1, "pat"),)
        return {
            "environment": good.estate.environment("platform"),
            "case": Case(ONBOARDING_KIND, ServiceName("ledger-events")),
            "pull": {"repository": "acme/platform"},
            "change": {"proposed": files, "effect": files, "before": {}, "after": {path: data}, **changes},
            "reviews": reviews,
            "approvals": tuple(make["captured"](item, repository="acme/platform") for item in reviews),
        }

    return facts


def test_registering_a_service_needs_somebody_of_the_platforms_team(
    broken: Broken, registration: Callable[..., dict[str, Any]]
) -> None:
    assert broken(**registration()) == {}
    assert set(broken(**{**registration(), "reviews": ()})) == {"approval-platform-team"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("owner: rita", "owner: dana"),
        ("team: ledger", "team: nobody"),
        ("image: registry.acme.test/integration/ledger-events", "image: registry.acme.test/integration/payments"),
        ("repository: ledger-events", "repository: payments"),
        ("kind: Service", "kind: Service # note"),
        ("name: ledger-events", "name: other"),
        ("shape: ace-flow", "shape: [ace-flow]"),
    ],
)
def test_a_registration_contradicts_nothing(
    broken: Broken, registration: Callable[..., dict[str, Any]], old: str, new: str
) -> None:
    assert broken(**registration(old, new))["registration"].reason == "registration-invalid"


def test_a_revert_is_the_exact_inverse(broken: Broken) -> None:
    assert broken(case=REVERT, revert=BACK) == {}
    other = RevertFacts(CommitId("8" * 40), ObjectId("0" * 40))
    assert broken(case=REVERT, revert=other)["revert-exact"].reason == "revert-not-exact"
    none = RevertFacts(None, None, "no commit of main")
    assert broken(case=REVERT, revert=none)["revert-exact"].detail == "no commit of main"
    unread = broken(case=REVERT, revert=Unread("git", "git-unreachable", "x"))["revert-exact"]
    assert unread.verdict is Verdict.UNKNOWN
    assert broken(case=REVERT)["revert-exact"].reason == "fact-missing"


def test_a_revert_goes_from_the_newest_delivery_to_what_was_sealed_before_it(broken: Broken) -> None:
    older = dataclasses.replace(BACK, obstacle="77777777 is the newest delivery of payments", before=None)
    found = broken(case=REVERT, revert=older)["revert-newest"]
    assert (found.reason, found.detail) == ("revert-not-newest", "77777777 is the newest delivery of payments")
    assert broken(case=REVERT, revert=dataclasses.replace(BACK, before=None)).keys() == {"revert-newest"}
    assert broken(case=REVERT)["revert-newest"].reason == "fact-missing"


def test_a_revert_needs_no_fresh_scan_and_no_promotion_but_all_approvals(broken: Broken, good: Known) -> None:
    facts: dict[str, Any] = {
        "case": REVERT,
        "revert": BACK,
        "previous": None,
        "health": None,
    }
    assert broken(**facts) == {}
    assert set(broken(**facts, reviews=())) == {"approval-service-owner", "approval-other-team"}


def test_a_revert_is_told_how_old_its_scan_is_and_not_refused(good: Known) -> None:
    late = dataclasses.replace(good, now=good.now + timedelta(days=365)).facts()
    found = RevertKeepsWorkload().examine(late)
    assert isinstance(good.image, ImageFacts) and isinstance(good.image.scan, Scan)
    most = good.environment.rules.scan_max_age
    assert most is not None and found.verdict is Verdict.VALID
    assert found.detail.endswith(f"good for a new delivery until {(good.image.scan.finished_at + most).isoformat()}")
    assert found == RevertKeepsWorkload().examine(good.facts()), "it tells dates, and not whether it is late"


def test_taking_back_the_first_release_is_a_removal(broken: Broken) -> None:
    facts = {"case": REVERT, "revert": BACK, "image": None}
    assert broken(**facts)["revert-keeps-workload"].reason == "revert-removes-workload"


def test_restoring_what_is_sealed_needs_two_people_whoever_they_are(broken: Broken, make: dict[str, Any]) -> None:
    reviews = (make["review"](1, "pat"), make["review"](2, "rita"))
    facts: dict[str, Any] = {
        "case": Case(REVERT_KIND, None),
        "revert": RevertFacts(None, None, restores=True),
        "image": None,
        "record": {"number": None, "record": None},
        "reviews": reviews,
        "approvals": tuple(make["captured"](item) for item in reviews),
    }
    assert broken(**facts) == {}
    assert set(broken(**{**facts, "reviews": reviews[:1]})) == {"approval-anyone"}
