"""The objects of a repository on disk: reading and writing them, never moving a ref."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from interlock.clients.git import binary
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.formats.signatures import commit as commits

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


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


@dataclass(frozen=True)
class Objects:
    """Methods may be called from several threads. Objects that are written stay unreachable until a ref is moved.

    A revision is a full or short id, ``HEAD``, a full ref name, or a branch; a tag comes last, so that one cannot
    hide a branch. NotFoundError ``git-revision-unknown`` when there is none; also the errors of ``binary.run``.
    """

    path: Path
    environment: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Extra variables for git; a server looks into a push's quarantine with them (git-receive-pack(1))."""

    # -- reading -----------------------------------------------------------------------------------------------------

    def resolve(self, revision: str) -> str:
        """The commit that ``revision`` names, as a full id."""
        return self._object(revision, "commit")

    def tree(self, revision: str) -> str:
        """Id of the tree of a commit (or of a tree)."""
        return self._object(revision, "tree")

    def refs(self, prefix: str = "refs/heads/") -> dict[str, str]:
        """Full ref name -> object id."""
        out = self._git("for-each-ref", "--format=%(objectname) %(refname)", prefix).decode()
        return {name: oid for oid, name in (line.split(" ", 1) for line in out.splitlines())}

    def entry(self, revision: str, path: str) -> TreeEntry | None:
        """What is at ``path``; None when there is nothing."""
        found = self._list([], self.tree(revision), ["--", binary.check_path(path)])
        return found[0] if found else None

    def read(self, revision: str, path: str) -> bytes | None:
        """Content of a file; None when there is no such path.

        Raises InputError ``git-not-a-file`` for a folder, symbolic link or submodule: never follow what a link says.
        """
        entry = self.entry(revision, path)
        if entry is None:
            return None
        if entry.type != "blob" or entry.mode == "120000":
            raise InputError("git-not-a-file", "not a regular file", got=f"mode {entry.mode}", where=path)
        return self._git("cat-file", "blob", entry.id)

    def blob(self, object_id: str) -> bytes:
        """Content of a blob by its id."""
        return self._git("cat-file", "blob", check_object_id(object_id))

    def ls_tree(self, revision: str, path: str = "", *, recursive: bool = True) -> list[TreeEntry]:
        """Entries below the folder ``path`` ("" is the root); none when there is no such folder.

        Recursive listings hold blobs and submodules only.
        """
        flags = ["-r"] if recursive else []
        target = ["--", binary.check_path(path.rstrip("/")) + "/"] if path else []
        return self._list(flags, self.tree(revision), target)

    def object_id(self, revision: str, path: str) -> str | None:
        """Id of the blob or tree at ``path``; None when there is none."""
        entry = self.entry(revision, path)
        return entry.id if entry else None

    def object_ids(self, tree: str, paths: Iterable[str]) -> dict[str, str | None]:
        """``object_id`` for many paths of one tree or commit."""
        wanted = [binary.check_path(path.rstrip("/")) for path in paths]
        if not wanted:
            return {}
        found = {entry.path: entry.id for entry in self._list(["-t"], self.tree(tree), ["--", *wanted])}
        return {path: found.get(path) for path in wanted}

    def commit(self, revision: str) -> commits.Commit:
        """The commit object, parsed; its payload and signature are the raw bytes."""
        object_id = self.resolve(revision)
        return commits.parse(self._git("cat-file", "commit", object_id), id=object_id)

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
        revisions = [self.resolve(new), *(f"^{self.resolve(old)}" for old in without)]
        return self._commits(self._git("rev-list", "--topo-order", *flags, *revisions, "--").decode().split())

    def count(self, new: str, without: Iterable[str] = ()) -> int:
        """How many commits ``reachable`` gives."""
        revisions = [self.resolve(new), *(f"^{self.resolve(old)}" for old in without)]
        return int(self._git("rev-list", "--count", *revisions, "--"))

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether ``ancestor`` is reachable from ``descendant`` (a commit is its own ancestor)."""
        pair = [self.resolve(ancestor), self.resolve(descendant)]
        return self._run(["merge-base", "--is-ancestor", *pair], accept=(0, 1)).returncode == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor; None for unrelated histories."""
        pair = [self.resolve(one), self.resolve(other)]
        done = self._run(["merge-base", *pair], accept=(0, 1))
        return done.stdout.decode().strip() or None

    def diff(self, base: str, head: str) -> list[FileChange]:
        """Paths that differ between the trees of two commits, in path order."""
        flags = ["-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff"]
        out = self._git("diff-tree", *flags, self.tree(base), self.tree(head)).decode(errors="surrogateescape")
        words = out.split("\0")
        changes = []
        for meta, path in zip(words[0:-1:2], words[1::2], strict=True):
            old_mode, new_mode, old_id, new_id, status = meta.lstrip(":").split(" ")
            changes.append(
                FileChange(path, status[:1], _present(old_id, old_mode), _present(new_id, new_mode), old_mode, new_mode)
            )
        return changes

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
        old = {entry.path: entry for entry in self._list([], base_tree, ["--", *files])} if base_tree and files else {}
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

    @property
    def _folder(self) -> Path:
        inner = self.path / ".git"
        return inner if inner.is_dir() else self.path

    @property
    def _place(self) -> dict[str, str]:
        """Names the repository to git, which would otherwise look for one in the folders above."""
        folder = self._folder.absolute()
        return {
            "GIT_DIR": str(folder),
            **({} if folder == self.path.absolute() else {"GIT_WORK_TREE": str(folder.parent)}),
        }

    def _list(self, flags: Sequence[str], tree: str, target: Sequence[str]) -> list[TreeEntry]:
        out = self._git("ls-tree", "-z", "--full-tree", *flags, tree, *target).decode(errors="surrogateescape")
        entries = []
        for line in out.split("\0")[:-1]:
            meta, path = line.split("\t", 1)
            mode, kind, object_id = meta.split(" ")
            entries.append(TreeEntry(path, mode, kind, object_id))
        return entries

    def _object(self, revision: str, kind: str) -> str:
        binary.check_revision(revision)
        name = re.split(r"[@^~]", revision, maxsplit=1)[0]
        if _ID.fullmatch(name) or name == "HEAD" or name.startswith("refs/"):
            candidates = [revision]
        else:
            candidates = [f"{prefix}{revision}" for prefix in ("refs/heads/", "refs/remotes/", "refs/tags/")]
            candidates += [revision] if re.fullmatch(r"[0-9a-f]{7,64}", name) else []
        for candidate in candidates:
            # The peeling suffix makes rev-parse look the object up: it accepts any 40 hex digits without one.
            expression = f"{candidate}^{{{kind}}}"
            done = self._run(["rev-parse", "--verify", "--quiet", expression], accept=(0, 1, 128))
            object_id = done.stdout.decode().strip()
            if done.returncode == 0 and _ID.fullmatch(object_id):
                return object_id
        raise NotFoundError("git-revision-unknown", "no such revision", got=revision, where=str(self.path))

    def _commits(self, ids: Sequence[str]) -> list[commits.Commit]:
        out = self._git("cat-file", "--batch", stdin="".join(f"{item}\n" for item in ids).encode())
        found, position = [], 0
        for object_id in ids:
            end = out.index(b"\n", position)
            size = int(out[position:end].rsplit(b" ", 1)[1])
            found.append(commits.parse(out[end + 1 : end + 1 + size], id=object_id))
            position = end + 1 + size + 1
        return found

    def _run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        extra: Mapping[str, str] | None = None,
        accept: Sequence[int] = (0,),
    ) -> binary.Completed:
        variables = {**self._place, **self.environment, **(extra or {})}
        return binary.run(arguments, folder=self.path, stdin=stdin, extra=variables, accept=accept)

    def _git(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> bytes:
        return self._run(arguments, stdin=stdin, extra=extra).stdout


def _identity(value: tuple[str, str] | commits.Identity, when: datetime) -> commits.Identity:
    return value if isinstance(value, commits.Identity) else commits.Identity(value[0], value[1], when)


def check_object_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise InputError("git-object-id-invalid", "not a full object id", got=value[:100])
    return value


def _present(object_id: str, mode: str) -> str | None:
    return None if mode == "000000" else object_id
