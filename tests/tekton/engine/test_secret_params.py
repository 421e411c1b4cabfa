"""Values of params that are declared secret are masked, wherever a step prints them."""

from __future__ import annotations

import base64
from typing import Any

SHELL = "test/shell"
SECRET = "hunter2-hunter2"
PRINTS = 'echo "<$(params.other)>"; echo "$(params.other)" | base64'
EMITS = 'echo "<$(params.key)>"; printf %s "$(params.key)" > $(results.r.path)'
INHERITS = "echo '$(params.key) $(params.extra)'"
MARK = {"interlock.dev/secret-params": "key"}


def test_a_tasks_secret_param_is_masked_in_log_and_results(rig: Any) -> None:
    spec = {
        "params": [{"name": "key", "value": SECRET}],
        "taskSpec": {
            "params": [{"name": "key"}],
            "results": [{"name": "r"}],
            "steps": [{"name": "s", "image": SHELL, "script": EMITS}],
        },
    }
    rig.create("TaskRun", "run", spec, annotations=MARK)
    run = rig.finished("TaskRun", "run")
    assert rig.log() == "<***>\n"
    assert run["status"]["results"][0]["value"] == "***"


def test_a_pipelines_secret_param_is_masked_in_every_task(rig: Any) -> None:
    """Given on, in part, under another name; and in the text of an embedded task that inherits it."""
    rig.create(
        "Task",
        "printing",
        {
            "params": [{"name": "other"}],
            "steps": [{"name": "s", "image": SHELL, "script": PRINTS}],
        },
    )
    given = {"name": "other", "value": "a-$(params.key)"}
    pipeline = {
        "params": [{"name": "key"}, {"name": "extra", "default": "second-secret"}],
        "tasks": [
            {"name": "given", "taskRef": {"name": "printing"}, "params": [given]},
            {
                "name": "inherited",
                "taskSpec": {"steps": [{"name": "s", "image": SHELL, "script": INHERITS}]},
            },
        ],
    }
    rig.create("Pipeline", "p", pipeline, annotations={"interlock.dev/secret-params": "key extra"})
    spec = {"pipelineRef": {"name": "p"}, "params": [{"name": "key", "value": SECRET}]}
    rig.create("PipelineRun", "run", spec)
    run = rig.finished("PipelineRun", "run")
    assert [item["status"] for item in run["status"]["conditions"]] == ["True"]
    assert rig.log("run-inherited") == "*** ***\n"
    log = rig.log("run-given")
    assert SECRET not in log
    assert log.startswith("<")
    assert base64.b64encode(SECRET.encode()).decode().rstrip("=")[4:-4] not in log
