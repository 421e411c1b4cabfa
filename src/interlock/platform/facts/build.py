"""From an image to the run that built it, and to the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from interlock.clients.git import Repository
from interlock.errors import NotFoundError
from interlock.platform.books import Recorded
from interlock.platform.books.vocabulary import Attested, Body, RunRead
from interlock.platform.estate.argocd import CI_NAMESPACE
from interlock.platform.facts import ground, place, running
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import sources

B = TypeVar("B", bound=Body)


def attested(facts: Facts) -> Recorded[Attested]:
    """Raises NotFoundError ``ledger-entry-missing``."""
    digest = facts.get(running.image).digest
    return _newest(facts, facts.get(ground.books).of_subject(Attested, digest), Attested.KIND)


def run(facts: Facts) -> Recorded[RunRead]:
    """The run that was attested, of several that built the same bytes. Raises NotFoundError."""
    books, digest = facts.get(ground.books), facts.get(running.image).digest
    found = list(books.of_subject(RunRead, digest))
    named = {item.said.uid for item in books.of_subject(Attested, digest)}
    chosen = [item for item in found if item.said.uid in named] or found
    return _newest(facts, iter(chosen), RunRead.KIND)


def _newest(facts: Facts, found: Iterator[Recorded[B]], kind: str) -> Recorded[B]:
    newest = next(found, None)
    if newest is None:
        raise NotFoundError(
            "ledger-entry-missing", f"the ledger has no entry {kind} of this image", got=facts.get(running.image).digest
        )
    return newest


def pipeline_run(facts: Facts) -> Mapping[str, Any]:
    """The PipelineRun, live; clusters delete finished runs. Raises NotFoundError."""
    hub = facts.get(sources).cluster(facts.get(place.estate).platform.platform.cluster)
    return hub.get("tekton.dev/v1", "PipelineRun", facts.get(run).said.run, CI_NAMESPACE)


def app(facts: Facts) -> Repository:
    """The service's app repo."""
    return facts.get(sources).mirror(facts.get(place.service).repository)
