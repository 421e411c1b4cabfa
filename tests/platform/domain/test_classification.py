from __future__ import annotations

import pytest

from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.classification import classify
from interlock.platform.domain.delivery import DeliveryKind, branch
from interlock.platform.domain.ids import CommitId, EnvironmentName, ObjectId, ServiceName

A, M, D = "added", "modified", "deleted"
VALUES = "apps/payments/values.prod.yaml"
COMMIT = CommitId("a" * 40)


def classified(
    files: dict[str, str], *, environment: str = "prod", head_ref: str = "x", image: bool = True
) -> tuple[DeliveryKind | None, str | None, str]:
    changes = tuple(FileChange(path, status) for path, status in files.items())  # type: ignore[arg-type]
    change = Change(COMMIT, COMMIT, COMMIT, ObjectId("f" * 40), changes, changes)
    found = classify(change, EnvironmentName(environment), head_ref, image_changes=lambda _: image)
    return found.kind, found.service, found.reason


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({VALUES: M}, DeliveryKind.IMAGE),
        ({"apps/payments/values.yaml": M}, DeliveryKind.CONFIGURATION),
        ({"apps/payments/values.test.yaml": M}, DeliveryKind.CONFIGURATION),
        ({"apps/payments/Chart.yaml": M}, DeliveryKind.CHART),
        ({"apps/payments/templates/extra.yaml": A}, DeliveryKind.CHART),
        ({"middleware/payments/topics.yaml": A}, DeliveryKind.MIDDLEWARE),
        ({"argocd/payments.yaml": M}, DeliveryKind.CONFIGURATION),
        ({"argocd/payments.yaml": D}, DeliveryKind.REMOVAL),
        ({"argocd/payments.yaml": D, VALUES: D}, DeliveryKind.REMOVAL),
        ({"argocd/payments.yaml": A, "apps/payments/Chart.yaml": A, VALUES: A}, DeliveryKind.ONBOARDING),
    ],
)
def test_the_files_say_what_a_delivery_is(files: dict[str, str], kind: DeliveryKind) -> None:
    assert classified(files) == (kind, "payments", "ok")


def test_a_values_file_without_a_new_image_is_configuration() -> None:
    assert classified({VALUES: M}, image=False)[0] is DeliveryKind.CONFIGURATION


def test_the_chart_belongs_to_no_single_service() -> None:
    assert classified({"charts/service/values.yaml": M}) == (DeliveryKind.CHART, None, "ok")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "nothing-changed"),
        ({VALUES: M, "apps/quotes/values.prod.yaml": M}, "several-services"),
        ({VALUES: M, "apps/payments/Chart.yaml": M}, "several-kinds"),
        ({"argocd/payments.yaml": A, VALUES: M}, "several-kinds"),
        ({VALUES: M, "README.md": M}, "path-outside-layout"),
        ({"argocd/sub/payments.yaml": A}, "path-outside-layout"),
        ({".gitattributes": A}, "path-outside-layout"),
    ],
)
def test_one_service_one_kind_known_places(files: dict[str, str], reason: str) -> None:
    kind, _, got = classified(files)
    assert kind is None and got == reason


def test_the_platform_repo_registers_services_and_nothing_else_yet() -> None:
    registered = classified({"services/payments.yaml": A}, environment="platform")
    assert registered == (DeliveryKind.ONBOARDING, "payments", "ok")
    assert classified({"services/payments.yaml": M}, environment="platform")[0] is DeliveryKind.PLATFORM
    assert classified({"people.yaml": M}, environment="platform")[0] is DeliveryKind.PLATFORM
    mixed = classified({"services/payments.yaml": A, "people.yaml": M}, environment="platform")
    assert mixed[0] is None and mixed[2] == "several-kinds"


def test_a_reverts_branch_claims_the_stricter_kind() -> None:
    assert classified({VALUES: M}, head_ref="revert/payments/0123456789ab")[0] is DeliveryKind.REVERT
    anything = classified({"README.md": M, VALUES: D}, head_ref="revert/main/0123456789ab")
    assert anything == (DeliveryKind.REVERT, "payments", "ok")


def test_branches_of_deliveries() -> None:
    payments = ServiceName("payments")
    assert branch(DeliveryKind.ONBOARDING, payments) == "onboard/payments"
    assert branch(DeliveryKind.IMAGE, payments, "main-1") == "promote/payments/main-1"
    assert branch(DeliveryKind.IMAGE, payments, "main-1", pipeline=True) == "bump/payments/main-1"
    assert branch(DeliveryKind.REVERT, payments, "abc") == "revert/payments/abc"
