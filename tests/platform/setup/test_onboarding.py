"""What `interlock service create` would make: values, before anything is done."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from interlock.errors import InterlockError
from interlock.platform import catalog, goldenpaths
from interlock.platform.estate import Estate
from interlock.platform.estate.library import Library
from interlock.platform.estate.platform import GoldenPath
from interlock.platform.setup import onboarding

from .. import acme

CHART = Library.of(catalog.chart())
CHARTS = dict.fromkeys(("dev", "test", "prod"), CHART)


@pytest.fixture
def estate() -> Estate:
    return acme.founded().estate


def plan(estate: Estate, **changes: Any) -> onboarding.Plan:
    request = onboarding.Request("payments", "ace-flow", "payments", "sam", "dana")
    return onboarding.plan(estate, dataclasses.replace(request, **changes), CHARTS)


def test_an_app_repo_a_registration_and_a_delivery_an_environment(estate: Estate) -> None:
    made, service = plan(estate), acme.service()
    assert made.app == acme.ACE.app(service, acme.platform()) and made.path == "ace-flow 1.0.0"
    (registry, registration), *deliveries = made.proposals
    assert (registry.name, registry.repository) == ("platform", "platform")
    assert registration == {"services/payments.yaml": service.file()}
    assert [(item.name, files) for item, files in deliveries] == [
        (item.name, goldenpaths.expected(acme.platform(), service, item, CHART))
        for item in acme.platform().environments
    ]


def test_a_workspace_is_brought_along(estate: Estate) -> None:
    app = acme.ACE.app(acme.service(), acme.platform())
    workspace = {path: data for path, data in app.items() if path.startswith("Payments/")}
    assert set(plan(estate, workspace=workspace).app) == {
        *workspace,
        "service.yaml",
        "catalog-info.yaml",
        ".tekton/push.yaml",
    }


@pytest.mark.parametrize(
    ("changes", "code", "expected"),
    [
        ({"shape": "http-api"}, "shape-unknown", "ace-flow"),
        ({"team": "treasury"}, "team-unknown", "payments, ledger, platform"),
        ({"owner": "rita"}, "owner-unknown", "dana, sam"),
        ({"owner": "nobody"}, "owner-unknown", "dana, sam"),
        ({"name": "Payments"}, "name-invalid", None),
        ({"name": "null"}, "name-invalid", "a plain word"),
        ({"workspace": {"pom.xml": b""}}, "ace-workspace-empty", None),
        ({"parameters": {"port": "1"}}, "parameter-unknown", "none"),
        ({"name": "root"}, "estate-inconsistent", None),
        ({"name": "env-dev"}, "estate-inconsistent", None),
    ],
)
def test_what_neither_the_estate_nor_the_path_knows(
    estate: Estate, changes: dict[str, Any], code: str, expected: str | None
) -> None:
    with pytest.raises(InterlockError) as caught:
        plan(estate, **changes)
    assert caught.value.code == code
    if expected is not None:
        assert caught.value.expected == expected


def test_the_owner_of_a_teams_services(estate: Estate) -> None:
    assert onboarding.default_owner(estate, "payments") == "sam"
    with pytest.raises(InterlockError, match="names no owner"):
        onboarding.default_owner(estate, "ledger")


def test_a_path_that_the_estate_does_not_take(estate: Estate) -> None:
    other = estate.platform.model_copy(update={"golden_paths": (GoldenPath(shape="http-api", pipeline="build"),)})
    with pytest.raises(InterlockError, match="no golden path for this shape") as caught:
        plan(dataclasses.replace(estate, platform=other))
    assert str(caught.value.where).startswith("services/payments.yaml")
