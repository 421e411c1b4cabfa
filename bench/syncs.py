"""A commit on env-dev, pushed by a person: when Argo CD begins to sync it, and when it is synced."""

from __future__ import annotations

import queue
import re
import threading
import time
from typing import Any

from estate import Estate
from figures import Table, median, ms, quantile, ratio

import story
from interlock.errors import InterlockError

_TIMES = 15
_PATIENCE_SECONDS = 30.0
_APPLICATION = "payments-dev"


def measure(estate: Estate) -> list[Table]:
    story.ensure(estate)
    clone = estate.work / "env-dev"
    url = estate.context.resolve("https://git/acme/env-dev") + ".git"
    estate.command("git", "clone", "--quiet", url, str(clone), variables=estate.person("dana"))
    values = clone / "apps" / "payments" / "values.dev.yaml"
    seen = Watch(estate)
    pushes, started, synced = [], [], []
    for index in range(_TIMES):
        text = values.read_text()
        values.write_text(re.sub(r"(?m)^replicas:.*$", f"replicas: {2 - index % 2}", text))

        def git(*arguments: str) -> str:
            return estate.command("git", *arguments, folder=clone, variables=estate.person("dana"))

        git("commit", "--quiet", "--all", "--message", f"Replicas, number {index}")
        commit = git("rev-parse", "HEAD").strip()
        begin = time.perf_counter()
        git("push", "--quiet")
        pushed = time.perf_counter()
        at = seen.until(commit)
        pushes.append(pushed - begin)
        started.append(at["started"] - pushed)
        synced.append(at["synced"] - pushed)
    seen.stop()
    bare = median(pushes)

    def row(what: str, values: list[float]) -> list[str]:
        return [what, ms(median(values)), ms(quantile(values, 0.95)), ratio(median(values), bare)]

    return [
        Table(
            "Commit on `env-dev` → sync",
            ("what", "p50", "p95", "p50 against the push"),
            [
                row("the `git push` itself", pushes),
                row("push ended → sync started", started),
                row("push ended → synced and healthy", synced),
            ],
            [
                f"{_TIMES} commits by a person, one after the other. Seen by a watch of the Application: the first "
                "event whose operation names the commit, and the first that is Synced and Healthy at it. A time below "
                "zero means that it was seen before `git push` had returned."
            ],
        )
    ]


class Watch:
    """Notes when the Application was first seen in each state, by commit."""

    def __init__(self, estate: Estate) -> None:
        self._hub = estate.connections.cluster("hub")
        self._events: queue.SimpleQueue[tuple[float, dict[str, Any]]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._listed = self._hub.list("argoproj.io/v1alpha1", "Application", namespace="argocd").resource_version
        threading.Thread(target=self._serve, daemon=True, name="watch").start()

    def stop(self) -> None:
        self._stop.set()

    def until(self, commit: str) -> dict[str, float]:
        """When the sync of ``commit`` started, and when it was Synced and Healthy."""
        found: dict[str, float] = {}
        deadline = time.perf_counter() + _PATIENCE_SECONDS
        while "synced" not in found:
            at, status = self._events.get(timeout=max(0.1, deadline - time.perf_counter()))
            state = status.get("operationState") or {}
            if ((state.get("operation") or {}).get("sync") or {}).get("revision") == commit:
                found.setdefault("started", at)
                sync, health = status.get("sync") or {}, status.get("health") or {}
                here = (sync.get("status"), sync.get("revision"), health.get("status"))
                if state.get("phase") == "Succeeded" and here == ("Synced", commit, "Healthy"):
                    found["synced"] = at
        return found

    def _serve(self) -> None:
        version = self._listed
        while not self._stop.is_set():
            try:
                for event in self._hub.watch(
                    "argoproj.io/v1alpha1",
                    "Application",
                    namespace="argocd",
                    resource_version=version,
                    timeout_seconds=120,
                ):
                    version = event.object["metadata"]["resourceVersion"]
                    if event.object["metadata"].get("name") == _APPLICATION:
                        self._events.put((time.perf_counter(), event.object.get("status") or {}))
                    if self._stop.is_set():
                        return
            except InterlockError:
                self._stop.wait(0.2)
