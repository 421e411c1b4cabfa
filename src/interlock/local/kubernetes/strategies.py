"""The table of strategies, and the small ones."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from interlock.formats.kubernetes.selectors import object_selector
from interlock.formats.kubernetes.validation import Cause
from interlock.local.kubernetes import definitions, services
from interlock.local.kubernetes.cluster import Call, Cluster, Object
from interlock.local.kubernetes.kinds import Kind
from interlock.local.kubernetes.rbac import strategy as rbac
from interlock.local.kubernetes.strategy import Strategy


def _immutable(field: str) -> Cause:
    return Cause("FieldValueInvalid", field, "Invalid value: field is immutable")


def _secret_prepare(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    text = new.pop("stringData", None)
    if isinstance(text, dict):
        encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in text.items()}
        new["data"] = {**(new.get("data") or {}), **encoded}
    return new


def _data_faults(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Iterator[Cause]:
    if old is None:
        return
    if old.get("immutable"):
        for field in ("data", "binaryData", "immutable"):
            if new.get(field) != old.get(field):
                yield Cause("FieldValueForbidden", field, "Forbidden: field is immutable when `immutable` is set")
    if new["kind"] == "Secret" and new.get("type") != old.get("type"):
        yield _immutable("type")


def _namespace_prepare(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    if old is None:
        new |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    elif call.subresource != "finalize":
        new["spec"] = old.get("spec") or {}
    return new


def _workload_faults(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Iterator[Cause]:
    spec = new["spec"]
    if old is not None and spec.get("selector") != old["spec"].get("selector"):
        yield _immutable("spec.selector")
    labels = (spec.get("template", {}).get("metadata") or {}).get("labels") or {}
    if not object_selector(spec.get("selector"))(labels):
        text = "Invalid value: `selector` does not match template `labels`"
        yield Cause("FieldValueInvalid", "spec.template.metadata.labels", text)
    if (spec.get("replicas") or 0) < 0:
        yield Cause("FieldValueInvalid", "spec.replicas", "Invalid value: must be greater than or equal to 0")
    if not spec["template"]["spec"].get("containers"):
        yield Cause("FieldValueRequired", "spec.template.spec.containers", "Required value")
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy != "Always":
        text = f'Unsupported value: "{policy}": supported values: "Always"'
        yield Cause("FieldValueNotSupported", "spec.template.spec.restartPolicy", text)
    yield from _container_faults(spec["template"]["spec"], "spec.template.spec")


def _container_faults(spec: Object, path: str) -> Iterator[Cause]:
    volumes = {volume["name"] for volume in spec.get("volumes") or []}
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or []):
            place = f"{path}.{field}[{index}]"
            if not container.get("image"):
                yield Cause("FieldValueRequired", f"{place}.image", "Required value")
            for number, mount in enumerate(container.get("volumeMounts") or []):
                if mount["name"] not in volumes:
                    text = f'Not found: "{mount["name"]}"'
                    yield Cause("FieldValueNotFound", f"{place}.volumeMounts[{number}].name", text)


def _pod_prepare(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    if old is None:
        new["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
        if not new["spec"].get("serviceAccountName"):
            new["spec"] |= {"serviceAccountName": "default", "serviceAccount": "default"}
    return new


def _pod_faults(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Iterator[Cause]:
    if old is None:
        yield from _container_faults(new["spec"], "spec")
    elif _pod_fixed(new) != _pod_fixed(old):
        text = "Forbidden: pod updates may not change fields other than images, deadlines and tolerations"
        yield Cause("FieldValueForbidden", "spec", text)


def _pod_fixed(pod: Object) -> Object:
    mutable = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName")
    spec = {name: value for name, value in pod["spec"].items() if name not in mutable}
    for field in ("containers", "initContainers"):
        if field in spec:
            spec[field] = [{**container, "image": ""} for container in spec[field]]
    return spec


def _job_prepare(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    """The selector that upstream generates: the pods of this very Job."""
    spec = new["spec"]
    if old is None and not spec.get("manualSelector") and isinstance(spec.get("template"), dict):
        uid, name = new["metadata"]["uid"], new["metadata"]["name"]
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
        metadata = spec["template"]["metadata"] = dict(spec["template"].get("metadata") or {})
        labels = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name}
        metadata["labels"] = {**(metadata.get("labels") or {}), **labels, "controller-uid": uid, "job-name": name}
    return new


def _job_faults(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Iterator[Cause]:
    spec = new["spec"]
    if old is not None:
        for field in ("selector", "completionMode", "template"):
            if spec.get(field) != old["spec"].get(field):
                yield _immutable(f"spec.{field}")
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy not in ("OnFailure", "Never"):
        text = f'Unsupported value: "{policy}": supported values: "OnFailure", "Never"'
        yield Cause("FieldValueNotSupported", "spec.template.spec.restartPolicy", text)
    yield from _container_faults(spec["template"]["spec"], "spec.template.spec")


def _claim_prepare(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    if old is None:
        new["status"] = {"phase": "Pending"}
    return new


_WORKLOAD = Strategy(faults=_workload_faults, generation=True)
_COUNTED = Strategy(generation=True)
_TABLE: dict[str, Strategy] = {
    "/configmaps": Strategy(faults=_data_faults),
    "/namespaces": Strategy(prepare=_namespace_prepare),
    "/persistentvolumeclaims": Strategy(prepare=_claim_prepare),
    "/pods": Strategy(prepare=_pod_prepare, faults=_pod_faults),
    "/secrets": Strategy(prepare=_secret_prepare, faults=_data_faults),
    "/services": services.STRATEGY,
    "apiextensions.k8s.io/customresourcedefinitions": definitions.STRATEGY,
    "apps/deployments": _WORKLOAD,
    "apps/replicasets": _WORKLOAD,
    "autoscaling/horizontalpodautoscalers": _COUNTED,
    "batch/jobs": Strategy(prepare=_job_prepare, faults=_job_faults, generation=True),
    "networking.k8s.io/ingresses": _COUNTED,
    "networking.k8s.io/networkpolicies": _COUNTED,
    "policy/poddisruptionbudgets": _COUNTED,
    "rbac.authorization.k8s.io/clusterroles": rbac.ROLES,
    "rbac.authorization.k8s.io/roles": rbac.ROLES,
    "rbac.authorization.k8s.io/clusterrolebindings": rbac.BINDINGS,
    "rbac.authorization.k8s.io/rolebindings": rbac.BINDINGS,
}
_PLAIN = Strategy()
_CUSTOM = Strategy(generation=True)


def of(kind: Kind) -> Strategy:
    return _CUSTOM if kind.custom else _TABLE.get(kind.resource, _PLAIN)
