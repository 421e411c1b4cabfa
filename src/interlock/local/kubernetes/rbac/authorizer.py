"""Decides requests from the stored roles and bindings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from interlock.formats.kubernetes.selectors import object_selector
from interlock.local.kubernetes.rbac.rules import Rule, describe, uncovered
from interlock.local.kubernetes.request import RequestInfo, User
from interlock.local.kubernetes.store import Change, Store

Object = dict[str, Any]

_GROUP = "rbac.authorization.k8s.io"
MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Grant:
    """One rule that a binding gives, and how the decision's reason names it."""

    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    allowed: bool
    reason: str


class Authorizer:
    """Reads roles and bindings from the store when they changed. ``system:masters`` may do everything."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._roles: dict[tuple[str, str, str], list[Rule]] | None = None
        self._bindings: dict[str, list[Object]] = {}
        store.listen(self._changed)

    def _changed(self, change: Change) -> None:
        if change.resource.startswith(_GROUP):
            self._roles = None

    def _load(self) -> dict[tuple[str, str, str], list[Rule]]:
        if self._roles is None:
            cluster_roles = self._store.objects(f"{_GROUP}/clusterroles")
            self._roles = {
                ("ClusterRole", "", item["metadata"]["name"]): [
                    Rule.read(rule) for rule in rules_of(item, cluster_roles)
                ]
                for item in cluster_roles
            }
            for item in self._store.objects(f"{_GROUP}/roles"):
                place = ("Role", item["metadata"]["namespace"], item["metadata"]["name"])
                self._roles[place] = [Rule.read(rule) for rule in item.get("rules") or []]
            self._bindings = {"": self._store.objects(f"{_GROUP}/clusterrolebindings")}
            for item in self._store.objects(f"{_GROUP}/rolebindings"):
                self._bindings.setdefault(item["metadata"]["namespace"], []).append(item)
        return self._roles

    def rules(self, reference: Object, namespace: str) -> list[Rule]:
        """The rules of the role that a ``roleRef`` names; a role that is missing has none."""
        roles = self._load()
        place = namespace if reference["kind"] == "Role" else ""
        return roles.get((reference["kind"], place, reference["name"]), [])

    def grants(self, user: User, namespace: str) -> Iterator[Grant]:
        """What ``user`` is given: everywhere, and in ``namespace`` if that is not empty."""
        self._load()
        for place in ("", namespace) if namespace else ("",):
            for binding in self._bindings.get(place, []):
                for subject in binding.get("subjects") or []:
                    if not _is(subject, user, place):
                        continue
                    reference, name = binding["roleRef"], binding["metadata"]["name"]
                    where = f"{name}/{place}" if place else name
                    to = f'{subject["kind"]} "{subject["name"]}"'
                    if subject["kind"] == "ServiceAccount":
                        to = f'ServiceAccount "{subject["name"]}/{subject.get("namespace") or place}"'
                    kind = "RoleBinding" if place else "ClusterRoleBinding"
                    reason = f'RBAC: allowed by {kind} "{where}" of {reference["kind"]} "{reference["name"]}" to {to}'
                    for rule in self.rules(reference, place):
                        yield Grant(rule, reason)

    def decide(self, user: User, info: RequestInfo) -> Decision:
        if MASTERS in user.groups:
            return Decision(True, "")
        for grant in self.grants(user, info.namespace):
            if grant.rule.allows(info):
                return Decision(True, grant.reason)
        return Decision(False, "")

    def why_not_grant(self, user: User, rules: list[Object], namespace: str) -> str | None:
        """Escalation: why ``user``, who does not hold them, may not give away ``rules``; None when they may."""
        if MASTERS in user.groups:
            return None
        held = [grant.rule for grant in self.grants(user, namespace)]
        missing = uncovered([Rule.read(rule) for rule in rules], held)
        if not missing:
            return None
        shown = "\n".join(describe(rule) for rule in missing)
        groups = " ".join(f'"{group}"' for group in user.groups)
        who = f'user "{user.name}" (groups=[{groups}])'
        return f"{who} is attempting to grant RBAC permissions not currently held:\n{shown}"


def rules_of(role: Object, cluster_roles: list[Object]) -> list[Object]:
    """The rules of a cluster role; an aggregated one has those of the roles it selects."""
    aggregation = role.get("aggregationRule")
    if not aggregation:
        return role.get("rules") or []
    selectors = [object_selector(item) for item in aggregation.get("clusterRoleSelectors") or []]
    return [
        rule
        for other in cluster_roles
        if other is not role and any(matches(other["metadata"].get("labels") or {}) for matches in selectors)
        for rule in other.get("rules") or []
    ]


def _is(subject: Object, user: User, namespace: str) -> bool:
    match subject.get("kind"):
        case "User":
            return bool(subject["name"] == user.name)
        case "Group":
            return subject["name"] in user.groups
        case "ServiceAccount":
            place = subject.get("namespace") or namespace
            return user.name == f"system:serviceaccount:{place}:{subject['name']}"
        case _:
            return False


def refusal(user: User, info: RequestInfo) -> str:
    """The message of a 403 without its subject (responsewriters/errors.go)."""
    if not info.resource:
        return f'User "{user.name}" cannot {info.verb} path "{info.path}"'
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    scope = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    return f'User "{user.name}" cannot {info.verb} resource "{resource}" in API group "{info.group}" {scope}'
