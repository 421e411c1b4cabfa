"""A PipelineRun of an earlier session once more, from where it failed: what succeeded is not executed again.

The TaskRuns of tasks that succeeded stand in the new session as they ended, with their results, marked with the run
that they come from. Claims start as they were before the first step of the task that failed (its snapshot), or as the
earlier session left them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.clients.kubernetes import Object
from interlock.errors import InputError, NotFoundError
from interlock.formats.tekton import conditions, names
from interlock.tekton.engine import storage
from interlock.tekton.engine.memory import MemoryClient
from interlock.tekton.engine.standalone import OBJECTS
from interlock.tekton.engine.storage import Storage
from interlock.tekton.spec.invocation import NAMESPACE, Invocation

_RUNS = ("PipelineRun", "TaskRun", "CustomRun", "Pod", "ApprovalTask")
_KEPT = ("tekton.dev/", "interlock.dev/")


@dataclass(frozen=True)
class Earlier:
    """A session that has ended, by the folder of its state."""

    folder: Path
    objects: Sequence[Object]

    @classmethod
    def load(cls, folder: Path) -> Earlier:
        """Raises NotFoundError ``run-missing``."""
        path = folder / OBJECTS
        if not path.is_file():
            raise NotFoundError("run-missing", "no run has left its state here", where=str(folder))
        return cls(folder, json.loads(path.read_text()))

    @property
    def run(self) -> Object:
        """The run that the session was about. Raises NotFoundError ``run-missing``."""
        for kind in ("PipelineRun", "TaskRun"):
            found = [v for v in self.objects if v["kind"] == kind and not v["metadata"].get("ownerReferences")]
            if found:
                return found[-1]
        raise NotFoundError("run-missing", "the session had no run", where=str(self.folder))

    def invocation(self) -> Invocation:
        """The same run, new: objects as they were, the run's spec without what ended it. Secrets are not kept."""
        others = [_fresh(value) for value in self.objects if value["kind"] not in _RUNS]
        run = _fresh(self.run)
        run["metadata"]["name"] = _next_name(self.run["metadata"]["name"])
        run["spec"].pop("status", None)
        return Invocation(others, [run])

    def succeeded(self) -> list[Object]:
        """TaskRuns whose outcome can be repeated: every run of a task that succeeded as a whole."""
        by_task: dict[str, list[Object]] = {}
        for value in self.objects:
            labels = value["metadata"].get("labels") or {}
            if value["kind"] == "TaskRun" and labels.get(names.LABEL_MEMBER_OF) != "finally":
                by_task.setdefault(labels.get(names.LABEL_PIPELINE_TASK, ""), []).append(value)
        return [value for runs in by_task.values() if all(map(_good, runs)) for value in runs]

    def failed(self) -> list[Object]:
        """TaskRuns that did not succeed, the earliest first."""
        found = [value for value in self.objects if value["kind"] == "TaskRun" and not _good(value)]
        return sorted(found, key=lambda value: str((value.get("status") or {}).get("startTime", "")))


def from_failed(earlier: Earlier, data: Path) -> Callable[[MemoryClient, Sequence[Object]], None]:
    """What makes a new session continue the earlier one; ``data`` is the new session's folder.

    Raises InputError ``nothing-failed`` when there is nothing to continue.
    """
    if not earlier.failed():
        raise InputError("nothing-failed", "no task of the run failed", where=str(earlier.folder))

    def prepare(client: MemoryClient, runs: Sequence[Object]) -> None:
        new, old = runs[0], earlier.run
        _copy_claims(earlier, Storage(data), new, old)
        for value in earlier.succeeded():
            client.create(_repeated(value, new, old))

    return prepare


def _repeated(value: Object, new: Mapping[str, Any], old: Mapping[str, Any]) -> Object:
    metadata = value["metadata"]
    suffix = metadata["name"].removeprefix(old["metadata"]["name"])
    task = (metadata.get("labels") or {}).get(names.LABEL_PIPELINE_TASK, "")
    name = names.child(new["metadata"]["name"], suffix if suffix != metadata["name"] else f"-{task}")
    labels = {
        **(metadata.get("labels") or {}),
        names.LABEL_PIPELINE_RUN: new["metadata"]["name"],
        names.LABEL_PIPELINE_RUN_UID: new["metadata"]["uid"],
    }
    owner = {**(metadata.get("ownerReferences") or [{}])[0], "name": new["metadata"]["name"]}
    annotations = {**(metadata.get("annotations") or {}), names.ANNOTATION_REUSED: metadata["name"]}
    return {
        **value,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [{**owner, "uid": new["metadata"]["uid"]}],
        },
    }


def _copy_claims(earlier: Earlier, target: Storage, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
    """Every claim of the earlier session, under the name that the new run gives to its own."""
    source = Storage(earlier.folder)
    renamed = {
        names.claim(name, binding["name"], old["metadata"]["uid"]): names.claim(
            name, binding["name"], new["metadata"]["uid"]
        )
        for binding in new["spec"].get("workspaces") or []
        if (template := binding.get("volumeClaimTemplate")) is not None
        for name in [(template.get("metadata") or {}).get("name", "")]
    }
    for folder in sorted((earlier.folder / "volumes" / NAMESPACE).glob("[!.]*")):
        name = renamed.get(folder.name, folder.name)
        if folder.is_symlink():
            place = target.root / "volumes" / NAMESPACE / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(folder.readlink())
            continue
        kept = [source.snapshot(NAMESPACE, value["metadata"]["name"], folder.name) for value in earlier.failed()]
        origin = next((path for path in kept if path.is_dir()), folder)
        owner = new["metadata"]["uid"] if folder.name in renamed else ""
        storage.copy(origin, target.claim(NAMESPACE, name, owner_uid=owner))


def _fresh(value: Object) -> Object:
    """An object as it was before the API had it."""
    metadata = value["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace", "labels", "annotations") if metadata.get(key)}
    if value["kind"] in _RUNS and kept.get("labels"):
        kept["labels"] = {key: text for key, text in kept["labels"].items() if not key.startswith(_KEPT)}
    return {key: item for key, item in value.items() if key != "status"} | {"metadata": kept}


def _next_name(name: str) -> str:
    """``x`` -> ``x-again-2`` -> ``x-again-3``."""
    base, found, number = name.rpartition("-again-")
    return f"{base}-again-{int(number) + 1}" if found and number.isdigit() else f"{name}-again-2"


def _good(value: Mapping[str, Any]) -> bool:
    condition = conditions.of(value.get("status"))
    return condition is not None and condition.status == "True"
