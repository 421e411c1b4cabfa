"""Discovery documents: the groups, versions and resources that are served, in the old and the aggregated form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from interlock.local.kubernetes.kinds import Kind, Kinds

Object = dict[str, Any]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERSION = "v1.32.4"
"""The API level this server follows."""

_SUBRESOURCES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "status": ("", "", "", ("get", "patch", "update")),
    "scale": ("autoscaling", "v1", "Scale", ("get", "patch", "update")),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ("create",)),
    "eviction": ("policy", "v1", "Eviction", ("create",)),
    "finalize": ("", "", "", ("update",)),
    "log": ("", "", "", ("get",)),
}


def version() -> Object:
    """``/version``; ``gitTreeState`` says what answers."""
    major, minor = VERSION.lstrip("v").split(".")[:2]
    return {
        "major": major,
        "minor": minor,
        "gitVersion": VERSION,
        "gitCommit": "interlock.local",
        "gitTreeState": "stand-in",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "none",
        "platform": "interlock/local",
    }


def _order(text: str) -> tuple[int, int, int]:
    """Kubernetes' version priority: GA before beta before alpha, higher first."""
    body = text.removeprefix("v")
    for level, word in ((1, "beta"), (2, "alpha")):
        if word in body:
            major, _, minor = body.partition(word)
            return level, -int(major or 0), -int(minor or 0)
    return 0, -int(body) if body.isdigit() else 0, 0


def groups(kinds: Kinds) -> dict[str, list[str]]:
    """Group -> served versions, preferred first; without the core group."""
    found: dict[str, set[str]] = {}
    for kind in kinds:
        if kind.group:
            found.setdefault(kind.group, set()).add(kind.version)
    return {group: sorted(versions, key=_order) for group, versions in found.items()}


def _group(name: str, versions: Iterable[str]) -> Object:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def api_versions(address: str) -> Object:
    """``/api``."""
    servers = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": servers}


def group_list(kinds: Kinds) -> Object:
    """``/apis``."""
    listed = [_group(name, versions) for name, versions in groups(kinds).items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group(kinds: Kinds, name: str) -> Object | None:
    """``/apis/<group>``."""
    versions = groups(kinds).get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def resource_list(kinds: Kinds, group_name: str, version_name: str) -> Object | None:
    """``/api/v1`` and ``/apis/<group>/<version>``."""
    rows: list[Object] = []
    for kind in _in(kinds, group_name, version_name):
        row: Object = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": list(kind.verbs),
        }
        if kind.short_names:
            row["shortNames"] = list(kind.short_names)
        if kind.categories:
            row["categories"] = list(kind.categories)
        rows.append(row)
        for name in kind.subresources:
            group_, version_, other, verbs = _SUBRESOURCES[name]
            row = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
            row |= {"group": group_, "version": version_} if other else {}
            rows.append({**row, "kind": other or kind.name, "verbs": list(verbs)})
    if not rows:
        return None
    group_version = f"{group_name}/{version_name}" if group_name else version_name
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": rows}


def _in(kinds: Kinds, group_name: str, version_name: str) -> list[Kind]:
    return [kind for kind in kinds if (kind.group, kind.version) == (group_name, version_name)]


def aggregated(kinds: Kinds, *, core: bool) -> Object:
    """``/api`` (core) or ``/apis`` as one APIGroupDiscoveryList of apidiscovery.k8s.io/v2."""
    names: dict[str, list[str]] = {"": ["v1"]} if core else groups(kinds)
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None},
                "versions": [
                    {
                        "version": item,
                        "freshness": "Current",
                        "resources": [_aggregated(kind) for kind in _in(kinds, name, item)],
                    }
                    for item in versions
                ],
            }
            for name, versions in names.items()
        ],
    }


def _aggregated(kind: Kind) -> Object:
    row: Object = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.name},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
        "subresources": [],
    }
    if kind.short_names:
        row["shortNames"] = list(kind.short_names)
    if kind.categories:
        row["categories"] = list(kind.categories)
    for name in kind.subresources:
        group_, version_, other, verbs = _SUBRESOURCES[name]
        answered = {"group": group_, "version": version_, "kind": other} if other else row["responseKind"]
        row["subresources"].append({"subresource": name, "responseKind": answered, "verbs": list(verbs)})
    return row
