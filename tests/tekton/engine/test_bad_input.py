"""Input that is wrong or hostile: one clear error each, and nothing started."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from interlock.clients.kubernetes import Object
from interlock.errors import InputError
from interlock.formats import yaml

SHELL = "test/shell"
BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def step(**fields: Any) -> dict[str, Any]:
    return {"name": "s", "image": SHELL, "script": "true", **fields}


def tasks(count: int, **fields: Any) -> dict[str, Any]:
    """A pipeline of independent tasks."""
    spec = {"taskSpec": {"steps": [step()]}, **fields}
    return {"pipelineSpec": {"tasks": [{"name": f"t{number}", **spec} for number in range(count)]}}


def cycle() -> dict[str, Any]:
    spec = tasks(2)
    for task, after in zip(spec["pipelineSpec"]["tasks"], ("t1", "t0"), strict=True):
        task["runAfter"] = [after]
    return spec


def climbing() -> dict[str, Any]:
    claim = {"name": "w", "subPath": "../../other", "persistentVolumeClaim": {"claimName": "w"}}
    return {"taskSpec": {"workspaces": [{"name": "w"}], "steps": [step()]}, "workspaces": [claim]}


CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "a cycle": ("PipelineRun", cycle(), 'cycle detected; task "t'),
    "ten thousand tasks": ("PipelineRun", tasks(10_000), "A run of 10000 tasks"),
    "a param of ten megabytes": (
        "TaskRun",
        {
            "params": [{"name": "p", "value": "x" * 10_000_000}],
            "taskSpec": {"params": [{"name": "p"}], "steps": [step()]},
        },
        "request is too large",
    ),
    "a workspace path that climbs out": (
        "TaskRun",
        climbing(),
        "workspaces.w.subPath must not be absolute or contain '..'",
    ),
    "a script with a NUL": ("TaskRun", {"taskSpec": {"steps": [step(script="echo a\0b")]}}, "NUL"),
}


@pytest.mark.parametrize("name", CASES)
def test_one_clear_error_and_nothing_started(
    name: str, rig: Any, condition: Callable[[Object], tuple[str, str, str]]
) -> None:
    kind, spec, words = CASES[name]
    rig.create(kind, "run", spec)
    run = rig.finished(kind, "run")
    status, reason, message = condition(run)
    assert (status, words in message) == ("False", True), (reason, message[:300])
    assert len(message) < 2_000
    assert {held for held, _, _ in rig.cluster.objects} <= {kind, "Event"}
    assert not any("running" in item or "terminated" in item for item in run["status"].get("steps", []))
    assert not list((rig.data / "logs").rglob("*.log"))


def test_a_bomb_is_refused_by_the_reader() -> None:
    with pytest.raises(InputError) as error:
        list(yaml.load_all(BOMB, file="bomb.yaml"))
    assert error.value.code == "yaml-syntax"
    assert "bomb.yaml:1:4: anchors and aliases are not allowed" in str(error.value)


def test_a_result_that_is_not_utf_8_is_an_error_of_the_run(rig: Any, condition: Any) -> None:
    """The step runs, as nobody knows before what it writes; its result is not passed on as something else."""
    spec = {"results": [{"name": "r"}]}
    run = rig.script("printf 'a\\377b' > $(results.r.path)", spec=spec)
    assert condition(run)[0] == "False"
    assert 'result "r"' in condition(run)[2]
    assert "UTF-8" in condition(run)[2]


def test_an_unknown_api_version_is_refused_by_name(rig: Any, condition: Any) -> None:
    value = {
        "apiVersion": "tekton.dev/v9",
        "kind": "TaskRun",
        "metadata": {"name": "run", "namespace": rig.namespace},
        "spec": {"taskSpec": {"steps": [step()]}},
    }
    rig.client.create(value)
    run = rig.finished("TaskRun", "run")
    assert condition(run)[0] == "False"
    assert "invalid 'apiVersion': Input should be 'tekton.dev/v1'" in condition(run)[2]


WEBHOOK = {"annotations": {"interlock.dev/webhook-params": "branch"}}
BRANCH = [{"name": "branch", "value": "main; rm -rf /"}]


def test_what_a_webhook_sends_becomes_no_script(rig: Any, condition: Callable[[Object], tuple[str, str, str]]) -> None:
    echo = {"params": [{"name": "ref"}], "steps": [step(script="echo $(params.ref)")]}
    safe = {"params": [{"name": "ref"}], "steps": [step(script='echo "$REF"', env=[{"name": "REF", "value": "-"}])]}
    safe["steps"][0]["env"][0]["value"] = "$(params.ref)"
    rig.create("Task", "echo", echo)
    rig.create("Task", "safe", safe)
    passed = [{"name": "ref", "value": "$(params.branch)"}]

    def pipeline(name: str, task: str) -> Any:
        spec = {"params": BRANCH, "pipelineSpec": {"params": [{"name": "branch"}], "tasks": [
            {"name": "build", "taskRef": {"name": task}, "params": passed}]}}  # fmt: skip
        rig.create("PipelineRun", name, spec, **WEBHOOK)
        return rig.finished("PipelineRun", name)

    for run in (
        pipeline("refused", "echo"),
        rig.run_task(
            "{params: [{name: branch}], steps: [{name: s, image: test/shell, script: 'echo $(params.branch)'}]}",
            name="alone",
            metadata="{annotations: {interlock.dev/webhook-params: branch}}",
            params=BRANCH,
        ),
    ):
        status, _, message = condition(run)
        assert status == "False" and "which comes from a webhook" in message, message
    assert not list((rig.data / "logs").rglob("*.log"))
    assert condition(pipeline("runs", "safe"))[0] == "True"
