"""The objects that a PipelineTask becomes: TaskRuns, CustomRuns or a child PipelineRun, as upstream creates them.

pr/pipelinerun.go createTaskRun, createCustomRun, createChildPipelineRun.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.clients.kubernetes import Object
from interlock.formats.tekton import conditions, durations, names
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.task import API_VERSION, Param
from interlock.tekton.engine.pipeline_runs import pipeline_plan
from interlock.tekton.engine.pipeline_runs.pipeline_plan import Plan
from interlock.tekton.engine.services import Services, Written
from interlock.tekton.engine.task_runs.task_source import Refusal
from interlock.tekton.spec import matrix, pipeline_variables, variables, versions
from interlock.tekton.spec.pipeline import PipelineTask
from interlock.tekton.spec.progress import Kind, Timeouts
from interlock.tekton.spec.runs import PipelineRun, PipelineTaskRunSpec, PodTemplate, WorkspaceBinding

CUSTOM_API_VERSION = "tekton.dev/v1beta1"
API_VERSIONS: Mapping[Kind, str] = {
    "TaskRun": API_VERSION,
    "PipelineRun": API_VERSION,
    "CustomRun": CUSTOM_API_VERSION,
}
_RESERVED = "chains.tekton.dev/"
_OWN = (names.ANNOTATION_LAST_APPLIED, names.ANNOTATION_CAPABILITIES, names.ANNOTATION_NETWORK)


def kind_of(task: PipelineTask) -> Kind:
    if pipeline_variables.is_pipeline(task):
        return "PipelineRun"
    return "CustomRun" if pipeline_variables.is_custom(task) else "TaskRun"


@dataclass(frozen=True)
class Maker:
    """What the children of one run have in common. ``results`` fill in the run's workspace bindings."""

    services: Services
    written: Written
    plan: Plan
    results: Mapping[str, str]

    @property
    def _run(self) -> PipelineRun:
        return self.plan.run

    def objects(self, task: PipelineTask, *, final: bool) -> list[Object]:
        """What ``task``, as it starts, becomes: one object, or one for each combination of its matrix."""
        if task.matrix is None or not matrix.is_matrixed(task):
            return [self._object(task, names.runs(self.written.name, task.name, 1)[0], [], final)]
        fanned = matrix.combinations(task.matrix)
        found = []
        for index, name in enumerate(names.runs(self.written.name, task.name, matrix.count(task.matrix))):
            combination = matrix.params_of(fanned[index]) if index < len(fanned) else []
            found.append(self._object(task, name, combination, final))
        return found

    def _object(self, task: PipelineTask, name: str, combination: Sequence[Param], final: bool) -> Object:
        kind = kind_of(task)
        override = self._override(task)
        params = [*combination, *(task.params or [])]
        spec = {"TaskRun": self._task_run, "CustomRun": self._custom_run, "PipelineRun": self._pipeline_run}[kind](
            task, params, override, final
        )
        owner = {
            "apiVersion": API_VERSION,
            "kind": "PipelineRun",
            "name": self.written.name,
            "uid": self.written.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
        metadata = {
            "name": name,
            "namespace": self.written.namespace,
            "labels": self._labels(task, kind, override, final),
            "annotations": self._annotations(task, kind, override),
            "ownerReferences": [owner],
        }
        return {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": metadata, "spec": spec}

    def _override(self, task: PipelineTask) -> PipelineTaskRunSpec | None:
        return next(
            (item for item in self._run.spec.task_run_specs or [] if item.pipeline_task_name == task.name), None
        )

    def _labels(
        self, task: PipelineTask, kind: Kind, override: PipelineTaskRunSpec | None, final: bool
    ) -> dict[str, str]:
        """taskRunSpecs' win over the run's and Tekton's own, which win over the embedded task's."""
        own = {
            **(self.written.object["metadata"].get("labels") or {}),
            names.LABEL_PIPELINE_RUN: self.written.name,
            names.LABEL_PIPELINE_RUN_UID: self.written.uid,
            names.LABEL_PIPELINE_TASK: task.name,
            names.LABEL_MEMBER_OF: "finally" if final else "tasks",
        }
        if kind == "PipelineRun":
            return own | ({names.LABEL_PIPELINE: self.plan.pipelines[task.name]} if task.pipeline_ref else {})
        if kind == "CustomRun":
            return own
        embedded = task.task_spec.metadata if task.task_spec is not None else None
        extra = override.metadata if override is not None else None
        return {
            **((embedded.labels if embedded else None) or {}),
            **own,
            names.LABEL_MANAGED_BY: "tekton-pipelines",
            **((extra.labels if extra else None) or {}),
        }

    def _annotations(self, task: PipelineTask, kind: Kind, override: PipelineTaskRunSpec | None) -> dict[str, str]:
        own = {
            key: text
            for key, text in (self.written.object["metadata"].get("annotations") or {}).items()
            if key not in _OWN and _RESERVED not in key
        }
        if kind != "TaskRun":
            return own
        embedded = task.task_spec.metadata if task.task_spec is not None else None
        extra = override.metadata if override is not None else None
        found = {
            **((embedded.annotations if embedded else None) or {}),
            **own,
            **((extra.annotations if extra else None) or {}),
        }
        return found | ({names.ANNOTATION_ON_ERROR: "continue"} if task.on_error == "continue" else {})

    def _task_run(
        self, task: PipelineTask, params: Sequence[Param], override: PipelineTaskRunSpec | None, final: bool
    ) -> dict[str, Any]:
        spec: dict[str, Any] = {"serviceAccountName": self._account(override) or "default"}
        if params:
            spec["params"] = [param.to_object() for param in params]
        if task.task_ref is not None:
            spec["taskRef"] = {"kind": "Task", **task.task_ref.to_object()}
        elif task.task_spec is not None:
            spec["taskSpec"] = pipeline_plan.plain(task.task_spec).to_object()
        if task.retries:
            spec["retries"] = task.retries
        if timeout := self._timeout(task, override, final):
            spec["timeout"] = timeout
        if template := self._pod_template(override):
            spec["podTemplate"] = template
        if override is not None:
            if override.step_specs:
                spec["stepSpecs"] = [item.to_object() for item in override.step_specs]
            if override.sidecar_specs:
                spec["sidecarSpecs"] = [item.to_object() for item in override.sidecar_specs]
            if override.compute_resources is not None:
                spec["computeResources"] = override.compute_resources
        if workspaces := self._workspaces(task):
            spec["workspaces"] = [binding.to_object() for binding in workspaces]
        return spec

    def _custom_run(
        self, task: PipelineTask, params: Sequence[Param], override: PipelineTaskRunSpec | None, final: bool
    ) -> dict[str, Any]:
        spec: dict[str, Any] = {"serviceAccountName": self._account(override) or "default"}
        if task.task_ref is not None:
            spec["customRef"] = task.task_ref.to_object()
        elif task.task_spec is not None:
            own = task.task_spec.to_object()
            spec["customSpec"] = {key: own[key] for key in ("apiVersion", "kind", "metadata", "spec") if key in own}
        if params:
            spec["params"] = [param.to_object() for param in params]
        if task.retries:
            spec["retries"] = task.retries
        if timeout := self._timeout(task, override, final):
            spec["timeout"] = timeout
        if workspaces := self._workspaces(task):
            spec["workspaces"] = [binding.to_object() for binding in workspaces]
        return spec

    def _pipeline_run(
        self, task: PipelineTask, params: Sequence[Param], override: PipelineTaskRunSpec | None, final: bool
    ) -> dict[str, Any]:
        """Timeout and retries of the PipelineTask, and the run's timeouts, do not reach a child, as upstream has it."""
        spec: dict[str, Any] = {}
        if task.pipeline_ref is not None:
            spec["pipelineRef"] = task.pipeline_ref.to_object()
        elif task.pipeline_spec is not None:
            spec["pipelineSpec"] = task.pipeline_spec.to_object()
        if params:
            spec["params"] = [param.to_object() for param in params]
        if (template := self._run.spec.task_run_template) is not None:
            spec["taskRunTemplate"] = template.to_object()
        bound = [
            self._bound(binding, item.name, item.sub_path)
            for item in task.workspaces or []
            if (binding := self._bindings().get(item.source)) is not None
        ]
        if bound:
            spec["workspaces"] = [binding.to_object() for binding in bound]
        return spec

    def _account(self, override: PipelineTaskRunSpec | None) -> str:
        template = self._run.spec.task_run_template
        own = override.service_account_name if override is not None else ""
        return own or (template.service_account_name if template is not None else "")

    def _pod_template(self, override: PipelineTaskRunSpec | None) -> dict[str, Any]:
        """The task's over the run's, field by field; env and volumes by name (MergePodTemplateWithDefault)."""
        template = self._run.spec.task_run_template
        return merged_templates(
            template.pod_template if template is not None else None,
            override.pod_template if override is not None else None,
        )

    def _timeout(self, task: PipelineTask, override: PipelineTaskRunSpec | None, final: bool) -> str | None:
        """As Go writes durations: ``5m`` is ``5m0s`` in the object."""
        given = (override.timeout if override else None) or task.timeout
        return durations.text(durations.parse(given)) if given else self._inherited_timeout(final)

    def _inherited_timeout(self, final: bool) -> str | None:
        """The section's limit, where it is longer than a TaskRun's default (pipelinerun.go pipelineRunTimeout)."""
        config = self.services.config
        if not versions.of(config.tekton_version).inherited_timeout:
            return None
        default = durations.parse(config.default_timeout)
        limits = timeouts(self._run, config.default_timeout)
        limit = limits.finally_ if final else limits.tasks
        if limit is None:
            return None
        return durations.text(limit) if not limit or limit > default else None

    def _bindings(self) -> Mapping[str, WorkspaceBinding]:
        if not self.results:
            return self.plan.bindings
        return {item.name: item for item in variables.in_bindings(list(self.plan.bindings.values()), self.results)}

    def _workspaces(self, task: PipelineTask) -> list[WorkspaceBinding]:
        spec, bindings = self.plan.tasks.get(task.name), self._bindings()
        optional = {item.name for item in (spec.workspaces if spec else None) or [] if item.optional}
        wanted = [(item.name, item.source, item.sub_path) for item in task.workspaces or []]
        if spec is not None:
            wanted += [(name, name, "") for name in pipeline_plan.used_workspaces(task, spec, list(bindings))]
        found = []
        for name, origin, sub_path in wanted:
            binding = bindings.get(origin)
            if binding is not None:
                found.append(self._bound(binding, name, sub_path))
            elif name not in optional:
                message = f'expected workspace "{origin}" to be provided by pipelinerun for pipeline task "{task.name}"'
                raise Refusal(conditions.CREATE_RUN_FAILED, message)
        return found

    def _bound(self, binding: WorkspaceBinding, name: str, sub_path: str) -> WorkspaceBinding:
        """The run's binding for one task: a template is one claim for all tasks, subPaths are joined."""
        joined = posixpath.join(*[part for part in (binding.sub_path, sub_path) if part] or [""])
        value = {**binding.to_object(), "name": name}
        value.pop("subPath", None)
        if joined:
            value["subPath"] = joined
        template = value.pop("volumeClaimTemplate", None)
        if template is not None:
            claim = names.claim((template.get("metadata") or {}).get("name", ""), binding.name, self.written.uid)
            self.services.storage.claim(self.written.namespace, claim, owner_uid=self.written.uid)
            value["persistentVolumeClaim"] = {"claimName": claim}
        return parse(WorkspaceBinding, value)


def timeouts(run: PipelineRun, default: str) -> Timeouts:
    """The effective limits of a run."""
    given = run.spec.timeouts
    return Timeouts.of(
        given.pipeline if given else None,
        given.tasks if given else None,
        given.finally_ if given else None,
        durations.parse(default),
    )


def merged_templates(base: PodTemplate | None, own: PodTemplate | None) -> dict[str, Any]:
    """``own`` over ``base``; what both list by name is listed once."""
    under, over = base.to_object() if base else {}, own.to_object() if own else {}
    merged = {**under, **over}
    for key in ("env", "volumes"):
        if key in under and key in over:
            taken = {item["name"] for item in over[key]}
            merged[key] = [*over[key], *(item for item in under[key] if item["name"] not in taken)]
    return merged
