"""From files to a run: the objects that a command line names, and its params and workspaces in `tkn`'s notation."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import InputError, NotFoundError
from interlock.tekton.spec import admission, conversion
from interlock.tekton.spec.flags import Flags

NAMESPACE = "default"
_RUNS = ("PipelineRun", "TaskRun")
_SOURCES = ("Pipeline", "Task")

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Folder:
    """A workspace that is a folder of this machine."""

    workspace: str
    path: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """What is to be created, in order, the runs last; ``folders`` bind workspaces to folders of this machine."""

    objects: Sequence[Object]
    runs: Sequence[Object]
    folders: Sequence[Folder] = ()


def prepare(
    documents: Sequence[Mapping[str, Any]],
    *,
    params: Sequence[str],
    workspaces: Sequence[str],
    flags: Flags,
    service_account: str = "",
) -> Invocation:
    """The objects of the documents, converted to v1 with defaults, and their runs; a run is made where there is none.

    ``params`` are ``name=value`` (a list as ``a,b``, an object as ``key:value,key:value``, by the declared type),
    ``workspaces`` ``name=<source>``: see `workspace`. Raises InputError ``tekton-refused`` with all that the webhook
    would refuse, ``param-option``, ``workspace-option``; NotFoundError ``nothing-to-run``.
    """
    _admit([document for document in documents if document], flags)
    objects = [_object(document) for document in documents if document]
    runs = [value for value in objects if value["kind"] in _RUNS]
    others = [value for value in objects if value["kind"] not in _RUNS]
    if not runs:
        runs = [_run_of(others, service_account)]
    folders: list[Folder] = []
    for run in runs:
        declared = _declared(run, others)
        given = [_param(text, declared) for text in params]
        _override(run["spec"], "params", given)
        bindings = [workspace(text) for text in workspaces]
        _override(run["spec"], "workspaces", [binding for binding, _ in bindings])
        folders += [folder for _, folder in bindings if folder is not None]
    return Invocation(others, runs, folders)


def _object(document: Mapping[str, Any]) -> Object:
    value: Object = {**document, "metadata": dict(document.get("metadata") or {})}
    value["metadata"]["namespace"] = NAMESPACE
    if value.get("kind") == "Secret":
        text = value.pop("stringData", None) or {}
        value["data"] = {
            **(value.get("data") or {}),
            **{key: base64.b64encode(str(item).encode()).decode() for key, item in text.items()},
        }
    if str(value.get("apiVersion", "")).startswith("tekton.dev/"):
        value = admission.defaulted(value) if admission.known(value) else value
        return conversion.to_v1(conversion.typed(value))
    return value


def _admit(objects: Sequence[Mapping[str, Any]], flags: Flags) -> None:
    found = [
        f"{value.get('kind')} {_name(value)}: {finding.message}"
        for value in objects
        if admission.known(value)
        for finding in admission.check(value, flags=flags)
        if finding.severity == "error"
    ]
    if found:
        raise InputError(
            "tekton-refused",
            "Tekton's webhook would refuse this" + "".join(f"\n  {line}" for line in found),
            todo="interlock pipeline validate FILE shows each place",
        )


def _name(value: Mapping[str, Any]) -> str:
    metadata = value.get("metadata") or {}
    return str(metadata.get("name") or metadata.get("generateName") or "")


def _run_of(objects: Sequence[Object], service_account: str) -> Object:
    """A run of the last Pipeline, else of the last Task."""
    for kind in _SOURCES:
        found = [value for value in objects if value["kind"] == kind]
        if found:
            name = _name(found[-1])
            spec: Object = {f"{kind.lower()}Ref": {"name": name, "kind": kind} if kind == "Task" else {"name": name}}
            if service_account and kind == "Task":
                spec["serviceAccountName"] = service_account
            elif service_account:
                spec["taskRunTemplate"] = {"serviceAccountName": service_account}
            metadata = {"generateName": f"{name}-run-", "namespace": NAMESPACE}
            return {"apiVersion": "tekton.dev/v1", "kind": f"{kind}Run", "metadata": metadata, "spec": spec}
    raise NotFoundError(
        "nothing-to-run", "there is no PipelineRun, TaskRun, Pipeline or Task", todo="name the file that has one"
    )


def _declared(run: Object, objects: Sequence[Object]) -> dict[str, str]:
    """Type by name of the params that the run's Pipeline or Task declares."""
    kind = run["kind"].removesuffix("Run")
    spec = run["spec"].get(f"{kind.lower()}Spec")
    if spec is None:
        name = (run["spec"].get(f"{kind.lower()}Ref") or {}).get("name")
        spec = next((value["spec"] for value in objects if value["kind"] == kind and _name(value) == name), {})
    return {item["name"]: str(item.get("type", "string")) for item in spec.get("params") or []}


def _param(text: str, declared: Mapping[str, str]) -> Object:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError("param-option", "a param is name=value", got=text)
    kind = declared.get(name, "string")
    if kind == "array":
        return {"name": name, "value": [item.strip() for item in value.split(",")]}
    if kind == "object":
        pairs = [item.partition(":") for item in value.split(",")]
        if any(not colon for _, colon, _ in pairs):
            raise InputError("param-option", f"param {name} is an object", got=value, expected="key:value,key:value")
        return {"name": name, "value": {key.strip(): item.strip() for key, _, item in pairs}}
    return {"name": name, "value": value}


def workspace(text: str) -> tuple[Object, Folder | None]:
    """A binding in `tkn`'s notation, ``name=x,claimName=y[,subPath=z]`` and its kin, or short.

    Short: ``x=emptyDir``, ``x=claim:NAME``, ``x=config:NAME``, ``x=secret:NAME``, ``x=template`` (a claim of its own),
    anything else is a folder of this machine, which the run writes to. Raises InputError ``workspace-option``.
    """
    parts = dict(part.partition("=")[::2] for part in text.split(",") if "=" in part)
    if "name" in parts:
        return _long(parts, text), None
    name, equals, source = text.partition("=")
    if not equals or not name or not source:
        raise InputError("workspace-option", "a workspace is name=source", got=text, expected="as source=./folder")
    kind, _, named = source.partition(":")
    if source == "emptyDir":
        return {"name": name, "emptyDir": {}}, None
    if source == "template":
        return {"name": name, "volumeClaimTemplate": _TEMPLATE}, None
    if kind == "claim" and named:
        return {"name": name, "persistentVolumeClaim": {"claimName": named}}, None
    if kind == "config" and named:
        return {"name": name, "configMap": {"name": named}}, None
    if kind == "secret" and named:
        return {"name": name, "secret": {"secretName": named}}, None
    return {"name": name, "persistentVolumeClaim": {"claimName": claim_of(name)}}, Folder(name, source)


def claim_of(workspace_name: str) -> str:
    """Name of the claim that stands for a folder of this machine."""
    return f"folder-{workspace_name}"


_TEMPLATE: Object = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}


def _long(parts: Mapping[str, str], text: str) -> Object:
    binding: Object = {"name": parts["name"]}
    if parts.get("subPath"):
        binding["subPath"] = parts["subPath"]
    if "claimName" in parts:
        return {**binding, "persistentVolumeClaim": {"claimName": parts["claimName"]}}
    if "emptyDir" in parts:
        return {**binding, "emptyDir": {"medium": parts["emptyDir"]} if parts["emptyDir"] else {}}
    if "config" in parts:
        return {**binding, "configMap": {"name": parts["config"]}}
    if "secret" in parts:
        return {**binding, "secret": {"secretName": parts["secret"]}}
    raise InputError(
        "workspace-option", "no source of a workspace", got=text, expected="claimName=, emptyDir=, config= or secret="
    )


def _override(spec: Object, key: str, given: Sequence[Object]) -> None:
    if given:
        names = {item["name"] for item in given}
        spec[key] = [item for item in spec.get(key) or [] if item["name"] not in names] + list(given)
