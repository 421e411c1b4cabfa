"""Source integrity: which commits of a repository may be synced (Argo CD 3.5 and ``signatureKeys``).

Followed to the letter, because everything that the platform proves about ``sealed`` rests on it:

* util/sourceintegrity/source_integrity.go: exactly one policy may match a repository; several are an error that fails
  every commit; mode ``none`` or no match verifies nothing. ``head`` checks the target revision alone, ``strict`` also
  its ancestors, back to the seals. Problems are reported one a key, at most ten.
* util/git/client.go LsSignatures, listRawSignatures, getSealRevListFilter: a *seal* is a commit whose message contains
  ``Argocd-gpg-seal:`` anywhere, in any case (``rev-list --grep``, not a parsed trailer), and whose signature is good
  for some key of the keyring, not only for the policy's keys. When the target revision is itself a seal, it alone is
  checked. Otherwise every commit that is not reachable from a seal is checked, and the seals on the boundary.
* A key id of a policy is 16 hex digits or a 40-digit fingerprint, and names the key *or subkey that signed*
  (``git log %GK``), not the certificate's primary key.

Pure: the commits come through `Graph`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from interlock.errors import InputError, UnsupportedError
from interlock.formats.argocd import globs
from interlock.formats.argocd.project import GpgPolicy, SourceIntegrity

Result = Literal[
    "signed",
    "bad signature",
    "signed with untrusted key",
    "expired signature",
    "signed with expired key",
    "signed with revoked key",
    "signed with key not in keyring",
    "unsigned",
]
"""In upstream's words (util/git/client.go GPGVerificationResult)."""

CHECK = "GIT/GPG"
SEAL = "argocd-gpg-seal:"
MAX_PROBLEMS = 10


@dataclass(frozen=True, slots=True)
class Signature:
    """One commit as the keyring sees it. ``key_id``: 16 hex digits, upper case; "" when unsigned."""

    commit: str
    result: Result
    key_id: str
    author: str
    """``Name <address>``."""


class Graph(Protocol):
    """What verification needs to know of a repository."""

    def is_annotated_tag(self, revision: str) -> bool:
        """Whether the name is that of an annotated tag."""

    def signature(self, commit: str) -> Signature:
        """The commit's signature, verified against the keyring."""

    def message(self, commit: str) -> str:
        """The commit's whole message."""

    def parents(self, commit: str) -> Sequence[str]:
        """Ids of its parents."""

    def history(self, commit: str) -> Sequence[str]:
        """The commit and all its ancestors, newest first, a commit before its parents."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``problems`` empty: the revision may be synced. ``checked`` False: no policy asks for anything."""

    checked: bool
    problems: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The text of the ComparisonError condition (source_integrity.go AsError)."""
        return "\n".join(f"{CHECK}: {problem}" for problem in self.problems)


def policy_for(integrity: SourceIntegrity | None, repo_url: str) -> GpgPolicy | None:
    """The policy that holds for a repository; None when nothing is verified.

    Raises InputError ``integrity-ambiguous``, which must fail the source: a mistake must not switch verification off.
    """
    if integrity is None or integrity.git is None:
        return None
    found = []
    for policy in integrity.git.policies:
        urls = [item.url for item in policy.repos]
        if any(globs.denies(url) and globs.match(url[1:], repo_url) for url in urls):
            continue
        if any(not globs.denies(url) and globs.match(url, repo_url) for url in urls):
            found.append(policy)
    if len(found) > 1:
        raise InputError(
            "integrity-ambiguous",
            f"multiple ({len(found)}) git source integrity policies found for repo URL: {repo_url}",
        )
    gpg = found[0].gpg if found else None
    return gpg if gpg is not None and gpg.mode != "none" else None


def verify(integrity: SourceIntegrity | None, repo_url: str, graph: Graph, revision: str, commit: str) -> Outcome:
    """Whether ``commit``, to which the target ``revision`` resolved, may be synced.

    Raises InputError ``integrity-ambiguous``; UnsupportedError ``integrity-tag`` for an annotated tag, whose own
    signature upstream checks and this does not.
    """
    policy = policy_for(integrity, repo_url)
    if policy is None:
        return Outcome(checked=False)
    if graph.is_annotated_tag(revision):
        raise UnsupportedError(
            "integrity-tag", "signatures of annotated tags are not supported", got=revision, todo="track a branch"
        )
    commits = [commit] if policy.mode == "head" else strict_commits(graph, commit)
    return Outcome(checked=True, problems=_problems(policy, [graph.signature(item) for item in commits]))


def strict_commits(graph: Graph, commit: str) -> list[str]:
    """The commits that ``strict`` checks, newest first."""
    if is_seal(graph, commit):
        return [commit]
    history = list(graph.history(commit))
    seals = {item for item in history if is_seal(graph, item)}
    sealed: set[str] = set()
    for item in history:
        # A commit comes before its parents, so all its descendants have been seen.
        if item in sealed or item in seals:
            sealed.update(graph.parents(item))
            sealed.add(item)
    listed = [item for item in history if item not in sealed]
    boundary = {parent for item in listed for parent in graph.parents(item) if parent in sealed}
    return listed + [item for item in history if item in boundary]


def is_seal(graph: Graph, commit: str) -> bool:
    """Whether strict verification stops here."""
    return SEAL in graph.message(commit).lower() and graph.signature(commit).result == "signed"


def key_id(text: str) -> str | None:
    """The 16 digits of a key id or fingerprint as a policy writes it; None for what is neither (gpg.go KeyID)."""
    if len(text) not in (16, 40) or any(sign not in "0123456789abcdefABCDEF" for sign in text):
        return None
    return text[-16:]


def _problems(policy: GpgPolicy, signatures: Sequence[Signature]) -> tuple[str, ...]:
    allowed = {identifier for key in policy.keys if (identifier := key_id(key)) is not None}
    reported: set[str] = set()
    problems: list[str] = []
    for found in signatures:
        said = found.result if found.result != "signed" else "signed with unallowed key"
        if (found.result == "signed" and found.key_id in allowed) or (found.key_id and found.key_id in reported):
            continue
        reported.add(found.key_id)
        problems.append(f"Failed verifying revision {found.commit} by '{found.author}': {said} (key_id={found.key_id})")
        if len(problems) == MAX_PROBLEMS:
            break
    return tuple(problems)
