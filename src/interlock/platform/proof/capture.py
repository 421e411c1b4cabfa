"""Facts as they are read at decision time, stored as evidence.

Each function takes what a client returned, keeps its raw JSON, and returns the digest to cite. ``reader`` is the
account that read it, ``now`` the time of reading. Values given as dataclasses are stored field by field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any

from interlock.platform.domain.ids import Digest
from interlock.platform.proof.evidence import EvidenceStore, Fact, timestamp

REVIEWS = "reviews"
RECORD = "change-record"
MERGE = "merge"
SYNC = "sync"
PIPELINE_RUN = "pipeline-run"
TASK_RUN = "task-run"


def capture(store: EvidenceStore, kind: str, source: str, body: object, *, reader: str, now: datetime) -> Digest:
    """Store any fact. Raises RefusedError ``evidence-secret``."""
    return store.put(Fact(kind, source, reader, now, as_json(body)))


def capture_reviews(
    store: EvidenceStore,
    *,
    repository: str,
    pull: object,
    reviews: Iterable[object],
    results: Mapping[int, Mapping[str, str]],
    reader: str,
    now: datetime,
) -> Digest:
    """A pull request with all its reviews as the forge gave them.

    ``results`` maps the id of each review to the result (path -> object id) that the platform bound it to when it
    first saw it: what the approval holds for.
    """
    bound = {str(review): dict(result) for review, result in results.items()}
    body = {"pull": pull, "reviews": list(reviews), "results": bound}
    return capture(store, REVIEWS, f"{repository}/pulls/{_number(pull)}", body, reader=reader, now=now)


def capture_record(
    store: EvidenceStore,
    *,
    number: str,
    source: str,
    record: object,
    approvals: Iterable[object],
    reader: str,
    now: datetime,
) -> Digest:
    """A change record with its approval rows as the ticket system gave them; ``source`` is the system's address."""
    body = {"record": record, "approvals": list(approvals)}
    return capture(store, RECORD, f"{source.rstrip('/')}/{number}", body, reader=reader, now=now)


def capture_merge(
    store: EvidenceStore,
    *,
    repository: str,
    pull: object,
    commit: object,
    expected_tree: str,
    result: Mapping[str, str],
    reader: str,
    now: datetime,
) -> Digest:
    """A merge commit as git holds it, with the tree that ``git merge-tree`` gave for its parents."""
    body = {"pull": pull, "commit": commit, "expectedTree": expected_tree, "result": dict(result)}
    name = getattr(commit, "id", "")
    return capture(store, MERGE, f"{repository}/commit/{name}", body, reader=reader, now=now)


def capture_sync(
    store: EvidenceStore,
    *,
    source: str,
    application: Mapping[str, Any],
    workload: Mapping[str, Any] | None,
    reader: str,
    now: datetime,
) -> Digest:
    """An Application (and the Deployment it manages) as the Kubernetes API gave them after a sync."""
    body = {"application": application, "workload": workload}
    return capture(store, SYNC, source, body, reader=reader, now=now)


def capture_run(
    store: EvidenceStore,
    *,
    source: str,
    run: Mapping[str, Any],
    task_runs: Sequence[Mapping[str, Any]],
    reader: str,
    now: datetime,
) -> dict[str, Digest]:
    """A finished PipelineRun and its TaskRuns, which clusters delete: ``run``, and ``task/<name>`` for each."""
    digests = {"run": capture(store, PIPELINE_RUN, f"{source}/{_name(run)}", run, reader=reader, now=now)}
    for item in task_runs:
        labels = item.get("metadata", {}).get("labels", {})
        task = labels.get("tekton.dev/pipelineTask") or _name(item)
        digests[f"task/{task}"] = capture(store, TASK_RUN, f"{source}/{_name(item)}", item, reader=reader, now=now)
    return digests


def as_json(value: object) -> Any:
    """``value`` with dataclasses as objects, bytes as UTF-8 text, times as RFC 3339, enums as their value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_json(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return as_json(value.value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace").decode()
    return value


def _number(pull: object) -> object:
    return pull.get("number") if isinstance(pull, Mapping) else getattr(pull, "number", "")


def _name(item: Mapping[str, Any]) -> str:
    return f"{item.get('metadata', {}).get('namespace', '')}/{item.get('metadata', {}).get('name', '')}"
