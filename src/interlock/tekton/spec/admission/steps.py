"""Steps and sidecars (v1/container_validation.go, the step half of v1/task_validation.go)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from interlock.tekton.spec.admission import references, results, variables, when
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, both, invalid, key, missing, via
from interlock.tekton.spec.admission.names import LABEL_HELP, is_label
from interlock.tekton.spec.admission.wording import duration, nanoseconds, quoted

_STEP_RESULT = re.compile(r"\$\(steps\..*?\.results\..*?\)")
_STEP_ARTIFACT = re.compile(r"\$\(steps\.([^.]+)\.(?:inputs|outputs)\.([^.)]+)\)|\$\(step\.artifacts\.path\)")
TASK_ARTIFACT = re.compile(r"\$\(tasks\.([^.]+)\.(?:inputs|outputs)\.([^.)]+)\)")
ARTIFACTS_FLAG = "feature flag enable-artifacts should be set to true to use artifacts feature."
_RESERVED_SIDECAR = "tekton-log-results"
_WITH_REF = {
    "image": "image",
    "command": "command",
    "args": "args",
    "script": "script",
    "workingDir": "working dir",
    "env": "env",
    "volumeMounts": "volumeMounts",
    "results": "results",
}


def steps(context: Context, listed: Sequence[Object]) -> Faults:
    """StepList.Validate, of the steps as the template completes them."""
    names: set[str] = set()
    for index, step in enumerate(listed):
        yield from via(_step(context, step, names), index)
        if step.get("results") is not None:
            script = text(step, "script")
            known = {text(result, "name") for result in step["results"]}
            for prefix in ("step.results", "results") if context.old else ("step.results",):
                yield from via(variables.unknown(script, prefix, known), index, "script")
            # The two parts of the path are turned around, as upstream does it.
            yield from via(results.of_step(step["results"]), "results", index)
        if step.get("when"):
            yield from via(when.check(context, step["when"]), index)


def _step(context: Context, step: Object, names: set[str]) -> Faults:
    name = text(step, "name")
    twice = name in names
    if name and not context.beta1:
        if twice:
            yield both("step-name-twice", "name")
        names.add(name)
    if not context.flags.enable_artifacts and _names_artifacts(step):
        yield Fault("feature-flag", ARTIFACTS_FLAG)
        return
    if "timeout" in step and (timeout := nanoseconds(step["timeout"])) < 0:
        if context.beta1 and name:
            names.add(name)
        yield invalid("step-timeout", duration(timeout), "negative timeout")
        return
    yield from _contents(context, step)
    if name and context.beta1:
        if twice:
            yield invalid("step-name-twice", name, "name")
        names.add(name)
    if name and not is_label(name):
        more = f"Task step name must be a valid DNS Label, For more info refer to {LABEL_HELP}"
        yield Fault("step-name", f"invalid value {quoted(name)}", ("name",), more)
    yield from _mounts(context, step)
    on_error = text(step, "onError")
    if on_error and not on_error.startswith("$(params") and on_error not in ("continue", "stopAndFail"):
        more = 'Task step onError must be either "continue" or "stopAndFail"'
        yield Fault("step-on-error", f'invalid value: "{on_error}"', ("onError",), more)
    yield from windows(context, text(step, "script"))
    for field, stream in (("stdoutConfig", "stdout"), ("stderrConfig", "stderr")):
        if field in step:
            yield from via(context.needs(f"step {stream} stream support", "alpha"), field.lower())
    yield from _places(step)


def windows(context: Context, script: str) -> Faults:
    if script.strip().startswith("#!win"):
        yield from via(context.needs("windows script support", "alpha"), "script")


def _names_artifacts(step: Object) -> bool:
    """validateArtifactsReferencesInStep."""
    values = [text(step, "script"), *(step.get("command") or []), *(step.get("args") or [])]
    values += [text(item, "value") for item in step.get("env") or []]
    return any(
        "$(" in value and (_STEP_ARTIFACT.search(value) or TASK_ARTIFACT.search(value) or "$(artifacts.path)" in value)
        for value in values
    )


def _contents(context: Context, step: Object) -> Faults:
    """What the step runs: a reference, or an image with a script or a command."""
    if "ref" in step:
        yield from references.check(context, step["ref"])
        for field, label in _WITH_REF.items():
            if step.get(field) or (field == "env" and field in step):
                yield Fault("step-ref-exclusive", f"{label} cannot be used with Ref", (field,))
        return
    if step.get("params"):
        yield Fault("step-params-without-ref", "params cannot be used without Ref", ("params",))
    if not text(step, "image"):
        yield missing("step-image", "Image")
    yield from script_or_command(step)


def script_or_command(step: Object) -> Faults:
    if text(step, "script") and step.get("command"):
        yield Fault("step-script-and-command", "script cannot be used with command", ("script",))


def _mounts(context: Context, step: Object) -> Faults:
    for index, mount in enumerate(step.get("volumeMounts") or []):
        name, path = text(mount, "name"), text(mount, "mountPath")
        clean = path if context.old else clean_path(path)
        if clean.startswith("/tekton/") and not clean.startswith("/tekton/home"):
            where = f"(volumeMount {quoted(name)} mounted at {quoted(path)})"
            words = f"volumeMount cannot be mounted under /tekton/ {where}"
            yield from via([Fault("volume-mount-tekton", words, ("mountPath",))], "volumeMounts", index)
        if name.startswith("tekton-internal-"):
            words = f'volumeMount name {quoted(name)} cannot start with "tekton-internal-"'
            yield from via([Fault("volume-mount-name", words, ("name",))], "volumeMounts", index)


def clean_path(path: str) -> str:
    """filepath.Clean; unlike normpath it keeps no second leading slash."""
    clean = posixpath.normpath(path) if path else "."
    return clean[1:] if clean.startswith("//") else clean


def _places(step: Object) -> Faults:
    """Results and artifacts of steps, in fields where they are not put in (validateStepResultReference)."""
    for path, value in _fixed_fields(step):
        if "$(" not in value:
            continue
        if _STEP_RESULT.search(value):
            words = "stepResult substitutions are only allowed in env, command and args. Found usage in"
            yield Fault("step-result-place", words, (path,))
        if path != "script" and _STEP_ARTIFACT.search(value):
            words = "stepArtifact substitutions are only allowed in env, command, args and script. Found usage in"
            yield Fault("step-artifact-place", words, (path,))


def _fixed_fields(step: Object) -> Iterator[tuple[str, str]]:
    for field in ("name", "image", "script", "imagePullPolicy", "workingDir"):
        yield field, text(step, field)
    for source in step.get("envFrom") or []:
        yield "envFrom.prefix", text(source, "prefix")
        for field in ("configMapRef", "secretRef"):
            yield f"envFrom.{field}", text(source.get(field) or {}, "name")
    for mount in step.get("volumeMounts") or []:
        for field in ("name", "mountPath", "subPath"):
            yield f"volumeMounts.{field}", text(mount, field)
    for device in step.get("volumeDevices") or []:
        for field in ("name", "devicePath"):
            yield f"volumeDevices.{field}", text(device, field)


def sidecars(context: Context, listed: Sequence[Object]) -> Faults:
    """Without an index in the path, as upstream."""
    for sidecar in listed:
        name = text(sidecar, "name")
        if name == _RESERVED_SIDECAR:
            words = f"Invalid: cannot use reserved sidecar name {name} "
            yield Fault("sidecar-name", words, ("" if context.beta1 else "name",))
        if context.beta1:
            continue
        if not text(sidecar, "image"):
            yield missing("sidecar-image", "image")
        yield from script_or_command(sidecar)


def merged(template: Object | None, listed: Sequence[Object]) -> Sequence[Object]:
    """The steps with what the stepTemplate gives them (v1/merge.go MergeStepsWithStepTemplate)."""
    if template is None:
        return listed
    return [step if "ref" in step else _completed(template, step) for step in listed]


_MERGED_BY = {"env": "name", "volumeMounts": "mountPath", "volumeDevices": "devicePath"}


def _completed(template: Object, step: Object) -> Object:
    found = {**template, **{name: value for name, value in step.items() if value not in ("", [])}}
    for field, name in _MERGED_BY.items():
        if template.get(field) and step.get(field):
            own = {item.get(name): item for item in step[field]}
            kept = [{**item, **own.pop(item.get(name), {})} for item in template[field]]
            found[field] = [*kept, *own.values()]
    return found


Text = tuple[tuple[str | int, ...], str, bool]
"""Where a text stands, the text, and whether an array may stand there alone."""


def texts(step: Object) -> list[Text]:
    """The fields of a step that hold references, in upstream's order and spelling."""
    found: list[Text] = [((field,), text(step, field), False) for field in ("name", "image", "workingDir", "script")]
    for field in ("command", "args"):
        found += [((field, index), item, True) for index, item in enumerate(step.get(field) or [])]
    found += [(("env", key(text(item, "name"))), text(item, "value"), False) for item in step.get("env") or []]
    for index, mount in enumerate(step.get("volumeMounts") or []):
        found += [
            (("volumeMount", index, field), text(mount, field), False) for field in ("name", "mountPath", "subPath")
        ]
    return [item for item in found if "$(" in item[1]]
