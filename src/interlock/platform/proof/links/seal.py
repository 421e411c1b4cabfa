"""Link 3: only the platform's seal key makes commits that test and prod accept."""

from __future__ import annotations

from interlock.formats.signatures import Commit, Rejected, verify_commit
from interlock.platform.books.vocabulary import Sealed
from interlock.platform.checks.link import NOT_REQUIRED, Draft, Link
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate.layout import MAIN
from interlock.platform.facts import Facts, decision, ground, place, seals, synced


class Seal(Link):
    """Both commits are judged: the one that is synced, and the older one that brought what this service runs."""

    id = "seal"
    claim = "The platform sealed that commit, with the tree of one merge of main, after a recorded decision."

    def look(self, facts: Facts, draft: Draft) -> Finding:
        if not facts.get(place.environment).sealed:
            return draft.valid(f"{facts.get(place.read).environment} tracks main", reason=NOT_REQUIRED)
        delivering = facts.get(decision.delivering)
        for commit in (facts.get(place.repository).commit(facts.get(synced.revision)), delivering):
            draft.cite(f"seal {commit.id[:12]}", f"{facts.get(place.url)}/commit/{commit.id}")
            problem = self._problem(facts, commit)
            if problem:
                return draft.invalid(*problem)
        return self._recorded(facts, draft, delivering)

    def _problem(self, facts: Facts, commit: Commit) -> tuple[str, str] | None:
        certificates = [facts.get(place.estate).keys.seal, facts.get(ground.estate).keys.seal]
        problem = seals.problem(facts.get(place.repository), commit, certificates)
        if problem:
            return problem
        merge = commit.parents[-1]
        if not facts.get(place.repository).is_ancestor(merge, MAIN):
            return "seal-off-main", f"{merge[:12]} is not on main"
        if not facts.get(place.repository).is_ancestor(commit.id, seals.BRANCH):
            return "seal-off-branch", f"{commit.id[:12]} is not on branch sealed"
        if len(commit.parents) == 2:
            before = verify_commit(facts.get(place.repository).commit(commit.parents[0]), certificates=certificates)
            if isinstance(before, Rejected):
                return "seal-parents", f"the commit before {commit.id[:12]} is no seal: {before.reason}"
        return None

    def _recorded(self, facts: Facts, draft: Draft, seal: Commit) -> Finding:
        draft.cite("decision", "ledger", facts.get(decision.name))
        decided = facts.get(decision.read)
        assert decided is not None  # noqa: S101 - sealed environments have one, or reading it has raised
        if decided.said.merge != seal.parents[-1]:
            detail = f"the seal is of {seal.parents[-1]}, the decision about {decided.said.merge}"
            return draft.invalid("seal-other-decision", detail)
        subject = facts.get(place.subject)
        named = (item for item in facts.get(ground.books).about(Sealed, seal.id) if item.entry.subject == subject)
        found = next((item for item in named if item.said.seal == seal.id), None)
        if found is None:
            return draft.unknown("seal-not-recorded", f"the ledger does not record the seal {seal.id[:12]}")
        draft.cite("seal as recorded", "ledger", found.id)
        if found.said.decision != decided.id:
            return draft.invalid("seal-other-decision", "the recorded seal names another decision")
        return draft.valid(f"{seal.id[:12]} seals {seal.parents[-1][:12]}")
