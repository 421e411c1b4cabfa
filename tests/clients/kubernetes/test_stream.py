"""Watches that break or lie. The good case: tests/local/kubernetes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import BusyError, ConflictError, UnreachableError

KINDS = {"resources": [{"kind": "ConfigMap", "name": "configmaps", "namespaced": True}]}
EVENT = {"type": "ADDED", "object": {"metadata": {"name": "m", "resourceVersion": "7"}}}
PATH = "GET /api/v1/configmaps"


@pytest.fixture
def client(script: Any, answer: Any, patience: Any) -> Iterator[KubernetesClient]:
    script.answers["GET /api/v1"] = answer(body=json.dumps(KINDS).encode())
    with KubernetesClient(script.url, token="t", patience=patience) as made:
        yield made


def line(event: Any) -> bytes:
    return json.dumps(event).encode() + b"\n"


def test_a_watch_outlives_the_patience_for_a_call(
    client: KubernetesClient, script: Any, clock: Any, answer: Any
) -> None:
    def events() -> Any:
        while True:
            clock.time += 100.0
            yield line(EVENT)

    script.answers[PATH] = answer(pieces=events())
    with client.watch("v1", "ConfigMap") as watch:
        assert [event.object["metadata"]["name"] for event in itertools.islice(watch, 5)] == ["m"] * 5


@pytest.mark.parametrize("said", [b"null\n", b"[]\n", b"{}\n", b"<html>\n", line({"type": "ADDED", "object": 7})])
def test_what_is_no_event_ends_it(client: KubernetesClient, script: Any, answer: Any, said: bytes) -> None:
    script.answers[PATH] = answer(pieces=[line(EVENT), said])
    with client.watch("v1", "ConfigMap") as watch:
        next(watch)
        with pytest.raises(UnreachableError) as caught:
            next(watch)
    assert caught.value.code == "kubernetes-unreachable"


def test_a_watch_that_breaks_is_unreachable(client: KubernetesClient, script: Any, answer: Any) -> None:
    script.answers[PATH] = answer(body=line(EVENT), breaks="within")
    with client.watch("v1", "ConfigMap") as watch, pytest.raises(UnreachableError):
        list(watch)


@pytest.mark.parametrize(("status", "kind"), [(429, BusyError), (503, UnreachableError), (410, ConflictError)])
def test_whoever_follows_decides_when_to_watch_again(
    client: KubernetesClient, script: Any, clock: Any, answer: Any, status: int, kind: Any
) -> None:
    script.answers[PATH] = answer(status)
    with pytest.raises(kind):
        client.watch("v1", "ConfigMap")
    assert clock.slept == []
