"""Custom tasks: CustomRuns that somebody else executes, and approvals, which this engine executes."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.errors import RefusedError
from interlock.tekton.engine.pipeline_runs.approvals import Approvals, answer, waiting
from interlock.tekton.spec import approval_answers

STEP = "steps: [{name: s, image: i, script: 'true'}]"
TASK = "taskSpec: {" + STEP + "}"
WAIT = "taskRef: {apiVersion: example.dev/v1, kind: Wait, name: w}"
APPROVAL = "{apiVersion: openshift-pipelines.org/v1alpha1, kind: ApprovalTask}"


def test_a_custom_run_as_upstream_creates_it(driver: Any) -> None:
    run = driver.start(
        f"""
        workspaces: [{{name: w}}]
        tasks:
        - name: a
          retries: 3
          timeout: 7m
          params: [{{name: p, value: $(context.pipelineRun.name)}}]
          workspaces: [{{name: w}}]
          {WAIT}
        - name: b
          taskSpec: {{apiVersion: example.dev/v1, kind: Loop, metadata: {{labels: {{l: x}}}}, spec: {{any: [1]}}}}
        """,
        "{workspaces: [{name: w, emptyDir: {}}], taskRunTemplate: {serviceAccountName: robot}}",
        labels={"team": "x"},
    )
    a, b = driver.get("CustomRun", "pr-a"), driver.get("CustomRun", "pr-b")
    assert a["apiVersion"] == "tekton.dev/v1beta1"
    assert a["spec"] == {
        "serviceAccountName": "robot",
        "customRef": {"apiVersion": "example.dev/v1", "kind": "Wait", "name": "w"},
        "params": [{"name": "p", "value": "pr"}],
        "retries": 3,
        "timeout": "7m0s",
        "workspaces": [{"name": "w", "emptyDir": {}}],
    }
    assert b["spec"]["customSpec"] == {
        "apiVersion": "example.dev/v1",
        "kind": "Loop",
        "metadata": {"labels": {"l": "x"}},
        "spec": {"any": [1]},
    }
    assert a["metadata"]["labels"]["team"] == "x" and a["metadata"]["labels"]["tekton.dev/memberOf"] == "tasks"
    assert a["metadata"]["ownerReferences"][0]["uid"] == run["metadata"]["uid"]
    assert run["status"]["childReferences"][0]["apiVersion"] == "tekton.dev/v1beta1"


def test_its_status_decides(driver: Any) -> None:
    driver.start(f"""
        tasks:
        - {{name: a, {WAIT}}}
        - name: b
          params: [{{name: x, value: $(tasks.a.results.one)}}, {{name: l, value: "$(tasks.a.results.many[*])"}}]
          taskSpec: {{params: [{{name: x}}, {{name: l, type: array}}], {STEP}}}
        finally: [{{name: f, {TASK}, params: [{{name: s, value: $(tasks.a.reason)}}]}}]
    """)
    driver.end("pr-a", kind="CustomRun", reason="Waited", results={"one": "1", "many": '["x","y"]'})
    assert driver.params("pr-b") == {"x": "1", "l": ["x", "y"]}
    driver.end("pr-b")
    assert driver.params("pr-f") == {"s": "Waited"}


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("CustomRunTimedOut", "Tasks Completed: 1 (Failed: 1, Cancelled 0), Skipped: 1"),
        ("Failed", "Tasks Completed: 1 (Failed: 1, Cancelled 0), Skipped: 1"),
        ("CustomRunCancelled", "Tasks Completed: 1 (Failed: 0, Cancelled 1), Skipped: 1"),
    ],
)
def test_how_it_may_fail(driver: Any, reason: str, message: str) -> None:
    driver.start(f"tasks: [{{name: a, {WAIT}}}, {{name: b, runAfter: [a], {TASK}}}]")
    run = driver.fail("pr-a", kind="CustomRun", reason=reason)
    expected = "Cancelled" if reason == "CustomRunCancelled" else "Failed"
    assert driver.condition(run) == ("False", expected, message)


def test_a_missing_result_is_told(driver: Any) -> None:
    driver.start(f"""
        tasks: [{{name: a, {WAIT}}}, {{name: b, {TASK}, params: [{{name: x, value: $(tasks.a.results.r)}}]}}]
    """)
    run = driver.end("pr-a", kind="CustomRun")
    assert 'task "a" completed successfully but did not emit the result "r"' in driver.condition(run)[2]


@pytest.mark.parametrize(
    ("change", "seconds", "message"),
    [
        ({"status": "Cancelled"}, 0, "been cancelled."),
        ({"status": "CancelledRunFinally"}, 0, "been cancelled."),
        ({}, 61, "timed out."),
    ],
)
def test_cancelling_is_asked_for(driver: Any, change: dict[str, Any], seconds: int, message: str) -> None:
    driver.start(f"tasks: [{{name: a, {WAIT}}}]", "timeouts: {pipeline: 1m}")
    driver.change(change)
    driver.pass_time(seconds=seconds)
    spec = driver.get("CustomRun", "pr-a")["spec"]
    said = f"CustomRun cancelled as the PipelineRun it belongs to has {message}"
    assert (spec["status"], spec["statusMessage"]) == ("RunCancelled", said)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            "taskRef: {apiVersion: example.dev/v1, name: w}",
            "invalid value: custom task ref must specify kind: spec.tasks[0].taskRef.kind",
        ),
        (
            "taskRef: {kind: Wait, name: w}",
            "invalid value: custom task ref must specify apiVersion: spec.tasks[0].taskRef.apiVersion",
        ),
        (
            "taskSpec: {apiVersion: v1, kind: Wait}",
            'invalid value: invalid apiVersion format "v1", must be in the format "group/version": '
            "spec.tasks[0].taskSpec.apiVersion",
        ),
    ],
)
def test_custom_tasks_that_the_webhook_refuses(driver: Any, task: str, message: str) -> None:
    run = driver.start(f"tasks: [{{name: a, {task}}}]")
    prefix = "[User error] Pipeline ci/pr can't be Run; it has an invalid spec: "
    assert driver.condition(run)[2] == prefix + message


class Gate:
    """A run that waits for an approval, and the controller that serves it."""

    def __init__(self, driver: Any, params: str, *, task: str = "") -> None:
        self.driver = driver
        self.controller = Approvals(driver.services)
        spec = task or f"taskRef: {APPROVAL}, params: {params}"
        driver.start(f"tasks: [{{name: ask, {spec}}}, {{name: after, runAfter: [ask], {TASK}}}]")
        self.alarm = self.look()

    def look(self) -> Any:
        run = self.driver.get("CustomRun", "pr-ask")
        alarm = self.controller.reconcile(run)
        self.driver.settle()
        return alarm

    @property
    def task(self) -> Any:
        return self.driver.get("ApprovalTask", "pr-ask")

    def say(self, user: str, said: Any = "approve", *groups: str, message: str = "") -> str:
        """The state after ``user``'s answer."""
        answer(self.driver.client, self.task, user, groups, said, message)
        self.look()
        return str(self.task["status"]["state"])

    @property
    def verdict(self) -> tuple[str, str, str]:
        return self.driver.condition(self.driver.get("CustomRun", "pr-ask"))  # type: ignore[no-any-return]


APPROVERS = "[{name: approvers, value: [ada, bob, 'group:ops']}, {name: numberOfApprovalsRequired, value: '2'}]"


def test_enough_people_approve(driver: Any) -> None:
    gate = Gate(driver, APPROVERS.replace("]}, ", "]}, {name: description, value: Go live?}, "))
    task = gate.task
    assert task["spec"] == {
        "approvers": [
            {"name": "ada", "input": "pending", "type": "User"},
            {"name": "bob", "input": "pending", "type": "User"},
            {"name": "ops", "input": "pending", "type": "Group"},
        ],
        "numberOfApprovalsRequired": 2,
        "description": "Go live?",
    }
    assert task["status"]["state"] == "pending" and task["status"]["approvers"] == ["ada", "bob", "ops"]
    assert task["metadata"]["ownerReferences"][0]["kind"] == "CustomRun"
    assert task["metadata"]["labels"]["tekton.dev/customRun"] == "pr-ask"
    assert [item["metadata"]["name"] for item in waiting(driver.client, "ci", "pr")] == ["pr-ask"]
    assert gate.verdict[:2] == ("Unknown", "Started")
    assert gate.say("ada", message="looks right") == "pending"
    assert gate.task["status"]["approvalsReceived"] == 1
    assert gate.say("olga", "approve", "ops", message="me too") == "approved"
    assert gate.task["status"]["approversResponse"] == [
        {"name": "ada", "response": "approved", "type": "User", "message": "looks right"},
        {
            "name": "ops",
            "response": "approved",
            "type": "Group",
            "message": "me too",
            "groupMembers": [{"name": "olga", "response": "approved", "message": "me too"}],
        },
    ]
    assert gate.verdict == ("True", "Succeeded", "TaskRun succeeded")
    assert driver.names() == ["pr-after"] and waiting(driver.client, "ci", "pr") == []


def test_one_rejection_ends_it(driver: Any) -> None:
    gate = Gate(driver, APPROVERS)
    gate.say("ada")
    assert gate.say("bob", "reject", message="not on a Friday") == "rejected"
    assert gate.verdict == ("False", "Failed", "Approval Task denied")
    run = driver.get("PipelineRun", "pr")
    assert driver.condition(run)[1] == "Failed" and driver.reasons(run) == {"after": "PipelineRun was stopping"}
    assert gate.task["status"]["approversResponse"][1]["message"] == "not on a Friday"


@pytest.mark.parametrize(
    ("user", "groups", "message"),
    [
        ("eve", (), "approver: eve, is not present in the approvers list"),
        ("eve", ("dev",), "approver: eve, is not present in the approvers list"),
        ("ada", (), "User has already approved"),
    ],
)
def test_who_may_not_answer(driver: Any, user: str, groups: tuple[str, ...], message: str) -> None:
    gate = Gate(driver, APPROVERS)
    gate.say("ada")
    with pytest.raises(RefusedError) as caught:
        gate.say(user, "approve", *groups)
    assert caught.value.message == message


def test_after_the_end_nobody_answers(driver: Any) -> None:
    gate = Gate(driver, "[{name: approvers, value: [ada, bob]}]")
    gate.say("ada")
    with pytest.raises(RefusedError, match="already reached it's final state"):
        gate.say("bob")


def test_no_answer_in_time_rejects(driver: Any) -> None:
    gate = Gate(driver, "[{name: approvers, value: [ada]}, {name: timeout, value: 10m}]")
    assert (gate.alarm - driver.now).total_seconds() == pytest.approx(600, abs=1)
    driver.pass_time(minutes=10)
    gate.look()
    assert gate.verdict[0] == "Unknown"
    driver.pass_time(seconds=1)
    gate.look()
    assert gate.verdict == ("False", "Failed", "Approval task pr-ask is failed because of timeout")
    assert gate.task["status"]["state"] == "rejected"


def test_the_timeout_of_the_pipeline_task_counts(driver: Any) -> None:
    task = f"taskRef: {APPROVAL}, timeout: 1m, params: [{{name: approvers, value: [ada]}}]"
    gate = Gate(driver, "", task=task)
    driver.pass_time(seconds=61)
    gate.look()
    assert gate.verdict[1] == "Failed"


def test_a_cancelled_run_waits_for_nobody(driver: Any) -> None:
    gate = Gate(driver, "[{name: approvers, value: [ada]}]")
    driver.change({"status": "Cancelled"})
    gate.look()
    assert gate.verdict == (
        "False",
        "CustomRunCancelled",
        'CustomRun "pr-ask" was cancelled. CustomRun cancelled as the PipelineRun it belongs to has been cancelled.',
    )
    with pytest.raises(RefusedError):
        gate.say("ada")


def test_an_embedded_approval(driver: Any) -> None:
    spec = "{approvers: [{name: ada, input: pending, type: User}, {name: ops, type: Group}]}"
    task = f"taskSpec: {{apiVersion: openshift-pipelines.org/v1alpha1, kind: ApprovalTask, spec: {spec}}}"
    gate = Gate(driver, "", task=task)
    assert [item["name"] for item in gate.task["spec"]["approvers"]] == ["ada", "ops"]
    assert gate.say("ada") == "approved"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("[]", "no valid approvers found - at least one approver is required"),
        ("[{name: approvers, value: []}]", "no valid approvers found - at least one approver is required"),
        (
            "[{name: approvers, value: ['']}]",
            "invalid approvers parameter: approvers[0]: approver name cannot be empty",
        ),
        (
            "[{name: approvers, value: [ada, 'group:']}]",
            "invalid approvers parameter: approvers[1]: invalid group format 'group:' - "
            "group name cannot be empty after 'group:'",
        ),
        (
            "[{name: approvers, value: [ada]}, {name: numberOfApprovalsRequired, value: '0'}]",
            "invalid numberOfApprovalsRequired parameter: must be greater than 0, got 0",
        ),
        (
            "[{name: approvers, value: [ada]}, {name: numberOfApprovalsRequired, value: two}]",
            "invalid numberOfApprovalsRequired parameter: 'two' is not a valid integer",
        ),
    ],
)
def test_what_cannot_be_asked(driver: Any, params: str, message: str) -> None:
    gate = Gate(driver, params)
    assert gate.verdict == ("False", "ApprovalTaskValidationFailed", f"ApprovalTask validation failed: {message}")


def approver(name: str, answered: str = "pending", **more: Any) -> dict[str, Any]:
    return {"name": name, "input": answered, "type": "User", **more}


def group(name: str, answered: str = "pending", *users: tuple[str, str]) -> dict[str, Any]:
    held = {"users": [{"name": user, "input": said} for user, said in users]} if users else {}
    return {"name": name, "input": answered, "type": "Group", **held}


ADMISSION: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]], str | None]] = [
    ("own answer", [approver("ada"), approver("bob")], [approver("ada", "approve"), approver("bob")], None),
    (
        "another's answer",
        [approver("ada"), approver("bob")],
        [approver("ada"), approver("bob", "approve")],
        "User can only update their own approval input",
    ),
    (
        "own and another's",
        [approver("ada"), approver("bob")],
        [approver("ada", "approve"), approver("bob", "approve")],
        "User can only update their own approval input",
    ),
    ("group by membership", [group("ops")], [group("ops", "approve", ("ada", "approve"))], None),
    (
        "a stranger in one's group",
        [group("ops")],
        [group("ops", "approve", ("eve", "approve"))],
        "User can only update their own approval input",
    ),
    (
        "another member's answer",
        [group("ops", "approve", ("bob", "approve"))],
        [group("ops", "reject", ("bob", "reject"), ("ada", "reject"))],
        "User can only update their own approval input",
    ),
    (
        "another member forgotten",
        [group("ops", "approve", ("bob", "approve"))],
        [group("ops", "approve", ("ada", "approve"))],
        "User can only update their own approval input",
    ),
    (
        "a foreign group",
        [approver("ada"), group("dev")],
        [approver("ada", "approve"), group("dev", "approve", ("ada", "approve"))],
        "User can only update their own approval input",
    ),
    ("no approver", [approver("bob")], [approver("bob", "approve")], "User does not exist in the approval list"),
    (
        "an unknown word",
        [approver("ada")],
        [approver("ada", "maybe")],
        "Invalid input change: invalid input value: 'maybe'. Supported values are 'approve' or 'reject'",
    ),
    (
        "an approver more",
        [approver("ada")],
        [approver("ada", "approve"), approver("eve", "approve")],
        "User can only update their own approval input",
    ),
    (
        "an approver renamed",
        [approver("ada"), approver("bob")],
        [approver("ada", "approve"), approver("eve")],
        "User can only update their own approval input",
    ),
    ("nothing", [approver("ada")], [approver("ada")], "User can only update their own approval input"),
]


@pytest.mark.parametrize(
    ("before", "after", "problem"), [item[1:] for item in ADMISSION], ids=[i[0] for i in ADMISSION]
)
def test_the_api_lets_a_person_change_only_their_own_answer(
    before: list[dict[str, Any]], after: list[dict[str, Any]], problem: str | None
) -> None:
    old = {"spec": {"approvers": before, "numberOfApprovalsRequired": 2}}
    new = {"spec": {"approvers": after, "numberOfApprovalsRequired": 2}}
    assert approval_answers.admit(old, new, "ada", ("ops",)) == problem


def test_an_approver_does_not_change_how_many_are_needed() -> None:
    old = {"spec": {"approvers": [approver("ada")], "numberOfApprovalsRequired": 2}}
    new = {"spec": {"approvers": [approver("ada", "approve")], "numberOfApprovalsRequired": 1}}
    assert approval_answers.admit(old, new, "ada") == "User can only update their own approval input"


def test_an_approval_task_is_created_unanswered() -> None:
    asked = {"spec": {"approvers": [approver("ada", "approve")], "numberOfApprovalsRequired": 1}}
    problem = "validation failed: approvers[0].input: must be 'pending' for new ApprovalTask, got 'approve'"
    assert approval_answers.admit(None, asked, "ada") == problem
    assert approval_answers.admit(None, {"spec": {"approvers": [approver("ada")]}}, "system") is None
