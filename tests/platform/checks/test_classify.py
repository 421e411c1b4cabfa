"""Which kind a change is: each kind claims an allow-list, and what no kind claims is refused by what it is."""

from __future__ import annotations

import pytest

from interlock.platform import kinds
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.ids import CommitId, ObjectId
from interlock.platform.kinds.classify import REASONS, classify

A, M, D = "added", "modified", "deleted"
VALUES = "apps/payments/values.prod.yaml"
COMMIT = CommitId("a" * 40)
IMAGE = b'image:\n  repository: "r/payments"\n  tag: "%s"\n  digest: ""\n'


def classified(
    files: dict[str, str], *, environment: str = "prod", image: bool = True
) -> tuple[str | None, str | None, str]:
    """``image``: whether the image differs in the values file."""
    changes = tuple(FileChange(path, status) for path, status in files.items())  # type: ignore[arg-type]
    before, after = {VALUES: IMAGE % b"1"}, {VALUES: IMAGE % (b"2" if image else b"1")}
    change = Change(COMMIT, COMMIT, COMMIT, ObjectId("f" * 40), changes, changes, before, after)
    found = classify(kinds.KINDS, change, environment)
    return found.kind, found.service, found.reason


def test_the_files_say_what_a_delivery_is() -> None:
    assert classified({VALUES: M}) == ("image", "payments", "ok")
    new = {"argocd/payments.yaml": A, "apps/payments/Chart.yaml": A, VALUES: A}
    assert classified(new) == ("onboarding", "payments", "ok")
    assert classified({**new, "charts/service/Chart.yaml": A}) == ("onboarding", "payments", "ok")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "nothing-changed"),
        ({VALUES: M, "apps/quotes/values.prod.yaml": M}, "several-services"),
        ({VALUES: M, "apps/Payments/values.prod.yaml": M}, "several-services"),
        ({VALUES: M, "README.md": M}, "path-outside-layout"),
        ({"argocd/sub/payments.yaml": A}, "path-outside-layout"),
        ({"argocd/payments.yml": A}, "path-outside-layout"),
        ({".gitattributes": A}, "path-outside-layout"),
        ({"argocd/payments.yaml": A, VALUES: M}, "several-kinds"),
    ],
)
def test_one_service_one_kind_known_places(files: dict[str, str], reason: str) -> None:
    kind, _, got = classified(files)
    assert kind is None and got == reason


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside a bump"])
@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("apps/payments/Chart.yaml", M, "chart-file-altered"),
        ("apps/payments/templates/extra.yaml", A, "chart-file-altered"),
        ("charts/service/templates/_all.tpl", M, "library-chart-altered"),
        ("charts/service/extra.yaml", A, "library-chart-altered"),
        ("argocd/payments.yaml", M, "application-file-altered"),
        ("middleware/payments/topics.yaml", A, "middleware-not-claimed"),
        ("apps/payments/values.test.yaml", M, "values-not-claimed"),
        ("apps/payments/.gitattributes", A, "file-foreign"),
        ("apps/payments/vendor", A, "file-foreign"),
        ("apps/payments/x\u202egnp.yaml", A, "file-foreign"),
        ('apps/payments/--"', A, "file-foreign"),
        ("apps/payments/new\nline", A, "file-foreign"),
        ("apps/payments/values.yaml", D, "file-deleted"),
    ],
)
def test_what_no_kind_claims_is_refused_by_what_it_is(path: str, status: str, reason: str, alone: bool) -> None:
    files = {path: status} if alone else {VALUES: M, path: status}
    assert classified(files) == (None, None if alone and path.startswith("charts/") else "payments", reason)


CHART = "apps/payments/Chart.yaml"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (FileChange("charts/service/1.2.0/values.yaml", "added", "000000", "120000"), "library-chart-altered"),
        (FileChange("charts/service/1.2.0/values.yaml", "added", "000000", "100755"), "library-chart-altered"),
        (FileChange("charts/service/1.2.0", "added", "000000", "120000"), "library-chart-altered"),
        (FileChange("charts/service/1.2.0", "added", "000000", "160000"), "library-chart-altered"),
        (FileChange("charts/service/1.2.0/values.yaml", "modified"), "library-chart-altered"),
        (FileChange("charts/service/1.2.0/values.yaml", "deleted", "100644", "000000"), "library-chart-altered"),
        (FileChange("charts/other/Chart.yaml", "deleted", "100644", "000000"), "library-chart-altered"),
        (FileChange(CHART, "modified", "100644", "120000"), "chart-file-altered"),
        (FileChange(CHART, "modified", "100644", "100755"), "chart-file-altered"),
        (FileChange(CHART, "added", "000000", "100644"), "chart-file-altered"),
        (FileChange(CHART, "deleted", "100644", "000000"), "file-deleted"),
    ],
    ids=lambda item: f"{item.status} {item.new_mode} {item.path}" if isinstance(item, FileChange) else item,
)
def test_what_no_chart_delivery_may_touch(file: FileChange, reason: str) -> None:
    sides = {CHART: b"dependencies: []\n"}, {CHART: b"dependencies: [{}]\n"}
    change = Change(COMMIT, COMMIT, COMMIT, ObjectId("f" * 40), (file,), (file,), *sides)
    found = classify(kinds.KINDS, change, "prod")
    assert (found.kind, found.reason) == (None, reason)


def test_the_platform_repos_charts_are_no_chart_delivery() -> None:
    assert classified({"charts/service/1.2.0/Chart.yaml": A}, environment="platform")[0] != "chart"


def test_values_whose_image_stays_are_configuration() -> None:
    shared = "apps/payments/values.yaml"
    for files in ({VALUES: M}, {shared: M}, {VALUES: M, shared: M}):
        assert classified(files, image=False) == ("configuration", "payments", "ok")
    assert classified({VALUES: M, shared: M})[2] == "several-kinds", "an image and its configuration are two deliveries"
    assert classified({shared: M}, environment="platform")[0] is None
    for files in ({shared: A}, {shared: D}, {"apps/payments/values.test.yaml": M}):
        assert classified(files, image=False)[0] is None


def test_a_removal_is_one_step_of_one_service() -> None:
    template = "apps/payments/templates/service.yaml"
    for files in (
        {"apps/payments/removal.yaml": A, template: D},
        {"apps/payments/removal.yaml": D, template: A},
        {"argocd/payments.yaml": D, "apps/payments/Chart.yaml": D, template: D},
    ):
        assert classified(files) == ("removal", "payments", "ok")
    assert classified({"argocd/payments.yaml": D, VALUES: M})[2] == "several-kinds"
    assert classified({"argocd/payments.yaml": D, "middleware/payments/topics.yaml": D})[2] == "file-deleted"
    assert classified({template: D})[2] == "file-deleted", "nothing is named"
    assert classified({"services/payments.yaml": D}, environment="platform") == ("removal", "payments", "ok")


def test_the_platform_repo_registers_services_and_is_edited() -> None:
    registered = classified({"services/payments.yaml": A}, environment="platform")
    assert registered == ("onboarding", "payments", "ok")
    edited = {"people.yaml": M, "keys/release.pem": M, "catalog/tasks/sbom.yaml": A, "argocd/project-dev.yaml": D}
    services = {"services/payments.yaml": M, "services/quotes.yaml": M}
    for files in (edited, services, {"services/payments.yaml": M}, {**edited, **services}, {"checks.yaml": A}):
        assert classified(files, environment="platform") == ("platform", None, "ok")
        assert classified(files)[0] is None, "in an env repo nothing of it is"
    assert classified({"services/payments.yaml": A, "people.yaml": M}, environment="platform")[2] == "several-kinds"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("services/sub/payments.yaml", M),
        ("services/payments.yml", A),
        ("keys/other.pem", A),
        ("keys/sub/release.pem", A),
        ("platform.yml", A),
        ("charts/service/Chart.yaml", M),
        ("README.md", M),
        (".gitattributes", A),
    ],
)
def test_of_the_platform_repo_only_what_an_estate_is_read_from_is_claimed(path: str, status: str) -> None:
    assert classified({path: status}, environment="platform")[::2] == (None, "platform-file-altered")
    together = classified({path: status, "people.yaml": M}, environment="platform")
    assert together[::2] == (None, "platform-file-altered")


def test_every_refusal_says_what_to_do() -> None:
    assert all(reason.remedy for reason in REASONS.values())
