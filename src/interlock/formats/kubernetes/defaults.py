"""Defaults of the built-in kinds, as the API server fills them in (pkg/apis/*/v1/defaults.go)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

Object = dict[str, Any]


def with_kind_defaults(obj: Object) -> Object:
    """A copy of ``obj`` with the defaults of its kind; a kind without defaults comes back as it is.

    What depends on the cluster (addresses, allocated names) is not a default.
    """
    fill = _KINDS.get((obj.get("apiVersion", ""), obj.get("kind", "")))
    if fill is None:
        return obj
    result = copy.deepcopy(obj)
    fill(result)
    return result


def _spec(obj: Object) -> Object:
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        spec = obj["spec"] = {}
    return spec


def _fill(target: Object, **values: Any) -> None:
    for name, value in values.items():
        if target.get(name) is None:
            target[name] = value


def _mappings(value: Any) -> Iterator[Object]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _deployment(obj: Object) -> None:
    spec = _spec(obj)
    _fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    strategy = spec["strategy"]
    if isinstance(strategy, dict):
        _fill(strategy, type="RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            _fill(strategy, rollingUpdate={})
            if isinstance(strategy["rollingUpdate"], dict):
                _fill(strategy["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    _template(spec)


def _replica_set(obj: Object) -> None:
    spec = _spec(obj)
    _fill(spec, replicas=1)
    _template(spec)


def _job(obj: Object) -> None:
    spec = _spec(obj)
    if spec.get("completions") is None and spec.get("parallelism") is None:
        _fill(spec, completions=1)
    _fill(spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)
    _fill(spec, manualSelector=False, podReplacementPolicy="TerminatingOrFailed")
    _template(spec)


def _template(spec: Object) -> None:
    template = spec.get("template")
    if isinstance(template, dict) and isinstance(template.get("spec"), dict):
        _pod_spec(template["spec"])


def _pod(obj: Object) -> None:
    spec = _spec(obj)
    _pod_spec(spec)
    _fill(spec, enableServiceLinks=True)
    for container in (*_mappings(spec.get("containers")), *_mappings(spec.get("initContainers"))):
        resources = container.get("resources")
        if isinstance(resources, dict) and isinstance(resources.get("limits"), dict):
            resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}


def _pod_spec(spec: Object) -> None:
    _fill(spec, restartPolicy="Always", dnsPolicy="ClusterFirst", schedulerName="default-scheduler")
    _fill(spec, terminationGracePeriodSeconds=30, securityContext={})
    if spec.get("serviceAccountName"):
        _fill(spec, serviceAccount=spec["serviceAccountName"])
    elif spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for container in (*_mappings(spec.get("containers")), *_mappings(spec.get("initContainers"))):
        _container(container)
    for volume in _mappings(spec.get("volumes")):
        for source in ("secret", "configMap", "projected", "downwardAPI"):
            if isinstance(volume.get(source), dict):
                _fill(volume[source], defaultMode=420)
        for item in _mappings((volume.get("projected") or {}).get("sources")):
            if isinstance(item.get("serviceAccountToken"), dict):
                _fill(item["serviceAccountToken"], expirationSeconds=3600)
        if set(volume) == {"name"}:
            volume["emptyDir"] = {}


def _container(container: Object) -> None:
    image = container.get("image") or ""
    reference, _, digest = image.partition("@")
    tag = reference.rpartition("/")[2].partition(":")[2]
    _fill(container, imagePullPolicy="Always" if not digest and tag in ("", "latest") else "IfNotPresent")
    _fill(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File", resources={})
    for port in _mappings(container.get("ports")):
        _fill(port, protocol="TCP")
    for variable in _mappings(container.get("env")):
        reference_to = (variable.get("valueFrom") or {}).get("fieldRef")
        if isinstance(reference_to, dict):
            _fill(reference_to, apiVersion="v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name)
        if isinstance(probe, dict):
            _fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if isinstance(probe.get("httpGet"), dict):
                _fill(probe["httpGet"], path="/", scheme="HTTP")
            if isinstance(probe.get("grpc"), dict):
                _fill(probe["grpc"], service="")


def _service(obj: Object) -> None:
    spec = _spec(obj)
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    for port in _mappings(spec.get("ports")):
        _fill(port, protocol="TCP")
        if spec["type"] != "ExternalName":
            _fill(port, targetPort=port.get("port"))
    if spec["type"] != "ExternalName":
        _fill(spec, internalTrafficPolicy="Cluster", ipFamilyPolicy="SingleStack", ipFamilies=["IPv4"])
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        _fill(spec, allocateLoadBalancerNodePorts=True)


def _secret(obj: Object) -> None:
    _fill(obj, type="Opaque")


def _claim(obj: Object) -> None:
    _fill(_spec(obj), volumeMode="Filesystem")


def _network_policy(obj: Object) -> None:
    spec = _spec(obj)
    for rule in (*_mappings(spec.get("ingress")), *_mappings(spec.get("egress"))):
        for port in _mappings(rule.get("ports")):
            _fill(port, protocol="TCP")
    _fill(spec, policyTypes=["Ingress", *(["Egress"] if spec.get("egress") else [])])


def _autoscaler(obj: Object) -> None:
    _fill(_spec(obj), minReplicas=1)


def _binding(obj: Object) -> None:
    group = "rbac.authorization.k8s.io"
    if isinstance(obj.get("roleRef"), dict):
        _fill(obj["roleRef"], apiGroup=group)
    for subject in _mappings(obj.get("subjects")):
        if subject.get("kind") in ("User", "Group"):
            _fill(subject, apiGroup=group)


def _definition(obj: Object) -> None:
    spec = _spec(obj)
    names = spec.get("names")
    if isinstance(names, dict) and isinstance(names.get("kind"), str):
        _fill(names, singular=names["kind"].lower(), listKind=f"{names['kind']}List")
    _fill(spec, conversion={"strategy": "None"})


def _namespace(obj: Object) -> None:
    name = (obj.get("metadata") or {}).get("name")
    if name:
        labels = obj["metadata"].get("labels") or {}
        obj["metadata"]["labels"] = {**labels, "kubernetes.io/metadata.name": name}


_KINDS: dict[tuple[str, str], Callable[[Object], None]] = {
    ("v1", "Namespace"): _namespace,
    ("v1", "PersistentVolumeClaim"): _claim,
    ("v1", "Pod"): _pod,
    ("v1", "Secret"): _secret,
    ("v1", "Service"): _service,
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): _definition,
    ("apps/v1", "Deployment"): _deployment,
    ("apps/v1", "ReplicaSet"): _replica_set,
    ("autoscaling/v2", "HorizontalPodAutoscaler"): _autoscaler,
    ("batch/v1", "Job"): _job,
    ("networking.k8s.io/v1", "NetworkPolicy"): _network_policy,
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): _binding,
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): _binding,
}
