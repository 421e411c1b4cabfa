"""Runs whose Task a resolver brings, executed by the engine."""

from __future__ import annotations

from typing import Any

URL = "https://git.example.test/team/catalog.git"
TASK = """\
apiVersion: tekton.dev/v1beta1
kind: Task
metadata: {name: greet}
spec:
  params: [{name: who, default: nobody}]
  steps: [{name: s, image: test/shell, script: "echo hello $(params.who)"}]
"""


def task_run(rig: Any, revision: str) -> Any:
    params = {"url": URL, "revision": revision, "pathInRepo": "task/greet.yaml"}
    reference = {"resolver": "git", "params": [{"name": key, "value": value} for key, value in params.items()]}
    rig.create("TaskRun", "run", {"taskRef": reference, "params": [{"name": "who", "value": "world"}]})
    return rig.finished("TaskRun", "run")


def test_a_task_from_git(idle_rig: Any, world: Any, condition: Any) -> None:
    commit = world.repository().commit({"task/greet.yaml": TASK})
    idle_rig.start(resolvers={"mirrors": {"https://git.example.test/team/": str(world.folder / "repositories")}})
    run = task_run(idle_rig, "main")
    assert condition(run)[:2] == ("True", "Succeeded"), condition(run)
    assert idle_rig.log() == "hello world\n"
    assert run["status"]["provenance"]["refSource"] == {
        "uri": f"git+{URL}",
        "digest": {"sha1": commit},
        "entryPoint": "task/greet.yaml",
    }


def test_a_server_that_does_not_answer_ends_the_run(rig: Any, condition: Any) -> None:
    reference = {"resolver": "http", "params": [{"name": "url", "value": "http://127.0.0.1:9/t"}]}
    rig.create("TaskRun", "run", {"taskRef": reference})
    status, reason, message = condition(rig.finished("TaskRun", "run"))
    assert (status, reason) == ("False", "TaskRunResolutionFailed") and "error fetching URL" in message


def test_a_pipeline_whose_task_is_the_clusters(rig: Any, condition: Any) -> None:
    rig.apply(TASK.replace("v1beta1", "v1").replace("{name: greet}", "{name: greet, namespace: shared}"))
    params = [{"name": "name", "value": "greet"}, {"name": "namespace", "value": "shared"}]
    task = {"name": "a", "taskRef": {"resolver": "cluster", "params": params}}
    rig.create("PipelineRun", "run", {"pipelineSpec": {"tasks": [task]}})
    run = rig.finished("PipelineRun", "run")
    assert condition(run)[0] == "True", condition(run)
    origin = rig.get("TaskRun", "run-a")["status"]["provenance"]["refSource"]
    assert origin["uri"].startswith("/apis/tekton.dev/v1/namespaces/shared/task/greet@")


def test_pipelines_that_are_not_resolved(idle_rig: Any, world: Any, condition: Any) -> None:
    world.repository().commit({"task/greet.yaml": TASK})
    idle_rig.start(resolvers={"mirrors": {"https://git.example.test/team/": str(world.folder / "repositories")}})
    for name, path in (("wrong", "task/greet.yaml"), ("absent", "none.yaml")):
        given = {"url": URL, "revision": "main", "pathInRepo": path}
        params = [{"name": key, "value": value} for key, value in given.items()]
        idle_rig.create("PipelineRun", name, {"pipelineRef": {"resolver": "git", "params": params}})
    status, reason, message = condition(idle_rig.finished("PipelineRun", "wrong"))
    assert (status, reason) == ("False", "CouldntGetPipeline")
    assert message == (
        "Error retrieving pipeline for pipelinerun ci/wrong: "
        "failed to read runtime object as Pipeline: resource is not a pipeline"
    )
    message = condition(idle_rig.finished("PipelineRun", "absent"))[2]
    assert message.startswith(
        "Error retrieving pipeline for pipelinerun ci/absent: resolver failed to get Pipeline : "
        'error requesting remote resource: error getting "Git" "ci/git-'
    )
    assert message.endswith('error opening file "none.yaml": file does not exist')


def test_a_task_that_is_not_resolved(idle_rig: Any, world: Any, condition: Any) -> None:
    world.repository().commit({"task/greet.yaml": TASK})
    idle_rig.start(resolvers={"mirrors": {"https://git.example.test/team/": str(world.folder / "repositories")}})
    status, reason, message = condition(task_run(idle_rig, "nope"))
    assert (status, reason) == ("False", "TaskRunResolutionFailed")
    assert message.startswith('error requesting remote resource: error getting "Git" "ci/git-')
    assert message.endswith("git fetch error: fatal: couldn't find remote ref nope: exit status 128")
