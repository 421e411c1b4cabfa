"""Link 13: the source that was built, on main of the service's own repository, and who signed it."""

from __future__ import annotations

from interlock.errors import InterlockError
from interlock.formats.signatures import Commit, Rejected, verify_commit
from interlock.platform.checks import people
from interlock.platform.checks.link import Draft, Link
from interlock.platform.domain.names import TAG
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate.layout import MAIN
from interlock.platform.facts import Facts, build, place, running
from interlock.platform.proof import back


class SourceCommit(Link):
    """The tag names the commit; run and provenance must not say otherwise. Author lines are free text: never read."""

    id = "source-commit"
    claim = "The source is a commit of main of the service's own repository, signed by a known person."

    def look(self, facts: Facts, draft: Draft) -> Finding:
        facts = facts.get(back.origin)
        tag, repository = facts.get(running.image).tag, facts.get(place.service).repository
        if not TAG.fullmatch(tag):
            return draft.invalid("tag-no-build", f"{tag} is no tag of a build of main")
        url = facts.get(place.estate).url(repository)
        short, built = tag.removeprefix("main-"), self._built(facts)
        # The run tells the full id: nobody can make it ambiguous by pushing another commit that begins alike.
        app = facts.get(build.app)
        commit = app.commit(built if built.startswith(short) else short)
        draft.cite(f"commit {commit.id[:12]}", f"{url}/commit/{commit.id}")
        if not app.is_ancestor(commit.id, MAIN):
            return draft.invalid("source-off-main", f"{commit.id[:12]} is not on main of {repository}")
        if built not in ("", commit.id):
            return draft.invalid("source-other-commit", f"the tag names {commit.id[:12]}, the run built {built[:12]}")
        signer = self._signer(facts, commit)
        if signer is None and back.demanded(facts, people.SourceAuthorsKnown):
            return draft.unknown("source-author-unknown", f"{commit.id[:12]} is signed by no known person")
        return draft.valid(
            f"{commit.id[:12]} {commit.subject[:60]!r} {f'signed by {signer}' if signer else 'unsigned'}"
        )

    def _built(self, facts: Facts) -> str:
        """The commit by the recorded run; "" where it cannot be read."""
        try:
            return str(facts.get(build.run).said.commit)
        except InterlockError:
            return ""

    def _signer(self, facts: Facts, commit: Commit) -> str | None:
        known = facts.get(place.estate).people
        answer = verify_commit(commit, certificates=[facts.get(place.estate).keys.forge], ssh_keys=known.ssh_keys())
        if isinstance(answer, Rejected):
            return None
        if answer.kind == "openpgp":
            return "the forge"
        person = known.by_key(answer.fingerprint, commit.committer.when)
        return person.name if person else None
