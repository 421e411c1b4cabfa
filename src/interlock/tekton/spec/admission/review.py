"""One object under review: read strictly, completed, judged (the order of upstream's two webhooks)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from interlock.formats import yaml
from interlock.tekton.spec.admission import (
    decoding,
    defaults,
    local,
    locating,
    others,
    pipelineruns,
    pipelines,
    rules,
    size,
    stepactions,
    taskruns,
    tasks,
)
from interlock.tekton.spec.admission.context import Context, Object
from interlock.tekton.spec.admission.decoding import Misfit
from interlock.tekton.spec.admission.faults import Fault, Faults, refusal
from interlock.tekton.spec.admission.wording import quoted
from interlock.tekton.spec.flags import Flags, Version

Severity = Literal["error", "warning"]

MUTATING = "webhook.pipeline.tekton.dev"
VALIDATING = "validation.webhook.pipeline.tekton.dev"

_KINDS = {
    ("tekton.dev/v1", "Task"): "v1.Task",
    ("tekton.dev/v1", "Pipeline"): "v1.Pipeline",
    ("tekton.dev/v1", "TaskRun"): "v1.TaskRun",
    ("tekton.dev/v1", "PipelineRun"): "v1.PipelineRun",
    ("tekton.dev/v1beta1", "Task"): "v1beta1.Task",
    ("tekton.dev/v1beta1", "Pipeline"): "v1beta1.Pipeline",
    ("tekton.dev/v1beta1", "TaskRun"): "v1beta1.TaskRun",
    ("tekton.dev/v1beta1", "PipelineRun"): "v1beta1.PipelineRun",
    ("tekton.dev/v1beta1", "CustomRun"): "v1beta1.CustomRun",
    ("tekton.dev/v1beta1", "StepAction"): "v1beta1.StepAction",
    ("tekton.dev/v1alpha1", "StepAction"): "v1alpha1.StepAction",
    ("tekton.dev/v1alpha1", "VerificationPolicy"): "v1alpha1.VerificationPolicy",
    ("resolution.tekton.dev/v1beta1", "ResolutionRequest"): "resolution.ResolutionRequest",
    ("resolution.tekton.dev/v1alpha1", "ResolutionRequest"): "",
}
"""What upstream's webhooks know (cmd/webhook/main.go), and the struct that they read it into."""

GROUPS = ("tekton.dev", "resolution.tekton.dev")


def covered(value: Mapping[str, Any]) -> bool:
    """Whether the webhooks are asked about the kind."""
    return (str(value.get("apiVersion")), str(value.get("kind"))) in _KINDS


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in upstream's words, at a place in the document."""

    rule: str
    message: str
    path: yaml.Path
    severity: Severity = "error"
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the API server answers for a webhook that says no."""

    webhook: str
    reason: str

    def __str__(self) -> str:
        return f'admission webhook "{self.webhook}" denied the request: {self.reason}'


@dataclass(frozen=True, slots=True)
class Review:
    written: Mapping[str, Any]
    value: Object
    """The object as it would be stored, without what its kind does not have."""
    misfits: list[Misfit]
    faults: list[Fault]
    """What the validating webhook refuses."""
    own: list[Fault] = field(default_factory=list)
    """What it lets pass, and no run survives."""

    def findings(self) -> list[Finding]:
        """All of them; of an object that cannot be read only what cannot be read."""
        return list(dict.fromkeys([*map(_misfit, self.misfits), *map(self._fault, [*self.faults, *self.own])]))

    def _fault(self, fault: Fault) -> Finding:
        place = locating.locate(self.written, fault.paths[0] if fault.paths else "", fault.near)
        return Finding(fault.rule, str(fault), place, "error", rules.RULES[fault.rule].remedy)

    @property
    def unknown(self) -> list[str]:
        """Fields that the definition of the kind does not have: the API server drops them, no webhook sees them."""
        return [yaml.dotted(item.path) for item in self.misfits if item.unknown and not item.schemaless]

    def refusal(self) -> Refusal | None:
        """The answer of the first webhook that refuses; unknown fields of definitions with a schema reach none."""
        for misfit in sorted(self.misfits, key=lambda item: item.order):
            if misfit.schemaless or not misfit.unknown:
                lost = misfit.text == decoding.NO_VALUE
                step = "create patch for round tripped newBytes" if lost else "decode incoming new object"
                return Refusal(MUTATING, f"mutation failed: cannot {step}: {misfit.text}")
        return Refusal(VALIDATING, f"validation failed: {refusal(self.faults)}") if self.faults else None


def known(value: Mapping[str, Any]) -> bool:
    """Whether the object is of one of Tekton's groups, and so ours to judge."""
    version = value.get("apiVersion")
    return isinstance(version, str) and version.partition("/")[0] in GROUPS


def of(
    value: Mapping[str, Any], flags: Flags, old: Mapping[str, Any] | None = None, tekton: Version = "1.15"
) -> Review:
    """Review an object; ``old`` is what is stored when it is an update."""
    version, kind = value.get("apiVersion"), value.get("kind")
    struct = _KINDS.get((str(version), str(kind)))
    if struct is None:
        words = f"no matches for kind {quoted(str(kind))} in version {quoted(str(version))}"
        return Review(value, {**value}, [], [Fault("unknown-kind", words, ("apiVersion",))])
    if too_large := list(size.of_object(value)):
        return Review(value, {**value}, [], [], too_large)
    read, misfits = decoding.decode(value, struct) if struct else ({**value}, [])
    short: Any = str(version).rpartition("/")[2]
    if not isinstance(read.get("spec", {}), dict):
        return Review(value, read, misfits, [])
    defaults.apply(read, short, str(kind), creating=old is None)
    if any(not misfit.unknown for misfit in misfits):
        return Review(value, read, misfits, [])
    context = Context(flags, short, old is None, tekton)
    if too_large := list(size.of_runs(str(kind), read)):
        return Review(value, read, misfits, [], too_large)
    return Review(value, read, misfits, list(_faults(context, str(kind), read, old)), list(local.check(read["spec"])))


def _faults(context: Context, kind: str, value: Object, old: Mapping[str, Any] | None) -> Faults:
    before = decoding.decode(old, _KINDS[value["apiVersion"], kind])[0] if old is not None else None
    match kind:
        case "Task":
            return tasks.task(context, value)
        case "Pipeline":
            return pipelines.pipeline(context, value)
        case "TaskRun":
            return taskruns.task_run(context, value, before)
        case "PipelineRun":
            return pipelineruns.pipeline_run(context, value, before)
        case "StepAction":
            return stepactions.step_action(context, value)
    rest: dict[str, Callable[[Object], Iterable[Fault]]] = {
        "CustomRun": others.custom_run,
        "VerificationPolicy": others.verification_policy,
    }
    return iter(rest.get(kind, others.resolution_request)(value))


def _misfit(misfit: Misfit) -> Finding:
    if not misfit.unknown:
        rule = "param-value" if misfit.text == decoding.NO_VALUE else "field-type"
        step = "create patch for round tripped newBytes" if rule == "param-value" else "decode incoming new object"
        words = f"mutation failed: cannot {step}: {misfit.text}"
        return Finding(rule, words, misfit.path, "error", rules.RULES[rule].remedy)
    start = "mutation failed: cannot decode incoming new object" if misfit.schemaless else "strict decoding error"
    last = str(misfit.path[-1])
    alike = [name for name in misfit.candidates if name.lower() == last.lower()]
    alike = alike or difflib.get_close_matches(last, misfit.candidates, 1, 0.75)
    remedy = f'Did you mean "{alike[0]}"?' if alike else rules.RULES["unknown-field"].remedy
    return Finding("unknown-field", f"{start}: {misfit.text}", misfit.path, "error", remedy)
