"""Volumes and mounts of a TaskRun's pod (pkg/pod/pod.go, creds_init.go; pkg/workspace/apply.go)."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.formats.tekton import names

Object = dict[str, Any]

SCRIPTS = "tekton-internal-scripts"
DOWNWARD = "tekton-internal-downward"
_BIN = "tekton-internal-bin"
_RUN = "tekton-internal-run"
_CREDENTIALS = "tekton-creds-init-home"
_IMPLICIT = (
    ("tekton-internal-workspace", "/workspace", False),
    ("tekton-internal-home", "/tekton/home", False),
    ("tekton-internal-results", "/tekton/results", False),
    ("tekton-internal-steps", "/tekton/steps", True),
    ("tekton-internal-artifacts", "/tekton/artifacts", False),
)
_SOURCES = ("persistentVolumeClaim", "emptyDir", "configMap", "secret", "projected", "csi")


def hashed_name(prefix: str, text: str, length: int = 5) -> str:
    """pkg/names GenerateHashedName: FNV-1a of 32 bits, in hexadecimal, cut or filled up with zeros."""
    digest = 0x811C9DC5
    for byte in text.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{prefix}-{f'{digest:x}'[:length].ljust(length, '0')}"


def implicit_mounts() -> list[Object]:
    return [_mount(name, path, read_only=read_only) for name, path, read_only in _IMPLICIT]


def _mount(name: str, path: str, *, read_only: bool = False) -> Object:
    return {"name": name, "mountPath": path, **({"readOnly": True} if read_only else {})}


def step_mounts(own: Sequence[Object], index: int, steps: int, *, credentials: bool) -> list[Object]:
    """The step's mounts, then those that every step has, unless the step mounts something there itself."""
    mounts = list(own)
    if credentials:
        mounts.append(_mount(f"{_CREDENTIALS}-{index}", "/tekton/creds"))
    mounts += [_mount(f"{_RUN}-{other}", f"/tekton/run/{other}", read_only=other != index) for other in range(steps)]
    taken = {posixpath.normpath(mount["mountPath"]) for mount in mounts}
    common = [_mount(_BIN, "/tekton/bin", read_only=True), *implicit_mounts()]
    return mounts + [mount for mount in common if mount["mountPath"] not in taken]


def volumes(
    spec: Mapping[str, Any],
    template: Mapping[str, Any],
    *,
    steps: int,
    scripts: bool,
    downward: bool,
    cancel: bool,
    credentials: bool,
) -> list[Object]:
    """In upstream's order. Secrets of the service account are not among them: the engine hands them over itself."""
    found: list[Object] = [{"name": name, "emptyDir": {}} for name, _, _ in _IMPLICIT]
    if scripts:
        found.append({"name": SCRIPTS, "emptyDir": {}})
    found.append({"name": _BIN, "emptyDir": {}})
    if downward:
        items = [_annotation("ready"), *([_annotation("cancel")] if cancel else [])]
        found.append({"name": DOWNWARD, "downwardAPI": {"items": items}})
    for index in range(steps):
        if credentials:
            found.append({"name": f"{_CREDENTIALS}-{index}", "emptyDir": {"medium": "Memory"}})
        found.append({"name": f"{_RUN}-{index}", "emptyDir": {}})
    return [*found, *(spec.get("volumes") or []), *(template.get("volumes") or [])]


def _annotation(name: str) -> Object:
    return {"path": name, "fieldRef": {"fieldPath": f"metadata.annotations['tekton.dev/{name}']"}}


def with_workspaces(spec: Object, bindings: Sequence[Mapping[str, Any]], *, owner_uid: str = "") -> Object:
    """The spec with a volume for each bound workspace and its mounts (workspace.Apply).

    ``owner_uid`` is the run's: the claim of a volumeClaimTemplate is named by it. A workspace that a step or sidecar
    lists is mounted only where it is listed.
    """
    declared = {item["name"]: item for item in spec.get("workspaces") or []}
    steps = [dict(item) for item in spec.get("steps") or []]
    sidecars = [dict(item) for item in spec.get("sidecars") or []]
    isolated = {usage["name"] for item in (*steps, *sidecars) for usage in item.get("workspaces") or []}
    sources = _workspace_volumes(bindings, owner_uid)
    added: dict[str, Object] = {}
    for item in (*steps, *sidecars):
        _rename(item, sources)
    for binding in bindings:
        name = binding["name"]
        volume = sources.get(name)
        if volume is None:
            continue
        added.setdefault(volume["name"], volume)
        declaration = declared.get(name, {})
        path = declaration.get("mountPath") or f"/workspace/{name}"
        mount = _mount(volume["name"], path, read_only=bool(declaration.get("readOnly")))
        if binding.get("subPath"):
            mount["subPath"] = binding["subPath"]
        for item in steps:
            _place(item, mount, name, isolated, always=True)
        for item in sidecars:
            _place(item, mount, name, isolated, always=False)
    result = {**spec, "steps": steps, "volumes": [*(spec.get("volumes") or []), *added.values()]}
    return {**result, "sidecars": sidecars} if sidecars else result


def _rename(item: Object, sources: Mapping[str, Object]) -> None:
    """``ws-<workspace>``, the engine's value of ``$(workspaces.<workspace>.volume)``, is the volume's name here."""
    named = {f"ws-{name}": volume["name"] for name, volume in sources.items()}
    if any(mount["name"] in named for mount in item.get("volumeMounts") or []):
        item["volumeMounts"] = [
            {**mount, "name": named.get(mount["name"], mount["name"])} for mount in item["volumeMounts"]
        ]


def _place(item: Object, mount: Object, name: str, isolated: set[str], *, always: bool) -> None:
    mounts = list(item.get("volumeMounts") or [])
    if name in isolated:
        usage = next((usage for usage in item.get("workspaces") or [] if usage["name"] == name), None)
        if usage is None:
            return
        mount = {**mount, "mountPath": usage.get("mountPath") or mount["mountPath"]}
    elif not always and any(other["mountPath"] == mount["mountPath"] for other in mounts):
        return
    item["volumeMounts"] = [*mounts, mount]


def _workspace_volumes(bindings: Sequence[Mapping[str, Any]], owner_uid: str) -> dict[str, Object]:
    """Workspace -> volume; one claim is one volume, however often it is bound (workspace.CreateVolumes)."""
    found: dict[str, Object] = {}
    claims: dict[str, Object] = {}
    used: set[str] = set()
    for binding in bindings:
        if (claimed := binding.get("volumeClaimTemplate")) is not None:
            claim = names.claim((claimed.get("metadata") or {}).get("name", ""), binding["name"], owner_uid)
            binding = {"name": binding["name"], "persistentVolumeClaim": {"claimName": claim}}
        source = next((key for key in _SOURCES if key in binding), None)
        name = hashed_name("ws", binding["name"])
        while name in used:
            name = hashed_name("ws", f"{name}$")
        used.add(name)
        if source is None:
            continue
        volume = {"name": name, source: binding[source]}
        if source == "persistentVolumeClaim":
            volume = claims.setdefault(binding[source].get("claimName", ""), volume)
        found[binding["name"]] = volume
    return found
