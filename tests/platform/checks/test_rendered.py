from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.platform.checks.rendered import differences
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.verdict import Finding, Verdict
from interlock.platform.facts.rendering import Rendering

from .conftest import Known

Broken = Callable[..., dict[str, Finding]]
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "payments"}}


def judged(broken: Broken, before: tuple[Any, ...], after: tuple[Any, ...]) -> Finding | None:
    return broken(rendering=Rendering(before, after)).get("image-rendered-diff")


@pytest.fixture
def objects(good: Known) -> tuple[Any, Any, Any]:
    assert isinstance(good.rendering, Rendering)
    return good.rendering.before[0], good.rendering.before[1], good.rendering.after[1]


def test_a_first_release_adds_its_workload(broken: Broken, objects: tuple[Any, Any, Any]) -> None:
    account, _, new = objects
    assert judged(broken, (account,), (account, new, SERVICE)) is None


@pytest.mark.parametrize("kind", ["Secret", "RoleBinding", "ClusterRole", "Job", "DaemonSet"])
def test_a_first_release_adds_nothing_else(broken: Broken, objects: tuple[Any, Any, Any], kind: str) -> None:
    account, _, new = objects
    found = judged(broken, (account,), (account, new, {**SECRET, "kind": kind}))
    assert found is not None and found.detail == f"added: {kind} x"


def test_a_later_release_adds_and_removes_nothing(broken: Broken, objects: tuple[Any, Any, Any]) -> None:
    account, old, new = objects
    added = judged(broken, (account, old), (account, new, SERVICE))
    assert added is not None and added.detail == "added: Service payments"
    removed = judged(broken, (account, old), (new,))
    assert removed is not None and removed.detail == "removed: ServiceAccount payments"


def test_what_differs_is_named(broken: Broken, objects: tuple[Any, Any, Any]) -> None:
    account, old, new = objects
    found = judged(broken, (account, old), (account, {**new, "spec": {**new["spec"], "replicas": 9}}))
    assert found is not None
    assert (found.reason, found.detail) == ("rendered-diff-other", "Deployment payments: spec.replicas")


def test_another_container_is_no_image_delivery(broken: Broken, objects: tuple[Any, Any, Any], make: Any) -> None:
    account, old, new = objects
    sidecar = {"name": "x", "image": "evil.test/x@sha256:" + "0" * 64}
    template = new["spec"]["template"]
    pods = {**template, "spec": {"containers": [*template["spec"]["containers"], sidecar]}}
    found = judged(broken, (account, old), (account, {**new, "spec": {**new["spec"], "template": pods}}))
    assert found is not None and found.reason == "rendered-diff-other"
    # Also where it comes with the first release, when every object is new.
    first = judged(broken, (account,), (account, {**new, "spec": {**new["spec"], "template": pods}}))
    assert first is not None and "evil.test" in first.detail


def test_the_new_image_really_runs_afterwards(broken: Broken, objects: tuple[Any, Any, Any]) -> None:
    account, old, _ = objects
    unchanged = judged(broken, (account, old), (account, old))
    assert unchanged is not None and unchanged.reason == "rendered-diff-other"
    nothing = judged(broken, (account,), (account,))
    assert nothing is not None and nothing.reason == "rendered-nothing"


def test_a_chart_that_does_not_render_is_the_pull_requests_fault(broken: Broken) -> None:
    fault = broken(rendering=Unread("chart", "helm-template", "line 3"))["image-rendered-diff"]
    assert (fault.verdict, fault.reason) == (Verdict.INVALID, "render-failed")
    silent = broken(rendering=Unread("git", "git-failed", "x"))["image-rendered-diff"]
    assert silent.verdict is Verdict.UNKNOWN


json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(json, json)
def test_differences_are_empty_exactly_for_equal_json(one: Any, other: Any) -> None:
    def typed(value: Any) -> Any:
        if isinstance(value, Mapping):
            # An absent key and null are the same to an API server.
            return {key: typed(item) for key, item in value.items() if item is not None}
        return [typed(item) for item in value] if isinstance(value, list) else (type(value).__name__, value)

    found = list(differences(one, other))
    if not found:
        assert typed(one) == typed(other)
    if one == other and repr(one) == repr(other):
        assert not found
    assert [path for path, _, _ in found] == [path for path, _, _ in differences(other, one)]
