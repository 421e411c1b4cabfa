"""Which commit gave a path what it is: ``git log -1 -- PATH`` (git-log(1), history simplification) for many at once.

Commits and trees are read once; folders in which two commits agree are not looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from interlock.clients.git import trees
from interlock.formats.signatures.commit import Commit

Commits = Callable[[Sequence[str]], list[Commit]]
_Entry = tuple[bytes, bytes]
"""Mode and id."""


def find(read_commits: Commits, read_trees: trees.Read, tip: str, paths: set[str], limit: int) -> dict[str, Commit]:
    """``paths`` -> commit. Once ``limit`` commits were read: the oldest of them that agrees with ``tip``."""
    folders = _Folders(read_trees)
    known: dict[str, Commit] = {}
    found: dict[bytes, Commit] = {}

    def know(ids: Iterable[str]) -> None:
        missing = [id for id in dict.fromkeys(ids) if id not in known]
        known.update(zip(missing, read_commits(missing), strict=True))

    waiting = {tip: {path.encode() for path in paths}}
    while waiting:
        know(waiting)
        followed = [] if len(known) >= limit else [parent for id in waiting for parent in known[id].parents]
        know(followed)
        above: dict[str, set[bytes]] = {}
        for commit, here in [(known[id], here) for id, here in waiting.items()]:
            for parent in commit.parents if followed else ():
                same = here - folders.differing(known[parent].tree, commit.tree, here)
                if same:
                    above.setdefault(parent, set()).update(same)
                    here = here - same
            found |= dict.fromkeys(here, commit)
        waiting = above
    return {path.decode(): commit for path, commit in found.items()}


class _Folders:
    """What is in trees, each read once."""

    def __init__(self, read: trees.Read) -> None:
        self._read = read
        self._known: dict[str, Mapping[bytes, _Entry]] = {"": {}}

    def differing(self, one: str, other: str, paths: set[bytes]) -> set[bytes]:
        """Those of ``paths`` at which two trees differ; "" is an empty one."""
        if one == other:
            return set()
        left, right = self._entries(one), self._entries(other)
        found: set[bytes] = set()
        below: dict[bytes, set[bytes]] = {}
        for path in paths:
            name, _, rest = path.partition(b"/")
            if left.get(name) == right.get(name):
                continue
            if rest:
                below.setdefault(name, set()).add(rest)
            else:
                found.add(path)
        for name, rests in below.items():
            inside = self.differing(_tree(left.get(name)), _tree(right.get(name)), rests)
            found |= {b"%b/%b" % (name, rest) for rest in inside}
        return found

    def _entries(self, tree: str) -> Mapping[bytes, _Entry]:
        if tree not in self._known:
            self._known[tree] = trees.names(tree, self._read([tree])[0])
        return self._known[tree]


def _tree(entry: _Entry | None) -> str:
    """Its id; "" for what is no folder, in which nothing is."""
    return entry[1].hex() if entry and trees.is_folder(entry[0]) else ""
