"""Up, status, down, reset: what `interlock local` does with the supervisor."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from interlock.clients import files
from interlock.errors import ConflictError, NotFoundError, RefusedError, UnreachableError
from interlock.local import supervisor
from interlock.local.home import Home

_POLL_SECONDS = 0.05


def up(
    home: Home, *, timeout: float, clock: Callable[[], float] = time.monotonic
) -> Mapping[str, Mapping[str, object]]:
    """Provision the data folder on first use, start the supervisor, and wait until every engine is ready.

    Returns the engines as `status` does. Raises UnreachableError ``engines-not-ready`` naming those that are not.
    """
    # Imported here: the supervisor, which shares this module, needs none of the key generation behind it.
    from interlock.local import provision

    home = provision.provision(home)
    (home.run / "paused.json").unlink(missing_ok=True)
    if supervisor.read_state(home.run) is None:
        _refuse_taken_ports(home)
        _spawn(home)
    deadline = clock() + timeout
    while clock() < deadline:
        state = supervisor.read_state(home.run)
        if state is not None and state.ready():
            return state.engines
        time.sleep(_POLL_SECONDS)
    waiting = [name for name, engine in status(home).items() if engine["state"] != "ready"] or ["supervisor"]
    raise UnreachableError(
        "engines-not-ready",
        f"not ready after {timeout:.0f} s: {', '.join(waiting)}",
        where=str(home.logs),
        todo=f"read {home.logs / (waiting[0] + '.log')}",
    )


def status(home: Home) -> Mapping[str, Mapping[str, object]]:
    """State, pid and restarts of each engine; empty when nothing runs."""
    state = supervisor.read_state(home.run)
    return state.engines if state else {}


def pause(home: Home, name: str, *, paused: bool, timeout: float = 15.0) -> None:
    """Make one engine stand still, or run again, while the others go on; `up` makes all of them run.

    Raises NotFoundError ``engine-unknown``, UnreachableError ``engine-not-paused``.
    """
    known = status(home)
    if name not in known:
        running = ", ".join(known) or "nothing runs"
        raise NotFoundError("engine-unknown", f"no engine {name!r}", expected=f"one of: {running}")
    names = set(supervisor.read_paused(home.run)) - {name} | ({name} if paused else set())
    files.write_durably(home.run / "paused.json", json.dumps(sorted(names)))
    state = supervisor.read_state(home.run)
    if state is not None:
        os.kill(state.pid, signal.SIGHUP)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        engine = status(home).get(name, {})
        if paused and engine.get("state") == "paused" and engine.get("pid") is None:
            return
        if not paused and engine.get("state") == "ready":
            return
        time.sleep(_POLL_SECONDS)
    raise UnreachableError("engine-not-paused", f"{name} did not get there in {timeout:.0f} s", where=str(home.logs))


def down(home: Home, *, timeout: float = 15.0) -> bool:
    """Stop the supervisor and with it the engines. False when nothing was running."""
    state = supervisor.read_state(home.run)
    if state is None:
        return False
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if supervisor.read_state(home.run) is None:
            return True
        time.sleep(_POLL_SECONDS)
    raise UnreachableError("supervisor-not-stopped", f"the supervisor did not stop in {timeout:.0f} s", got=state.pid)


def reset(home: Home) -> None:
    """Stop, then delete the data folder. Refuses a folder that `local up` did not make."""
    if home.folder.exists() and not home.context.exists():
        raise RefusedError(
            "not-a-home", "not a data folder of ours", where=str(home.folder), todo="name it with --home"
        )
    down(home)
    if home.folder.exists():
        shutil.rmtree(home.folder)


def _spawn(home: Home) -> None:
    home.run.mkdir(parents=True, exist_ok=True)
    home.logs.mkdir(parents=True, exist_ok=True)
    with (home.logs / "supervisor.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "interlock.local", str(home.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )


def _refuse_taken_ports(home: Home) -> None:
    for name, port in home.ports().items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise ConflictError(
                    "port-taken",
                    f"port {port} ({name}) is taken",
                    todo="stop what uses it, or start with another --port-base",
                ) from None


def programs(home: Home) -> list[supervisor.Program]:
    """Every engine, and what must have been ready before it starts."""
    clusters = [f"kubernetes-{name}" for name in ("hub", "dev", "test", "prod")]

    def engine(name: str, module: str, after: tuple[str, ...] = ()) -> supervisor.Program:
        return supervisor.Program(name, module, ("--config", str(home.configs / f"{name}.yaml")), after)

    return [
        *(engine(name, "interlock.local.kubernetes") for name in clusters),
        engine("forge", "interlock.local.forge"),
        engine("registry", "interlock.local.registry"),
        engine("tickets", "interlock.local.tickets"),
        engine("tekton", "interlock.tekton.engine", ("kubernetes-hub",)),
        engine("argocd", "interlock.local.argocd", (*clusters, "forge")),
        supervisor.Program(
            "controller",
            "interlock.platform.controller",
            ("--context", str(home.context)),
            (*clusters, "forge", "registry", "tickets"),
        ),
    ]


def serve(folder: Path) -> None:
    """The supervisor's own process."""
    home = Home(folder)
    supervisor.Supervisor(programs(home), run_folder=home.run, log_folder=home.logs).run()
