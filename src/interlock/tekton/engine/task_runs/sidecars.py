"""The sidecars of an attempt: started before its steps, ready before the first of them, ended after the last."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType

from interlock.errors import InterlockError
from interlock.formats.tekton import conditions
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.task import Sidecar
from interlock.local.sandbox import probe, process
from interlock.local.sandbox.pod import Pod
from interlock.local.sandbox.process import Process, Stop
from interlock.tekton.engine.logs import LogWriter, path_of
from interlock.tekton.engine.services import Services, Written
from interlock.tekton.engine.task_runs import container_view, step_states
from interlock.tekton.engine.task_runs.step_states import State
from interlock.tekton.engine.task_runs.task_plan import Container, Plan
from interlock.tekton.engine.task_runs.task_source import Refusal
from interlock.tekton.spec.step_results import Produced

_SETTLING = 0.2
"""Seconds that sidecars without probes have before the first step. On a cluster nobody sees that they run before the
kubelet's next look (up to a second), and Tasks depend on it (upstream's examples/v1/taskruns/sidecar-ready-script)."""
_CONFIG_PROBLEM = "Failed to create pod due to config error: "


class Sidecars:
    """A context: on leaving it no sidecar runs any more.
    ``pod`` is the network that they share with the steps; None where a step needs none.
    """

    def __init__(
        self, services: Services, plan: Plan, folder: Path, written: Written, stop: Stop, lock: int, retries: int
    ) -> None:
        self._services, self._plan, self._folder = services, plan, folder
        self._written, self._stop, self._lock, self._retries = written, stop, lock, retries
        self._running: dict[str, Process] = {}
        self._resources = contextlib.ExitStack()
        self.pod: Pod | None = None
        self._states: list[State] = [step_states.waiting(plan, container) for container in plan.sidecars]

    @property
    def states(self) -> list[State]:
        """``status.sidecars``: those of sidecars with a name; upstream knows the others by no prefix."""
        return [state for state in self._states if state["container"].startswith("sidecar-")]

    def __enter__(self) -> Sidecars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._resources.close()

    def start(self, deadline: datetime | None) -> Condition | None:
        """Start them all and wait until each is ready or has ended (pkg/pod/status.go SidecarsReady).

        The condition is what ends the wait before that: cancellation, the run's time limit (reason TaskRunTimeout
        without a message, which is the attempt's to word), the engine's own end (Unknown). Raises Refusal.
        """
        if not self._plan.sidecars and not self._plan.network:
            return None
        try:
            self.pod = self._resources.enter_context(
                Pod.open(
                    self._services.isolation,
                    hostname=self._plan.hostname,
                    network=self._plan.network,
                    forwarder=self._services.forwarder,
                )
            )
            for container in self._plan.sidecars:
                self._launch(container)
        except (InterlockError, OSError) as error:
            said = error.message if isinstance(error, InterlockError) else str(error)
            raise Refusal(conditions.CONFIG_ERROR, _CONFIG_PROBLEM + said) from error
        if self._services.config.flags.await_sidecar_readiness:
            return self._await(deadline)
        return None

    def _launch(self, container: Container) -> None:
        view = container_view.view(self._services, self._plan, self._folder, container, Produced(), network_of=self.pod)
        path = path_of(
            self._services.storage, self._written.namespace, self._written.name, container.name, self._retries
        )
        log = self._resources.enter_context(LogWriter(path))
        log.open()
        self._running[container.name] = process.start(
            self._services.isolation,
            view,
            log,
            self._plan.masker.fresh(),
            pump=self._services.pump,
            lock=self._lock,
        )
        self._states[container.index] = step_states.running(self._plan, container, self._services.now())

    def _await(self, deadline: datetime | None) -> Condition | None:
        settled = time.monotonic() + _SETTLING
        for container in self._plan.sidecars:
            spec = container.spec
            assert isinstance(spec, Sidecar)  # noqa: S101 - sidecars of a plan are sidecars
            left = None if deadline is None else max(0.0, (deadline - self._services.now()).total_seconds())
            ready = probe.wait(
                self._running[container.name],
                startup=spec.startup_probe,
                readiness=spec.readiness_probe,
                ports=spec.ports or [],
                stop=self._stop,
                seconds=left,
                settling=max(0.0, settled - time.monotonic()),
            )
            if ready == "stopped":
                cancelled = self._stop.reason == "cancelled"
                return conditions.failed(conditions.TASK_CANCELLED, "") if cancelled else conditions.TASK_RUNNING
            if ready == "timeout":
                return conditions.failed(conditions.TASK_TIMEOUT, "")
            self._note_end(container)
        return None

    def _note_end(self, container: Container) -> None:
        """The state of a sidecar that has ended by itself."""
        outcome = self._running[container.name].outcome
        before = self._states[container.index]
        if outcome is None or "terminated" in before:
            return
        reason = outcome.reason if outcome.exit_code or outcome.reason == "OOMKilled" else step_states.COMPLETED
        state = step_states.ended(self._plan, container, before, outcome.exit_code, reason, "", self._services.now())
        state.pop("terminationReason")
        self._states[container.index] = state

    def _end(self) -> None:
        """End those that still run; the others keep the state of their own end."""
        for container in self._plan.sidecars:
            running = self._running.pop(container.name, None)
            if running is None:
                continue
            self._running[container.name] = running
            self._note_end(container)
            if "terminated" not in self._states[container.index]:
                running.kill()
                running.wait()
                before = self._states[container.index]
                now = self._services.now()
                self._states[container.index] = step_states.stopped_sidecar(self._plan, container, before, now)
            self._running.pop(container.name)

    def blamed(self, condition: Condition) -> Condition:
        """A failed run whose sidecar failed too: the sidecar is named as the likely cause (getFailureInfo)."""
        for container in self._plan.sidecars:
            self._note_end(container)
        if condition.status != "False" or condition.reason not in (conditions.STEP_FAILED, conditions.STEP_OOM):
            return condition
        ended = [
            (container, state["terminated"])
            for container, state in zip(self._plan.sidecars, self._states, strict=True)
            if "terminated" in state
        ]
        failed = [item for item in ended if item[1]["exitCode"] or item[1]["reason"] == "OOMKilled"]
        out_of_memory = [item for item in failed if item[1]["reason"] == "OOMKilled"]
        for reason, found in ((conditions.SIDECAR_OOM, out_of_memory), (conditions.SIDECAR_FAILED, failed)):
            # Order of getFailureInfo: a sidecar out of memory, a step out of memory, a sidecar, a step.
            if found and (reason == conditions.SIDECAR_OOM or condition.reason != conditions.STEP_OOM):
                container, end = found[0]
                text = conditions.step_failure(container.name, end["exitCode"], reason=end["reason"])
                return conditions.failed(reason, text)
        return condition
