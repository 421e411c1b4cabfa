"""From a step or sidecar of a plan to what its process sees: mounts, environment, command."""

from __future__ import annotations

import contextlib
import json
import posixpath
from collections.abc import Mapping
from pathlib import Path

from interlock.errors import InternalError
from interlock.formats.tekton.task import Sidecar, Step
from interlock.local.sandbox import beneath
from interlock.local.sandbox.limits import Limits
from interlock.local.sandbox.pod import Pod
from interlock.local.sandbox.streams import Streams
from interlock.local.sandbox.view import SCRIPTS, TMP, Bind, Tree, View
from interlock.tekton.engine.services import Services
from interlock.tekton.engine.task_runs import volumes
from interlock.tekton.engine.task_runs.task_plan import Container, Plan
from interlock.tekton.spec import environment, step_results
from interlock.tekton.spec.step_results import Produced

HOME = "/tekton/home"
NAMES = "/tekton/interlock/names.json"
_PREAMBLE = "#!/bin/sh\nset -e\n"
_FOLDERS = ("workspace", "home", "results", "steps", "run", "scripts", "artifacts", "tmp", "interlock", "cwd", "creds")


def prepare(plan: Plan, folder: Path) -> None:
    """Make the attempt's folders, scripts and credentials. What is there already, of an attempt resumed, stays.

    As upstream's entrypoint makes it, ``/tekton/steps/<container>`` and ``/tekton/steps/<i>`` lead to
    ``/tekton/run/<i>/status``, which that step alone can write.
    """
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for container in plan.steps:
        run = folder / "run" / str(container.index)
        for made in (run, run / "status", run / "status/results", run / "status/artifacts"):
            made.mkdir(exist_ok=True)
        for name in (container.name, str(container.index)):
            with contextlib.suppress(FileExistsError):
                (folder / "steps" / name).symlink_to(f"/tekton/run/{container.index}/status")
    for container in plan.containers:
        (folder / "tmp" / container.name).mkdir(exist_ok=True)
        if container.spec.script:
            _write_script(folder, container, container.spec.script)
    # Each step has its own copy in /tekton/creds, as upstream's volumes are; the home is common to all.
    for base in (folder / "home", *(folder / "creds" / container.name for container in plan.steps)):
        base.mkdir(mode=0o700, exist_ok=True)
        for name, content in plan.credentials.items():
            _write_private(base / name, content)


def _write_private(path: Path, content: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(content)


def _write_script(folder: Path, container: Container, text: str) -> None:
    path = folder / "scripts" / _script(container)
    path.write_text(text if text.lstrip().startswith("#!") else _PREAMBLE + text, encoding="utf-8")
    path.chmod(0o755)


def view(
    services: Services,
    plan: Plan,
    folder: Path,
    container: Container,
    produced: Produced,
    *,
    network_of: Pod | None = None,
) -> View:
    """The container's view; ``network_of`` is the network that it shares with the others, if there is one.

    Raises RefusedError ``path-climbs`` for a path that leaves its volume.
    """
    spec = container.spec
    base = {"PATH": container.root.path, "HOME": HOME, "HOSTNAME": plan.pod.name}
    base |= {key: text for key, text in container.root.environment.items() if key not in ("PATH", "HOME")}
    if isinstance(spec, Step):
        reported = f"/tekton/run/{container.index}/tools.jsonl"
        base |= {"INTERLOCK_NAMES": NAMES, "INTERLOCK_TOOLS": reported}
    variables = plan.inputs.environment(spec, base, container=container.name, extra=plan.template.env or [])
    variables, _ = step_results.attempt(lambda: step_results.in_environment(variables, produced), variables)
    mounts = {mount.target: mount for mount in (*_implicit(services, plan, folder, container), *_declared(plan, spec))}
    for mount in _volume_mounts(plan, spec, variables):
        # What the user mounts at an implicit place wins.
        mounts[mount.target] = mount
    binds = [mount for mount in mounts.values() if isinstance(mount, Bind)]
    working_dir = _working_dir(container, folder, binds)
    alone = plan.hermetic and isinstance(spec, Step)
    return View(
        command=_command(folder, container, variables, produced),
        environment=variables,
        binds=binds,
        trees=[mount for mount in mounts.values() if isinstance(mount, Tree)],
        working_dir=working_dir,
        hostname=plan.hostname,
        root=container.root,
        limits=Limits(memory_bytes=container.memory),
        network_of=None if alone else network_of,
    )


def streams(step: Step) -> Streams:
    """Where the step's output goes besides its log."""
    out = step.stdout_config.path if step.stdout_config is not None else ""
    error = step.stderr_config.path if step.stderr_config is not None else ""
    return Streams(out, error)


def write_exit_code(folder: Path, container: Container, code: int) -> None:
    """What ``$(steps.<container>.exitCode.path)`` holds for later steps."""
    beneath.write(folder / "run" / str(container.index), "status/exitCode", str(code).encode())


def _implicit(services: Services, plan: Plan, folder: Path, container: Container) -> list[Bind | Tree]:
    """What every step sees (pkg/pod implicitVolumeMounts); a sidecar sees its script alone."""
    private = [
        Bind(folder / "scripts", "/tekton/scripts", read_only=True),
        Bind(folder / "tmp" / container.name, TMP),
    ]
    if isinstance(container.spec, Sidecar):
        return [*private]
    own = f"run/{container.index}"
    names = json.dumps(dict(services.config.names), sort_keys=True).encode()
    return [
        *private,
        Bind(folder / "workspace", "/workspace"),
        Bind(folder / "home", HOME),
        Bind(folder / "results", "/tekton/results"),
        Bind(folder / "artifacts", "/tekton/artifacts"),
        Bind(folder / "steps", "/tekton/steps", read_only=True),
        Bind(folder / "run", "/tekton/run", read_only=True),
        Bind(folder / own, f"/tekton/{own}"),
        Bind(folder / "creds" / container.name, "/tekton/creds"),
        Tree(posixpath.dirname(NAMES), {posixpath.basename(NAMES): names}),
    ]


def _declared(plan: Plan, spec: Step | Sidecar) -> list[Bind | Tree]:
    """Workspaces at their paths; one that some container lists is seen only by those that list it."""
    isolated = volumes.isolated(plan.spec)
    listed = {usage.name: usage for usage in spec.workspaces or []}
    own = {posixpath.normpath(mount.mount_path) for mount in spec.volume_mounts or []}
    found: list[Bind | Tree] = []
    for declaration in plan.declarations:
        volume = plan.workspaces.get(declaration.name)
        if volume is None or (declaration.name in isolated and declaration.name not in listed):
            continue
        usage = listed.get(declaration.name)
        target = posixpath.normpath(usage.mount_path if usage is not None and usage.mount_path else declaration.path)
        if target not in own:
            found.append(volume.mount(target, read_only=declaration.read_only))
    return found


def _volume_mounts(plan: Plan, spec: Step | Sidecar, variables: Mapping[str, str]) -> list[Bind | Tree]:
    found: list[Bind | Tree] = []
    for mount in spec.volume_mounts or []:
        volume = plan.volumes.get(mount.name) or plan.workspaces.get(mount.name.removeprefix("ws-"))
        if volume is None:
            raise InternalError("volume-unknown", f"no volume {mount.name!r} in the plan")
        below = mount.sub_path or environment.expand(mount.sub_path_expr, variables)
        target = posixpath.normpath(mount.mount_path)
        found.append(volume.mount(target, read_only=mount.read_only, sub_path=below))
    return found


def _script(container: Container) -> str:
    kind = "script" if isinstance(container.spec, Step) else "sidecar-script"
    return f"{kind}-{container.index}"


def _command(folder: Path, container: Container, variables: Mapping[str, str], produced: Produced) -> list[str]:
    spec, root = container.spec, container.root
    if spec.script:
        if not spec.args and step_results.used(spec.script):
            text, _ = step_results.attempt(lambda: step_results.in_script(spec.script, produced), spec.script)
            _write_script(folder, container, text)
        command, args = [SCRIPTS + _script(container)], list(spec.args or [])
    elif spec.command:
        command, args = list(spec.command), list(spec.args or [])
    else:
        command, args = root.argv(spec.args or []), []
    parts = [environment.expand(part, variables) for part in [*command, *args]]
    replaced, _ = step_results.attempt(lambda: step_results.in_command(parts, produced), parts)
    return list(replaced)


def _working_dir(container: Container, folder: Path, binds: list[Bind]) -> str:
    """``workingDir``, else the image's; relative to /workspace; made when it is below /workspace.

    Elsewhere it is made too, as a container runtime does, unless it is there already: a private empty folder.
    """
    given = container.spec.working_dir or container.root.working_dir
    if not given:
        return "/"
    path = posixpath.normpath(posixpath.join("/workspace", given))
    around = [bind for bind in binds if path == bind.target or path.startswith(bind.target.rstrip("/") + "/")]
    if around:
        outer = max(around, key=lambda bind: len(bind.target))
        inside = path.removeprefix(outer.target).strip("/")
        if inside and not outer.read_only:
            beneath.place(outer.source, f"{outer.sub_path}/{inside}".lstrip("/"), directory=True)
    elif not Path(path).exists():
        made = folder / "cwd" / container.name
        made.mkdir(exist_ok=True)
        binds.append(Bind(made, path))
    return path
