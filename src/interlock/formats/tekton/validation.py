"""What upstream's webhook refuses in a Task, as far as it decides whether a run can be executed at all.

v1/{task,container}_validation.go. Findings are InputErrors with code
``tekton-invalid`` and the field's path; the first one is raised.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from interlock.errors import InputError
from interlock.formats.tekton import durations, step_template, substitution
from interlock.formats.tekton.task import Step, TaskSpec

DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_RESULT_NAME = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
_PARAM_NAME = re.compile(r"^[_a-zA-Z][_a-zA-Z0-9.-]*$")
_OBJECT_NAME = re.compile(r"^[_a-zA-Z][_a-zA-Z0-9-]*$")


def invalid(message: str, field: str, *, got: object = None) -> InputError:
    """A finding of the webhook: its words, then the field."""
    return InputError("tekton-invalid", f"{message}: {field}", got=got)


def task(spec: TaskSpec) -> None:
    """Raise for the first reason that a TaskSpec cannot run."""
    if not spec.steps:
        raise invalid("missing field(s)", "spec.steps")
    unique((volume.name for volume in spec.volumes or []), 'multiple volumes with same name "{}"', "spec.volumes")
    unique((item.name for item in spec.workspaces or []), 'workspace name "{}" must be unique', "spec.workspaces")
    unique((param.name.lower() for param in spec.params or []), 'parameter appears more than once "{}"', "spec.params")
    for param in spec.params or []:
        if not (_OBJECT_NAME if param.kind == "object" else _PARAM_NAME).match(param.name):
            raise invalid(f'The format of following variable names is invalid: "{param.name}"', "spec.params")
        if param.kind == "object" and param.properties is None and param.default is None:
            raise invalid("missing field(s)", f"spec.params.{param.name}.properties")
    for result in spec.results or []:
        if not _RESULT_NAME.match(result.name):
            raise invalid(f'invalid key name "{result.name}"', "spec.results")
    workspaces = {item.name for item in spec.workspaces or []}
    merged = step_template.merged(spec)
    unique(
        (step.name for step in merged.steps or [] if step.name),
        'expected exactly one, got both: step "{}"',
        "spec.steps",
    )
    for index, step in enumerate(merged.steps or []):
        _step(step, f"spec.steps[{index}]", workspaces)


def _step(step: Step, at: str, workspaces: set[str]) -> None:
    if not step.image and step.ref is None:
        raise invalid("missing field(s)", f"{at}.image")
    if step.script and step.command:
        raise invalid("script cannot be used with command", f"{at}.script")
    if "\0" in step.script:
        raise invalid("script holds a NUL byte", f"{at}.script")
    if step.name and not DNS_LABEL.match(step.name) and not substitution.is_reference(step.name):
        raise invalid(f'invalid value "{step.name}"', f"{at}.name")
    if step.timeout and durations.parse(step.timeout).total_seconds() < 0:
        raise invalid("negative timeout", f"{at}.timeout", got=step.timeout)
    if step.on_error not in ("", "continue", "stopAndFail") and not substitution.is_reference(step.on_error):
        raise invalid(f'invalid value: "{step.on_error}"', f"{at}.onError")
    for position, mount in enumerate(step.volume_mounts or []):
        field = f"{at}.volumeMounts[{position}]"
        path = posixpath.normpath(mount.mount_path)
        if path.startswith("/tekton/") and not path.startswith("/tekton/home"):
            mounted = f'(volumeMount "{mount.name}" mounted at "{mount.mount_path}")'
            message = f"volumeMount cannot be mounted under /tekton/ {mounted}"
            raise invalid(message, f"{field}.mountPath")
        if not substitution.is_reference(mount.mount_path) and (not path.startswith("/") or path == "/"):
            raise invalid("mountPath must be an absolute path below /", f"{field}.mountPath", got=mount.mount_path)
        climbing(mount.sub_path, f"{field}.subPath")
    for usage in step.workspaces or []:
        if usage.name not in workspaces:
            raise invalid(f'undefined workspace "{usage.name}"', f"{at}.workspaces")


def climbing(path: str, field: str) -> None:
    """Refuse a subPath that is absolute or climbs out."""
    if path.startswith("/") or ".." in path.split("/"):
        raise InputError("path-climbs", f"{field} must not be absolute or contain '..'", got=path)


def unique(names: Iterable[str], message: str, field: str) -> None:
    """Refuse a name that comes twice; ``message`` has a place for it."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise invalid(message.format(name), field)
        seen.add(name)
