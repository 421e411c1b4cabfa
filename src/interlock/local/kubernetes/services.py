"""Services: a cluster address that an object keeps for its life."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator

from interlock.formats.kubernetes.validation import Cause
from interlock.local.kubernetes.cluster import Call, Cluster, Object
from interlock.local.kubernetes.strategy import Strategy

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_RANGE = ipaddress.IPv4Network("10.96.0.0/12")


def _prepare(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    spec = new["spec"]
    if spec.get("type") == "ExternalName":
        for field in ("clusterIP", "clusterIPs"):
            spec.pop(field, None)
        return new
    before = (old or {}).get("spec") or {}
    if not spec.get("clusterIP") and before.get("clusterIP"):
        spec["clusterIP"] = before["clusterIP"]
    if not spec.get("clusterIP"):
        spec["clusterIP"] = _allocate(cluster, new)
    spec["clusterIPs"] = [spec["clusterIP"]]
    if old is None:
        new["status"] = {"loadBalancer": {}}
    return new


def _allocate(cluster: Cluster, service: Object) -> str:
    """A free address, the same for the same name: a reset cluster looks as before."""
    used = _used(cluster, service)
    seed = f"{service['metadata'].get('namespace')}/{service['metadata']['name']}"
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4])
    size = _RANGE.num_addresses - 12  # the first ten are upstream's: .1 is the API, .10 is DNS
    for step in range(size):
        address = str(_RANGE[11 + (start + step) % size])
        if address not in used:
            return address
    raise RuntimeError("the service range is full")


def _used(cluster: Cluster, service: Object) -> set[str]:
    uid = service["metadata"]["uid"]
    others = (item for item in cluster.store.objects("/services") if item["metadata"]["uid"] != uid)
    return {str(item["spec"].get("clusterIP")) for item in others}


def _faults(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Iterator[Cause]:
    spec = new["spec"]
    address = spec.get("clusterIP")
    if spec.get("type") not in _TYPES:
        supported = ", ".join(f'"{item}"' for item in _TYPES)
        text = f'Unsupported value: "{spec.get("type")}": supported values: {supported}'
        yield Cause("FieldValueNotSupported", "spec.type", text)
    if spec.get("type") != "ExternalName" and address != "None" and not spec.get("ports"):
        yield Cause("FieldValueRequired", "spec.ports", "Required value")
    if old is not None and old["spec"].get("clusterIP") not in (None, address) and spec.get("type") != "ExternalName":
        yield Cause("FieldValueInvalid", "spec.clusterIPs[0]", "Invalid value: may not change once set")
    if address and address != "None":
        try:
            inside = ipaddress.ip_address(address) in _RANGE
        except ValueError:
            inside = False
        if not inside:
            text = f'Invalid value: "{address}": the provided IP is not in the valid range {_RANGE}'
            yield Cause("FieldValueInvalid", "spec.clusterIPs", text)
        elif old is None and address in _used(cluster, new):
            text = f'Invalid value: "{address}": provided IP is already allocated'
            yield Cause("FieldValueInvalid", "spec.clusterIPs", text)
    for index, port in enumerate(spec.get("ports") or []):
        if not isinstance(port.get("port"), int) or not 0 < port["port"] < 65536:
            text = f"Invalid value: {port.get('port')}: must be between 1 and 65535, inclusive"
            yield Cause("FieldValueInvalid", f"spec.ports[{index}].port", text)
        if len(spec["ports"]) > 1 and not port.get("name"):
            yield Cause("FieldValueRequired", f"spec.ports[{index}].name", "Required value")


STRATEGY = Strategy(prepare=_prepare, faults=_faults)
