"""An engine on an in-memory cluster: the client's interface over dicts, watches included."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.kubernetes import Object
from interlock.formats import yaml
from interlock.tekton.engine import memory
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.engine import Engine

SHELL = "test/shell"
PATIENCE = 20.0
"""Seconds after which a test that waits for an event gives up; nothing is paced by it."""


class Cluster(memory.Cluster):
    """The cluster of a test: it gives up waiting, and notes the patches."""

    def wait(self, condition: Callable[[], Any], *, timeout: float | None = PATIENCE) -> Any:
        found = super().wait(condition, timeout=timeout)
        assert found, "nothing happened in time"
        return found


class Rig:
    """A cluster, an engine on it, and the words that tests speak."""

    namespace = "ci"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cluster = Cluster()
        self.client = self.cluster.client()
        self.engine: Engine | None = None
        self._thread: threading.Thread | None = None
        self.options: dict[str, Any] = {"host_images": [SHELL], "parallel": 4}

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self, **options: Any) -> Engine:
        self.options |= options
        config = Config(server="http://unused", data=self.data, **self.options)
        self.engine = Engine(config, self.cluster.client())  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self.engine.run)
        self._thread.start()
        assert self.engine.ready.wait(PATIENCE)
        return self.engine

    def stop(self) -> None:
        if self.engine is not None and self._thread is not None:
            self.engine.stop()
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive()
            self.engine = None

    def apply(self, text: str) -> None:
        """Create every object of a YAML text, in the namespace."""
        for document in yaml.load_all(text, file="test"):
            value = document.value
            value["metadata"].setdefault("namespace", self.namespace)
            self.client.create(value)

    def create(self, kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> Object:
        """Create one object of ``tekton.dev/v1`` in the namespace."""
        meta = {"name": name, "namespace": self.namespace, **metadata}
        return self.client.create({"apiVersion": "tekton.dev/v1", "kind": kind, "metadata": meta, "spec": spec})

    def running(self, task_run: str) -> Object:
        """The TaskRun, once a step of it runs."""
        key = ("TaskRun", self.namespace, task_run)
        return self.cluster.wait(  # type: ignore[no-any-return]
            lambda: (
                any("running" in step for step in self.cluster.objects.get(key, {}).get("status", {}).get("steps", []))
                and self.cluster.objects[key]
            )
        )

    def get(self, kind: str, name: str) -> Object:
        return self.client.get("tekton.dev/v1", kind, name, self.namespace)

    def finished(self, kind: str, name: str) -> Object:
        """The run, once it is done."""
        return self.cluster.wait(lambda: self._when_done(kind, name))  # type: ignore[no-any-return]

    def _when_done(self, kind: str, name: str) -> Object | None:
        value = self.cluster.objects.get((kind, self.namespace, name))
        conditions = (value or {}).get("status", {}).get("conditions", [])
        done = any(item["type"] == "Succeeded" and item["status"] != "Unknown" for item in conditions)
        return copy.deepcopy(value) if done else None

    def run_task(self, spec: str, *, name: str = "run", metadata: str = "{}", **fields: Any) -> Object:
        """A TaskRun with this embedded taskSpec (YAML, flow or block) and these other fields, finished."""
        value = {
            "apiVersion": "tekton.dev/v1",
            "kind": "TaskRun",
            "metadata": {"name": name, "namespace": self.namespace, **yaml.load(metadata, file="test").value},
            "spec": {"taskSpec": yaml.load(spec, file="test").value, **fields},
        }
        self.client.create(value)
        return self.finished("TaskRun", name)

    def script(self, text: str, **options: Any) -> Object:
        """A finished TaskRun of one shell step ``s``."""
        spec = {"steps": [{"name": "s", "image": SHELL, "script": text}], **options.pop("spec", {})}
        value: Object = {
            "apiVersion": "tekton.dev/v1",
            "kind": "TaskRun",
            "metadata": {
                "name": options.pop("name", "run"),
                "namespace": self.namespace,
                **options.pop("metadata", {}),
            },
            "spec": {"taskSpec": spec, **options},
        }
        self.client.create(value)
        return self.finished("TaskRun", value["metadata"]["name"])

    def log(self, task_run: str = "run", step: str = "s") -> str:
        """The step's log over all attempts, without the engine's first lines."""
        folder = self.data / "logs" / self.namespace / task_run
        paths = [folder / f"{step}.log", *sorted(folder.glob(f"retry*/{step}.log"))]
        text = "".join(path.read_text() for path in paths)
        return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("[interlock.local]"))


def condition(value: Object) -> tuple[str, str, str]:
    """(status, reason, message) of a run."""
    found = next(item for item in value["status"]["conditions"] if item["type"] == "Succeeded")
    return found["status"], found["reason"], found["message"]


@pytest.fixture(name="condition")
def condition_fixture() -> Callable[[Object], tuple[str, str, str]]:
    return condition


@pytest.fixture
def idle_rig(tmp_path: Path) -> Iterator[Rig]:
    """A cluster whose engine the test starts."""
    rig = Rig(tmp_path)
    yield rig
    rig.stop()


@pytest.fixture
def rig(idle_rig: Rig) -> Rig:
    idle_rig.start()
    return idle_rig
