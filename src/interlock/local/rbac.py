"""Who may do what in the clusters: people read, Argo CD writes, the platform starts builds and asks Argo CD to sync.

So "nothing reaches a cluster except through git" holds here too: no person's context may change anything but their own
answer to an ApprovalTask, which the API checks (`interlock.local.kubernetes.approvals`).
"""

from __future__ import annotations

from typing import Any

_GROUP = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]


def manifests() -> list[dict[str, Any]]:
    """The same in every cluster; rules about Tekton matter on the hub, where it runs."""
    return [
        _role("interlock-people", [_rule(["*"], _READ, _READABLE), _rule([""], _READ, _CORE), _ANSWER]),
        _binding("interlock-people", {"kind": "Group", "name": "interlock:people", "apiGroup": _GROUP}),
        # As upstream's installation: the application controller applies whatever kind git holds.
        _role("argocd-application-controller", [_rule(["*"], ["*"], ["*"])]),
        _binding("argocd-application-controller", _account("argocd", "argocd-application-controller")),
        _role(
            "tekton-pipelines-controller",
            [
                _rule(["tekton.dev", "resolution.tekton.dev", "openshift-pipelines.org"], ["*"], ["*"]),
                _rule([""], _READ, ["secrets", "configmaps", "serviceaccounts", "namespaces"]),
                _rule([""], ["*"], ["pods", "pods/log", "pods/status", "events", "persistentvolumeclaims"]),
            ],
        ),
        _binding("tekton-pipelines-controller", _account("tekton-pipelines", "tekton-pipelines-controller")),
        _role(
            "interlock-controller",
            [
                _rule(["*"], _READ, _READABLE),
                _rule([""], _READ, _CORE),
                _rule(["tekton.dev"], ["create"], ["pipelineruns"]),
                _rule(["tekton.dev"], ["patch"], ["pipelineruns", "taskruns"]),
                # What a removal names is deleted by an operation, which is a field of the Application.
                _rule(["argoproj.io"], ["patch"], ["applications"]),
                _rule(["coordination.k8s.io"], ["create", "update", "patch"], ["leases"]),
            ],
        ),
        _binding("interlock-controller", _account("interlock-system", "interlock-controller")),
    ]


_CORE = ["pods", "pods/log", "services", "configmaps", "serviceaccounts", "namespaces", "events"]
"""Not Secrets: nobody reads those through a person's or the platform's context."""
_READABLE = [
    "applications",
    "appprojects",
    "deployments",
    "replicasets",
    "statefulsets",
    "jobs",
    "cronjobs",
    "daemonsets",
    "horizontalpodautoscalers",
    "poddisruptionbudgets",
    "networkpolicies",
    "httproutes",
    "leases",
    "pipelines",
    "tasks",
    "pipelineruns",
    "taskruns",
    "customruns",
    "stepactions",
    "verificationpolicies",
    "resolutionrequests",
    "approvaltasks",
    "customresourcedefinitions",
]


def _rule(groups: list[str], verbs: list[str], resources: list[str]) -> dict[str, Any]:
    return {"apiGroups": groups, "verbs": verbs, "resources": resources}


_ANSWER = _rule(["openshift-pipelines.org"], ["patch", "update"], ["approvaltasks"])


def _role(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": f"{_GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def _binding(name: str, subject: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": name},
        "subjects": [subject],
    }


def _account(namespace: str, name: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}
