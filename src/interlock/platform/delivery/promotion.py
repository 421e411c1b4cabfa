"""Preparing deliveries: the branch, commit and pull request of a promotion, an onboarding or a revert.

Whoever asks for a delivery makes its commit, signed with their own key, and opens the pull request as themselves. The
platform's part is that the commit is exactly right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interlock.clients.forge import ForgeClient, PullRequest
from interlock.clients.git import Repository
from interlock.errors import ConflictError, NotFoundError, RefusedError
from interlock.platform import kinds
from interlock.platform.checks import reasons
from interlock.platform.domain.branches import WHOLE, Branch, Purpose
from interlock.platform.domain.ids import CommitId, ObjectId, ServiceName
from interlock.platform.domain.image import ImageReference
from interlock.platform.estate import Environment, layout, protection
from interlock.platform.estate import service as services
from interlock.platform.estate.layout import MAIN
from interlock.platform.facts import change as changes
from interlock.platform.facts import rendering
from interlock.platform.facts import revert as reverts
from interlock.platform.facts.rendering import Moved
from interlock.platform.kinds import reading
from interlock.platform.kinds.classify import classify


@dataclass(frozen=True)
class Prepared:
    """One commit on top of ``base``, not written yet."""

    branch: str
    base: CommitId
    tree: ObjectId
    title: str
    body: str
    commit_message: str


@dataclass(frozen=True)
class Author:
    """The person who asks. ``sign`` gets a commit's payload and returns an armored SSH signature."""

    name: str
    email: str
    sign: Callable[[bytes], str]


def promotion(
    git: Repository, service: ServiceName, environment: str, image: ImageReference, *, source: str
) -> Prepared:
    """Copies tag and digest of ``image``, which ``source`` runs, and nothing else.

    Raises RefusedError ``promote-nothing`` (no image there, or it is here already), NotFoundError
    ``service-not-onboarded``.
    """
    base = CommitId(git.resolve(MAIN))
    path = layout.values(service, environment)
    before = git.read(base, path)
    if before is None:
        raise NotFoundError(
            "service-not-onboarded",
            f"{service} is not onboarded in {environment}",
            where=path,
            todo="merge its onboarding pull request first",
        )
    if not image.pinned or not image.tag:
        raise RefusedError("promote-nothing", f"{source} runs no image of {service}", got=str(image))
    after = layout.set_image(before, image.tag, image.digest, file=path)
    if after == before:
        raise RefusedError("promote-nothing", f"{environment} has {image.tag} of {service} already")
    title = f"{service}: {image.tag} to {environment}"
    body = (
        f"Image `{image.repository}:{image.tag}`\nDigest `{image.digest}`\n\n"
        f"Copies tag and digest of {source} to `{path}`, nothing else.\n"
    )
    return Prepared(
        str(Branch(Purpose.PROMOTE, service, image.tag)),
        base,
        ObjectId(git.write_tree({path: after}, base=base)),
        title,
        body,
        f"{title}\n\n{image}\n",
    )


def change(
    git: Repository, purpose: Purpose, service: ServiceName, files: Mapping[str, bytes | None], title: str, body: str
) -> Prepared:
    """Writes ``files`` (path -> content, None deletes) on top of ``main``. Its branch is named after what it gives, so
    that who asks for the same again finds it.

    Raises RefusedError ``change-nothing``.
    """
    base = CommitId(git.resolve(MAIN))
    tree = ObjectId(git.write_tree(dict(files), base=base))
    if tree == git.tree(base):
        raise RefusedError("change-nothing", "main has all of it already", where=", ".join(sorted(files)[:3]))
    return Prepared(str(Branch(purpose, service, tree[:12])), base, tree, title, body, f"{title}\n\n{body}")


def rendered(moved: Sequence[Moved]) -> str:
    """What a pull request says of a rendered diff: fenced by more backticks than any value has."""
    text = rendering.text(moved) or "Nothing that is rendered differs."
    fence = "`" * max(3, *(len(found) + 1 for found in re.findall("`+", text)), 3)
    return f"What is rendered differently:\n\n{fence}diff\n{text}\n{fence}\n"


def onboarding(git: Repository, service: ServiceName, environment: str, files: Mapping[str, bytes]) -> Prepared:
    """The golden path's files (or, for environment ``platform``, the service's registration)."""
    base = CommitId(git.resolve(MAIN))
    # What runs has moved on from what was generated: brought again, it would lose its image.
    if git.object_id(base, layout.application(service)) or git.object_id(base, services.path(service)):
        raise RefusedError("onboard-nothing", f"{service} is onboarded in {environment} already")
    tree = ObjectId(git.write_tree(dict(files), base=base))
    title = f"{service}: onboarding to {environment}"
    body = f"{len(files)} files, exactly as the golden path generates them.\n"
    return Prepared(str(Branch(Purpose.ONBOARD, service)), base, tree, title, body, title + "\n")


def revert(git: Repository, service: ServiceName, environment: str, commit: CommitId) -> Prepared:
    """Takes back one commit of ``main``, exactly.

    Raises InputError ``revert-root``, ConflictError ``revert-overtaken``,
    RefusedError with the code that the commit's kind gives where it is taken back by no inverse.
    """
    base = CommitId(git.resolve(MAIN))
    tree = reverts.inverse(git, commit, base)
    kind = kinds.find(classify(kinds.KINDS, changes.made(git, commit), environment).kind)
    if kind is not None and kind.inverse:
        reason = reasons.REASONS[kind.inverse]
        raise RefusedError(kind.inverse, reason.explanation, got=f"{commit[:12]}, {kind.name}", todo=reason.remedy)
    subject = git.commit(commit).subject
    title = f"{service}: revert {commit[:12]} in {environment}"
    body = f"Takes back exactly what {commit} changed:\n\n> {subject}\n"
    return Prepared(
        str(Branch(Purpose.REVERT, service, commit[:12])), base, tree, title, body, f"{title}\n\n{commit}\n"
    )


def obstacle(git: Repository, where: Environment, commit: CommitId, prepared: Prepared, *, certificate: str) -> str:
    """Why the prepared revert of ``commit`` will be judged as what it delivers; empty when it will be judged as a
    revert. ``certificate``: of the seal key."""
    found = reverts.RevertFacts(commit, prepared.tree)
    seen = reverts.way_back(git, found, where, prepared.tree, certificate)
    return reading.obstacle(seen, changes.made(git, commit), where.name)


def restore(git: Repository, environment: str, blocked_by: CommitId, sealed: str) -> Prepared:
    """Releases a blocked queue: everything on ``main`` since the last seal is taken back, whatever it was."""
    base = CommitId(git.resolve(MAIN))
    title = f"{environment}: restore what is sealed, without {blocked_by[:12]}"
    body = (
        f"main has a commit that cannot be proven: {blocked_by}. After this merge the tree is the one of the last "
        "seal, so nothing that runs changes.\n"
    )
    name = str(Branch(Purpose.REVERT, WHOLE, blocked_by[:12]))
    return Prepared(name, base, ObjectId(git.tree(sealed)), title, body, f"{title}\n\n{blocked_by}\n")


def open_pull(
    git: Repository, forge: ForgeClient, repository: str, prepared: Prepared, author: Author, *, now: datetime
) -> PullRequest:
    """Push the branch and open the pull request, or find what an earlier attempt left.

    ``git`` and ``forge`` act as the author. Raises ConflictError ``delivery-branch`` when the branch exists with other
    content, and is not ours to overwrite.
    """
    owner, _, name = repository.partition("/")
    existing = git.refs().get(f"refs/heads/{prepared.branch}")
    if existing is None or git.is_ancestor(existing, prepared.base):
        # A branch that was merged before, and reverted since, goes on from what main is now.
        commit = git.commit_tree(
            prepared.tree,
            [prepared.base],
            prepared.commit_message,
            author=(author.name, author.email),
            date=now,
            sign=author.sign,
        )
        git.push(f"{commit}:refs/heads/{prepared.branch}", expected_old=existing or "")
    elif not _same_effect(git, existing, prepared):
        raise ConflictError(
            "delivery-branch",
            "the branch exists with other content",
            got=existing,
            where=f"{repository} {prepared.branch}",
            todo="close its pull request and delete the branch",
        )
    for pull in forge.pulls(owner, name, state="open"):
        if pull.proposes(prepared.branch, protection.MAIN):
            return pull
    return forge.create_pull(
        owner, name, head=prepared.branch, base=protection.MAIN, title=prepared.title, body=prepared.body
    )


def _same_effect(git: Repository, existing: str, prepared: Prepared) -> bool:
    try:
        return git.merge_tree(prepared.base, existing) == prepared.tree
    except ConflictError:
        return False
