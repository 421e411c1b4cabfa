"""Names that upstream derives: TaskRuns of a PipelineRun, claims of a volumeClaimTemplate; labels and annotations."""

from __future__ import annotations

import hashlib
import re

LABEL_PIPELINE = "tekton.dev/pipeline"
LABEL_PIPELINE_RUN = "tekton.dev/pipelineRun"
LABEL_PIPELINE_RUN_UID = "tekton.dev/pipelineRunUID"
LABEL_PIPELINE_TASK = "tekton.dev/pipelineTask"
LABEL_MEMBER_OF = "tekton.dev/memberOf"
LABEL_TASK = "tekton.dev/task"
LABEL_TASK_RUN = "tekton.dev/taskRun"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
ANNOTATION_ON_ERROR = "pipeline.tekton.dev/pipeline-task-on-error"
ANNOTATION_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ANNOTATION_NETWORK = "interlock.dev/network"
"""On a Task: space-separated endpoint names that its steps may reach; none without it."""
ANNOTATION_CAPABILITIES = "interlock.dev/capabilities"
"""On a TaskRun: JSON of what was enforced and which tools ran, written by the engine."""
ANNOTATION_SECRET_PARAMS = "interlock.dev/secret-params"  # noqa: S105 - a name
"""On a Task or Pipeline: space-separated params whose values are masked wherever they would show."""
ANNOTATION_WEBHOOK_PARAMS = "interlock.dev/webhook-params"
"""On a Task, Pipeline or run: params that a webhook sets, separated by blanks or commas; no script may hold one."""
ANNOTATION_BREAKPOINTS = "interlock.dev/breakpoints"
"""On a PipelineRun, whose TaskRuns take it over: ``spec.debug`` of a TaskRun, as JSON (tektoncd/pipeline#5184)."""
ANNOTATION_REUSED = "interlock.dev/reused-from"
"""On a TaskRun that was not executed: the run whose recorded outcome it repeats."""
ANNOTATION_EXECUTION_MODE = "experimental.tekton.dev/execution-mode"
"""``hermetic``: steps have no network (docs/hermetic.md)."""
NODE = "interlock-tekton"
"""``spec.nodeName`` of every pod that the engine makes: the node whose kubelet serves its logs."""

_LONGEST = 63
_DIGEST = 32
_HEAD = _LONGEST - _DIGEST


def child(parent: str, suffix: str) -> str:
    """knative.dev/pkg/kmeta ChildName: ``parent + suffix``, shortened with an MD5 past 63 characters."""
    if len(parent) <= _LONGEST - len(suffix):
        return parent + suffix
    if len(suffix) >= _HEAD:
        digest = hashlib.md5((parent + suffix).encode(), usedforsecurity=False).hexdigest()
        name = parent[:_HEAD] + digest
        name += suffix[: _LONGEST - len(name)]
        return re.sub(r"[^a-zA-Z0-9]+$", "", name)
    digest = hashlib.md5(parent.encode(), usedforsecurity=False).hexdigest()
    return f"{parent[: _HEAD - len(suffix)]}{digest}{suffix}"


def runs(pipeline_run: str, pipeline_task: str, count: int) -> list[str]:
    """Names of what a PipelineTask becomes: one, or with a matrix one for each combination (getNewRunNames)."""
    single = child(pipeline_run, f"-{pipeline_task}")
    if count == 1:
        return [single]
    names = []
    for index in range(count):
        name = child(pipeline_run, f"-{pipeline_task}-{index}")
        if not name.endswith(f"-{index}"):
            name = f"{single[: _LONGEST - len(f'-{count}')]}-{index}"
        names.append(name)
    return names


def position(name: str) -> tuple[int, str]:
    """Sorts the runs of a matrix as its combinations are: by the number at the end."""
    found = re.search(r"-([0-9]+)$", name)
    return (int(found[1]) if found else 0, name)


def restricted(base: str) -> str:
    """A generateName as a label's value (pkg/names RestrictLength): 63 characters at most, the last alphanumeric."""
    return re.sub(r"[^a-zA-Z0-9]+$", "", base[:_LONGEST])


def claim(template_name: str, workspace: str, owner_uid: str) -> str:
    """Name of the claim made from a volumeClaimTemplate (volumeclaim/pvchandler.go)."""
    digest = hashlib.sha256((workspace + owner_uid).encode()).hexdigest()[:10]
    return f"{template_name or 'pvc'}-{digest}"


def pod(task_run: str, retries: int) -> str:
    """Name of a TaskRun's pod (pkg/pod/pod.go Build)."""
    return child(task_run, "-pod" + (f"-retry{retries}" if retries else ""))
