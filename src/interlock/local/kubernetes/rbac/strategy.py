"""Writing roles and bindings: nobody grants what they do not hold (unless by verb ``escalate`` or ``bind``)."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.formats.kubernetes.validation import Cause
from interlock.local.kubernetes import answers
from interlock.local.kubernetes.cluster import Call, Cluster, Object
from interlock.local.kubernetes.rbac.authorizer import rules_of
from interlock.local.kubernetes.request import RequestInfo
from interlock.local.kubernetes.strategy import Strategy

_GROUP = "rbac.authorization.k8s.io"


def _may(cluster: Cluster, call: Call, verb: str, resource: str, name: str) -> bool:
    info = RequestInfo(verb, "", _GROUP, "v1", resource, "", call.namespace, name)
    return cluster.authorizer.decide(call.user, info).allowed


def _role_faults(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Iterator[Cause]:
    for index, rule in enumerate(new.get("rules") or []):
        if not rule.get("verbs"):
            yield Cause("FieldValueRequired", f"rules[{index}].verbs", "verbs must contain at least one value")
        if rule.get("nonResourceURLs"):
            if new["kind"] == "Role":
                text = "Invalid value: namespaced rules cannot apply to non-resource URLs"
                yield Cause("FieldValueInvalid", f"rules[{index}].nonResourceURLs", text)
        elif rule.get("apiGroups") is None or not rule.get("resources"):
            text = "resource rules must supply at least one api group and resource"
            yield Cause("FieldValueRequired", f"rules[{index}].apiGroups", text)


def _role_prepare(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    name = new["metadata"]["name"]
    rules = new.get("rules") or []
    if call.kind.name == "ClusterRole":
        rules = rules_of(new, cluster.store.objects(call.kind.resource))
    if (
        old is not None
        and old.get("rules") == new.get("rules")
        and old.get("aggregationRule") == new.get("aggregationRule")
    ):
        return new
    why = cluster.authorizer.why_not_grant(call.user, rules, call.namespace)
    if why and not _may(cluster, call, "escalate", call.kind.plural, name):
        raise answers.forbidden(_GROUP, call.kind.plural, name, why)
    return new


def _binding_prepare(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    for subject in new.get("subjects") or []:
        if isinstance(subject, dict) and subject.get("kind") == "ServiceAccount" and call.namespace:
            subject.setdefault("namespace", call.namespace)
    reference = new.get("roleRef")
    if not isinstance(reference, dict) or (old is not None and old.get("subjects") == new.get("subjects")):
        return new
    kind, name = reference.get("kind"), reference.get("name", "")
    resource = "roles" if kind == "Role" else "clusterroles"
    role = cluster.store.get(f"{_GROUP}/{resource}", call.namespace if kind == "Role" else "", name)
    if _may(cluster, call, "bind", resource, name):
        return new
    if role is None:
        raise answers.not_found(_GROUP, resource, name)
    rules = (
        rules_of(role, cluster.store.objects(f"{_GROUP}/clusterroles")) if kind == "ClusterRole" else role.get("rules")
    )
    if why := cluster.authorizer.why_not_grant(call.user, rules or [], call.namespace):
        raise answers.forbidden(_GROUP, call.kind.plural, new["metadata"]["name"], why)
    return new


def _binding_faults(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Iterator[Cause]:
    allowed = ("Role", "ClusterRole") if call.kind.name == "RoleBinding" else ("ClusterRole",)
    if new["roleRef"]["kind"] not in allowed:
        text = f'Unsupported value: "{new["roleRef"]["kind"]}": supported values: ' + ", ".join(allowed)
        yield Cause("FieldValueNotSupported", "roleRef.kind", text)
    if old is not None and old["roleRef"] != new["roleRef"]:
        yield Cause("FieldValueInvalid", "roleRef", "Invalid value: cannot change roleRef")
    for index, subject in enumerate(new.get("subjects") or []):
        if subject["kind"] not in ("User", "Group", "ServiceAccount"):
            text = f'Unsupported value: "{subject["kind"]}": supported values: "Group", "ServiceAccount", "User"'
            yield Cause("FieldValueNotSupported", f"subjects[{index}].kind", text)
        if subject["kind"] == "ServiceAccount" and not subject.get("namespace"):
            yield Cause("FieldValueRequired", f"subjects[{index}].namespace", "Required value")


ROLES = Strategy(prepare=_role_prepare, faults=_role_faults)
BINDINGS = Strategy(prepare=_binding_prepare, faults=_binding_faults)
