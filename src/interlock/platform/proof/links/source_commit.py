"""Link 13: the source that was built, on main of the service's own repository, and who signed it."""

from __future__ import annotations

from interlock.errors import InterlockError
from interlock.formats.signatures import Commit, Rejected, verify_commit
from interlock.platform.checks import people
from interlock.platform.domain.names import TAG
from interlock.platform.domain.verdict import Finding
from interlock.platform.proof import replay
from interlock.platform.proof.link import Draft, Link
from interlock.platform.proof.walk import MAIN, Walk


class SourceCommit(Link):
    """The tag names the commit; run and provenance must not say otherwise. Author lines are free text: never read."""

    id = "source-commit"
    claim = "The source is a commit of main of the service's own repository, signed by a known person."

    def judge(self, walk: Walk, draft: Draft) -> Finding:
        tag, repository = walk.image.tag, walk.service.repository
        if not TAG.fullmatch(tag):
            return draft.invalid(
                "tag-no-build", f"{tag} is no tag of a build of main", remedy="promote a build of main"
            )
        url = walk.estate_now.url(repository)
        short, built = tag.removeprefix("main-"), self._built(walk)
        # The run tells the full id: nobody can make it ambiguous by pushing another commit that begins alike.
        commit = walk.app.commit(built if built.startswith(short) else short)
        draft.cite(f"commit {commit.id[:12]}", f"{url}/commit/{commit.id}")
        if not walk.app.is_ancestor(commit.id, MAIN):
            return draft.invalid("source-off-main", f"{commit.id[:12]} is not on main of {repository}")
        if built not in ("", commit.id):
            return draft.invalid("source-other-commit", f"the tag names {commit.id[:12]}, the run built {built[:12]}")
        signer = self._signer(walk, commit)
        if signer is None and replay.demanded(walk, people.SourceAuthorsKnown):
            return draft.unknown(
                "source-author-unknown",
                f"{commit.id[:12]} is signed by no known person",
                remedy="sign commits with a key that people.yaml knows",
            )
        return draft.valid(
            f"{commit.id[:12]} {commit.subject[:60]!r} {f'signed by {signer}' if signer else 'unsigned'}"
        )

    def _built(self, walk: Walk) -> str:
        """The commit by the recorded run; "" where it cannot be read."""
        try:
            return str(walk.run.said.commit)
        except InterlockError:
            return ""

    def _signer(self, walk: Walk, commit: Commit) -> str | None:
        known = walk.estate_now.people
        answer = verify_commit(commit, certificates=[walk.estate_now.keys.forge], ssh_keys=known.ssh_keys())
        if isinstance(answer, Rejected):
            return None
        if answer.kind == "openpgp":
            return "the forge"
        person = known.by_key(answer.fingerprint, commit.committer.when)
        return person.name if person else None
