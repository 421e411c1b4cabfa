"""One self-contained PipelineRun from each of a folder (pkg/resolve/{resolve,remote}.go).

Of Tasks with one name counts, in this order: that of the run's annotations, of its pipeline's, of the folder. Of
Pipelines: that of the run's annotation if it has the name that the run refers to, else the folder's.
"""

from __future__ import annotations

import copy
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from interlock.errors import InputError, InterlockError, NotFoundError
from interlock.tekton.spec.pac import keys
from interlock.tekton.spec.pac.documents import Documents, Object, decoded

Remote = Callable[[str, str], str]
"""(reference as the annotation writes it, ``task`` or ``pipeline``) -> its text; "" if there is nothing."""


@dataclass(frozen=True)
class Options:
    """``skip``: names of tasks that stay references. ``remote``: whether the annotations are followed at all."""

    generate_name: bool = True
    remote: bool = True
    skip: Sequence[str] = ()


@dataclass
class _Event:
    """What was fetched, by reference, for all runs of a folder."""

    fetch: Remote
    tasks: dict[str, Object] = field(default_factory=dict)
    pipelines: dict[str, Object] = field(default_factory=dict)

    def get(self, reference: str, kind: str) -> Object:
        """A copy: what one run changes must not reach the next."""
        held = self.tasks if kind == "task" else self.pipelines
        if reference not in held:
            try:
                text = self.fetch(reference, kind)
            except InterlockError as error:
                message = f'error getting remote {kind} "{reference}": {error.message}'
                raise type(error)("pac-remote", message, where=error.where, todo=error.todo) from error
            if not text:
                raise NotFoundError("pac-remote", f'remote {kind} "{reference}" not found')
            held[reference] = decoded(text, kind.capitalize(), reference)
        return copy.deepcopy(held[reference])


def resolve(documents: Documents, fetch: Remote, options: Options | None = None) -> list[Object]:
    """The runs of ``documents``, each with pipeline and tasks written out.

    References to resolvers, custom tasks and ClusterTasks stay. Raises InputError ``pac-unresolved``, ``pac-remote``,
    ``pac-annotation``, NotFoundError ``pac-no-run``, in upstream's words.
    """
    if not documents.runs:
        raise NotFoundError("pac-no-run", "could not find any PipelineRun in your .tekton/ directory")
    check_names(documents.runs)
    named = Documents([labelled(run) for run in documents.runs], documents.pipelines, documents.tasks)
    return inlined(named, fetch, options or Options())


def check_names(runs: Sequence[Mapping[str, Any]]) -> None:
    """Raise InputError ``pac-name`` for two runs of one name."""
    seen: set[str] = set()
    for run in runs:
        metadata = run.get("metadata") or {}
        for key in ("name", "generateName"):
            name = metadata.get(key)
            if not name:
                continue
            if name in seen:
                message = f"found multiple pipelinerun in .tekton with the same {key}: {name}, please update"
                raise InputError("pac-name", message)
            seen.add(name)


def labelled(run: Mapping[str, Any]) -> Object:
    """With the name that it has in the folder, as label (made fit) and annotation (MetadataResolve)."""
    metadata = dict(run.get("metadata") or {})
    name = metadata.get("name") or metadata.get("generateName") or ""
    metadata["labels"] = {**(metadata.get("labels") or {}), keys.ORIGINAL_NAME: label_value(name)}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), keys.ORIGINAL_NAME: name}
    return {**copy.deepcopy(dict(run)), "metadata": metadata}


_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_REPLACED = {":": "-", "/": "-", " ": "_", "[": "__", "]": "__"}


def label_value(text: str) -> str:
    """``text`` as a label can hold it (pkg/formatting/k8labels.go CleanValueKubernetes)."""
    if _LABEL.fullmatch(text):
        return text
    kept = "".join(char for char in text if re.match(r"[A-Za-z0-9._:/ \[\]-]", char))
    replaced = "".join(_REPLACED.get(char, char) for char in kept).strip(".-_")
    return replaced[-63:].lstrip(".-_")


def inlined(documents: Documents, fetch: Remote, options: Options) -> list[Object]:
    """`resolve` without names and labels (resolveRemoteResources). A run without annotations is left out, as there."""
    event = _Event(fetch)
    results = []
    for run in documents.runs:
        held = (run.get("metadata") or {}).get("annotations")
        if options.remote and not held:
            continue
        results.append(_run(copy.deepcopy(run), held or {}, documents, event, options))
    return results


def _run(run: Object, held: Mapping[str, str], documents: Documents, event: _Event, options: Options) -> Object:
    spec = run.setdefault("spec", {}) or {}
    run["spec"] = spec
    remote_url, pipeline = "", None
    if options.remote:
        with _prefixed("error getting remote pipeline from pipelinerun annotations: "):
            remote_url = keys.pipeline(held)
            pipeline = event.get(remote_url, "pipeline") if remote_url else None
    local_ref = _local_pipeline(spec)
    pipeline_tasks: list[str] = []
    if local_ref is not None:
        if pipeline is None or pipeline["metadata"].get("name") != local_ref:
            pipeline = _named_pipeline(local_ref, documents.pipelines)
        with _prefixed("error getting remote task from pipeline annotations: "):
            pipeline_tasks = keys.tasks(pipeline["metadata"].get("annotations") or {})
        pipeline_tasks = absolute(remote_url, pipeline_tasks)
    tasks: dict[str, Object] = {}
    if options.remote:
        with _prefixed("error getting remote task from pipelinerun annotations: "):
            for reference in (*keys.tasks(held), *pipeline_tasks):
                task = event.get(reference, "task")
                tasks.setdefault(str(task["metadata"].get("name", "")), task)
    for task in documents.tasks:
        tasks.setdefault(str((task.get("metadata") or {}).get("name", "")), task)
    if local_ref is not None and pipeline is not None:
        spec.pop("pipelineRef")
        spec["pipelineSpec"] = copy.deepcopy(pipeline.get("spec") or {})
    if spec.get("pipelineSpec") is not None:
        for key in ("tasks", "finally"):
            found = spec["pipelineSpec"].get(key) or []
            spec["pipelineSpec"][key] = [_task(item, tasks, options.skip) for item in found]
    metadata = run["metadata"]
    if options.generate_name and not metadata.get("generateName"):
        name = metadata.pop("name", "")
        run["metadata"] = {"generateName": f"{name}-", **metadata}
    return run


def _local_pipeline(spec: Mapping[str, Any]) -> str | None:
    """Name of the pipeline that the run refers to; None with a resolver or without a reference."""
    reference = spec.get("pipelineRef")
    if not isinstance(reference, Mapping) or reference.get("resolver"):
        return None
    return str(reference.get("name") or "")


def _named_pipeline(name: str, pipelines: Sequence[Object]) -> Object:
    for pipeline in pipelines:
        if (pipeline.get("metadata") or {}).get("name") == name:
            return copy.deepcopy(pipeline)
    message = f"cannot find referenced pipeline {name}. for a remote pipeline make sure to add it in the annotation"
    raise InputError("pac-unresolved", message)


def _task(item: Object, tasks: Mapping[str, Object], skip: Sequence[str]) -> Object:
    """A PipelineTask whose Task is written out, unless its reference is not of a Task of the folder."""
    reference = item.get("taskRef")
    if not isinstance(reference, Mapping) or reference.get("resolver"):
        return item
    version, name = str(reference.get("apiVersion") or ""), str(reference.get("name") or "")
    foreign = bool(version) and not version.startswith("tekton.dev/")
    if foreign or reference.get("kind") == "ClusterTask" or name in skip:
        return item
    if name not in tasks:
        message = f"cannot find referenced task {name}. if it's a remote task make sure to add it in the annotations"
        raise InputError("pac-unresolved", message)
    task = tasks[name]
    metadata = {
        key: dict(task["metadata"][key]) for key in ("annotations", "labels") if (task.get("metadata") or {}).get(key)
    }
    embedded = copy.deepcopy(task.get("spec") or {})
    if metadata:
        embedded = {"metadata": metadata, **embedded}
    return {**{key: value for key, value in item.items() if key != "taskRef"}, "taskSpec": embedded}


def absolute(pipeline_url: str, tasks: Sequence[str]) -> list[str]:
    """References of a remote pipeline's annotation, relative ones joined to where it came from (assembleTaskFQDNs).

    ``pipeline_url`` counts when it is http(s) or a path in the repository; a catalog's name is no base.
    """
    lowered = pipeline_url.lower()
    is_http = lowered.startswith(("http://", "https://"))
    if not is_http and not ("/" in lowered and "://" not in lowered):
        return list(tasks)
    base = urlsplit(pipeline_url)
    folder = posixpath.dirname(base.path) or "."
    found = []
    for task in tasks:
        parts = urlsplit(task)
        if parts.scheme and parts.netloc:
            found.append(task)
            continue
        joined = posixpath.normpath(posixpath.join(folder, task.lstrip("/")))
        if is_http:
            joined = "/" + re.sub(r"^(\.\./)+|^/+", "", joined)
        found.append(urlunsplit((base.scheme, base.netloc, joined, base.query, base.fragment)))
    return found


@contextmanager
def _prefixed(prefix: str) -> Iterator[None]:
    """Puts upstream's words before an error's message."""
    try:
        yield
    except InterlockError as error:
        message = prefix + error.message
        raise type(error)(error.code, message, got=error.got, where=error.where, todo=error.todo) from error
