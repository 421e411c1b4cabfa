"""Custom resource definitions: served when written, checked, printed, and gone with their objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InputError, NotFoundError

CRD = "apiextensions.k8s.io/v1"
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1},
                "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def definition(plural: str, **version: Any) -> dict[str, Any]:
    kind = plural.capitalize().removesuffix("s")
    return {
        "apiVersion": CRD,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.acme.test"},
        "spec": {
            "group": "acme.test",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "shortNames": [plural[:2]]},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}, **version}
            ],
        },
    }


def test_a_definition_is_served_at_once(client: KubernetesClient, namespace: str) -> None:
    created = client.create(definition("widgets"))
    assert {item["type"]: item["status"] for item in created["status"]["conditions"]}["Established"] == "True"
    widget = {"apiVersion": "acme.test/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": namespace}}
    stored = client.create({**widget, "spec": {"size": 2, "extra": {"any": [1]}}})
    assert stored["spec"] == {"size": 2, "color": "red", "extra": {"any": [1]}}
    assert stored["metadata"]["generation"] == 1
    for spec, field in (({}, "spec.size"), ({"size": 0}, "spec.size"), ({"size": 1, "color": "green"}, "spec.color")):
        with pytest.raises(InputError) as caught:
            client.create({**widget, "spec": spec})
        assert caught.value.code == "kubernetes-invalid"
        assert field in str(caught.value.got)
    with pytest.raises(InputError) as caught:
        client.replace({**widget, "spec": {"size": 3}})
    assert "metadata.resourceVersion" in str(caught.value.got)


def test_columns_are_printed_as_the_definition_says(
    http: httpx.Client, client: KubernetesClient, namespace: str
) -> None:
    columns = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "Since", "type": "date", "jsonPath": ".metadata.creationTimestamp", "priority": 1},
    ]
    client.create(definition("gadgets", additionalPrinterColumns=columns))
    gadget = {"apiVersion": "acme.test/v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": namespace}}
    client.create({**gadget, "spec": {"size": 2}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    answer = http.get(
        f"/apis/acme.test/v1/namespaces/{namespace}/gadgets",
        headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"},
    ).json()
    assert [item["name"] for item in answer["columnDefinitions"]] == ["Name", "Size", "Ready", "Since"]
    (row,) = answer["rows"]
    assert row["cells"][:3] == ["g", 2, "True"]
    assert row["cells"][3].endswith("s")
    assert row["object"]["kind"] == "PartialObjectMetadata"


def test_a_second_version_shows_the_same_objects(client: KubernetesClient, namespace: str) -> None:
    two = definition("parts")
    two["spec"]["versions"].append({**two["spec"]["versions"][0], "name": "v2", "storage": False})
    client.create(two)
    part = {"apiVersion": "acme.test/v1", "kind": "Part", "metadata": {"name": "p", "namespace": namespace}}
    client.create({**part, "spec": {"size": 1}})
    other = client.get("acme.test/v2", "Part", "p", namespace)
    assert (other["apiVersion"], other["spec"]["size"]) == ("acme.test/v2", 1)


def test_objects_go_with_their_definition(
    client: KubernetesClient, namespace: str, wait_for: Callable[..., Any]
) -> None:
    client.create(definition("brushes"))
    brush = {"apiVersion": "acme.test/v1", "kind": "Brushe", "metadata": {"name": "b", "namespace": namespace}}
    client.create({**brush, "spec": {"size": 1}})
    client.delete(CRD, "CustomResourceDefinition", "brushes.acme.test")
    with pytest.raises(NotFoundError):
        client.get("acme.test/v1", "Brushe", "b", namespace)
    client.create(definition("brushes"))
    wait_for("acme.test/v1", "Brushe", namespace, "b", lambda found: found is None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metadata": {"name": "other.acme.test"}}, "metadata.name"),
        ({"spec": {"group": "apps"}}, "spec.group"),
        ({"spec": {"scope": "Somewhere"}}, "spec.scope"),
        ({"spec": {"conversion": {"strategy": "Webhook"}}}, "spec.conversion.strategy"),
        ({"spec": {"versions": [{"name": "v1", "served": True, "storage": True}]}}, "openAPIV3Schema"),
        (
            {
                "spec": {
                    "versions": [
                        {
                            "name": "v1",
                            "served": True,
                            "storage": True,
                            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"a": {}}}},
                        }
                    ]
                }
            },
            "openAPIV3Schema a",
        ),
        ({"spec": {"versions": [{**definition("x")["spec"]["versions"][0], "storage": False}]}}, "spec.versions"),
    ],
)
def test_definitions_that_cannot_be_served_are_refused(
    client: KubernetesClient, change: dict[str, Any], field: str
) -> None:
    base = definition("broken")
    broken = {
        name: {**value, **change.get(name, {})} if isinstance(value, dict) else value for name, value in base.items()
    }
    with pytest.raises(InputError) as caught:
        client.create(broken)
    assert field in str(caught.value.got)


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("tekton.dev/v1", "Task"),
        ("tekton.dev/v1", "Pipeline"),
        ("tekton.dev/v1", "TaskRun"),
        ("tekton.dev/v1", "PipelineRun"),
        ("argoproj.io/v1alpha1", "Application"),
        ("argoproj.io/v1alpha1", "AppProject"),
    ],
)
def test_the_engines_kinds_are_there_from_the_start(client: KubernetesClient, api_version: str, kind: str) -> None:
    assert client.resource(api_version, kind).namespaced


def test_a_typo_in_an_application_is_refused_when_strict(client: KubernetesClient, namespace: str) -> None:
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications"
    spec = {
        "project": "dev",
        "destination": {"server": "https://dev-cluster"},
        "syncPolicy": {"automated": {"selfheal": True}},
    }
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a"}, "spec": spec}
    with pytest.raises(InputError) as caught:
        client.request("POST", path, params={"fieldValidation": "Strict"}, body=body)
    assert 'unknown field "spec.syncPolicy.automated.selfheal"' in str(caught.value)


def test_discovery_in_both_forms_names_the_same_resources(http: httpx.Client, client: KubernetesClient) -> None:
    old = {(item.api_version, item.plural) for item in client.resources()}
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"}
    new = set()
    for path in ("/api", "/apis"):
        for group in http.get(path, headers=accept).json()["items"]:
            name, version = group["metadata"].get("name", ""), group["versions"][0]
            prefix = f"{name}/" if name else ""
            new |= {(prefix + version["version"], item["resource"]) for item in version["resources"]}
    assert old == new
    assert ("argoproj.io/v1alpha1", "applications") in new


def test_every_group_version_has_its_openapi_document(client: KubernetesClient) -> None:
    for place, item in client.request("GET", "/openapi/v3")["paths"].items():
        document = client.request("GET", item["serverRelativeURL"])
        assert document["components"]["schemas"], place
        assert all(path.startswith(f"/{place}/") for path in document["paths"])
