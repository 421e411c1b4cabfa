"""PipelineRuns: order, results, when, finally, what ends them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import NotFoundError
from interlock.tekton.engine import memory
from interlock.tekton.engine.pipeline_runs import approvals

SHELL = "test/shell"
SEED = Path(__file__).parents[4] / "shared/seed/pipeline-build-ace-flow.yaml"


def step(script: str, **fields: Any) -> dict[str, Any]:
    return {"name": "s", "image": SHELL, "script": script, **fields}


def embedded(name: str, script: str, *, spec: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A PipelineTask with a taskSpec of one step; ``spec`` adds to the taskSpec, ``fields`` to the PipelineTask."""
    return {"name": name, "taskSpec": {"steps": [step(script)], **(spec or {})}, **fields}


def start(rig: Any, *tasks: dict[str, Any], run: dict[str, Any] | None = None, **pipeline: Any) -> None:
    """Create the PipelineRun ``pr``: ``run`` adds to its spec, ``pipeline`` to the pipelineSpec."""
    rig.create("PipelineRun", "pr", {"pipelineSpec": {"tasks": list(tasks), **pipeline}, **(run or {})})


def finally_(*tasks: dict[str, Any]) -> dict[str, Any]:
    """What `start` is given for the pipelineSpec's ``finally``, which is a word of Python."""
    return {"finally": list(tasks)}


def reasons(run: Any) -> dict[str, str]:
    return {item["name"]: item["reason"] for item in run["status"].get("skippedTasks", [])}


# Small Tasks under the names of the seed's: (workspaces, params, script).
SEED_TASKS = {
    "git-clone": (
        ["output"],
        ["url", "revision"],
        "echo $(params.url)@$(params.revision) > $(workspaces.output.path)/source",
    ),
    "ace-unit-test": (["source"], [], "cat $(workspaces.source.path)/source"),
    "ace-build-bar": (["source"], [], "touch $(workspaces.source.path)/bar"),
    "buildah": (["source"], ["IMAGE"], "test -e $(workspaces.source.path)/bar; echo $(params.IMAGE)"),
    "trivy-scan": ([], ["image", "severity"], "echo $(params.image) $(params.severity)"),
    "cosign-sign": ([], ["image"], "echo $(params.image)"),
    "git-pr-bump": ([], ["env-repo", "image"], "echo $(params.env-repo)"),
}


@pytest.mark.skipif(not SEED.exists(), reason="the seed is not on this machine")
def test_the_seeds_pipeline_runs_unchanged(rig: Any, condition: Any) -> None:
    rig.apply(SEED.read_text())
    for name, (workspaces, params, script) in SEED_TASKS.items():
        spec: dict[str, Any] = {
            "workspaces": [{"name": item} for item in workspaces],
            "params": [{"name": item} for item in params],
            "steps": [step(script)],
        }
        rig.create("Task", name, spec)
    given = {
        "git-url": "https://git/acme/payments",
        "git-revision": "0123456789abcdef",
        "image": "registry.acme.test/integration/payments:main-0123456789ab",
    }
    spec = {
        "pipelineRef": {"name": "build-ace-flow"},
        "params": [{"name": name, "value": value} for name, value in given.items()],
        "workspaces": [{"name": "source", "volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}],
    }
    rig.create("PipelineRun", "payments-0123456789ab", spec, labels={"interlock.dev/service": "payments"})
    run = rig.finished("PipelineRun", "payments-0123456789ab")
    assert condition(run) == ("True", "Succeeded", "Tasks Completed: 7 (Failed: 0, Cancelled 0), Skipped: 0")
    references = run["status"]["childReferences"]
    assert [item["pipelineTaskName"] for item in references] == [
        "clone",
        "unit-test",
        "build-bar",
        "image-build",
        "trivy-scan",
        "sign-image",
        "bump-env-manifest",
    ]
    assert references[0] == {
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "name": "payments-0123456789ab-clone",
        "pipelineTaskName": "clone",
    }
    assert run["metadata"]["labels"]["tekton.dev/pipeline"] == "build-ace-flow"
    assert run["status"]["pipelineSpec"]["tasks"][0]["params"][0]["value"] == "https://git/acme/payments"
    child = rig.get("TaskRun", "payments-0123456789ab-unit-test")
    assert child["metadata"]["ownerReferences"][0]["uid"] == run["metadata"]["uid"]
    labels = child["metadata"]["labels"]
    assert labels["tekton.dev/pipelineRun"] == "payments-0123456789ab"
    assert labels["tekton.dev/pipelineTask"] == "unit-test"
    assert labels["tekton.dev/memberOf"] == "tasks"
    assert labels["tekton.dev/task"] == "ace-unit-test"
    assert labels["interlock.dev/service"] == "payments"
    assert rig.log("payments-0123456789ab-unit-test") == "https://git/acme/payments@0123456789abcdef\n"
    assert rig.log("payments-0123456789ab-trivy-scan").endswith("HIGH,CRITICAL\n")
    # The claim goes with the run that owns it.
    assert len(list((rig.data / "volumes/ci").glob("pvc-*"))) == 1
    rig.client.delete("tekton.dev/v1", "PipelineRun", "payments-0123456789ab", namespace="ci")
    rig.stop()
    rig.start()
    assert not list((rig.data / "volumes/ci").iterdir())
    assert not list((rig.data / "runs").glob("*/*"))


def test_results_order_tasks_and_flow_into_params_when_and_pipeline_results(rig: Any, condition: Any) -> None:
    make = embedded(
        "make",
        """printf hi > $(results.word.path); printf '["a","b"]' > $(results.list.path)""",
        spec={"results": [{"name": "word"}, {"name": "list", "type": "array"}]},
    )
    use = embedded(
        "use",
        'echo "$(params.w)" $@',
        params=[
            {"name": "w", "value": "<$(tasks.make.results.word)>"},
            {"name": "l", "value": "$(tasks.make.results.list[*])"},
        ],
        when=[{"input": "$(tasks.make.results.word)", "operator": "in", "values": ["hi"]}],
        spec={"params": [{"name": "w"}, {"name": "l", "type": "array"}]},
    )
    use["taskSpec"]["steps"][0]["args"] = ["$(params.l[*])"]
    results = [
        {"name": "out", "value": "$(tasks.make.results.word)/$(tasks.make.results.list[1])"},
        {"name": "all", "value": "$(tasks.make.results.list[*])"},
    ]
    start(rig, use, make, results=results)
    run = rig.finished("PipelineRun", "pr")
    assert condition(run)[:2] == ("True", "Succeeded"), run["status"]
    assert rig.log("pr-use") == "<hi> a b\n"
    assert run["status"]["results"] == [{"name": "out", "value": "hi/b"}, {"name": "all", "value": ["a", "b"]}]


def test_when_skips_a_task_but_not_those_only_ordered_after_it(rig: Any, condition: Any) -> None:
    never = [{"input": "a", "operator": "notin", "values": ["a"]}]
    start(rig, embedded("skipped", "echo x", when=never), embedded("after", "echo y", runAfter=["skipped"]))
    run = rig.finished("PipelineRun", "pr")
    assert condition(run) == ("True", "Completed", "Tasks Completed: 1 (Failed: 0, Cancelled 0), Skipped: 1")
    assert run["status"]["skippedTasks"] == [
        {"name": "skipped", "reason": "When Expressions evaluated to false", "whenExpressions": never}
    ]


def test_a_failure_stops_new_tasks_and_finally_sees_every_status(rig: Any, condition: Any) -> None:
    states = "$(tasks.bad.status) $(tasks.bad.reason) $(tasks.after.status) $(tasks.status)"
    report = embedded(
        "report", "echo $(params.p)", params=[{"name": "p", "value": states}], spec={"params": [{"name": "p"}]}
    )
    start(rig, embedded("bad", "exit 1"), embedded("after", "echo", runAfter=["bad"]), **finally_(report))
    run = rig.finished("PipelineRun", "pr")
    assert condition(run) == ("False", "Failed", "Tasks Completed: 2 (Failed: 1, Cancelled 0), Skipped: 1")
    assert reasons(run) == {"after": "PipelineRun was stopping"}
    assert rig.log("pr-report") == "Failed StepFailed None Failed\n"
    assert rig.get("TaskRun", "pr-report")["metadata"]["labels"]["tekton.dev/memberOf"] == "finally"
    assert "finallyStartTime" in run["status"]


def test_a_result_that_was_not_written_fails_the_run(rig: Any, condition: Any) -> None:
    quiet = embedded("quiet", "true", spec={"results": [{"name": "r"}]})
    use = embedded("use", "echo", params=[{"name": "x", "value": "$(tasks.quiet.results.r)"}])
    start(rig, quiet, use)
    assert condition(rig.finished("PipelineRun", "pr")) == (
        "False",
        "PipelineValidationFailed",
        "Tasks Completed: 1 (Failed: 0, Cancelled 0), Skipped: 0, Failed Validation: 1 "
        '(task "quiet" completed successfully but did not emit the result "r", which is referenced by task "use")',
    )


def test_on_error_continue_of_a_task_is_ignored_in_the_count(rig: Any, condition: Any) -> None:
    start(rig, embedded("bad", "exit 1", onError="continue"), embedded("next", "true", runAfter=["bad"]))
    run = rig.finished("PipelineRun", "pr")
    assert condition(run) == (
        "True",
        "Succeeded",
        "Tasks Completed: 2 (Failed: 1 (Ignored: 1), Cancelled 0), Skipped: 0",
    )
    assert condition(rig.get("TaskRun", "pr-bad"))[1] == "FailureIgnored"


def test_cancelling_ends_the_running_tasks(rig: Any, condition: Any) -> None:
    start(rig, embedded("long", "sleep 600"), embedded("after", "true", runAfter=["long"]))
    rig.running("pr-long")
    rig.client.patch("tekton.dev/v1", "PipelineRun", "pr", {"spec": {"status": "Cancelled"}}, namespace="ci")
    run = rig.finished("PipelineRun", "pr")
    assert condition(run) == ("False", "Cancelled", 'PipelineRun "pr" was cancelled')
    assert condition(rig.finished("TaskRun", "pr-long")) == (
        "False",
        "TaskRunCancelled",
        'TaskRun "pr-long" was cancelled. TaskRun cancelled as the PipelineRun it belongs to has been cancelled.',
    )


def test_cancelled_run_finally_still_runs_finally(rig: Any, condition: Any) -> None:
    start(rig, embedded("long", "sleep 600"), **finally_(embedded("tidy", "echo tidy")))
    rig.running("pr-long")
    rig.client.patch("tekton.dev/v1", "PipelineRun", "pr", {"spec": {"status": "CancelledRunFinally"}}, namespace="ci")
    run = rig.finished("PipelineRun", "pr")
    assert condition(run) == ("False", "Cancelled", 'PipelineRun "pr" was cancelled')
    assert rig.log("pr-tidy") == "tidy\n"


def test_a_run_over_its_timeout_is_ended(rig: Any, condition: Any) -> None:
    start(rig, embedded("long", "sleep 600"), run={"timeouts": {"pipeline": "1500ms"}})
    run = rig.finished("PipelineRun", "pr")
    assert condition(run) == ("False", "PipelineRunTimeout", 'PipelineRun "pr" failed to finish within "1.5s"')
    child = rig.finished("TaskRun", "pr-long")
    assert condition(child)[1] == "TaskRunCancelled"
    assert "has timed out" in condition(child)[2]


def test_tasks_over_their_timeout_leave_finally_its_time(rig: Any, condition: Any) -> None:
    limits = {"timeouts": {"pipeline": "60s", "tasks": "1500ms"}}
    start(rig, embedded("long", "sleep 600"), run=limits, **finally_(embedded("tidy", "echo tidy")))
    run = rig.finished("PipelineRun", "pr")
    assert condition(run)[:2] == ("False", "PipelineRunTimeout")
    assert rig.log("pr-tidy") == "tidy\n"


def test_independent_tasks_run_side_by_side(rig: Any, condition: Any) -> None:
    # Each waits for the other: one at a time would never end.
    meet = "touch /workspace/w/{}; while ! test -e /workspace/w/{}; do sleep 0.01; done"
    space: dict[str, Any] = {"workspaces": [{"name": "w"}]}
    tasks = [embedded(a, meet.format(a, b), spec=space, **space) for a, b in (("a", "b"), ("b", "a"))]
    claim = {"name": "w", "persistentVolumeClaim": {"claimName": "shared"}}
    start(rig, *tasks, run={"workspaces": [claim]}, **space)
    assert condition(rig.finished("PipelineRun", "pr"))[0] == "True"


ANY = embedded("a", "true")
REFUSED: list[tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any], str, str]] = [
    (
        [embedded("a", "true", runAfter=["b"]), embedded("b", "true", runAfter=["a"])],
        {},
        {},
        "PipelineInvalidGraph",
        '[User error] PipelineRun ci/pr\'s Pipeline DAG is invalid: cycle detected; task "a" depends on "b"',
    ),
    (
        [{"name": "a", "taskRef": {"name": "gone"}}],
        {},
        {},
        "CouldntGetTask",
        "Pipeline ci/pr can't be Run; it contains Tasks that don't exist: "
        'Couldn\'t retrieve Task "gone": tasks.tekton.dev "gone" not found',
    ),
    (
        [ANY],
        {"params": [{"name": "x"}, {"name": "y"}]},
        {},
        "ParameterMissing",
        "[User error] PipelineRun ci/pr is missing some parameters required by Pipeline ci/pr: "
        "pipelineRun missing parameters: [x y]",
    ),
    (
        [ANY],
        {"params": [{"name": "x", "type": "array"}]},
        {"params": [{"name": "x", "value": "text"}]},
        "ParameterTypeMismatch",
        "[User error] PipelineRun ci/pr parameters have mismatching types with Pipeline ci/pr's parameters: "
        "parameters have inconsistent types : [x]",
    ),
    (
        [embedded("a", "true", params=[{"name": "p", "value": "$(params.x[2])"}])],
        {"params": [{"name": "x", "type": "array"}]},
        {"params": [{"name": "x", "value": ["one"]}]},
        "ParamArrayIndexingInvalid",
        "[User error] PipelineRun ci/pr failed validation: failed to validate Pipeline ci/pr's parameter which has an "
        "invalid index while referring to an array: non-existent param references:[$(params.x[2])]",
    ),
    (
        [ANY],
        {"workspaces": [{"name": "w"}]},
        {},
        "InvalidWorkspaceBindings",
        "[User error] PipelineRun ci/pr doesn't bind Pipeline ci/pr's Workspaces correctly: "
        'pipeline requires workspace with name "w" be provided by pipelinerun',
    ),
    (
        [embedded("a", "true", spec={"volumes": [{"name": "v", "hostPath": {"path": "/"}}]})],
        {},
        {},
        "PipelineValidationFailed",
        "interlock.local does not execute hostPath volumes yet",
    ),
    (
        [ANY, embedded("b", "true", params=[{"name": "x", "value": "$(tasks.a.results.none)"}])],
        {},
        {},
        "InvalidTaskResultReference",
        'invalid result reference in pipeline task "b": "none" is not a named result returned by pipeline task "a"',
    ),
    (
        [embedded("Bad_Name", "true")],
        {},
        {},
        "PipelineValidationFailed",
        '[User error] Pipeline ci/pr can\'t be Run; it has an invalid spec: invalid value "Bad_Name": '
        "Pipeline Task name must be a valid DNS Label: spec.tasks[0].name",
    ),
]


@pytest.mark.parametrize(
    ("tasks", "pipeline", "run", "reason", "message"), REFUSED, ids=[item[4][-40:] for item in REFUSED]
)
def test_what_cannot_run_is_refused_before_anything_starts(
    rig: Any,
    condition: Any,
    tasks: list[dict[str, Any]],
    pipeline: dict[str, Any],
    run: dict[str, Any],
    reason: str,
    message: str,
) -> None:
    start(rig, *tasks, run=run, **pipeline)
    assert condition(rig.finished("PipelineRun", "pr")) == ("False", reason, message)
    assert not [key for key in rig.cluster.objects if key[0] == "TaskRun"]


def test_a_missing_pipeline_is_named(rig: Any, condition: Any) -> None:
    rig.create("PipelineRun", "pr", {"pipelineRef": {"name": "gone"}})
    assert condition(rig.finished("PipelineRun", "pr"))[1:] == (
        "CouldntGetPipeline",
        "Error retrieving pipeline for pipelinerun ci/pr: error when getting Pipeline for PipelineRun pr: "
        'tekton client cannot get pipeline gone from local cluster: pipelines.tekton.dev "gone" not found',
    )


def test_a_pending_run_waits(rig: Any, condition: Any) -> None:
    start(rig, ANY, run={"status": "PipelineRunPending"})
    rig.cluster.wait(lambda: rig.get("PipelineRun", "pr").get("status"))
    assert condition(rig.get("PipelineRun", "pr"))[:2] == ("Unknown", "PipelineRunPending")
    rig.client.patch("tekton.dev/v1", "PipelineRun", "pr", {"spec": {"status": ""}}, namespace="ci")
    assert condition(rig.finished("PipelineRun", "pr"))[0] == "True"


def test_an_unreachable_api_delays_and_loses_nothing(rig: Any, condition: Any) -> None:
    start(rig, embedded("a", "sleep 0.3"), embedded("b", "true", runAfter=["a"]))
    rig.running("pr-a")
    rig.cluster.unreachable = True
    # Long enough for the step to end and its status to be refused.
    released = threading.Timer(0.8, lambda: setattr(rig.cluster, "unreachable", False))
    released.start()
    run = rig.finished("PipelineRun", "pr")
    released.join()
    assert condition(run)[:2] == ("True", "Succeeded")


def test_a_matrix_runs_side_by_side_and_its_results_are_gathered(rig: Any, condition: Any) -> None:
    fan = embedded(
        "fan",
        "printf '%s' $(params.a)$(params.b) > $(results.r.path)",
        matrix={"params": [{"name": "a", "value": ["1", "2"]}, {"name": "b", "value": ["x", "y"]}]},
        spec={"params": [{"name": "a"}, {"name": "b"}], "results": [{"name": "r"}]},
    )
    use = embedded("use", "echo $@", params=[{"name": "l", "value": "$(tasks.fan.results.r[*])"}])
    use["taskSpec"] |= {"params": [{"name": "l", "type": "array"}]}
    use["taskSpec"]["steps"][0]["args"] = ["$(params.l[*])"]
    start(rig, fan, use)
    run = rig.finished("PipelineRun", "pr")
    assert condition(run)[:2] == ("True", "Succeeded"), run["status"]
    assert rig.log("pr-use") == "1x 2x 1y 2y\n"


def test_a_child_pipeline_runs_within_its_parent(idle_rig: Any, condition: Any) -> None:
    rig = idle_rig
    rig.start(flags={"enable-api-fields": "alpha"})
    child = {
        "name": "sub",
        "pipelineSpec": {"params": [{"name": "p"}], "tasks": [embedded("deep", "echo $(params.p)")]},
        "params": [{"name": "p", "value": "handed down"}],
    }
    start(rig, child, embedded("last", "echo end", runAfter=["sub"]))
    assert condition(rig.finished("PipelineRun", "pr"))[:2] == ("True", "Succeeded")
    assert rig.log("pr-sub-deep") == "handed down\n"


def test_a_run_waits_for_an_approval(rig: Any, condition: Any) -> None:
    ask = {
        "name": "ask",
        "taskRef": {"apiVersion": "openshift-pipelines.org/v1alpha1", "kind": "ApprovalTask"},
        "params": [{"name": "approvers", "value": ["ada"]}],
    }
    start(rig, ask, embedded("after", "echo live", runAfter=["ask"]))
    key = ("ApprovalTask", "ci", "pr-ask")
    rig.cluster.wait(lambda: rig.cluster.objects.get(key, {}).get("status", {}).get("state") == "pending")
    [task] = approvals.waiting(rig.client, "ci", "pr")
    approvals.answer(rig.client, task, "ada", (), "approve", "go")
    assert condition(rig.finished("PipelineRun", "pr"))[:2] == ("True", "Succeeded")
    assert rig.log("pr-after") == "live\n"
    assert rig.get("ApprovalTask", "pr-ask")["status"]["approversResponse"][0]["message"] == "go"


def test_an_unanswered_approval_ends_with_its_time_limit(rig: Any, condition: Any) -> None:
    ask = {
        "name": "ask",
        "timeout": "1200ms",
        "taskRef": {"apiVersion": "openshift-pipelines.org/v1alpha1", "kind": "ApprovalTask"},
        "params": [{"name": "approvers", "value": ["ada"]}],
    }
    start(rig, ask)
    assert condition(rig.finished("PipelineRun", "pr"))[:2] == ("False", "Failed")
    assert condition(rig.get("CustomRun", "pr-ask"))[2] == "Approval task pr-ask is failed because of timeout"


def test_a_cluster_without_custom_tasks_is_served_too(
    idle_rig: Any, condition: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = memory.MemoryClient.list

    def served(self: memory.MemoryClient, api_version: str, kind: str, **options: Any) -> Any:
        if kind in ("CustomRun", "ApprovalTask"):
            raise NotFoundError("kubernetes-not-found", "the server could not find the requested resource")
        return every(self, api_version, kind, **options)

    monkeypatch.setattr(memory.MemoryClient, "list", served)
    idle_rig.start()
    start(idle_rig, embedded("a", "true"))
    assert condition(idle_rig.finished("PipelineRun", "pr"))[:2] == ("True", "Succeeded")
