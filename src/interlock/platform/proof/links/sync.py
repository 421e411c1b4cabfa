"""Link 2: what runs was synced by Argo CD from a commit of the tracked branch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.errors import InterlockError
from interlock.formats import yaml
from interlock.formats.argocd import application
from interlock.platform.books.vocabulary import SyncFact
from interlock.platform.domain.ids import Digest
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate import layout
from interlock.platform.estate.argocd import NAMESPACE
from interlock.platform.proof import seals
from interlock.platform.proof.link import Draft, Link
from interlock.platform.proof.walk import MAIN, Walk


class Sync(Link):
    """``status.history`` is not read: it is no audit trail (research/gitops.md 0)."""

    id = "sync"
    claim = "Argo CD synced it from a commit of the tracked branch, and it is healthy."

    def judge(self, walk: Walk, draft: Draft) -> Finding:
        draft.cite("Application", f"{NAMESPACE}/applications/{walk.application_name}")
        live = draft.live("the hub", lambda: walk.application)
        if live is not None:
            problem = self._live(walk, live)
            if problem:
                return draft.invalid(*problem, remedy="let Argo CD sync, and see what changed the Application")
        revision = walk.revision
        draft.cite("synced commit", f"{walk.url}/commit/{revision}")
        branch = seals.BRANCH if walk.environment.sealed else MAIN
        if not walk.repository.is_ancestor(revision, branch):
            return draft.invalid("sync-off-branch", f"{revision} is not on {walk.environment.branch}")
        running = self._running(walk)
        if running is not None and running != walk.desired.digest:
            detail = f"{running} runs, {walk.desired.digest or 'nothing'} is desired"
            return draft.invalid("sync-other-image", detail, remedy="wait for the sync, or find out who changed it")
        return self._captured(walk, draft, running) or draft.valid(f"{walk.application_name} at {revision[:12]}")

    def _live(self, walk: Walk, live: Mapping[str, Any]) -> tuple[str, str] | None:
        spec = live["spec"]
        source, destination = spec.get("source") or {}, spec.get("destination") or {}
        actual = (
            source.get("repoURL"),
            self._tracked(walk, source.get("targetRevision")),
            source.get("path"),
            destination.get("server"),
        )
        expected = (walk.url, walk.environment.ref, layout.chart(walk.service_name), walk.environment.cluster)
        for name, got, want in zip(("repository", "branch", "path", "cluster"), actual, expected, strict=True):
            if got != want:
                return "application-altered", f"its {name} is {got}, not {want}"
        status = live.get("status") or {}
        sync, health = (status.get("sync") or {}).get("status"), (status.get("health") or {}).get("status")
        if (sync, health) != ("Synced", "Healthy"):
            return "not-synced", f"{sync or 'never compared'} and {health or 'of unknown health'}"
        return None

    def _tracked(self, walk: Walk, revision: object) -> object:
        """The full name of what the Application tracks. A short name, as estates of before full names have it, stands
        for the branch only where the file that the root Application delivers says it too."""
        if revision != walk.environment.branch:
            return revision
        path = layout.application(walk.service_name)
        data = walk.repository.read(seals.BRANCH, path)
        source = application.parse(yaml.load(data, file=path).value).source if data else None
        return walk.environment.ref if source is not None and source.target_revision == revision else revision

    def _captured(self, walk: Walk, draft: Draft, running: Digest | None) -> Finding | None:
        """What the controller read after the sync; None when it agrees."""
        entry = walk.synced
        if entry is None:
            return draft.unknown(
                "sync-not-captured",
                "the ledger has no sync of this content",
                remedy="the controller captures it in its next round; if it does not, restore the ledger",
            )
        draft.cite("sync as recorded", "ledger", entry.id)
        digest = entry.evidence.get("sync")
        if digest is None:
            return draft.invalid("capture-contradicts", "the recorded sync names no evidence")
        draft.cite("sync as read", "evidence store", digest)
        fact = walk.books.fact(SyncFact, digest)
        read = ((fact.application.get("status") or {}).get("sync") or {}).get("revision")
        if read != entry.said.revision:
            return draft.invalid("capture-contradicts", f"recorded {entry.said.revision}, read {read}")
        if fact.workload and running:
            containers = fact.workload["spec"]["template"]["spec"]["containers"]
            images = [str(item.get("image", "")) for item in containers]
            if not any(item.endswith(running) for item in images):
                return draft.invalid("sync-other-image", f"{', '.join(images)} was captured, {running} runs")
        return None

    def _running(self, walk: Walk) -> Digest | None:
        """What runs, where link 1 could read it."""
        try:
            return walk.running.digest
        except InterlockError:
            return None
