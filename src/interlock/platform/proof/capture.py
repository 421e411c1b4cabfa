"""Facts as they are read at decision time, stored as evidence.

Each function keeps what was read in the platform's words, from which links judge later by the gate's own checks, and
beside it the raw answers of the source; ``now`` is the time of reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from interlock.errors import InputError
from interlock.formats.signatures import Commit
from interlock.platform.books import Books
from interlock.platform.books.plain import as_json
from interlock.platform.books.vocabulary import (
    JudgedFacts,
    MergeFact,
    PipelineRunFact,
    RecordFact,
    RecordRead,
    ReviewsFact,
    ReviewsRead,
    SyncFact,
    TaskRunFact,
)
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import Digest, ObjectId
from interlock.platform.facts import Facts, case, change, ground, pull, record, reviews, source
from interlock.platform.facts.facts import name
from interlock.platform.kinds import Need


def capture_reviews(books: Books, facts: Facts) -> Digest:
    """The pull request, its reviews and commits as they were judged, and what the forge answered. Raises the error of
    one that could not be read: then nothing may be decided either."""
    asked, given = facts.get(pull.read), facts.get(reviews.read)
    now, restores = facts.get(ground.moment), facts.get(case.read).restores
    commits, authors = facts.get(change.commits), facts.get(source.read)
    read = ReviewsRead(now, asked, given.reviews, given.approvals, commits, authors, restores)
    raw = {"pull": facts.get(pull.answer), "reviews": facts.get(reviews.answer)}
    return books.capture(ReviewsFact(read, as_json(raw)), f"{asked.repository}/pulls/{asked.number}", now=now)


def capture_record(books: Books, facts: Facts, *, source: str) -> Digest:
    """The change record as it was judged, and the ticket system's rows; ``source`` is its stable address. Raises
    InputError ``capture-unread``."""
    found, now = facts.get(record.read), facts.get(ground.moment)
    if isinstance(found.record, Unread):
        raise InputError("capture-unread", "a fact that could not be read cannot be captured", got=found.record)
    body = RecordFact(RecordRead(now, found), as_json(facts.get(record.answer)))
    return books.capture(body, f"{source.rstrip('/')}/{found.number}", now=now)


def capture_facts(books: Books, facts: Facts, needs: Iterable[Need], *, source: str) -> Digest | None:
    """What the checks of its kind looked at beyond that, each fact by its name; None where that is nothing."""
    kept = {
        name(need.read): as_json(facts.get(need.read))
        for need in needs
        if need.kept == "evidence" and facts.has(need.read)
    }
    return books.capture(JudgedFacts(kept), source, now=facts.get(ground.moment)) if kept else None


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


def _name(item: Mapping[str, Any]) -> str:
    return f"{item.get('metadata', {}).get('namespace', '')}/{item.get('metadata', {}).get('name', '')}"
