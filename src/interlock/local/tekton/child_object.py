"""The TaskRun object of a PipelineTask, as upstream creates it (pipelinerun.go createTaskRun)."""

from __future__ import annotations

import posixpath
from typing import Any

from interlock.clients.kubernetes import Object
from interlock.formats.tekton import durations, names
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.pipeline import PipelineTask
from interlock.formats.tekton.runs import PipelineRun, PipelineTaskRunSpec, WorkspaceBinding
from interlock.formats.tekton.scheduling import Timeouts
from interlock.formats.tekton.task import API_VERSION
from interlock.local.tekton import pipeline_plan
from interlock.local.tekton.pipeline_plan import Plan
from interlock.local.tekton.services import Services, Written
from interlock.local.tekton.task_plan import Refusal


def build(
    services: Services, written: Written, run: PipelineRun, plan: Plan, task: PipelineTask, *, final: bool
) -> Object:
    metadata = written.object["metadata"]
    override = _override(run, task)
    extra = override.metadata if override is not None else None
    embedded = task.task_spec.metadata if task.task_spec is not None else None
    labels = {
        **(metadata.get("labels") or {}),
        **((embedded.labels if embedded else None) or {}),
        **((extra.labels if extra else None) or {}),
        names.LABEL_PIPELINE: plan.pipeline,
        names.LABEL_PIPELINE_RUN: written.name,
        names.LABEL_PIPELINE_RUN_UID: written.uid,
        names.LABEL_PIPELINE_TASK: task.name,
        names.LABEL_MEMBER_OF: "finally" if final else "tasks",
        names.LABEL_MANAGED_BY: "tekton-pipelines",
    }
    annotations = {
        key: text
        for key, text in (metadata.get("annotations") or {}).items()
        if key not in (names.ANNOTATION_LAST_APPLIED, names.ANNOTATION_CAPABILITIES, names.ANNOTATION_NETWORK)
    }
    annotations |= (embedded.annotations if embedded else None) or {}
    annotations |= (extra.annotations if extra else None) or {}
    if task.on_error == "continue":
        annotations[names.ANNOTATION_ON_ERROR] = "continue"
    owner = {
        "apiVersion": API_VERSION,
        "kind": "PipelineRun",
        "name": written.name,
        "uid": written.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "TaskRun",
        "metadata": {
            "name": names.task_run(written.name, task.name),
            "namespace": written.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner],
        },
        "spec": _spec(services, written, run, plan, task, override, final=final),
    }


def _override(run: PipelineRun, task: PipelineTask) -> PipelineTaskRunSpec | None:
    return next((item for item in run.spec.task_run_specs or [] if item.pipeline_task_name == task.name), None)


def _spec(
    services: Services,
    written: Written,
    run: PipelineRun,
    plan: Plan,
    task: PipelineTask,
    override: PipelineTaskRunSpec | None,
    *,
    final: bool,
) -> dict[str, Any]:
    template = run.spec.task_run_template
    account = (override.service_account_name if override else "") or (template.service_account_name if template else "")
    spec: dict[str, Any] = {"serviceAccountName": account or "default"}
    if task.params:
        spec["params"] = [param.to_object() for param in task.params]
    if task.task_ref is not None:
        spec["taskRef"] = {"kind": "Task", **task.task_ref.to_object()}
    elif task.task_spec is not None:
        own = task.task_spec.to_object()
        spec["taskSpec"] = {key: item for key, item in own.items() if key not in ("apiVersion", "kind", "metadata")}
    if task.retries:
        spec["retries"] = task.retries
    if (
        timeout := (override.timeout if override else None)
        or task.timeout
        or _inherited_timeout(services, run, final=final)
    ):
        spec["timeout"] = timeout
    for source in (override, template):
        if source is not None and source.pod_template:
            spec.setdefault("podTemplate", source.pod_template.to_object())
    if override is not None and override.step_specs:
        spec["stepSpecs"] = [item.to_object() for item in override.step_specs]
    if workspaces := _workspaces(services, written, plan, task):
        spec["workspaces"] = [binding.to_object() for binding in workspaces]
    return spec


def _inherited_timeout(services: Services, run: PipelineRun, *, final: bool) -> str | None:
    """The section's limit, where it is longer than a TaskRun's default (pipelinerun.go pipelineRunTimeout)."""
    given = run.spec.timeouts
    default = durations.parse(services.config.default_timeout)
    limits = Timeouts.of(
        given.pipeline if given else None,
        given.tasks if given else None,
        given.finally_ if given else None,
        default,
    )
    limit = limits.finally_ if final else limits.tasks
    if limit is None:
        return None
    return durations.text(limit) if not limit or limit > default else None


def _workspaces(services: Services, written: Written, plan: Plan, task: PipelineTask) -> list[WorkspaceBinding]:
    declared = {item.name: item for item in plan.tasks[task.name].workspaces or []}
    wanted = [(item.name, item.source, item.sub_path) for item in task.workspaces or []]
    used = pipeline_plan.used_workspaces(task, plan.tasks[task.name], list(plan.bindings))
    wanted += [(name, name, "") for name in used]
    found = []
    for name, origin, sub_path in wanted:
        binding = plan.bindings.get(origin)
        if binding is None:
            if name in declared and declared[name].optional:
                continue
            message = f'expected workspace "{origin}" to be provided by pipelinerun for pipeline task "{task.name}"'
            raise Refusal("CreateRunFailed", message)
        found.append(_bound(services, written, binding, name, sub_path))
    return found


def _bound(
    services: Services, written: Written, binding: WorkspaceBinding, name: str, sub_path: str
) -> WorkspaceBinding:
    """The pipeline's binding for one task: a template is one claim for all tasks, subPaths are joined."""
    joined = posixpath.join(*[part for part in (binding.sub_path, sub_path) if part] or [""])
    value = {**binding.to_object(), "name": name}
    value.pop("subPath", None)
    if joined:
        value["subPath"] = joined
    template = value.pop("volumeClaimTemplate", None)
    if template is not None:
        claim = names.claim((template.get("metadata") or {}).get("name", ""), binding.name, written.uid)
        services.storage.claim(written.namespace, claim, owner_uid=written.uid)
        value["persistentVolumeClaim"] = {"claimName": claim}
    return parse(WorkspaceBinding, value)
