"""Checks of who made what: signatures of commits, and whom the delivery comes from."""

from __future__ import annotations

from interlock.platform.checks.check import Check
from interlock.platform.checks.facts import GateFacts
from interlock.platform.domain.change import CommitFacts
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import PersonId
from interlock.platform.domain.people import System
from interlock.platform.domain.verdict import Finding


def machines(facts: GateFacts) -> frozenset[str]:
    """Forge accounts that are no people, case-folded."""
    accounts = facts.estate.platform.accounts
    return frozenset(item.casefold() for item in (accounts.platform, accounts.pipeline, accounts.reader))


def initiators(facts: GateFacts) -> frozenset[PersonId]:
    """Everybody this delivery comes from: who opened the pull request, and who signed its commits."""
    found = {item.person for item in _commits(facts) if item.person}
    author = facts.estate.people.by_account(System.FORGE, facts.pull.author, facts.now)
    return frozenset(found | {author.id} if author else found)


def source_authors(facts: GateFacts) -> frozenset[PersonId]:
    """Who signed the commits of the delivered source."""
    commits = () if isinstance(facts.source, Unread) else facts.source
    return frozenset(item.person for item in commits if item.person)


class SignedCommits(Check):
    """Every commit, not only the merge: a squash or merge hides who wrote what (audit_portal.md 2.3, 13)."""

    id = "signed-commits"
    claim = "Every commit of the pull request is signed by a known person or by the platform."

    def judge(self, facts: GateFacts) -> Finding:
        if isinstance(facts.change, Unread):
            return self.unread(facts.change)
        if not facts.change.commits:
            return self.missing("commits")
        for item in facts.change.commits:
            if item.person is None and not item.platform:
                reason = "commit-unsigned" if item.problem == "unsigned" else "commit-signer-unknown"
                return self.invalid(reason, f"{item.id[:12]} {item.subject[:40]!r}: {item.problem}")
        return self.valid(f"{len(facts.change.commits)} commits")


class InitiatorKnown(Check):
    """A bot may open the pull request, but a person asks for it: else one approver would be the only human."""

    id = "initiator"
    claim = "A known person asks for this delivery."

    def judge(self, facts: GateFacts) -> Finding:
        author = facts.pull.author
        person = facts.estate.people.by_account(System.FORGE, author, facts.now)
        if person is None and author.casefold() not in machines(facts):
            return self.unknown("initiator-unknown", f"account {author} belongs to no known person")
        found = initiators(facts)
        if not found:
            return self.invalid("initiator-unknown", f"opened by {author}, no commit signed by a person")
        return self.valid(", ".join(sorted(found)))


class SourceAuthorsKnown(Check):
    """Who wrote the delivered source may not approve it here; so each of its commits needs a signer that is known.

    Author and committer of a commit are free text: they are never read (audit_portal.md 2.3, 2 and 11).
    """

    id = "source-authors"
    claim = "Every commit of the delivered source is signed by a known person."

    def judge(self, facts: GateFacts) -> Finding:
        if isinstance(facts.source, Unread):
            return self.unread(facts.source)
        for item in facts.source:
            if item.person is None and not item.platform:
                return self.unknown("source-author-unknown", f"{item.id[:12]} {item.subject[:40]!r}: {item.problem}")
        return self.valid(f"{len(facts.source)} commits by {', '.join(sorted(source_authors(facts))) or 'nobody new'}")


def _commits(facts: GateFacts) -> tuple[CommitFacts, ...]:
    return () if isinstance(facts.change, Unread) else facts.change.commits
