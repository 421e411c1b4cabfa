"""Approval as a custom task: an ApprovalTask that people answer (openshift-pipelines/manual-approval-gate).

``openshift-pipelines.org/v1alpha1`` ApprovalTask, from a CustomRun's params to that CustomRun's end
(pkg/reconciler/approvaltask). Texts are upstream's. Who may answer: `approval_answers`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from interlock.errors import InputError
from interlock.formats.tekton import conditions, durations
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.model import param_value

API_VERSION = "openshift-pipelines.org/v1alpha1"
KIND = "ApprovalTask"
LABEL_CUSTOM_RUN = "tekton.dev/customRun"
ANNOTATION_HASH = "tekton.dev/last-applied-hash"
PENDING, APPROVED, REJECTED = "pending", "approved", "rejected"
VALIDATION_FAILED = "ApprovalTaskValidationFailed"

Answer = Literal["approve", "reject"]
Object = dict[str, Any]

_DEFAULT_TIMEOUT = timedelta(minutes=60)
_RESPONSES = {"approve": APPROVED, "reject": REJECTED}


def concerns(custom_run: Mapping[str, Any]) -> bool:
    """Whether a CustomRun asks for an approval."""
    spec = custom_run.get("spec") or {}
    reference = spec.get("customRef") or spec.get("customSpec") or {}
    return reference.get("apiVersion") == API_VERSION and reference.get("kind") == KIND


@dataclass(frozen=True, slots=True)
class Request:
    """What a CustomRun asks: whom, how many of them, for how long."""

    approvers: tuple[str, ...]
    required: int
    description: str
    timeout: timedelta


def request(custom_run: Mapping[str, Any]) -> Request:
    """Raises InputError ``approval-invalid`` (reason ApprovalTaskValidationFailed)."""
    spec = custom_run.get("spec") or {}
    given = {item["name"]: param_value(item["value"]) for item in spec.get("params") or []}
    embedded = (spec.get("customSpec") or {}).get("spec") or {}
    if embedded:
        named = [_named(item) for item in embedded.get("approvers") or []]
        given = {
            "approvers": named,
            "numberOfApprovalsRequired": str(embedded.get("numberOfApprovalsRequired", 1)),
            "description": str(embedded.get("description", "")),
            **given,
        }
    approvers = _approvers(given.get("approvers"))
    required = _required(given.get("numberOfApprovalsRequired", "1"))
    text = spec.get("timeout") or given.get("timeout")
    try:
        timeout = durations.parse(str(text)) if text else _DEFAULT_TIMEOUT
    except InputError as error:
        message = f'Invalid timeout parameter: time: invalid duration "{text}"'
        raise InputError("approval-timeout", message) from error
    return Request(tuple(dict.fromkeys(approvers)), required, str(given.get("description", "")), timeout)


def _named(item: Any) -> str:
    if isinstance(item, Mapping):
        return f"group:{item.get('name', '')}" if item.get("type") == "Group" else str(item.get("name", ""))
    return str(item)


def _approvers(value: object) -> list[str]:
    none = "no valid approvers found - at least one approver is required"
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except ValueError as error:
            raise _invalid(f"invalid approvers parameter: failed to parse JSON '{value}' - {error}") from error
        if not isinstance(value, list):
            raise _invalid("invalid approvers parameter: expected an array of approvers")
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list) or not value:
        raise _invalid(none)
    for index, name in enumerate(value):
        if (problem := _problem(name)) is not None:
            raise _invalid(f"invalid approvers parameter: approvers[{index}]: {problem}")
    return value


def _problem(name: object) -> str | None:
    if not isinstance(name, str):
        return "invalid approver format - must be a string"
    if not name.strip():
        return "approver name cannot be empty"
    if " :" in name or ": " in name:
        wanted = "use 'group:groupname' format (remove spaces around colon)"
        return f"invalid group format '{name}' - {wanted}"
    if not name.startswith("group:"):
        return None
    group = name.removeprefix("group:")
    if not group.strip():
        return f"invalid group format '{name}' - group name cannot be empty after 'group:'"
    if ":" in group:
        return f"group name '{group}' cannot contain colons"
    return f"group name '{group}' cannot contain spaces" if " " in group else None


def _required(value: object) -> int:
    try:
        number = int(str(value))
    except ValueError as error:
        message = f"invalid numberOfApprovalsRequired parameter: '{value}' is not a valid integer"
        raise _invalid(message) from error
    if number <= 0:
        raise _invalid(f"invalid numberOfApprovalsRequired parameter: must be greater than 0, got {number}")
    return number


def _invalid(message: str) -> InputError:
    return InputError("approval-invalid", f"ApprovalTask validation failed: {message}")


def task(custom_run: Mapping[str, Any], asked: Request) -> Object:
    """The ApprovalTask of a CustomRun, nobody having answered (createApprovalTask); its status is `status`."""
    metadata = custom_run["metadata"]
    approvers: list[Object] = []
    for name in asked.approvers:
        group = name.startswith("group:")
        plain = name.removeprefix("group:")
        if all(item["name"] != plain for item in approvers):
            approvers.append({"name": plain, "input": PENDING, "type": "Group" if group else "User"})
    spec: Object = {"approvers": approvers, "numberOfApprovalsRequired": asked.required}
    if asked.description:
        spec["description"] = asked.description
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": {**(metadata.get("labels") or {}), LABEL_CUSTOM_RUN: metadata["name"]},
            "annotations": {ANNOTATION_HASH: _digest(approvers)},
            "ownerReferences": [
                {
                    "apiVersion": "tekton.dev/v1beta1",
                    "kind": "CustomRun",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": spec,
    }


def _digest(approvers: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 over the JSON of the approvers, fields in the order of Go's struct (Compute)."""
    order = ("name", "input", "message", "type", "users")
    ordered = [
        {
            key: item[key] if key != "users" else [_ordered(user, order) for user in item[key]]
            for key in order
            if item.get(key) or key in ("name", "input", "type")
        }
        for item in approvers
    ]
    return hashlib.sha256(json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def _ordered(item: Mapping[str, Any], order: Sequence[str]) -> Object:
    return {key: item[key] for key in order if item.get(key)}


def is_group(approver: Mapping[str, Any]) -> bool:
    return approver.get("type") == "Group"


def answers(approvers: Sequence[Mapping[str, Any]], answer: Answer) -> Iterator[str]:
    """Names of the people who gave an answer, for themselves or as members of a group."""
    for approver in approvers:
        if approver.get("input") != answer:
            continue
        if not is_group(approver):
            yield approver["name"]
            continue
        for user in approver.get("users") or []:
            if user.get("input") == answer:
                yield user["name"]


def status(value: Mapping[str, Any]) -> Object:
    """status of an ApprovalTask, from the answers in its spec (updateApprovalState); its end is never taken back.

    One rejection rejects; enough different people approve.
    """
    held = dict(value.get("status") or {})
    spec = value["spec"]
    approvers = spec["approvers"]
    held.setdefault("startTime", value["metadata"].get("creationTimestamp"))
    held |= {
        "approvers": [item["name"] for item in approvers],
        "approversResponse": _responses(approvers),
        "approvalsRequired": spec["numberOfApprovalsRequired"],
        "approvalsReceived": len(set(answers(approvers, "approve"))),
    }
    if held.get("state", PENDING) == PENDING:
        rejected = any(item.get("input") == "reject" for item in approvers)
        enough = held["approvalsReceived"] >= held["approvalsRequired"]
        held["state"] = REJECTED if rejected else APPROVED if enough else PENDING
    return held


def _responses(approvers: Sequence[Mapping[str, Any]]) -> list[Object]:
    """Who said what: people first, then groups with those of their members who did not answer for themselves."""
    found: list[Object] = []
    alone: set[str] = set()
    for item in approvers:
        if not is_group(item) and item.get("input") in _RESPONSES:
            alone.add(item["name"])
            found.append(_response(item["name"], "User", _RESPONSES[item["input"]], item.get("message")))
    for item in approvers:
        if not is_group(item) or item.get("input") not in _RESPONSES:
            continue
        members = [
            _member(user)
            for user in item.get("users") or []
            if user["name"] not in alone and user["input"] in _RESPONSES
        ]
        if members:
            rejected = any(member["response"] == REJECTED for member in members)
            entry = _response(item["name"], "Group", REJECTED if rejected else APPROVED, item.get("message"))
            found.append({**entry, "groupMembers": members})
    return found


def _response(name: str, kind: str, response: str, message: str | None) -> Object:
    found = {"name": name, "response": response, "type": kind}
    return {**found, "message": message} if message else found


def _member(user: Mapping[str, Any]) -> Object:
    found = {"name": user["name"], "response": _RESPONSES[user["input"]]}
    return {**found, "message": user["message"]} if user.get("message") else found


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from a CustomRun and its ApprovalTask: the latter's status, the former's condition, when to look."""

    task_status: Object
    condition: Condition | None
    deadline: datetime | None


def step(custom_run: Mapping[str, Any], value: Mapping[str, Any], asked: Request, now: datetime) -> Step:
    """One judgement. No answer in time rejects, and so does cancelling the CustomRun, which upstream leaves pending."""
    found = status(value)
    name = value["metadata"]["name"]
    spec = custom_run.get("spec") or {}
    start = conditions.moment(value["metadata"]["creationTimestamp"])
    if found["state"] == APPROVED:
        return Step(found, Condition("True", conditions.SUCCEEDED, "TaskRun succeeded"), None)
    if found["state"] == REJECTED and any(item.get("input") == "reject" for item in value["spec"]["approvers"]):
        return Step(found, conditions.failed(conditions.FAILED, "Approval Task denied"), None)
    if spec.get("status") == "RunCancelled":
        message = f'CustomRun "{name}" was cancelled. {spec.get("statusMessage", "")}'.rstrip()
        return Step({**found, "state": REJECTED}, conditions.failed(conditions.CUSTOM_RUN_CANCELLED, message), None)
    if asked.timeout and now - start > asked.timeout:
        message = f"Approval task {name} is failed because of timeout"
        return Step({**found, "state": REJECTED}, conditions.failed(conditions.FAILED, message), None)
    return Step(found, None, start + asked.timeout if asked.timeout else None)
