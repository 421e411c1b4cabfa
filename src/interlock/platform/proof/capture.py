"""Facts as they are read at decision time, stored as evidence.

Each function keeps what was read in the platform's words, from which links judge later by the gate's own checks, and
beside it the raw answers of the source; ``now`` is the time of reading.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any

from interlock.errors import InputError
from interlock.formats.signatures import Commit
from interlock.platform.books import Books, timestamp
from interlock.platform.books.vocabulary import (
    MergeFact,
    PipelineRunFact,
    RecordFact,
    RecordRead,
    ReviewsFact,
    ReviewsRead,
    SyncFact,
    TaskRunFact,
)
from interlock.platform.checks import GateFacts
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import Digest, ObjectId


def capture_reviews(books: Books, facts: GateFacts, *, raw: object) -> Digest:
    """The pull request, its reviews and commits as the gate knew them; ``raw`` is what the forge answered (its pull
    request and reviews). Raises InputError ``capture-unread`` when one of them could not be read: then nothing may be
    decided either."""
    change, reviews, source = facts.change, facts.reviews, facts.source
    if isinstance(change, Unread) or isinstance(reviews, Unread) or isinstance(source, Unread):
        unread = next(item for item in (change, reviews, source) if isinstance(item, Unread))
        raise InputError("capture-unread", "a fact that could not be read cannot be captured", got=unread)
    read = ReviewsRead(facts.now, facts.pull, reviews, facts.approvals, change.commits, source, facts.restores)
    where = f"{facts.pull.repository}/pulls/{facts.pull.number}"
    return books.capture(ReviewsFact(read, as_json(raw)), where, now=facts.now)


def capture_record(books: Books, facts: GateFacts, *, raw: object, source: str) -> Digest:
    """The change record as the gate knew it; ``raw`` is {record, approvals}: the ticket system's rows;
    ``source`` its stable address. Raises InputError ``capture-unread``."""
    if isinstance(facts.record.record, Unread):
        got = facts.record.record
        raise InputError("capture-unread", "a fact that could not be read cannot be captured", got=got)
    body = RecordFact(RecordRead(facts.now, facts.record), as_json(raw))
    return books.capture(body, f"{source.rstrip('/')}/{facts.record.number}", now=facts.now)


def capture_merge(
    books: Books,
    *,
    repository: str,
    pull: object,
    commit: Commit,
    expected_tree: str,
    result: Mapping[str, str],
    now: datetime,
) -> Digest:
    """A merge commit as git holds it, the tree that ``git merge-tree`` gave for its parents, the object ids of the
    delivery's paths in it, and the merged pull request as the forge answered."""
    body = MergeFact(as_json(pull), as_json(commit), ObjectId(expected_tree), dict(result))
    return books.capture(body, f"{repository}/commit/{commit.id}", now=now)


def capture_sync(
    books: Books,
    *,
    source: str,
    application: Mapping[str, Any],
    workload: Mapping[str, Any] | None,
    now: datetime,
) -> Digest:
    """An Application (and the Deployment it manages) as the Kubernetes API gave them after a sync."""
    return books.capture(SyncFact(as_json(application), as_json(workload)), source, now=now)


def capture_run(
    books: Books,
    *,
    source: str,
    run: Mapping[str, Any],
    task_runs: Sequence[Mapping[str, Any]],
    now: datetime,
) -> dict[str, Digest]:
    """A finished PipelineRun and its TaskRuns, which clusters delete: ``run``, and ``task/<name>`` for each."""
    digests = {"run": books.capture(PipelineRunFact(as_json(run)), f"{source}/{_name(run)}", now=now)}
    for item in task_runs:
        labels = item.get("metadata", {}).get("labels", {})
        task = labels.get("tekton.dev/pipelineTask") or _name(item)
        digests[f"task/{task}"] = books.capture(TaskRunFact(as_json(item)), f"{source}/{_name(item)}", now=now)
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


def _name(item: Mapping[str, Any]) -> str:
    return f"{item.get('metadata', {}).get('namespace', '')}/{item.get('metadata', {}).get('name', '')}"
