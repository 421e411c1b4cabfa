"""The cluster resolver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from interlock.errors import InputError, NotFoundError
from interlock.tekton.spec import trusted
from interlock.tekton.spec.resolution import RefSource, Resolved

Get = Callable[..., Resolved]
SPEC = {"steps": [{"name": "hello", "image": "alpine", "script": "echo hello"}]}


@pytest.fixture
def uid(world: Any) -> str:
    """Of the Task ``greet`` in namespace ``shared``."""
    value = {
        "apiVersion": "tekton.dev/v1",
        "kind": "Task",
        "metadata": {"name": "greet", "namespace": "shared", "ownerReferences": [{"uid": "x"}]},
        "spec": SPEC,
    }
    return str(world.client.create(value)["metadata"]["uid"])


def test_an_object_of_another_namespace(world: Any, get: Get, uid: str) -> None:
    found = get(world.resolvers(), "cluster", name="greet", namespace="shared")
    signed = {"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "greet", "namespace": "shared"}}
    checksum = trusted.checksum({**signed, "spec": SPEC}).hex()
    assert found.object["spec"] == SPEC
    assert "ownerReferences" not in found.object["metadata"]
    assert found.source == RefSource(f"/apis/tekton.dev/v1/namespaces/shared/task/greet@{uid}", {"sha256": checksum})


def test_defaults_come_from_the_config_map(world: Any, get: Get, uid: str) -> None:
    resolvers = world.resolvers(config_maps={"cluster-resolver-config": {"default-namespace": "shared"}})
    assert get(resolvers, "cluster", name="greet").object["metadata"]["name"] == "greet"


@pytest.mark.parametrize(
    ("values", "config", "message"),
    [
        ({}, {}, "missing required cluster resolver params: name, namespace"),
        ({"name": "greet", "namespace": "shared", "kind": "pod"}, {}, "unknown or unsupported resource kind 'pod'"),
        (
            {"name": "greet", "namespace": "shared"},
            {"blocked-namespaces": "other, shared"},
            "access to specified namespace shared is blocked",
        ),
        (
            {"name": "greet", "namespace": "shared"},
            {"allowed-namespaces": "other"},
            "access to specified namespace shared is not allowed",
        ),
        (
            {"name": "greet", "namespace": "shared"},
            {"allowed-namespaces": "other", "blocked-namespaces": "*"},
            "only explicit allowed access to namespaces is allowed",
        ),
    ],
)
def test_refusals(world: Any, get: Get, uid: str, values: dict[str, str], config: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        get(world.resolvers(config_maps={"cluster-resolver-config": config}), "cluster", **values)
    assert caught.value.message.startswith('error requesting remote resource: invalid resource request "default/clus')
    assert caught.value.message.endswith(message)


def test_an_explicitly_allowed_namespace(world: Any, get: Get, uid: str) -> None:
    config = {"allowed-namespaces": "shared", "blocked-namespaces": "*"}
    resolvers = world.resolvers(config_maps={"cluster-resolver-config": config})
    assert get(resolvers, "cluster", name="greet", namespace="shared").object["kind"] == "Task"


def test_what_is_not_there(world: Any, get: Get) -> None:
    with pytest.raises(NotFoundError) as caught:
        get(world.resolvers(), "cluster", name="greet", namespace="shared")
    assert caught.value.message.endswith(': tasks.tekton.dev "greet" not found')
    assert 'error getting "Cluster"' in caught.value.message


def test_step_actions(world: Any, get: Get) -> None:
    value = {
        "apiVersion": "tekton.dev/v1beta1",
        "kind": "StepAction",
        "metadata": {"name": "say", "namespace": "shared"},
        "spec": {"image": "alpine", "script": "echo"},
    }
    world.client.create(value)
    found = get(world.resolvers(), "cluster", as_kind="StepAction", kind="stepaction", name="say", namespace="shared")
    assert (found.object["apiVersion"], found.object["kind"]) == ("tekton.dev/v1beta1", "StepAction")
    with pytest.raises(InputError, match="resource is not a task"):
        get(world.resolvers(), "cluster", kind="stepaction", name="say", namespace="shared")


def test_a_disabled_resolver_and_one_that_is_not_installed(world: Any, get: Get, uid: str) -> None:
    off = world.resolvers(config_maps={"resolvers-feature-flags": {"enable-cluster-resolver": "false"}})
    with pytest.raises(InputError, match="enable-cluster-resolver feature flag not true"):
        get(off, "cluster", name="greet", namespace="shared")
    with pytest.raises(InputError) as caught:
        get(world.resolvers(), "mine", name="greet")
    assert caught.value.message == (
        "error requesting remote resource: resolution took longer than global timeout of 1m0s"
    )
