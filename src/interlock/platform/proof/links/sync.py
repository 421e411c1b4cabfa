"""Link 2: what runs was synced by Argo CD from a commit of the tracked branch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.errors import InterlockError
from interlock.formats import yaml
from interlock.formats.argocd import application
from interlock.platform.books.vocabulary import SyncFact
from interlock.platform.checks.link import Draft, Link
from interlock.platform.domain import health
from interlock.platform.domain.ids import Digest
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate import layout
from interlock.platform.estate.argocd import NAMESPACE
from interlock.platform.facts import Facts, ground, place, running, synced


class Sync(Link):
    """``status.history`` is not read: it is no audit trail (research/gitops.md 0)."""

    id = "sync"
    claim = "Argo CD synced it from a commit of the tracked branch, and it is healthy."

    def look(self, facts: Facts, draft: Draft) -> Finding:
        draft.cite("Application", f"{NAMESPACE}/applications/{facts.get(synced.application_name)}")
        live = draft.live("the hub", lambda: facts.get(synced.application))
        if live is not None:
            problem = self._live(facts, live)
            if problem:
                return draft.invalid(*problem)
        revision = facts.get(synced.revision)
        draft.cite("synced commit", f"{facts.get(place.url)}/commit/{revision}")
        where = facts.get(place.environment)
        if not facts.get(place.repository).is_ancestor(revision, where.ref):
            return draft.invalid("sync-off-branch", f"{revision} is not on {where.branch}")
        runs, name = self._running(facts), facts.get(synced.application_name)
        if runs is not None and runs != facts.get(synced.desired).digest:
            detail = f"{runs} runs, {facts.get(synced.desired).digest or 'nothing'} is desired"
            return draft.invalid("sync-other-image", detail)
        return self._captured(facts, draft, runs) or draft.valid(f"{name} at {revision[:12]}")

    def _live(self, facts: Facts, live: Mapping[str, Any]) -> tuple[str, str] | None:
        spec = live["spec"]
        source, destination = spec.get("source") or {}, spec.get("destination") or {}
        actual = (
            source.get("repoURL"),
            self._tracked(facts, source.get("targetRevision")),
            source.get("path"),
            destination.get("server"),
        )
        where, chart = facts.get(place.environment), layout.chart(facts.get(place.read).service)
        expected = (facts.get(place.url), where.ref, chart, where.cluster)
        for name, got, want in zip(("repository", "branch", "path", "cluster"), actual, expected, strict=True):
            if got != want:
                return "application-altered", f"its {name} is {got}, not {want}"
        told = health.of(live)
        if told.deployed is None:
            return "not-synced", f"{told.state} and {told.health}"
        return None

    def _tracked(self, facts: Facts, revision: object) -> object:
        """The full name of what the Application tracks. A short name, as estates of before full names have it, stands
        for the branch only where the file that the root Application delivers says it too."""
        where = facts.get(place.environment)
        if revision != where.branch:
            return revision
        path = layout.application(facts.get(place.read).service)
        data = facts.get(place.repository).read(layout.SEALED, path)
        source = application.parse(yaml.load(data, file=path).value).source if data else None
        return where.ref if source is not None and source.target_revision == revision else revision

    def _captured(self, facts: Facts, draft: Draft, runs: Digest | None) -> Finding | None:
        """What the controller read after the sync; None when it agrees."""
        entry = facts.get(synced.read)
        if entry is None:
            return draft.unknown("sync-not-captured", "the ledger has no sync of this content")
        draft.cite("sync as recorded", "ledger", entry.id)
        digest = entry.evidence.get("sync")
        if digest is None:
            return draft.invalid("capture-contradicts", "the recorded sync names no evidence")
        draft.cite("sync as read", "evidence store", digest)
        fact = facts.get(ground.books).fact(SyncFact, digest)
        read = ((fact.application.get("status") or {}).get("sync") or {}).get("revision")
        if read != entry.said.revision:
            return draft.invalid("capture-contradicts", f"recorded {entry.said.revision}, read {read}")
        if fact.workload and runs:
            containers = fact.workload["spec"]["template"]["spec"]["containers"]
            images = [str(item.get("image", "")) for item in containers]
            if not any(item.endswith(runs) for item in images):
                return draft.invalid("sync-other-image", f"{', '.join(images)} was captured, {runs} runs")
        return None

    def _running(self, facts: Facts) -> Digest | None:
        """What runs, where link 1 could read it."""
        try:
            return facts.get(running.read).digest
        except InterlockError:
            return None
