"""Git sources: mirror clones of what Applications name, and one commit's files as a mapping."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from interlock.clients.git import Commit, Repository
from interlock.errors import InputError
from interlock.formats.argocd.integrity import Result, Signature
from interlock.formats.argocd.project import normalised_url
from interlock.formats.signatures import Verified, openpgp

_BLOBS = 4096
_TREES = 32
_COMMITS = 4096
_COMMIT = re.compile("[0-9a-f]{40}")
_SHORT = re.compile("^refs/(heads/|tags/|remotes/)?")
"""What go-git's ``ReferenceName.Short`` leaves out."""
Value = TypeVar("Value")


class Cache(OrderedDict[str, Value]):
    """The last ``size`` values by a name that determines them."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._lock = threading.Lock()

    def remember(self, name: str, make: Callable[[], Value]) -> Value:
        with self._lock:
            if name in self:
                self.move_to_end(name)
                return self[name]
        value = make()
        with self._lock:
            self[name] = value
            while len(self) > self._size:
                self.popitem(last=False)
        return value


class Tree(Mapping[str, bytes]):
    """The regular files of one commit; contents are read when asked for."""

    def __init__(self, mirror: Mirror, commit: str) -> None:
        self._mirror = mirror
        entries = mirror.repository.ls_tree(commit)
        self._files = {entry.path: entry.id for entry in entries if entry.mode in ("100644", "100755")}
        self._links = {entry.path for entry in entries if entry.path not in self._files}

    def __getitem__(self, path: str) -> bytes:
        if path in self._links:
            raise InputError("source-link", "symbolic links and submodules are not followed", where=path)
        return self._mirror.blob(self._files[path])

    def __contains__(self, path: object) -> bool:
        return path in self._files or path in self._links

    def __iter__(self) -> Iterator[str]:
        yield from self._files
        yield from self._links

    def __len__(self) -> int:
        return len(self._files) + len(self._links)

    def below(self, folder: str) -> list[str]:
        """Paths in ``folder`` ("" is the root), relative to it."""
        start = f"{folder}/" if folder else ""
        return [path.removeprefix(start) for path in self if path.startswith(start)]


class Mirror:
    """One repository. Thread-safe; at most one fetch at a time."""

    def __init__(self, url: str, path: Path, token: Path | None) -> None:
        self._url = url
        self._path = path
        self._token = token
        self._lock = threading.Lock()
        self._fetched = -1.0
        self._opened: Repository | None = None
        self._blobs: Cache[bytes] = Cache(_BLOBS)
        self._trees: Cache[Tree] = Cache(_TREES)
        self._commits: Cache[Commit] = Cache(_COMMITS)

    @property
    def repository(self) -> Repository:
        """The clone; made when there is none yet."""
        with self._lock:
            if self._opened is None:
                started = time.monotonic()
                if self._path.is_dir():
                    self._opened = Repository(self._path, credential=self._read_token)
                else:
                    self._opened = Repository.clone_mirror(self._url, self._path, self._read_token)
                    self._fetched = started
            return self._opened

    def update(self, asked: float) -> None:
        """Fetch, unless a fetch has begun since ``asked`` (monotonic seconds): many Applications share one."""
        repository = self.repository  # a first clone counts as the fetch
        with self._lock:
            if self._fetched < asked:
                started = time.monotonic()
                repository.fetch()
                self._fetched = started

    def _read_token(self) -> str | None:
        """Read each time: a token may be issued, or rotated, while the engine runs."""
        return self._token.read_text().strip() if self._token and self._token.is_file() else None

    def resolve(self, revision: str) -> str:
        """The commit of a ref or id; "" and HEAD are the main branch of a fresh clone. Raises InputError
        ``revision-ambiguous``."""
        return self.repository.resolve(self.ref(revision) or revision or "HEAD")

    def ref(self, revision: str) -> str | None:
        """The full name of the one ref that ``revision`` names; None when it is an id, HEAD, or names nothing.

        Upstream (util/git/client.go lsRemote) takes any ref whose full *or* short name is the revision, in no order:
        branch or tag ``sealed`` for ``sealed``, branch ``sealed`` or tag ``refs/heads/sealed`` for
        ``refs/heads/sealed``. Several are refused here, so that nobody relies on which one it is.
        """
        if revision in ("", "HEAD") or _COMMIT.fullmatch(revision):
            return None
        found = [name for name in self.repository.refs("refs/") if revision in (name, _SHORT.sub("", name, count=1))]
        if len(found) > 1:
            raise InputError(
                "revision-ambiguous",
                "several refs have this name, and Argo CD follows any of them",
                got=f"{revision}: {', '.join(found)}",
                expected="the full name of a branch, and no ref that is called so",
            )
        return found[0] if found else None

    def tree(self, commit: str) -> Tree:
        return self._trees.remember(commit, lambda: Tree(self, commit))

    def blob(self, object_id: str) -> bytes:
        return self._blobs.remember(object_id, lambda: self.repository.blob(object_id))

    def commit(self, commit: str) -> Commit:
        return self._commits.remember(commit, lambda: self.repository.commit(commit))

    def history(self, commit: str) -> list[Commit]:
        return self.repository.log(commit)


class Repositories:
    """Mirrors by URL, in one folder that may be deleted while nothing runs."""

    def __init__(self, folder: Path, *, resolve: Callable[[str], str], token: Path | None) -> None:
        self._folder = folder
        self._resolve = resolve
        self._token = token
        self._lock = threading.Lock()
        self._mirrors: dict[str, Mirror] = {}

    def mirror(self, repo_url: str) -> Mirror:
        """The mirror of a repository by the name that Applications use."""
        url = self._resolve(repo_url)
        if not url.startswith("file:") and not url.endswith(".git"):
            url += ".git"
        name = hashlib.sha256(normalised_url(url).encode()).hexdigest()[:16]
        with self._lock:
            if url not in self._mirrors:
                stem = url.rstrip("/").rpartition("/")[2].removesuffix(".git")
                self._mirrors[url] = Mirror(url, self._folder / f"{stem}-{name}.git", self._token)
            return self._mirrors[url]


class MirrorGraph:
    """A mirror as `formats.argocd.integrity.Graph`: signatures are verified against ``keyring``."""

    def __init__(self, mirror: Mirror, keyring: Sequence[str]) -> None:
        self._mirror = mirror
        self._keyring = keyring

    def is_annotated_tag(self, revision: str) -> bool:
        name, repository = self._mirror.ref(revision) or "", self._mirror.repository
        tag = repository.refs("refs/tags/").get(name)
        return tag is not None and tag != repository.resolve(name)

    def message(self, commit: str) -> str:
        return self._mirror.commit(commit).message

    def parents(self, commit: str) -> Sequence[str]:
        return self._mirror.commit(commit).parents

    def history(self, commit: str) -> Sequence[str]:
        found = self._mirror.history(commit)
        for item in found:
            self._mirror._commits.remember(item.id, lambda item=item: item)  # type: ignore[misc]
        return [item.id for item in found]

    def signature(self, commit: str) -> Signature:
        found = self._mirror.commit(commit)
        author = f"{found.author.name} <{found.author.email}>"
        if found.ambiguous:
            return Signature(commit, "bad signature", "", author)
        if found.signature is None or not openpgp.is_signature(found.signature):
            # git reports what is no OpenPGP signature as none when no other format is set up.
            return Signature(commit, "unsigned", "", author)
        answer = openpgp.verify(found.payload, found.signature, self._keyring)
        if isinstance(answer, Verified):
            return Signature(commit, "signed", openpgp.key_id(answer.signing_key), author)
        results: dict[str, Result] = {"unknown-key": "signed with key not in keyring"}
        issuer = answer.detail.removeprefix("key ").partition(":")[0]
        return Signature(commit, results.get(answer.reason, "bad signature"), openpgp.key_id(issuer), author)
