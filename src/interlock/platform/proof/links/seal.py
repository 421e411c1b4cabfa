"""Link 3: only the platform's seal key makes commits that test and prod accept."""

from __future__ import annotations

from interlock.formats.signatures import Commit, Rejected, verify_commit
from interlock.platform.domain.verdict import Finding
from interlock.platform.proof import kinds, seals
from interlock.platform.proof.link import NOT_REQUIRED, Draft, Link
from interlock.platform.proof.walk import MAIN, Walk


class Seal(Link):
    """Both commits are judged: the one that is synced, and the older one that brought what this service runs."""

    id = "seal"
    claim = "The platform sealed that commit, with the tree of one merge of main, after a recorded decision."

    def judge(self, walk: Walk, draft: Draft) -> Finding:
        if not walk.environment.sealed:
            return draft.valid(f"{walk.name} tracks main", reason=NOT_REQUIRED)
        delivering = walk.delivering
        for commit in (walk.repository.commit(walk.revision), delivering):
            draft.cite(f"seal {commit.id[:12]}", f"{walk.url}/commit/{commit.id}")
            problem = self._problem(walk, commit)
            if problem:
                return draft.invalid(*problem, remedy="treat the seal key as compromised until this is explained")
        return self._recorded(walk, draft, delivering)

    def _problem(self, walk: Walk, commit: Commit) -> tuple[str, str] | None:
        certificates = [walk.estate_now.keys.seal, walk.estate.keys.seal]
        problem = seals.problem(walk.repository, commit, certificates)
        if problem:
            return problem
        merge = commit.parents[-1]
        if not walk.repository.is_ancestor(merge, MAIN):
            return "seal-off-main", f"{merge[:12]} is not on main"
        if not walk.repository.is_ancestor(commit.id, seals.BRANCH):
            return "seal-off-branch", f"{commit.id[:12]} is not on branch sealed"
        if len(commit.parents) == 2:
            before = verify_commit(walk.repository.commit(commit.parents[0]), certificates=certificates)
            if isinstance(before, Rejected):
                return "seal-parents", f"the commit before {commit.id[:12]} is no seal: {before.reason}"
        return None

    def _recorded(self, walk: Walk, draft: Draft, seal: Commit) -> Finding:
        draft.cite("decision", "ledger", walk.decision_name)
        decision = walk.decision
        assert decision is not None  # noqa: S101 - sealed environments have one, or reading it has raised
        if decision.body.get("merge") != seal.parents[-1]:
            detail = f"the seal is of {seal.parents[-1]}, the decision about {decision.body.get('merge')}"
            return draft.invalid("seal-other-decision", detail)
        found = [
            entry for entry in walk.sources.ledger.find(kinds.SEALED, walk.subject) if entry.body.get("seal") == seal.id
        ]
        if not found:
            return draft.unknown(
                "seal-not-recorded",
                f"the ledger does not record the seal {seal.id[:12]}",
                remedy="the controller records it in its next round; if it does not, restore the ledger",
            )
        draft.cite("seal as recorded", "ledger", found[-1].id)
        if found[-1].body.get("decision") != decision.id:
            return draft.invalid("seal-other-decision", "the recorded seal names another decision")
        return draft.valid(f"{seal.id[:12]} seals {seal.parents[-1][:12]}")
