"""From a step of a plan to what its process sees: mounts, environment, command."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from interlock.errors import InternalError
from interlock.formats.tekton import environment
from interlock.formats.tekton.task import Step
from interlock.local.tekton import beneath
from interlock.local.tekton.sandbox import SCRIPTS, TMP, Bind, Tree, View
from interlock.local.tekton.services import Services
from interlock.local.tekton.task_plan import Plan, names_file

HOME = "/tekton/home"
NAMES = "/tekton/interlock/names.json"
_PREAMBLE = "#!/bin/sh\nset -e\n"
_FOLDERS = ("workspace", "home", "results", "steps", "run", "scripts", "artifacts", "tmp", "interlock")


def prepare(plan: Plan, folder: Path) -> None:
    """Make the attempt's folders, scripts and credentials. What is there already, of an attempt resumed, stays."""
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index, container, step in plan.steps:
        (folder / "steps" / container).mkdir(exist_ok=True)
        for shared in ("run", "tmp"):
            (folder / shared / str(index)).mkdir(exist_ok=True)
        if step.script:
            path = folder / "scripts" / _script(index)
            shebang = step.script.lstrip().startswith("#!")
            path.write_text(step.script if shebang else _PREAMBLE + step.script, encoding="utf-8")
            path.chmod(0o755)
    for name, content in plan.credentials.items():
        path = folder / "home" / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(content)


def view(services: Services, plan: Plan, folder: Path, index: int, *, hostname: str) -> View:
    """The step's view. Raises RefusedError ``path-climbs`` for a path that leaves its volume."""
    _, _, step = plan.steps[index]
    mounts: list[Bind | Tree] = [
        Bind(folder / "workspace", "/workspace"),
        Bind(folder / "home", HOME),
        Bind(folder / "results", "/tekton/results"),
        Bind(folder / "artifacts", "/tekton/artifacts"),
        # Exit codes and other steps' files are for reading; the engine writes them.
        Bind(folder / "steps", "/tekton/steps", read_only=True),
        Bind(folder / "run" / str(index), f"/tekton/run/{index}"),
        Bind(folder / "scripts", "/tekton/scripts", read_only=True),
        Bind(folder / "tmp" / str(index), TMP),
        Tree("/tekton/creds", plan.credentials, 0o400),
        Tree(posixpath.dirname(NAMES), {posixpath.basename(NAMES): names_file(services)}),
        *_workspaces(plan, step),
        *_volume_mounts(plan, step),
    ]
    base = {"PATH": services.isolation.system.path, "HOME": HOME, "HOSTNAME": hostname}
    base |= {"INTERLOCK_NAMES": NAMES, "INTERLOCK_TOOLS": f"/tekton/run/{index}/tools.jsonl"}
    variables = plan.inputs.environment(step, base)
    binds = [mount for mount in mounts if isinstance(mount, Bind)]
    return View(
        command=_command(plan, index, step, variables),
        environment=variables,
        binds=binds,
        trees=[mount for mount in mounts if isinstance(mount, Tree)],
        working_dir=_working_dir(step, binds),
        hostname=hostname[:63].rstrip("-."),
        network={name: services.forwarder.route(name) for name in plan.network},
    )


def _script(index: int) -> str:
    return f"script-{index}"


def _command(plan: Plan, index: int, step: Step, variables: Mapping[str, str]) -> list[str]:
    args = [environment.expand(part, variables) for part in step.args or []]
    if step.script:
        return [SCRIPTS + _script(index), *args]
    if step.command:
        return [environment.expand(part, variables) for part in step.command] + args
    # The entrypoint of the toolbox image; `task_plan` refused every other image without a command.
    return ["interlock-toolbox", *args]


def _workspaces(plan: Plan, step: Step) -> list[Bind | Tree]:
    """Workspaces at their paths; one that some step lists is seen only by the steps that list it."""
    isolated = {usage.name for _, _, other in plan.steps for usage in other.workspaces or []}
    listed = {usage.name: usage for usage in step.workspaces or []}
    found: list[Bind | Tree] = []
    for declaration in plan.declarations:
        volume = plan.workspaces.get(declaration.name)
        if volume is None or (declaration.name in isolated and declaration.name not in listed):
            continue
        usage = listed.get(declaration.name)
        target = usage.mount_path if usage is not None and usage.mount_path else declaration.path
        found.append(volume.mount(_clean(target), read_only=declaration.read_only))
    return found


def _volume_mounts(plan: Plan, step: Step) -> list[Bind | Tree]:
    found: list[Bind | Tree] = []
    for mount in step.volume_mounts or []:
        name = mount.name
        volume = plan.volumes.get(name) or plan.workspaces.get(name.removeprefix("ws-"))
        if volume is None:
            raise InternalError("volume-unknown", f"no volume {name!r} in the plan")
        found.append(volume.mount(_clean(mount.mount_path), read_only=mount.read_only, sub_path=mount.sub_path))
    return found


def _clean(path: str) -> str:
    return posixpath.normpath(path)


def _working_dir(step: Step, binds: list[Bind]) -> str:
    """``workingDir``, relative to /workspace; made when it is below /workspace (pkg/pod/workingdir_init.go)."""
    if not step.working_dir:
        return "/"
    path = posixpath.normpath(posixpath.join("/workspace", step.working_dir))
    if path.startswith("/workspace/"):
        around = [bind for bind in binds if path == bind.target or path.startswith(bind.target + "/")]
        outer = max(around, key=lambda bind: len(bind.target))
        inside = path.removeprefix(outer.target).strip("/")
        if inside and not outer.read_only:
            beneath.place(outer.source, f"{outer.sub_path}/{inside}".lstrip("/"), directory=True)
    return path
