"""What an AppProject permits."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.errors import InputError
from interlock.formats.argocd import globs, project
from interlock.formats.argocd.project import Project


def made(**spec: Any) -> Project:
    return project.parse({"metadata": {"name": "prod"}, "spec": spec})


@pytest.mark.parametrize(
    ("patterns", "url", "expected"),
    [
        (["*"], "https://git/acme/env-prod", True),
        (["https://git/acme/env-prod"], "https://git/acme/env-prod.git", True),
        (["https://git/acme/*"], "https://GIT/acme/env-prod", True),
        (["https://git/*"], "https://git/acme/env-prod", False),
        (["https://git/**"], "https://git/acme/env-prod", True),
        (["git@host:acme/env"], "ssh://git@host/acme/env", True),
        ([], "https://git/acme/env-prod", False),
        (["*", "!https://git/acme/secret"], "https://git/acme/secret", False),
        (["*", "!https://git/acme/secret"], "https://git/acme/env-prod", True),
        (["!https://git/acme/secret"], "https://git/acme/env-prod", True),
    ],
)
def test_sources(patterns: list[str], url: str, expected: bool) -> None:
    assert made(sourceRepos=patterns).permits_source(url) is expected


PROD = {"server": "https://prod-cluster", "name": "prod", "namespace": "payments"}


@pytest.mark.parametrize(
    ("destinations", "expected"),
    [
        ([], False),
        ([{"server": "*", "namespace": "*"}], True),
        ([{"server": "https://prod-cluster", "namespace": "payments"}], True),
        ([{"server": "https://prod-cluster", "namespace": "pay*"}], True),
        ([{"name": "prod", "namespace": "*"}], True),
        ([{"server": "https://prod-cluster", "namespace": "other"}], False),
        ([{"server": "https://test-cluster", "namespace": "*"}], False),
        ([{"server": "*", "namespace": "*"}, {"server": "*", "namespace": "!payments"}], False),
        ([{"server": "*", "namespace": "*"}, {"server": "!https://prod-cluster", "namespace": "*"}], False),
        ([{"server": "*", "namespace": "*"}, {"server": "*", "namespace": "!kube-*"}], True),
    ],
)
def test_destinations(destinations: list[dict[str, str]], expected: bool) -> None:
    assert made(destinations=destinations).permits_destination(**PROD) is expected


@pytest.mark.parametrize(
    ("spec", "kind", "namespaced", "expected"),
    [
        ({}, ("", "ConfigMap", "x"), True, True),
        ({}, ("", "Namespace", "x"), False, False),
        ({"namespaceResourceWhitelist": []}, ("", "ConfigMap", "x"), True, False),
        ({"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]}, ("", "Secret", "x"), True, False),
        ({"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]}, ("", "ConfigMap", "x"), True, True),
        ({"namespaceResourceBlacklist": [{"group": "rbac*", "kind": "*"}]}, ("rbac.x", "Role", "x"), True, False),
        ({"clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}]}, ("", "Namespace", "x"), False, True),
        (
            {"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "pay*"}]},
            ("", "Namespace", "other"),
            False,
            False,
        ),
        (
            {
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
                "clusterResourceBlacklist": [{"group": "", "kind": "Namespace"}],
            },
            ("", "Namespace", "x"),
            False,
            False,
        ),
    ],
)
def test_kinds(spec: dict[str, Any], kind: tuple[str, str, str], namespaced: bool, expected: bool) -> None:
    assert made(**spec).permits_kind(*kind, namespaced=namespaced) is expected


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(InputError) as caught:
        made(sourceRepo=["*"])
    assert "spec.sourceRepo" in caught.value.message


def test_fields_that_would_be_wrong_to_ignore_are_told() -> None:
    assert made(permitOnlyProjectScopedClusters=True, roles=[{"name": "x"}]).unsupported == (
        "permitOnlyProjectScopedClusters",
    )


@pytest.mark.parametrize(
    ("pattern", "text", "separators", "expected"),
    [
        ("*", "a/b", "", True),
        ("*", "a/b", "/", False),
        ("**", "a/b", "/", True),
        ("a?c", "abc", "", True),
        ("{a,b}c", "bc", "", True),
        ("[ab]c", "bc", "", True),
        ("[!ab]c", "bc", "", False),
        (r"\*", "*", "", True),
        ("a.c", "abc", "", False),
        ("{a", "a", "", False),
        ("[a", "[a", "", False),
    ],
)
def test_globs(pattern: str, text: str, separators: str, expected: bool) -> None:
    assert globs.match(pattern, text, separators) is expected
