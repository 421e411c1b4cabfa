"""Checks of who made what: signatures of commits, and whom the delivery comes from."""

from __future__ import annotations

from interlock.platform.checks.check import Check
from interlock.platform.checks.reasons import Reason, table
from interlock.platform.domain.change import CommitFacts
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import PersonId
from interlock.platform.domain.people import System
from interlock.platform.domain.verdict import Finding
from interlock.platform.facts import Facts, change, ground, pull, source

REASONS = table(
    {
        "commit-unsigned": Reason("A commit of the pull request is not signed.", "sign every commit and push again"),
        "commit-signer-unknown": Reason(
            "A commit is signed by a key of no known person, or badly.",
            "sign with a key that people.yaml has",
        ),
        "initiator-unknown": Reason(
            "Nobody can be named who asks for this delivery.", "open it as a person, with commits signed by them"
        ),
        "source-author-unknown": Reason(
            "A commit of the delivered source has no known signer: its author may be who approves it here.",
            "sign commits of the app repo with keys that people.yaml has",
        ),
    }
)


def machines(facts: Facts) -> frozenset[str]:
    """Forge accounts that are no people, case-folded."""
    accounts = facts.get(ground.estate).platform.accounts
    return frozenset(item.casefold() for item in (accounts.platform, accounts.pipeline, accounts.reader))


def initiators(facts: Facts) -> frozenset[PersonId]:
    """Everybody this delivery comes from: who opened the pull request, and who signed its commits."""
    found = _signers(facts.look(change.commits))
    people, account = facts.get(ground.estate).people, facts.get(pull.read).author
    author = people.by_account(System.FORGE, account, facts.get(ground.moment))
    return frozenset(found | {author.id} if author else found)


def source_authors(facts: Facts) -> frozenset[PersonId]:
    """Who signed the commits of the delivered source; nobody for a kind that delivers none."""
    return _signers(facts.look(source.read))


class SignedCommits(Check):
    """Every commit, not only the merge: a squash or merge hides who wrote what (audit_portal.md 2.3, 13)."""

    id = "signed-commits"
    claim = "Every commit of the pull request is signed by a known person or by the platform."

    def judge(self, facts: Facts) -> Finding:
        commits = facts.get(change.commits)
        if not commits:
            return self.unknown("fact-missing", "commits")
        if facts.get(change.genesis):
            return self.valid("by the genesis key, by nobody that is known")
        for item in commits:
            if item.person is None and not item.platform:
                reason = "commit-unsigned" if item.problem == "unsigned" else "commit-signer-unknown"
                return self.invalid(reason, f"{item.id[:12]} {item.subject[:40]!r}: {item.problem}")
        return self.valid(f"{len(commits)} commits")


class InitiatorKnown(Check):
    """A bot may open the pull request, but a person asks for it: else one approver would be the only human."""

    id = "initiator"
    claim = "A known person asks for this delivery."

    def judge(self, facts: Facts) -> Finding:
        author, people = facts.get(pull.read).author, facts.get(ground.estate).people
        person = people.by_account(System.FORGE, author, facts.get(ground.moment))
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

    def judge(self, facts: Facts) -> Finding:
        commits = facts.get(source.read)
        for item in commits:
            if item.person is None and not item.platform:
                return self.unknown("source-author-unknown", f"{item.id[:12]} {item.subject[:40]!r}: {item.problem}")
        return self.valid(f"{len(commits)} commits by {', '.join(sorted(_signers(commits))) or 'nobody new'}")


def _signers(commits: tuple[CommitFacts, ...] | Unread) -> frozenset[PersonId]:
    return frozenset() if isinstance(commits, Unread) else frozenset(item.person for item in commits if item.person)
