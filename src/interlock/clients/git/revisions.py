"""What a name means: an id is an object and never a ref, and a ref is looked up by its full name alone.

Git's own rules (gitrevisions(7)) take a ref of that name before a short id, and go on to ``refs/heads/refs/heads/x``
where there is no ``refs/heads/x``: then whoever may push a branch decides what the name of another means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from interlock.clients.git import binary
from interlock.clients.git.batch import Batch, Object

ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHORT_ID = re.compile(r"[0-9a-f]{7,63}")
_SUFFIXED = re.compile(r"(.+?)((?:[\^~]|@\{).*)?")
_ELSEWHERE = ("refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
"""Where git goes on looking for a ref (``ref_rev_parse_rules`` of refs.c)."""

Git = Callable[[Sequence[str], Sequence[int]], binary.Completed]
"""Runs git with these arguments, accepting these exit codes."""


def find(batch: Batch, git: Git, revision: str, kind: str) -> str | None:
    """Full id of the ``kind`` (``commit`` or ``tree``) that ``revision`` names, see `Objects`; None for none.

    Raises InputError ``git-revision-invalid``. Full ids and refs take no process.
    """
    match = _SUFFIXED.fullmatch(binary.check_revision(revision))
    assert match  # noqa: S101 - check_revision wants a first character that begins no suffix
    name, suffix = match[1], match[2] or ""
    named = _named(batch, git, name)
    if not suffix and [item.type for item in named] == [kind]:
        return named[0].id
    peeled = batch.info([f"{item.id}{suffix}^{{{kind}}}" for item in named])
    ids = {item.id for item in peeled if item is not None}
    return ids.pop() if len(ids) == 1 else None


def _named(batch: Batch, git: Git, name: str) -> list[Object]:
    """What ``name`` may stand for: several objects only where it is a short id."""
    if ID.fullmatch(name):
        # An id as long as those of another hash function would be a name.
        return [item for item in batch.info([name]) if item and item.id == name]
    if _SHORT_ID.fullmatch(name):
        ids = git(["rev-parse", f"--disambiguate={name}"], (0,)).stdout.decode().split()
        return [item for item in batch.info(ids) if item]
    full = name == "HEAD" or name.startswith("refs/")
    for prefix in ("",) if full else ("refs/heads/", "refs/remotes/", "refs/tags/"):
        if found := _ref(batch, git, prefix + name):
            return [found]
    return []


def _ref(batch: Batch, git: Git, name: str) -> Object | None:
    """What the ref of exactly this full name points to."""
    own, *others = batch.info([name, *(pattern.format(name) for pattern in _ELSEWHERE)])
    if own is None or not any(others):
        return own
    done = git(["show-ref", "--verify", "--hash", name], (0, 128))
    return batch.info([done.stdout.decode().strip()])[0] if done.returncode == 0 else None
