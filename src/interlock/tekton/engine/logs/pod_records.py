"""What the kubelet remembers of each pod: whose it is and which containers it has, so that it finds their logs.

A file a pod, below ``pods/<namespace>/``; it outlives the engine's process and goes with the TaskRun.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from interlock.errors import InputError
from interlock.tekton.engine.storage import Storage, checked
from interlock.tekton.spec import pod


@dataclass(frozen=True)
class PodRecord:
    task_run: str
    task_run_uid: str
    retries: int
    containers: tuple[str, ...]


def write(storage: Storage, namespace: str, name: str, record: PodRecord) -> None:
    """Whole or not at all."""
    path = _path(storage, namespace, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    scratch.write_text(json.dumps(asdict(record)))
    scratch.replace(path)


def read(storage: Storage, namespace: str, name: str) -> PodRecord | None:
    try:
        value = json.loads(_path(storage, namespace, name).read_text())
    except (FileNotFoundError, InputError):
        return None
    return PodRecord(**{**value, "containers": tuple(value["containers"])})


def forget(storage: Storage, namespace: str, task_run: str, uid: str) -> None:
    """The TaskRun was deleted: so are its pods. Those of a namesake made since stay."""
    for retries in itertools.count():
        name = pod.name(task_run, retries)
        record = read(storage, namespace, name)
        if record is None or record.task_run_uid != uid:
            return
        _path(storage, namespace, name).unlink(missing_ok=True)


def sweep(storage: Storage, alive: Collection[str]) -> None:
    """Remove the records of TaskRuns whose uid is not ``alive``."""
    for path in (storage.root / "pods").glob("*/*.json"):
        if json.loads(path.read_text()).get("task_run_uid") not in alive:
            path.unlink(missing_ok=True)


def _path(storage: Storage, namespace: str, name: str) -> Path:
    return storage.root / "pods" / checked(namespace) / f"{checked(name)}.json"
