"""Breakpoints of a TaskRun (docs/debug.md): before a step and after its failure, the step's view waits for a person.

While it waits, a process holds the step's namespaces: `interlock pipeline debug` opens a shell in them. As upstream
does it, the person ends the wait with one of the scripts below ``/tekton/debug/scripts``; a pipe wakes the engine.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from interlock.clients import files
from interlock.errors import InputError
from interlock.formats.tekton import names
from interlock.formats.tekton.model import parse
from interlock.local.sandbox import beneath, process
from interlock.local.sandbox.process import Stop
from interlock.local.sandbox.view import Bind, Tree, View
from interlock.tekton.engine.logs import LogWriter, path_of
from interlock.tekton.engine.services import Services
from interlock.tekton.engine.task_runs.task_plan import Container, Plan
from interlock.tekton.spec import runs
from interlock.tekton.spec.runs import TaskRun

NOTE = "breakpoint.json"
_INFO = "/tekton/debug/info"
_BEFORE = """debug before step breakpoint has taken effect, waiting for user's decision:
1) continue, use cmd: /tekton/debug/scripts/debug-beforestep-continue
2) fail-continue, use cmd: /tekton/debug/scripts/debug-beforestep-fail-continue
"""
_AFTER = """debug onFailure breakpoint has taken effect, waiting for user's decision:
1) continue, use cmd: /tekton/debug/scripts/debug-continue
2) fail-continue, use cmd: /tekton/debug/scripts/debug-fail-continue
"""
_SCRIPTS = {
    "debug-continue": "0",
    "debug-fail-continue": "1",
    "debug-beforestep-continue": "0",
    "debug-beforestep-fail-continue": "1",
}


@dataclass(frozen=True)
class Breakpoints:
    """The breakpoints of one step. ``before`` and ``on_failure`` say which are set."""

    services: Services
    run: TaskRun
    plan: Plan
    folder: Path
    container: Container
    view: View
    stop: Stop
    lock: int
    retries: int
    before: bool
    on_failure: bool

    def wait_before(self) -> bool:
        """Whether the step is to run. Also False when the run is stopped meanwhile."""
        return self._wait(_BEFORE, "before") == 0

    def wait_after(self) -> int:
        """The exit code that the step gets: 0 to go on as if it had succeeded."""
        return self._wait(_AFTER, "on-failure")

    def _wait(self, text: str, kind: str) -> int:
        index = self.container.index
        info = self.folder / "debug" / str(index)
        info.mkdir(parents=True, exist_ok=True)
        wake = info / "wake"
        if not wake.exists():
            os.mkfifo(wake, 0o666)
        view = replace(
            self.view,
            # To the end: whoever decides holds the pipe until it has ended, else it would be killed with the sandbox.
            command=["/bin/sh", "-c", f"while read -r answer; do :; done <{_INFO}/wake"],
            binds=[*self.view.binds, Bind(info, _INFO)],
            trees=[*self.view.trees, Tree("/tekton/debug/scripts", _scripts(index), 0o555)],
        )
        path = path_of(
            self.services.storage,
            self.run.metadata.namespace,
            self.run.metadata.name,
            self.container.name,
            self.retries,
        )
        note = self.folder / NOTE
        with LogWriter(path) as log:
            log.write(text.encode())
            held = process.start(
                self.services.isolation,
                view,
                log,
                self.plan.masker.fresh(),
                pump=None,
                lock=self.lock,
            )
            enter = held.enter(["/bin/sh"])
            facts = {"step": self.container.name, "kind": kind, "enter": enter, "pid": held.pid}
            files.write_durably(note, json.dumps(facts), mode=0o600)
            if self.services.on_breakpoint is not None:
                self.services.on_breakpoint(self.run, self.container.name, kind, enter)
            try:
                ended = process.serve(held, stop=self.stop)
            finally:
                note.unlink(missing_ok=True)
        if ended.ending == "stopped":
            return 1
        answer = beneath.read(info, "answer", 16) or b"0"
        return int(answer.strip() or b"0") if answer.strip().isdigit() else 1


def _scripts(index: int) -> dict[str, bytes]:
    """The four scripts (pkg/pod/script.go); each leaves its answer and wakes the engine, which goes on when it ends."""
    template = "#!/bin/sh\nset -e\necho {code} >{info}/answer\nexec >{info}/wake\necho {code}\n"
    return {name: template.format(code=code, info=_INFO).encode() for name, code in _SCRIPTS.items()}


def of(
    services: Services,
    run: TaskRun,
    plan: Plan,
    folder: Path,
    container: Container,
    view: View,
    stop: Stop,
    lock: int,
    retries: int,
) -> Breakpoints:
    """What the run's ``spec.debug`` sets for a step; names are as written in the Task, without ``step-``."""
    debug = _wanted(run) if services.config.flags.alpha else None
    name = container.name.removeprefix("step-")
    before = debug is not None and name in (debug.before_steps or [])
    on_failure = debug is not None and debug.on_failure == "enabled"
    return Breakpoints(services, run, plan, folder, container, view, stop, lock, retries, before, on_failure)


def _wanted(run: TaskRun) -> runs.Breakpoints | None:
    """The TaskRun's own breakpoints, else those of its PipelineRun. Raises InputError ``breakpoints-invalid``."""
    if run.spec.debug is not None:
        return run.spec.debug.breakpoints
    text = (run.metadata.annotations or {}).get(names.ANNOTATION_BREAKPOINTS)
    if text is None:
        return None
    try:
        return parse(runs.Debug, json.loads(text)).breakpoints
    except ValueError as error:
        raise InputError("breakpoints-invalid", f"{names.ANNOTATION_BREAKPOINTS} holds no spec.debug") from error
