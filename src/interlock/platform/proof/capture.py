"""Facts as they are read at decision time, stored as evidence.

Each function keeps what was read in the platform's words, from which links judge later by the gate's own checks, and
beside it the raw answers of the source. ``reader`` is the account that read, ``now`` the time of reading.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any

from pydantic import TypeAdapter

from interlock.errors import InputError
from interlock.formats.signatures import Commit
from interlock.platform.checks import GateFacts, RecordFacts
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.change import CommitFacts
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import Digest
from interlock.platform.domain.pull import PullRequest, Review
from interlock.platform.proof.evidence import EvidenceStore, Fact, timestamp

REVIEWS = "reviews"
RECORD = "change-record"
MERGE = "merge"
SYNC = "sync"
PIPELINE_RUN = "pipeline-run"
TASK_RUN = "task-run"


@dataclasses.dataclass(frozen=True, slots=True)
class ReviewsRead:
    """What approvals are judged on: everything that the gate knew of the pull request and its people."""

    now: datetime
    pull: PullRequest
    reviews: tuple[Review, ...]
    approvals: tuple[Approval, ...]
    commits: tuple[CommitFacts, ...]
    source: tuple[CommitFacts, ...]
    restores: bool


@dataclasses.dataclass(frozen=True, slots=True)
class RecordRead:
    """What the change record is judged on."""

    now: datetime
    record: RecordFacts


REVIEWS_READ = TypeAdapter(ReviewsRead)
RECORD_READ = TypeAdapter(RecordRead)


def capture(store: EvidenceStore, kind: str, source: str, body: object, *, reader: str, now: datetime) -> Digest:
    """Store any fact. Raises RefusedError ``evidence-secret``."""
    return store.put(Fact(kind, source, reader, now, as_json(body)))


def capture_reviews(store: EvidenceStore, facts: GateFacts, *, raw: object, reader: str) -> Digest:
    """The pull request, its reviews and commits as the gate knew them; ``raw`` is what the forge answered (its pull
    request and reviews). Raises InputError ``capture-unread`` when one of them could not be read: then nothing may be
    decided either."""
    change, reviews, source = facts.change, facts.reviews, facts.source
    if isinstance(change, Unread) or isinstance(reviews, Unread) or isinstance(source, Unread):
        unread = next(item for item in (change, reviews, source) if isinstance(item, Unread))
        raise InputError("capture-unread", "a fact that could not be read cannot be captured", got=unread)
    read = ReviewsRead(facts.now, facts.pull, reviews, facts.approvals, change.commits, source, facts.restores)
    body = {"read": REVIEWS_READ.dump_python(read, mode="json"), "raw": as_json(raw)}
    where = f"{facts.pull.repository}/pulls/{facts.pull.number}"
    return capture(store, REVIEWS, where, body, reader=reader, now=facts.now)


def capture_record(store: EvidenceStore, facts: GateFacts, *, raw: object, source: str, reader: str) -> Digest:
    """The change record as the gate knew it; ``raw`` is {record, approvals}: the ticket system's rows;
    ``source`` its stable address. Raises InputError ``capture-unread``."""
    if isinstance(facts.record.record, Unread):
        got = facts.record.record
        raise InputError("capture-unread", "a fact that could not be read cannot be captured", got=got)
    read = RECORD_READ.dump_python(RecordRead(facts.now, facts.record), mode="json")
    body = {"read": read, "raw": as_json(raw)}
    where = f"{source.rstrip('/')}/{facts.record.number}"
    return capture(store, RECORD, where, body, reader=reader, now=facts.now)


def capture_merge(
    store: EvidenceStore,
    *,
    repository: str,
    pull: object,
    commit: Commit,
    expected_tree: str,
    result: Mapping[str, str],
    reader: str,
    now: datetime,
) -> Digest:
    """A merge commit as git holds it, the tree that ``git merge-tree`` gave for its parents, the object ids of the
    delivery's paths in it, and the merged pull request as the forge answered."""
    body = {"pull": pull, "commit": commit, "expectedTree": expected_tree, "result": dict(result)}
    return capture(store, MERGE, f"{repository}/commit/{commit.id}", body, reader=reader, now=now)


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


def _name(item: Mapping[str, Any]) -> str:
    return f"{item.get('metadata', {}).get('namespace', '')}/{item.get('metadata', {}).get('name', '')}"
