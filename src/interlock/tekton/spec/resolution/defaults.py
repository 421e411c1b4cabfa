"""What upstream ships in the resolvers' ConfigMaps (config/resolvers/*.yaml), by their names and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CONFIG_MAPS: Final[Mapping[str, str]] = {
    "git": "git-resolver-config",
    "http": "http-resolver-config",
    "cluster": "cluster-resolver-config",
    "hub": "hubresolver-config",
    "bundles": "bundleresolver-config",
}
"""Resolver -> its ConfigMap."""

FLAGS_MAP: Final = "resolvers-feature-flags"

SHIPPED: Final[Mapping[str, Mapping[str, str]]] = {
    "git-resolver-config": {
        "fetch-timeout": "1m",
        "default-url": "https://github.com/tektoncd/catalog.git",
        "default-revision": "main",
        "scm-type": "github",
        "server-url": "",
        "api-token-secret-name": "",
        "api-token-secret-key": "",
        "api-token-secret-namespace": "default",
        "default-org": "",
    },
    "http-resolver-config": {"fetch-timeout": "1m"},
    "cluster-resolver-config": {
        "default-kind": "task",
        "default-namespace": "",
        "allowed-namespaces": "",
        "blocked-namespaces": "",
    },
    "hubresolver-config": {
        "default-tekton-hub-catalog": "Tekton",
        "default-artifact-hub-task-catalog": "tekton-catalog-tasks",
        "default-artifact-hub-pipeline-catalog": "tekton-catalog-pipelines",
        "default-kind": "task",
        "default-type": "artifact",
    },
    "bundleresolver-config": {"default-service-account": "default", "default-kind": "task"},
    "resolvers-feature-flags": {
        f"enable-{resolver}-resolver": "true" for resolver in ("bundles", "hub", "git", "cluster", "http")
    },
}


def config(resolver: str, given: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The ConfigMap of ``resolver``: upstream's with what is ``given`` over it."""
    name = CONFIG_MAPS[resolver]
    return {**SHIPPED[name], **given.get(name, {})}


def enabled(resolver: str, given: Mapping[str, Mapping[str, str]]) -> bool:
    flags = {**SHIPPED[FLAGS_MAP], **given.get(FLAGS_MAP, {})}
    return flags.get(f"enable-{resolver}-resolver", "true").lower() in ("true", "1", "t")
