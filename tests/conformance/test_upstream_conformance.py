"""What upstream's conformance suite asks of a Tekton (test/conformance/conformance_test.go), asked of this engine.

Each test is named like the one of upstream that it stands for, with a run of our own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from .conformance_suite import corpus
from .conformance_suite.comparison import condition
from .conformance_suite.stage import Finished, Settings, Stage

ALPINE, BASH, BUSYBOX, DEBIAN = "alpine:3.21", "bash:5.2", "busybox:1.37", "debian:12"
NODE, PERL, PYTHON = "node:22", "perl:5.40", "python:3.12"
BY_DIGEST = "busybox@sha256:5b0a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
SHARED = """
    volumes:
    - name: shared
      emptyDir: {}
"""

Run = Callable[..., Finished]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("stage"))
    yield made
    made.close()


@pytest.fixture
def run(stage: Stage, request: pytest.FixtureRequest) -> Run:
    """The one run of a text, finished."""

    def finished(text: str, settings: Settings = Settings()) -> Finished:  # noqa: B008 - frozen
        [found] = stage.submit(corpus.parse(request.node.name, text), settings).finished()
        return found

    return finished


def task_run(task: str, spec: str = "") -> str:
    return f"apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata:\n  name: run\nspec:\n{spec}\n  taskSpec:\n{task}"


def pipeline_run(pipeline: str, spec: str = "") -> str:
    head = "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  name: run\nspec:\n"
    return f"{head}{spec}\n  pipelineSpec:\n{pipeline}"


def steps(finished: Finished) -> list[dict[str, Any]]:
    return list(finished.object["status"]["steps"])


def results(finished: Finished) -> dict[str, Any]:
    return {item["name"]: item["value"] for item in finished.object["status"].get("results", [])}


def hello(image: str = DEBIAN) -> str:
    return f"    steps:\n    - name: hello\n      image: {image}\n      script: echo hello\n"


def test_task_run_conditions(run: Run) -> None:
    found = run(task_run(hello()))
    assert condition(found.object) == "True Succeeded"
    [ended] = [item for item in found.object["status"]["conditions"] if item["type"] == "Succeeded"]
    assert ended["message"] == "All Steps have completed executing"


def test_pipeline_run_conditions(run: Run) -> None:
    found = run(pipeline_run(f"    tasks:\n    - name: hello\n      taskSpec:\n{_deeper(hello())}"))
    assert condition(found.object) == "True Succeeded"


def _deeper(text: str) -> str:
    return "".join(f"    {line}" for line in text.splitlines(keepends=True))


def test_step_script(run: Run) -> None:
    for program in ("node", "perl", "python3"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    found = run(
        task_run(f"""
    params:
    - name: queue
      default: PAY.IN
    steps:
    - name: node
      image: {NODE}
      script: |
        #!/usr/bin/env node
        console.log("node")
    - name: perl
      image: {PERL}
      script: |
        #!/usr/bin/perl
        print "perl";
    - name: params
      image: {PYTHON}
      script: |
        #!/usr/bin/env python3
        assert "$(params.queue)" == "PAY.IN"
    - name: args
      image: {BASH}
      args: [a, b]
      script: |
        #!/usr/bin/env bash
        [[ $# == 2 && $2 == b ]]
    - name: dollars
      image: {PYTHON}
      script: |
        #!/usr/bin/env python3
        assert ["$", "$$", "$$$", "$$$$"] == [chr(36) * count for count in (1, 2, 3, 4)]
    - name: evaluation
      image: {BASH}
      script: |
        #!/usr/bin/env bash
        one=two
        two=three
        [[ $(eval echo \\$$one) == three ]]
""")
    )
    assert [(item["name"], item["terminated"]["reason"]) for item in steps(found)] == [
        (name, "Completed") for name in ("node", "perl", "params", "args", "dollars", "evaluation")
    ]


def test_step_env(run: Run) -> None:
    task = f"""
    steps:
    - name: show
      image: {BASH}
      env:
      - name: QUEUE
        value: PAY.IN
      script: |
        #!/usr/bin/env bash
        echo "${{QUEUE:4:2}}"
"""
    found = run(task_run(task))
    assert found.object["status"]["taskSpec"]["steps"][0]["env"] == [{"name": "QUEUE", "value": "PAY.IN"}]
    assert found.logs["show"] == "IN\n"


def test_step_working_dir(run: Run) -> None:
    task = "    steps:\n" + "".join(
        f"    - name: {name}\n      image: {DEBIAN}\n      workingDir: {path}\n      script: pwd\n"
        for name, path in (("default", "/workspace"), ("override", "/opt/flows/deep"))
    )
    found = run(task_run(task))
    assert condition(found.object) == "True Succeeded"
    assert found.logs == {"default": "/workspace\n", "override": "/opt/flows/deep\n"}
    assert [item["workingDir"] for item in found.object["status"]["taskSpec"]["steps"]] == [
        "/workspace",
        "/opt/flows/deep",
    ]


def test_step_state_image_id(run: Run) -> None:
    """An image that is named by digest is the image that the state names."""
    found = run(task_run(f"    steps:\n    - image: {BY_DIGEST}\n      args: ['-c', 'echo hello']\n"))
    assert condition(found.object) == "True Succeeded"
    [state] = steps(found)
    assert state["imageID"].endswith(BY_DIGEST)


def test_step_state_name(run: Run) -> None:
    found = run(
        task_run(f"    steps:\n    - name: step-one\n      image: {BUSYBOX}\n      args: ['-c', 'echo hello']\n")
    )
    assert [item["name"] for item in steps(found)] == ["step-one"]
    assert [item["container"] for item in steps(found)] == ["step-step-one"]


@pytest.mark.parametrize(("script", "code", "reason"), [("true", 0, "Completed"), ("exit 7", 7, "Error")])
def test_step_state_container_state_terminated(run: Run, script: str, code: int, reason: str) -> None:
    found = run(task_run(f"    steps:\n    - image: {BUSYBOX}\n      script: '{script}'\n"))
    assert condition(found.object) == ("False StepFailed" if code else "True Succeeded")
    [state] = steps(found)
    ended = state["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (code, reason)
    assert datetime.fromisoformat(ended["startedAt"]) <= datetime.fromisoformat(ended["finishedAt"])


def test_sidecar_name(run: Run) -> None:
    found = run(
        task_run(hello() + f"    sidecars:\n    - name: broker\n      image: {DEBIAN}\n      script: echo up\n")
    )
    assert condition(found.object) == "True Succeeded"
    assert [item["name"] for item in found.object["spec"]["taskSpec"]["sidecars"]] == ["broker"]
    [state] = found.object["status"]["sidecars"]
    assert (state["name"], state["container"]) == ("broker", "sidecar-broker")


MESSAGE = """
    steps:
    - name: read
      image: debian:12
      script: |
        for _ in 1 2 3 4 5 6 7 8 9; do test -f /shared/message && break; sleep 0.2; done
        cat /shared/message
      volumeMounts:
      - name: shared
        mountPath: /shared
    sidecars:
    - name: write
      image: debian:12
      volumeMounts:
      - name: shared
        mountPath: /shared
"""


def test_sidecar_script_success(run: Run) -> None:
    found = run(task_run(MESSAGE + "      script: echo 'from the sidecar' > /shared/message\n" + SHARED))
    assert condition(found.object) == "True Succeeded"
    assert found.logs["read"] == "from the sidecar\n"


@pytest.mark.parametrize("version", ["1.15", "1.9"])
def test_sidecar_script_failure(run: Run, version: Any) -> None:
    """The step fails for what the sidecar did not write; since v1.12 the reason names the sidecar as the cause."""
    found = run(task_run(MESSAGE + "      script: exit 1\n" + SHARED), Settings(tekton_version=version))
    assert condition(found.object) == ("False SidecarFailed" if version == "1.15" else "False Failed")
    assert len(found.object["spec"]["taskSpec"]["sidecars"]) == 1


def test_a_sidecar_that_fails_does_not_fail_the_task(run: Run) -> None:
    found = run(task_run(hello() + f"    sidecars:\n    - name: broker\n      image: {DEBIAN}\n      script: exit 3\n"))
    assert condition(found.object) == "True Succeeded"


def test_sidecar_arg_and_command(run: Run) -> None:
    command = "      command: [/bin/bash]\n      args: [-c, \"echo 'from the sidecar' > /shared/message\"]\n"
    found = run(task_run(MESSAGE + command + SHARED))
    assert condition(found.object) == "True Succeeded"
    assert found.logs["read"] == "from the sidecar\n"


def test_string_task_param(run: Run) -> None:
    task = f"    params:\n    - name: queue\n      type: string\n{hello(BASH)}".replace(
        "echo hello", "echo $(params.queue)"
    )
    found = run(task_run(task, "  params:\n  - name: queue\n    value: PAY.IN"))
    assert found.logs["hello"] == "PAY.IN\n"
    assert found.object["spec"]["params"] == [{"name": "queue", "value": "PAY.IN"}]


def test_array_task_param(run: Run) -> None:
    task = f"""
    params:
    - name: queues
      type: array
    results:
    - name: joined
    steps:
    - name: join
      image: {ALPINE}
      command: [/bin/sh, -c]
      args: ['echo -n $(params.queues[0])"-"$(params.queues[1]) | tee $(results.joined.path)']
"""
    found = run(task_run(task, "  params:\n  - name: queues\n    value: [PAY.IN, PAY.OUT]"))
    assert results(found) == {"joined": "PAY.IN-PAY.OUT"}


def test_task_param_defaults(run: Run) -> None:
    task = f"""
    params:
    - name: queues
      type: array
      default: [A, B]
    - name: topics
      type: array
    - name: host
      default: mq.test
    - name: port
    results:
    - name: text
    steps:
    - name: write
      image: {BASH}
      command: [/bin/sh, -c]
      args: ["echo -n $(params.topics[0]) $(params.queues[1]) $(params.host):$(params.port) > $(results.text.path)"]
"""
    spec = "  params:\n  - name: topics\n    value: [T]\n  - name: port\n    value: 1414"
    found = run(task_run(task, spec))
    assert results(found) == {"text": "T B mq.test:1414"}
    assert {item["name"] for item in found.object["spec"]["params"]} == {"topics", "port"}


def test_task_param_description(run: Run) -> None:
    text = "    params:\n    - name: queue\n      description: where payments come in\n      default: PAY.IN\n"
    found = run(task_run(text + hello()))
    for spec in (found.object["spec"]["taskSpec"], found.object["status"]["taskSpec"]):
        assert spec["params"][0]["description"] == "where payments come in"


def test_task_run_workspace(run: Run) -> None:
    task = f"""
    workspaces:
    - name: source
    steps:
    - name: write
      image: {DEBIAN}
      script: echo $(workspaces.source.path) > $(workspaces.source.path)/where
    - name: read
      image: {DEBIAN}
      script: cat /workspace/source/where
"""
    found = run(task_run(task, "  workspaces:\n  - name: source\n    emptyDir: {}"))
    assert found.logs["read"] == "/workspace/source\n"
    assert [item["name"] for item in found.object["spec"]["workspaces"]] == ["source"]
    assert [item["name"] for item in found.object["status"]["taskSpec"]["workspaces"]] == ["source"]


def sleeper(fields: str = "") -> str:
    step = f"image: {BUSYBOX}, command: [/bin/sh], args: ['-c', 'sleep 15001']"
    return f"    tasks:\n    - name: wait\n{fields}      taskSpec:\n        steps: [{{{step}}}]\n"


def test_task_run_timeout(run: Run) -> None:
    task = f"    steps:\n    - image: {BUSYBOX}\n      command: [/bin/sh]\n      args: ['-c', 'sleep 15001']\n"
    found = run(task_run(task, "  timeout: 1s"))
    assert condition(found.object) == "False TaskRunTimeout"


def test_conditions(run: Run) -> None:
    """A script on the line of its key, and a condition that says since when it holds."""
    found = run(
        task_run(f"    steps:\n    - name: add\n      image: {DEBIAN}\n      script:\n        echo Hello world!\n")
    )
    assert condition(found.object) == "True Succeeded"
    [ended] = [item for item in found.object["status"]["conditions"] if item["type"] == "Succeeded"]
    # Raises where it is no moment.
    datetime.fromisoformat(ended["lastTransitionTime"])


def test_pipeline_task_params(run: Run) -> None:
    pipeline = f"""
    tasks:
    - name: sum
      params:
      - name: a
        value: 10
      - name: b
        value: 1
      taskSpec:
        params:
        - name: a
        - name: b
        steps:
        - name: sum
          image: {BASH}
          script: |
            #!/usr/bin/env bash
            echo -n $(( "$(inputs.params.a)" + "$(inputs.params.b)" ))
"""
    found = run(pipeline_run(pipeline))
    [child] = found.children.values()
    assert child.logs["sum"] == "11"
    assert child.object["spec"]["params"] == [{"name": "a", "value": "10"}, {"name": "b", "value": "1"}]


def test_pipeline_result(run: Run) -> None:
    pipeline = f"""
    params:
    - name: prefix
    results:
    - name: output
      type: string
      value: $(tasks.use.results.output)
    tasks:
    - name: generate
      taskSpec:
        results:
        - name: suffix
        steps:
        - name: generate
          image: {ALPINE}
          script: echo -n suffix > $(results.suffix.path)
    - name: use
      params:
      - name: text
        value: "$(params.prefix):$(tasks.generate.results.suffix)"
      taskSpec:
        params:
        - name: text
        results:
        - name: output
        steps:
        - name: use
          image: {ALPINE}
          script: echo -n "$(params.text)" | tee $(results.output.path)
"""
    found = run(pipeline_run(pipeline, "  params:\n  - name: prefix\n    value: prefix"))
    assert results(found) == {"output": "prefix:suffix"}


def test_pipeline_workspace(run: Run) -> None:
    def task(name: str, script: str, after: str = "") -> str:
        order = f"      runAfter: [{after}]\n" if after else ""
        binding = f"      workspaces:\n      - name: {name}-files\n        workspace: shared\n"
        step = f"        - image: {DEBIAN}\n          script: {script}\n"
        spec = f"      taskSpec:\n        workspaces:\n        - name: {name}-files\n        steps:\n{step}"
        return f"    - name: {name}\n{order}{binding}{spec}"

    pipeline = (
        "    workspaces:\n    - name: shared\n    tasks:\n"
        + task("write", "echo $(workspaces.write-files.path) > $(workspaces.write-files.path)/where")
        + task("read", "cat $(workspaces.read-files.path)/where", "write")
        + task("check", "test $(cat $(workspaces.check-files.path)/where) = /workspace/write-files", "read")
    )
    template = "{spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}}"
    found = run(pipeline_run(pipeline, f"  workspaces:\n  - name: shared\n    volumeClaimTemplate: {template}"))
    assert condition(found.object) == "True Succeeded"
    assert [item["name"] for item in found.object["status"]["pipelineSpec"]["workspaces"]] == ["shared"]


def test_pipeline_task_timeout(run: Run) -> None:
    found = run(pipeline_run(sleeper("      timeout: 1s\n")))
    assert condition(found.object) == "False Failed"
    [child] = found.children.values()
    assert condition(child.object) == "False TaskRunTimeout"


def test_pipeline_run_timeout(run: Run) -> None:
    found = run(pipeline_run(sleeper(), "  timeouts:\n    tasks: 1s"))
    assert condition(found.object) == "False PipelineRunTimeout"


def test_pipeline_run_task_finally(run: Run) -> None:
    def task(name: str, value: str) -> str:
        script = "echo -n $(( $(params.a) * $(params.a) )) | tee $(results.product.path)"
        step = f"        - image: {BASH}\n          script: {script}\n"
        params = f'      params:\n      - name: a\n        value: "{value}"\n'
        spec = "        params:\n        - name: a\n        results:\n        - name: product\n        steps:\n"
        return f"    - name: {name}\n{params}      taskSpec:\n{spec}{step}"

    square = "$(tasks.square.results.product)"
    pipeline = (
        "    params:\n    - name: a\n    results:\n"
        f"    - name: square\n      value: {square}\n"
        "    - name: last\n      value: $(finally.again.results.product)\n"
        f"    tasks:\n{task('square', '$(params.a)')}    finally:\n{task('again', square + square)}"
    )
    found = run(pipeline_run(pipeline, "  params:\n  - name: a\n    value: 3"))
    assert len(found.object["status"]["conditions"]) == 1
    assert results(found) == {"square": "9", "last": str(99 * 99)}


def test_pipeline_run_child_references(run: Run) -> None:
    tasks = "".join(f"    - name: {name}\n      taskSpec:\n{_deeper(hello())}" for name in ("one", "two"))
    found = run(pipeline_run(f"    tasks:\n{tasks}"))
    assert found.object["status"]["childReferences"] == [
        {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": f"run-{name}", "pipelineTaskName": name}
        for name in ("one", "two")
    ]
