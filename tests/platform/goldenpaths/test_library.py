"""The library chart that renders a service is the env repo's: a package with another one changes no repository."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interlock.clients.git import Repository
from interlock.errors import InputError
from interlock.formats import helm, yaml
from interlock.platform import catalog, goldenpaths, kinds
from interlock.platform.delivery import promotion
from interlock.platform.domain.change import Change, ChangeStatus, FileChange
from interlock.platform.domain.ids import CommitId, Digest, ObjectId, ServiceName
from interlock.platform.domain.result import CHART
from interlock.platform.domain.verdict import Finding, Verdict
from interlock.platform.estate import layout
from interlock.platform.estate.library import Library
from interlock.platform.facts import Facts, change, ground
from interlock.platform.facts import library as libraries
from interlock.platform.facts.case import Case
from interlock.platform.facts.facts import Reader
from interlock.platform.kinds import onboarding
from interlock.platform.kinds.onboarding.checks import OnboardingFiles

from .. import acme

OLD = catalog.charts()["1.0.0"]
"""The chart of interlock 0.1, which env repos of then have without version folders ..."""
FLAT = Library(CHART, OLD)
PROD = acme.environment("prod")
NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)


def files(chart: Library | None) -> dict[str, bytes]:
    return goldenpaths.expected(acme.platform(), acme.service(), PROD, chart)


def rendered(files: dict[str, bytes], **values: Any) -> list[Any]:
    path = layout.values("payments", "prod")
    text = layout.set_image(files[path], "main-0123456789ab", Digest("sha256:" + "a" * 64), file=path).decode()
    text = text.replace("replicas: 1\nconfig: {}\n", "") + yaml.dump({"config": {"LOG": "info"}, **values})
    made = helm.render(
        {**files, path: text.encode()},
        "apps/payments",
        value_files=["values.prod.yaml"],
        release_name="payments-prod",
        namespace="payments",
    )
    return [item.object for item in made]


@pytest.fixture
def git(tmp_path: Path) -> Repository:
    """An env repo that has the old chart, and nothing else."""
    made = Repository.init(tmp_path / "env.git")
    commit = made.commit_tree(
        made.write_tree({"README.md": b"", **FLAT.placed}), [], "Begin\n", author=("I", "i@x"), date=NOW
    )
    made.update_ref("refs/heads/main", commit)
    return made


def test_the_package_has_another_chart_than_such_a_repository() -> None:
    assert catalog.chart()["Chart.yaml"] != OLD["Chart.yaml"]


def gate(git: Repository, files: Mapping[str, bytes]) -> tuple[Case, Finding]:
    """What a pull request that brings these files is, and whether they are what the gate generates."""
    prepared = promotion.onboarding(git, ServiceName("payments"), "prod", files)
    head = git.commit_tree(prepared.tree, [prepared.base], "Onboard\n", author=("I", "i@x"), date=NOW)
    statuses: dict[str, ChangeStatus] = {"A": "added", "M": "modified", "D": "deleted"}
    found = tuple(
        FileChange(item.path, statuses[item.status], item.old_mode, item.new_mode)
        for item in git.diff(prepared.base, head)
    )
    brought = Change(
        base=prepared.base,
        head=CommitId(head),
        merge_base=prepared.base,
        tree=ObjectId(git.tree(head)),
        proposed=found,
        effect=found,
        before={},
        after={},
        commits=(),
    )
    known: dict[Reader[Any], object] = {
        ground.repository: git,
        ground.environment: PROD,
        ground.registered: acme.service(),
        ground.sources: SimpleNamespace(generate=partial(goldenpaths.expected, acme.platform())),
        change.read: brought,
    }
    case = kinds.classify.classify(kinds.KINDS, brought, "prod")
    return case, OnboardingFiles().examine(Facts(known))


def test_an_onboarding_leaves_the_chart_that_is_there(git: Repository) -> None:
    chart = libraries.newest(git, "refs/heads/main")
    assert chart == FLAT
    case, finding = gate(git, files(chart))
    assert case == Case(onboarding.NAME, ServiceName("payments"))
    assert finding.verdict is Verdict.VALID, finding


def test_one_that_brings_the_packages_chart_is_refused(git: Repository) -> None:
    case, finding = gate(git, files(None))
    assert case.kind == onboarding.NAME
    assert (finding.verdict, finding.reason) == (Verdict.INVALID, "onboarding-files-differ")


def test_the_gate_expects_the_chart_that_is_there() -> None:
    expected = files(FLAT)
    assert {path: data for path, data in expected.items() if path.startswith("charts/")} == FLAT.placed
    dependency = b"  - name: service\n    version: 1.0.0\n    repository: file://../../charts/service\n"
    assert expected["apps/payments/Chart.yaml"].endswith(dependency)


def test_of_several_versions_a_new_service_gets_the_newest(git: Repository) -> None:
    newer = {
        layout.library(version) + "/Chart.yaml": b"version: %s\n" % version.encode() for version in ("1.9.0", "1.10.0")
    }
    tree = git.write_tree(newer, base="refs/heads/main")
    chart = libraries.newest(git, tree)
    assert chart is not None and (chart.folder, chart.version) == ("charts/service/1.10.0", "1.10.0")
    assert files(chart)["apps/payments/Chart.yaml"].endswith(
        b"    version: 1.10.0\n    repository: file://../../charts/service/1.10.0\n"
    )
    assert libraries.at(git, tree, CHART) == FLAT, "versions beside it are no part of the flat chart"


def test_a_repository_without_chart_gets_the_packages(git: Repository) -> None:
    assert libraries.newest(git, git.write_tree({"README.md": b""})) is None
    expected = files(None)
    charts = {path: data for path, data in expected.items() if path.startswith("charts/")}
    assert charts == Library.of(catalog.chart()).placed


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"replicas": 0, "podDisruptionBudget": {"minAvailable": 1}},
        {"probes": {"readiness": {"httpGet": {"port": "http", "path": "/"}}}, "resources": {"limits": {"cpu": 1}}},
    ],
)
def test_both_charts_render_a_service_alike(values: dict[str, Any]) -> None:
    assert rendered(files(FLAT), **values) == rendered(files(None), **values)


def test_a_shape_that_the_chart_cannot_render_is_refused_by_version() -> None:
    path = goldenpaths.path("http-api", Path(__file__).parent / "paths")
    service = path.registration(
        acme.platform(), name="quotes", team="ledger", owner="rita", parameters={"context": "/quotes"}
    )
    with pytest.raises(InputError) as caught:
        path.environment(service, PROD, acme.platform(), FLAT)
    assert (caught.value.code, caught.value.got, caught.value.expected) == ("chart-too-old", "1.0.0", "1.1.0 or later")


@pytest.mark.parametrize("stated", [b"name: x\n", b"version: [1]\n", b"version: newest\n", b"1\n"])
def test_a_chart_without_version(stated: bytes) -> None:
    with pytest.raises(InputError) as caught:
        files(Library(CHART, {"Chart.yaml": stated}))
    assert caught.value.code == "chart-version"
