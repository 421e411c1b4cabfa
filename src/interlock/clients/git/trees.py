"""Tree objects: their bytes, what is below them, and where two differ (git's ``tree-walk.c``, ``tree-diff.c``).

``Read`` gives the content of tree objects by id; it is asked once for each level of folders. Paths that are no UTF-8
hold surrogates (PEP 383). A tree can name one subtree many times, so that a few kilobytes unfold to billions of files:
past ``MAX_ENTRIES`` a walk is refused.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from interlock.errors import InputError

Read = Callable[[Sequence[str]], list[bytes]]
_ENTRY = {width: re.compile(rb"([0-7]{1,6}) ([^\0/]+)\0(.{%d})" % width, re.DOTALL) for width in (20, 32)}
"""By the length of ids: SHA-1, SHA-256."""
MAX_ENTRIES = 500_000
MAX_DEPTH = 2048
"""As git's ``core.maxTreeDepth``."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path that differs between two trees.

    ``status``: ``A`` added, ``M`` modified, ``D`` deleted, ``T`` type changed; a rename is a deletion and an addition.
    Modes are as git writes them (``100644``, ``120000`` symbolic link, ``160000`` submodule, ``000000`` absent); the id
    of an absent side is None.
    """

    path: str
    status: str
    old_id: str | None
    new_id: str | None
    old_mode: str
    new_mode: str


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One entry of a tree; ``type`` is ``blob``, ``tree`` or ``commit`` (submodule); ``path`` from the tree's root."""

    path: str
    mode: str
    type: str
    id: str


def parse(tree: str, data: bytes, folder: str = "") -> list[TreeEntry]:
    """The entries of the tree object ``tree``, in its order; paths begin with ``folder``.

    Raises InputError ``git-tree-malformed``, also for names that would lead elsewhere (``..``, ``a/b``).
    """
    prefix = f"{folder}/" if folder else ""
    return [
        TreeEntry(prefix + name.decode(errors="surrogateescape"), *_kind(mode), id.hex())
        for name, (mode, id) in names(tree, data).items()
    ]


def names(tree: str, data: bytes) -> dict[bytes, tuple[bytes, bytes]]:
    """The same, as it is written: name -> mode and id."""
    found, position, entry = {}, 0, _ENTRY[len(tree) // 2]
    while position < len(data):
        match = entry.match(data, position)
        if match is None or match[2] in (b".", b"..") or match[2] in found:
            raise InputError("git-tree-malformed", "not a well-formed tree object", where=tree)
        found[match[2]] = match[1], match[3]
        position = match.end()
    return found


def without(tree: str, data: bytes, left_out: Collection[str]) -> str | None:
    """The id of the same tree without the entries of these names; None for an empty one."""
    names_out = {_order(name) for name in left_out}
    kept = [(name, *entry) for name, entry in names(tree, data).items() if name not in names_out]
    body = b"".join(b"%s %s\0%s" % (mode, name, id) for name, mode, id in kept)
    algorithm = hashlib.sha1 if len(tree) == 40 else hashlib.sha256
    return algorithm(b"tree %d\0%s" % (len(body), body)).hexdigest() if kept else None


def is_folder(mode: bytes) -> bool:
    return _kind(mode)[1] == "tree"


def below(read: Read, tree: str, folder: str = "", *, recursive: bool) -> list[TreeEntry]:
    """What is in ``tree``, which is at ``folder``; recursively without the trees themselves. In git's order."""
    if not recursive:
        return parse(tree, read([tree])[0], folder)
    found: list[TreeEntry] = []
    level, depth = {folder: tree}, 0
    while level:
        entries = _level(read, level)
        found += [item for item in entries if item.type != "tree"]
        level, depth = {item.path: item.id for item in entries if item.type == "tree"}, depth + 1
        _check_size(tree, len(found), depth)
    return sorted(found, key=lambda item: _order(item.path))


def find(read: Read, tree: str, paths: Iterable[str]) -> dict[str, TreeEntry]:
    """What is at each of these paths, by path; nothing for a path that is not there."""
    folders = {"": {item.path: item for item in below(read, tree, recursive=False)}}
    found = {}
    for path in paths:
        steps = path.split("/")
        for depth in range(1, len(steps) + 1):
            here, folder = "/".join(steps[:depth]), "/".join(steps[: depth - 1])
            entry = folders[folder].get(here)
            if entry is None or (depth < len(steps) and entry.type != "tree"):
                break
            if depth == len(steps):
                found[path] = entry
            elif here not in folders:
                folders[here] = {item.path: item for item in below(read, entry.id, here, recursive=False)}
    return found


def diff(read: Read, old: str, new: str) -> list[FileChange]:
    """Paths that differ between two trees, in git's order. Only subtrees that differ are read."""
    changes: list[FileChange] = []
    olds, news, depth = {"": old}, {"": new}, 0
    while olds or news:
        left, right = ({item.path: item for item in _level(read, level)} for level in (olds, news))
        pairs = [(left.get(path), right.get(path)) for path in {**left, **right} if left.get(path) != right.get(path)]
        changes += [change for one, other in pairs if (change := _change(one, other))]
        olds = {one.path: one.id for one, _ in pairs if one and one.type == "tree"}
        news = {other.path: other.id for _, other in pairs if other and other.type == "tree"}
        depth += 1
        _check_size(new, len(changes), depth)
    return sorted(changes, key=lambda item: _order(item.path))


def _level(read: Read, folders: dict[str, str]) -> list[TreeEntry]:
    ids = list(dict.fromkeys(folders.values()))
    bodies = dict(zip(ids, read(ids), strict=True))
    entries: list[TreeEntry] = []
    for folder, tree in folders.items():
        entries += parse(tree, bodies[tree], folder)
        _check_size(tree, len(entries), 0)
    return entries


def _change(old: TreeEntry | None, new: TreeEntry | None) -> FileChange | None:
    """None where there is nothing but folders. A folder in the place of a file is the file's end."""
    one, other = (item if item and item.type != "tree" else None for item in (old, new))
    if one is None or other is None:
        left = one or other
        if left is None:
            return None
        if one:
            return FileChange(left.path, "D", left.id, None, left.mode, "000000")
        return FileChange(left.path, "A", None, left.id, "000000", left.mode)
    status = "M" if one.mode[:2] == other.mode[:2] else "T"
    return FileChange(one.path, status, one.id, other.id, one.mode, other.mode)


@lru_cache(256)
def _kind(written: bytes) -> tuple[str, str]:
    """Mode and type as git shows them (``canon_mode``)."""
    mode = int(written, 8)
    if stat.S_ISDIR(mode):
        return "040000", "tree"
    if stat.S_ISLNK(mode):
        return "120000", "blob"
    if stat.S_ISREG(mode):
        return ("100755" if mode & 0o100 else "100644"), "blob"
    return "160000", "commit"


def _order(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _check_size(tree: str, entries: int, depth: int) -> None:
    if entries > MAX_ENTRIES or depth > MAX_DEPTH:
        got = f"{entries} entries, {depth} levels"
        raise InputError("git-tree-too-large", "the tree is too large", got=got, where=tree)
