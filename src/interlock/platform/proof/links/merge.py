"""Link 4: main moved by the platform's merge of the judged head, and by nothing else."""

from __future__ import annotations

from interlock.formats.signatures import Commit, Rejected, verify_commit
from interlock.platform.books.vocabulary import Merged, MergeFact
from interlock.platform.checks.link import NOT_REQUIRED, Draft, Link
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate.layout import MAIN
from interlock.platform.facts import Facts, decision, ground, place
from interlock.platform.facts import result as results


class Merge(Link):
    """The tree is recomputed from the parents, so a merge that adds something of its own is found."""

    id = "merge"
    claim = "The platform merged exactly the head that was judged; the result is what git makes of the two."

    def look(self, facts: Facts, draft: Draft) -> Finding:
        named = facts.get(decision.name)
        if named is not None:
            draft.cite("decision", "ledger", named)
        found, merge = facts.get(decision.read), facts.get(decision.merge)
        draft.cite(f"commit {merge.id[:12]}", f"{facts.get(place.url)}/commit/{merge.id}")
        if found is None:
            return draft.valid(
                f"{facts.get(place.read).environment} allows direct commits: {merge.subject}", reason=NOT_REQUIRED
            )
        draft.cite("decision", "ledger", found.id)
        problem = self._problem(facts, merge, found.said)
        if problem:
            return draft.invalid(*problem)
        digest = decision.evidence(facts, "merge")
        draft.cite("merge as read", "evidence store", digest)
        read, decided = facts.get(ground.books).fact(MergeFact, digest), found.said
        ids = results.object_ids(facts.get(place.repository), merge.id, list(decided.result))
        result = {path: found or "" for path, found in ids.items()}
        captured = (read.commit.get("id"), read.commit.get("tree"), read.expected_tree, read.result)
        if captured != (merge.id, merge.tree, merge.tree, result) or decided.result != result:
            return draft.invalid("capture-contradicts", "the merge as captured is not the merge in git")
        return self._live(facts, draft, decided) or draft.valid(f"#{decided.pull} as {merge.id[:12]}")

    def _problem(self, facts: Facts, merge: Commit, said: Merged) -> tuple[str, str] | None:
        if len(merge.parents) != 2:
            return "merge-parents", f"{merge.id[:12]} has {len(merge.parents)} parents"
        if not facts.get(place.repository).is_ancestor(merge.id, MAIN):
            return "merge-off-main", f"{merge.id[:12]} is not on main"
        decided = (said.merge, said.base, said.head)
        if decided != (merge.id, *merge.parents):
            return "merge-other-decision", f"decided {decided}, merged {(merge.id, *merge.parents)}"
        answer = verify_commit(merge, certificates=[facts.get(ground.estate).keys.forge])
        if isinstance(answer, Rejected):
            return "merge-signature", f"not made by the forge: {answer.reason} {answer.detail}".strip()
        expected = facts.get(place.repository).merge_tree(merge.parents[0], merge.parents[1])
        if expected != merge.tree:
            return "merge-tree", f"git merges the parents to {expected}, the commit has {merge.tree}"
        return None

    def _live(self, facts: Facts, draft: Draft, said: Merged) -> Finding | None:
        """What the forge says now; None when it agrees or does not answer."""
        owner, name = facts.get(place.estate).repository(facts.get(place.environment)).split("/")
        number = said.pull
        draft.cite(f"pull request #{number}", f"{facts.get(place.url)}/pulls/{number}")
        pull = draft.live("the forge", lambda: facts.get(ground.sources).forge().pull(owner, name, number))
        if pull is None:
            return None
        platform = facts.get(ground.estate).platform.accounts.platform
        if (pull.merged, pull.merge_commit_sha) != (True, said.merge):
            return draft.invalid("live-differs", f"the forge says it was merged as {pull.merge_commit_sha}")
        if pull.merged_by != platform:
            return draft.invalid("merge-by-other", f"merged by {pull.merged_by}, not by {platform}")
        return None
