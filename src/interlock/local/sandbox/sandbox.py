"""The level of isolation at which this machine can run steps: the strongest that works, or the one asked for."""

from __future__ import annotations

import subprocess
from dataclasses import replace

from interlock.errors import UnsupportedError
from interlock.local.sandbox import orphans, programs, starting
from interlock.local.sandbox.cgroups import Cgroups
from interlock.local.sandbox.levels import Choice, Isolation, Level
from interlock.local.sandbox.system import System
from interlock.local.sandbox.view import View

_PROBE_SECONDS = 20


def probe(system: System, *, allow_weaker: bool, choice: Choice = "auto") -> Isolation:
    """The strongest level that works on this machine, or ``choice``.

    Without ``allow_weaker`` only those with namespaces of a step's own: ``unshare`` keeps steps apart as bubblewrap
    does, and rules for environments tell them apart by name. What an engine that was killed left of its sandboxes is
    ended first. Raises UnsupportedError ``no-sandbox`` when none of them works, with what each said.
    """
    levels: dict[Choice, tuple[Level, ...]] = {
        "auto": ("bubblewrap", "unshare"),
        "bubblewrap": ("bubblewrap",),
        "unshare": ("unshare",),
        "rewriting": (),
    }
    orphans.end(programs.bubblewrap())
    problems = []
    for level in levels[choice]:
        for nested in (False, True):
            isolation = Isolation(level, system, nested)
            problem = _problem(isolation)
            if problem is None:
                return replace(isolation, cgroups=Cgroups.here())
        problems.append(f"{level}: {problem}")
    if allow_weaker and choice in ("auto", "rewriting"):
        return Isolation("none", system, cgroups=Cgroups.here())
    raise UnsupportedError(
        "no-sandbox",
        "neither bubblewrap nor unshare can make a sandbox on this machine"
        if choice == "auto"
        else f"isolation by {choice} is not possible",
        got="; ".join(problems) or "allow_weaker_isolation is not set",
        todo="allow unprivileged user namespaces, or set allow_weaker_isolation: true and accept what runs then say",
    )


def _problem(isolation: Isolation) -> str | None:
    """Why a step cannot be started so; None when it can."""
    try:
        with starting.launch(isolation, View(["/usr/bin/true"], environment={}, binds=[])) as launch:
            done = subprocess.run(
                launch.argv,
                env=launch.environment,
                pass_fds=launch.descriptors,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PROBE_SECONDS,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.decode("utf-8", "replace").strip() or str(done.returncode)
