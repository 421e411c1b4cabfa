"""An engine on an in-memory cluster: the client's interface over dicts, watches included."""

from __future__ import annotations

import copy
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.kubernetes import Object, ObjectList, WatchEvent
from interlock.errors import ConflictError, NotFoundError, UnreachableError
from interlock.formats import yaml
from interlock.local.tekton.config import Config
from interlock.local.tekton.engine import Engine

SHELL = "test/shell"
PATIENCE = 20.0
"""Seconds after which a test that waits for an event gives up; nothing is paced by it."""


class Cluster:
    """The objects of one cluster; `client` makes any number of clients of it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.history: list[WatchEvent] = []
        self.unreachable = False
        self.writes: list[tuple[str, str, str]] = []
        self._versions = itertools.count(1)

    def client(self) -> FakeClient:
        return FakeClient(self)

    def put(self, kind: str, event: str, value: Object) -> Object:
        metadata = value["metadata"]
        metadata["resourceVersion"] = str(next(self._versions))
        key = (kind, metadata.get("namespace", ""), metadata["name"])
        if event == "DELETED":
            self.objects.pop(key)
        else:
            self.objects[key] = value
        self.history.append(WatchEvent(event, copy.deepcopy(value)))  # type: ignore[arg-type]
        self.changed.notify_all()
        return copy.deepcopy(value)

    def wait(self, condition: Callable[[], Any]) -> Any:
        """What ``condition`` returns, as soon as that is true; it is tried at every change."""
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while not (found := condition()):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError("nothing happened in time")
                self.changed.wait(min(left, 1.0))
            return found


class FakeClient:
    """`KubernetesClient` as far as the engine uses it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()
        with self.cluster.changed:
            self.cluster.changed.notify_all()

    def _reach(self) -> None:
        if self.cluster.unreachable or self.closed.is_set():
            raise UnreachableError("kubernetes-unreachable", "no answer")

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        with self.cluster.changed:
            self._reach()
            try:
                return copy.deepcopy(self.cluster.objects[kind, namespace or "", name])
            except KeyError:
                raise NotFoundError("kubernetes-not-found", f"no {kind} {name}") from None

    def list(
        self, api_version: str, kind: str, *, namespace: str | None = None, label_selector: object = None
    ) -> ObjectList:
        with self.cluster.changed:
            self._reach()
            found = [copy.deepcopy(value) for key, value in self.cluster.objects.items() if key[0] == kind]
            return ObjectList(found, str(len(self.cluster.history)))

    def watch(self, api_version: str, kind: str, **options: Any) -> FakeWatch:
        return FakeWatch(self, kind, int(options["resource_version"]))

    def create(self, obj: Object) -> Object:
        with self.cluster.changed:
            self._reach()
            value = copy.deepcopy(obj)
            metadata = value["metadata"]
            if (obj["kind"], metadata.get("namespace", ""), metadata["name"]) in self.cluster.objects:
                raise ConflictError("kubernetes-already-exists", f"{obj['kind']} exists")
            number = len(self.cluster.history)
            metadata["uid"] = f"uid-{number}-{metadata['name']}"
            metadata["creationTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return self.cluster.put(obj["kind"], "ADDED", value)

    def patch(
        self,
        api_version: str,
        kind: str,
        name: str,
        patch: Any,
        *,
        namespace: str | None = None,
        patch_type: str = "merge",
        subresource: str | None = None,
    ) -> Object:
        assert patch_type == "merge"
        with self.cluster.changed:
            value = self.get(api_version, kind, name, namespace)
            allowed = {"status"} if subresource == "status" else {"spec", "metadata"}
            assert set(patch) <= allowed
            self.cluster.writes.append((kind, name, subresource or ""))
            return self.cluster.put(kind, "MODIFIED", merged(value, patch))

    def delete(self, api_version: str, kind: str, name: str, *, namespace: str | None = None) -> Object:
        with self.cluster.changed:
            return self.cluster.put(kind, "DELETED", self.get(api_version, kind, name, namespace))


class FakeWatch:
    def __init__(self, client: FakeClient, kind: str, position: int) -> None:
        self.client, self.kind, self.position = client, kind, position

    def __enter__(self) -> Iterator[WatchEvent]:
        return self._events()

    def __exit__(self, *_: object) -> None:
        return None

    def _events(self) -> Iterator[WatchEvent]:
        cluster = self.client.cluster
        while not self.client.closed.is_set():
            with cluster.changed:
                while len(cluster.history) == self.position and not self.client.closed.is_set():
                    cluster.changed.wait(5.0)
                events = cluster.history[self.position :]
                self.position = len(cluster.history)
            yield from (event for event in copy.deepcopy(events) if event.object["kind"] == self.kind)


def merged(value: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, item in patch.items():
        if item is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), item)
    return result


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

    def run_task(self, spec: str, *, name: str = "run", metadata: str = "{}") -> Object:
        """A TaskRun with this embedded taskSpec (YAML, flow or block), finished."""
        value = {
            "apiVersion": "tekton.dev/v1",
            "kind": "TaskRun",
            "metadata": {"name": name, "namespace": self.namespace, **yaml.load(metadata, file="test").value},
            "spec": {"taskSpec": yaml.load(spec, file="test").value},
        }
        self.client.create(value)
        return self.finished("TaskRun", name)

    def script(self, text: str, **options: Any) -> Object:
        """A finished TaskRun of one shell step ``s``."""
        spec = {"steps": [{"name": "s", "image": SHELL, "script": text}], **options.pop("spec", {})}
        value = {
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
        """The step's log, without the engine's first line."""
        text = (self.data / "logs" / self.namespace / task_run / f"{step}.log").read_text()
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
