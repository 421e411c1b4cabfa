"""StepActions (v1beta1 and v1alpha1/stepaction_validation.go)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from interlock.tekton.spec.admission import names, params, results, steps, usage, variables
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, invalid, key, missing, via
from interlock.tekton.spec.admission.steps import Text
from interlock.tekton.spec.admission.wording import quoted


def step_action(context: Context, value: Object) -> Faults:
    yield from names.metadata(value)
    yield from via(_spec(context, value["spec"]), "spec")


def _spec(context: Context, spec: Object) -> Faults:
    script, declared = text(spec, "script"), spec.get("params") or []
    if not text(spec, "image"):
        yield missing("step-image", "Image")
    yield from steps.script_or_command(spec)
    yield from steps.windows(context, script)
    if variables.present(script, "params"):
        words = "param substitution in scripts is not allowed."
        yield Fault("step-action-script-params", words, ("script",))
    known, items = params.declared(declared), _texts(spec)
    yield from usage.unknown(items, "params", known.all)
    for name, keys in known.objects.items():
        yield from usage.unknown(items, f"params\\.{name}", keys)
    yield from usage.wholes(items, known.objects)
    yield from params.have_properties(declared)
    yield from via(params.types(declared), "params")
    yield from params.declarations(context, declared, enums=False)
    yield from usage.arrays(items, known.arrays)
    if context.version == "v1alpha1":
        yield from _default_references(declared)
    listed = spec.get("results") or []
    declared_results = {text(result, "name") for result in listed}
    for prefix in ("step.results", "results"):
        yield from via(variables.unknown(script, prefix, declared_results), "script")
    yield from via(results.of_step(listed), "results")
    yield from via(_mounts(spec.get("volumeMounts") or [], known.all), "volumeMounts")


def _texts(spec: Object) -> list[Text]:
    found: list[Text] = [(("image",), text(spec, "image"), False), (("script",), text(spec, "script"), False)]
    for field in ("command", "args"):
        found += [((field, index), item, True) for index, item in enumerate(spec.get(field) or [])]
    found += [(("env", key(text(item, "name"))), text(item, "value"), False) for item in spec.get("env") or []]
    for index, mount in enumerate(spec.get("volumeMounts") or []):
        found.append((("volumeMounts", index), text(mount, "name"), False))
    return found


def _mounts(mounts: Sequence[Object], declared: Collection[str]) -> Faults:
    """validateVolumeMounts: a StepAction knows no volume, so each is a param."""
    for index, mount in enumerate(mounts):
        name = text(mount, "name")
        if variables.expressions(name, "params") != [name]:
            more = "expect the Name to be a single param reference"
            yield from via([invalid("step-action-volume", name, "name", more)], index)
            return
        yield from via(variables.unknown(name, "params", declared), index)


def _default_references(declared: Sequence[Object]) -> Faults:
    """Defaults that refer to other params: they exist, and none depends on itself (v1alpha1 only)."""
    known = {text(param, "name") for param in declared}
    waiting: dict[str, list[str]] = {}
    for param in declared:
        name, default = text(param, "name"), param.get("default")
        found = variables.expressions(default, "params") if isinstance(default, str) else []
        wanted = [item.removeprefix("$(params.").removesuffix(")") for item in found]
        absent = [item for item in wanted if item not in known]
        for item in absent:
            words = f"param {quoted(name)} default value references param {quoted(item)} which is not defined"
            yield Fault("param-default-reference", words, ("params",))
        if wanted and not absent:
            waiting[name] = wanted
    unresolved = {text(param, "name") for param in declared if text(param, "name") in waiting}
    while ready := [name for name in unresolved if not unresolved.intersection(waiting[name])]:
        unresolved.difference_update(ready)
    for name in sorted(unresolved):
        words = f"param {quoted(name)} default value has a circular dependency"
        yield Fault("param-default-cycle", words, ("params",))
