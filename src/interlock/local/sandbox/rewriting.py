"""A view as a plain process: paths inside are rewritten to where they are, nothing else is kept apart.

`inside.keeper` keeps it: what the step starts ends with it, and with the engine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from interlock.local.sandbox import beneath, inside
from interlock.local.sandbox.launch import Launch, memory
from interlock.local.sandbox.levels import Isolation
from interlock.local.sandbox.view import SCRIPTS, TMP, Bind, Tree, View


def launch(isolation: Isolation, view: View, lock: int | None, /) -> Launch:
    places = _places(view)
    outside = _rewriter(places)
    environment = {name: outside(value) for name, value in view.environment.items()}
    system = isolation.system
    environment["PATH"] = f"{system.toolbox.parent}:{view.environment.get('PATH', system.path)}"
    command = [outside(part) for part in view.command]
    if view.command[0].startswith(SCRIPTS):
        script = Path(command[0])
        rewritten = Path(places[TMP], script.name)
        rewritten.write_text(outside(script.read_text()))
        rewritten.chmod(0o755)
        command[0] = str(rewritten)
    words = [word for name, value in environment.items() for word in ("--setenv", name, value)]
    words += ["--chdir", outside(view.working_dir)]
    words += ["--hold", str(lock)] if lock is not None else []
    status, told = os.pipe()
    blocked, gate = os.pipe()
    listed = memory("\0".join(words).encode("utf-8", "surrogateescape") + b"\0")
    argv = inside.program("keeper", str(listed), str(told), str(blocked), "--", *command)
    return Launch(
        argv,
        {},
        (listed, told, blocked),
        "/",
        status,
        gate,
        own_processes=False,
        variables=environment,
        folder=outside(view.working_dir),
        rewritten=outside,
    )


def _places(view: View) -> dict[str, str]:
    """Path inside -> where it is. Raises RefusedError ``path-climbs``."""
    places: dict[str, str] = {}
    for mount in view.mounts:
        if isinstance(mount, Bind):
            if mount.sub_path:
                os.close(beneath.folder(mount.source, mount.sub_path))
            places[mount.target] = str(mount.source / mount.sub_path)
        else:
            places[mount.target] = str(_written(mount, view))
    return places


def _written(tree: Tree, view: View) -> Path:
    base = next(bind.source for bind in view.binds if bind.target == TMP)
    folder = base / f".tree{tree.target.replace('/', '-')}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in tree.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(content)
        (folder / name).chmod(tree.mode_of(name))
    return folder


def _rewriter(places: Mapping[str, str]) -> Callable[[str], str]:
    """Replaces whole paths, the longest first. Without places (a probe) nothing changes."""
    if not places:
        return lambda text: text
    targets = "|".join(re.escape(target) for target in sorted(places, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w./-])({targets})(?![\w.-])")
    return lambda text: pattern.sub(lambda match: places[match[1]], text)
