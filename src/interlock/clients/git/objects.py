"""The objects of a repository on disk: reading and writing them, never moving a ref."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from interlock.clients.git import binary, origins, revisions, trees
from interlock.clients.git.batch import Batch
from interlock.clients.git.trees import FileChange, TreeEntry
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.formats.signatures import commit as commits

_NEAR = 64
"""Commits that are read to find an ancestor before a process is asked, which knows the whole history."""


@dataclass(frozen=True)
class Objects:
    """Methods may be called from several threads. Objects that are written stay unreachable until a ref is moved.

    A revision is a full or short id, ``HEAD``, a full ref name, or a branch; a tag comes last, so that one cannot
    hide a branch, and a ref that looks like an id (7 to 64 hexadecimal digits) goes by its full name alone. Any of
    them may carry ``^`` or ``~n``. NotFoundError ``git-revision-unknown`` when there is none, or more than one; also
    the errors of ``binary.run``.

    One git process stays (`batch`) and answers what needs no more than objects and refs; it ends with `close`.
    """

    path: Path
    environment: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Extra variables for git; a server looks into a push's quarantine with them (git-receive-pack(1))."""
    _batch: Batch = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_batch", Batch(self.path, self.environment))

    def close(self) -> None:
        """End the process that stays. The next question starts another."""
        self._batch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading -----------------------------------------------------------------------------------------------------

    def resolve(self, revision: str) -> str:
        """The commit that ``revision`` names, as a full id."""
        return self._object(revision, "commit")

    def tree(self, revision: str) -> str:
        """Id of the tree of a commit (or of a tree)."""
        return self._object(revision, "tree")

    def has(self, ids: Iterable[str]) -> bool:
        """Whether all these objects are here."""
        return all(self._batch.info([check_object_id(item) for item in ids]))

    def refs(self, prefix: str = "refs/heads/") -> dict[str, str]:
        """Full ref name -> object id."""
        out = self._git("for-each-ref", "--format=%(objectname) %(refname)", prefix).decode()
        return {name: oid for oid, name in (line.split(" ", 1) for line in out.splitlines())}

    def entry(self, revision: str, path: str) -> TreeEntry | None:
        """What is at ``path``; None when there is nothing."""
        return self._find(revision, [path]).get(path)

    def read(self, revision: str, path: str) -> bytes | None:
        """Content of a file; None when there is no such path.

        Raises InputError ``git-not-a-file`` for a folder, symbolic link or submodule: never follow what a link says.
        """
        return self.files(revision, [path])[path]

    def files(self, revision: str, paths: Iterable[str]) -> dict[str, bytes | None]:
        """``read`` for many paths."""
        wanted = list(paths)
        found = self._find(revision, wanted)
        for path, entry in found.items():
            if entry.type != "blob" or entry.mode == "120000":
                raise InputError("git-not-a-file", "not a regular file", got=f"mode {entry.mode}", where=path)
        data = dict(zip(found, self._contents("blob", [entry.id for entry in found.values()]), strict=True))
        return {path: data.get(path) for path in wanted}

    def blob(self, object_id: str) -> bytes:
        """Content of a blob by its id."""
        return self._contents("blob", [check_object_id(object_id)])[0]

    def ls_tree(self, revision: str, path: str = "", *, recursive: bool = True) -> list[TreeEntry]:
        """Entries below the folder ``path`` ("" is the root); none when there is no such folder.

        Recursive listings hold blobs and submodules only. Raises InputError ``git-tree-too-large``.
        """
        folder = binary.check_path(path.rstrip("/")) if path else ""
        tree = self.tree(revision)
        if folder:
            entry = trees.find(self._trees, tree, [folder]).get(folder)
            if entry is None or entry.type != "tree":
                return []
            tree = entry.id
        return trees.below(self._trees, tree, folder, recursive=recursive)

    def object_id(self, revision: str, path: str) -> str | None:
        """Id of the blob or tree at ``path``; None when there is none."""
        entry = self.entry(revision, path)
        return entry.id if entry else None

    def object_ids(self, tree: str, paths: Iterable[str]) -> dict[str, str | None]:
        """``object_id`` for many paths of one tree or commit."""
        wanted = [path.rstrip("/") for path in paths]
        found = self._find(tree, wanted)
        return {path: found[path].id if path in found else None for path in wanted}

    def without(self, tree: str, names: Collection[str]) -> str | None:
        """The id that ``tree`` would have without the entries of these names; None when nothing would be left. Nothing
        is written."""
        return trees.without(tree, self._trees([tree])[0], names)

    def commit(self, revision: str) -> commits.Commit:
        """The commit object, parsed; its payload and signature are the raw bytes."""
        return self._commits([self.resolve(revision)])[0]

    def log(
        self, range: str, *, first_parent: bool = False, limit: int | None = None, skip: int = 0
    ) -> list[commits.Commit]:
        """Commits of ``A..B`` or reachable from ``B``, newest first."""
        old, dots, new = range.rpartition("..")
        return self.reachable(new, [old] if dots else [], first_parent=first_parent, limit=limit, skip=skip)

    def reachable(
        self,
        new: str,
        without: Iterable[str] = (),
        *,
        first_parent: bool = False,
        limit: int | None = None,
        skip: int = 0,
    ) -> list[commits.Commit]:
        """Commits reachable from ``new`` and from none of ``without``, newest first."""
        flags = ["--first-parent"] if first_parent else []
        flags += [f"--max-count={limit}"] if limit is not None else []
        flags += [f"--skip={skip}"] if skip else []
        tip, *others = (self.resolve(revision) for revision in (new, *without))
        if tip in others:
            return []
        revisions = [tip, *(f"^{item}" for item in others), "--"]
        return self._commits(self._git("rev-list", "--topo-order", *flags, *revisions).decode().split())

    def origins(self, revision: str, paths: Iterable[str], *, limit: int) -> dict[str, commits.Commit]:
        """For each path: the commit that gave it what it is at ``revision``, the one that ``git log -1`` shows.

        A merge that has a path as one of its parents has it gave it nothing: that parent is asked. Once ``limit``
        commits were read, the oldest of them stands for all before it.
        """
        wanted = {binary.check_path(path) for path in paths}
        return origins.find(self._commits, self._trees, self.resolve(revision), wanted, limit)

    def count(self, new: str, without: Iterable[str] = ()) -> int:
        """How many commits ``reachable`` gives."""
        revisions = [self.resolve(new), *(f"^{self.resolve(old)}" for old in without)]
        return int(self._git("rev-list", "--count", *revisions, "--"))

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether ``ancestor`` is reachable from ``descendant`` (a commit is its own ancestor)."""
        wanted, tip = self.resolve(ancestor), self.resolve(descendant)
        seen: set[str] = set()
        level = [tip]
        while len(seen) < _NEAR:
            if wanted in level:
                return True
            seen.update(level)
            parents = {parent for data in self._contents("commit", level) for parent in _parents(data)}
            level = list(parents - seen)
            if not level:
                return False
        return self._run(["merge-base", "--is-ancestor", wanted, tip], accept=(0, 1)).returncode == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor; None for unrelated histories."""
        pair = [self.resolve(one), self.resolve(other)]
        if pair[0] == pair[1]:
            return pair[0]
        done = self._run(["merge-base", *pair], accept=(0, 1))
        return done.stdout.decode().strip() or None

    def diff(self, base: str, head: str) -> list[FileChange]:
        """Paths that differ between the trees of two commits, in path order.

        Raises InputError ``git-tree-too-large``.
        """
        pair = self.tree(base), self.tree(head)
        return [] if pair[0] == pair[1] else trees.diff(self._trees, *pair)

    def merge_tree(self, base: str, head: str) -> str:
        """The tree that merging ``head`` into ``base`` gives. Raises ConflictError ``merge-conflict``."""
        pair = [self.resolve(base), self.resolve(head)]
        flags = ["--write-tree", "--name-only", "--messages"]
        done = self._run(["merge-tree", *flags, *pair], accept=(0, 1))
        lines = done.stdout.decode(errors="replace").splitlines()
        if done.returncode:
            paths = ", ".join(lines[1 : lines.index("")] if "" in lines else lines[1:])
            raise ConflictError("merge-conflict", f"{head[:12]} does not merge into {base[:12]}", got=paths[:300])
        return lines[0]

    # -- writing -----------------------------------------------------------------------------------------------------

    def write_tree(self, files: Mapping[str, bytes | None], base: str | None = None) -> str:
        """A tree: that of ``base`` (commit or tree; None is empty) with ``files`` set, or removed where None.

        New files are regular files (100644); a file that exists keeps its mode, except that a link becomes a file.
        """
        base_tree = self.tree(base) if base else None
        old = self._find(base_tree, files) if base_tree else {}
        zero = "0" * 40
        lines = []
        for path, content in files.items():
            binary.check_path(path)
            if content is None:
                lines.append(f"0 {zero}\t{path}\0")
            else:
                blob = self._git("hash-object", "-w", "--stdin", stdin=content).decode().strip()
                mode = old[path].mode if path in old and old[path].mode.startswith("100") else "100644"
                lines.append(f"{mode} {blob}\t{path}\0")
        with tempfile.TemporaryDirectory(prefix="interlock-index-") as scratch:
            extra = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            if base_tree:
                self._git("read-tree", base_tree, extra=extra)
            self._git("update-index", "-z", "--index-info", stdin="".join(lines).encode(), extra=extra)
            return self._git("write-tree", extra=extra).decode().strip()

    def commit_tree(
        self,
        tree: str,
        parents: Sequence[str],
        message: str,
        *,
        author: tuple[str, str] | commits.Identity,
        date: datetime | None = None,
        committer: tuple[str, str] | commits.Identity | None = None,
        sign: Callable[[bytes], str] | None = None,
    ) -> str:
        """Write a commit object and return its id; no ref moves.

        ``author`` and ``committer`` (default: the author) are (name, email) with ``date``, or whole identities.
        ``sign`` gets the payload and returns an armored signature.
        """
        when = date or datetime.now(UTC)
        by = _identity(author, when)
        committed_by = by if committer is None else _identity(committer, when)
        payload = commits.build(tree, parents, message, author=by, committer=committed_by)
        if sign is not None:
            signature = sign(payload)
            payload = commits.build(tree, parents, message, author=by, committer=committed_by, signature=signature)
        return self._git("hash-object", "-t", "commit", "-w", "--stdin", stdin=payload).decode().strip()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _object(self, revision: str, kind: str) -> str:
        found = revisions.find(self._batch, lambda words, codes: self._run(words, accept=codes), revision, kind)
        if found is None:
            raise NotFoundError("git-revision-unknown", "no such revision", got=revision, where=str(self.path))
        return found

    def _find(self, revision: str, paths: Iterable[str]) -> dict[str, TreeEntry]:
        wanted = [binary.check_path(path) for path in paths]
        return trees.find(self._trees, self.tree(revision), wanted) if wanted else {}

    def _contents(self, kind: str, ids: Sequence[str]) -> list[bytes]:
        found = self._batch.contents(ids)
        for object_id, item in zip(ids, found, strict=True):
            if item is None or item.type != kind:
                got = item.type if item else "nothing"
                raise InputError("git-failed", f"{object_id} is no {kind}", got=got, where=str(self.path))
        return [item.data for item in found if item]

    def _trees(self, ids: Sequence[str]) -> list[bytes]:
        return self._contents("tree", ids)

    def _commits(self, ids: Sequence[str]) -> list[commits.Commit]:
        return [commits.parse(data, id=item) for item, data in zip(ids, self._contents("commit", ids), strict=True)]

    def _run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        extra: Mapping[str, str] | None = None,
        accept: Sequence[int] = (0,),
    ) -> binary.Completed:
        variables = {**binary.place(self.path), **self.environment, **(extra or {})}
        return binary.run(arguments, folder=self.path, stdin=stdin, extra=variables, accept=accept)

    def _git(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> bytes:
        return self._run(arguments, stdin=stdin, extra=extra).stdout


def _identity(value: tuple[str, str] | commits.Identity, when: datetime) -> commits.Identity:
    return value if isinstance(value, commits.Identity) else commits.Identity(value[0], value[1], when)


def _parents(commit: bytes) -> list[str]:
    """As git follows them, which is right after the tree, and whatever the rest of the commit is like."""
    match = re.match(rb"tree \w+\n((?:parent \w+\n)*)", commit)
    return match[1].decode().split()[1::2] if match else []


def together(repositories: Sequence[Objects]) -> Objects:
    """The objects of several repositories, read through one process. Its refs are those of the first."""
    first, *others = (binary.folder_of(item.path).absolute() for item in repositories)
    folders = ":".join(binary.quoted(str(folder / "objects")) for folder in others)
    return Objects(first, {"GIT_ALTERNATE_OBJECT_DIRECTORIES": folders})


def check_object_id(value: str) -> str:
    if not revisions.ID.fullmatch(value):
        raise InputError("git-object-id-invalid", "not a full object id", got=value[:100])
    return value
