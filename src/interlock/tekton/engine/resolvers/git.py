"""The git resolver: a file of a revision, from a mirror of the repository or through the forge's API."""

from __future__ import annotations

import hashlib
import posixpath
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from interlock.clients.forge import ForgeClient
from interlock.clients.git import Repository
from interlock.clients.git.binary import check_path, check_revision
from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError, UnreachableError
from interlock.formats.tekton.task import Param
from interlock.tekton.engine.resolvers import secrets
from interlock.tekton.engine.resolvers.mirrors import Folder, Mirrors
from interlock.tekton.engine.resolvers.secrets import Reader
from interlock.tekton.spec.resolution import failure, git
from interlock.tekton.spec.resolution.git import GitRequest
from interlock.tekton.spec.resolution.request import go_quoted
from interlock.tekton.spec.resolution.source import Fetched

_MAX_LINKS = 40
_MAX_BYTES = 1024 * 1024
_DEFAULT_SERVERS = {
    "github": "https://github.com",
    "gitlab": "https://gitlab.com",
    "bitbucketcloud": "https://bitbucket.org",
}


@dataclass
class Git:
    """Mirrors of repositories below ``folder``, each fetched when a revision is asked for that may have moved."""

    client: Reader
    mirrors: Mirrors
    folder: Path
    ca_file: Path | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _locks: dict[Path, threading.Lock] = field(default_factory=dict)

    def fetch(self, request: GitRequest, params: Sequence[Param], config: dict[str, str], namespace: str) -> Fetched:
        """Raises InterlockError in upstream's words."""
        if request.url:
            token = secrets.read(self.client, request.token, namespace) if request.token else None
            return self._of_clone(request, request.url, token)
        return self._of_api(request, params, config, namespace)

    # -- clones ------------------------------------------------------------------------------------------------------

    def _of_clone(self, request: GitRequest, url: str, token: str | None) -> Fetched:
        with self._clone(url, token) as repository:
            commit = _commit(repository, request.revision)
            data = _content(repository, commit, request.path)
        annotations = {
            "resolution.tekton.dev/revision": commit,
            "resolution.tekton.dev/path": request.path,
            "resolution.tekton.dev/url": url,
            "resolution.tekton.dev/content-type": "application/x-yaml",
        }
        if request.repo:
            annotations |= {
                "resolution.tekton.dev/org": request.org,
                "resolution.tekton.dev/repo": request.repo,
            }
        return Fetched(data, git.source(url, commit, request.path), commit, annotations)

    def _clone(self, url: str, token: str | None) -> Repository:
        place = self.mirrors.find(url)
        remote = _local(place, url) if isinstance(place, Folder) else place
        # The token is part of the name: a clone that needed one is not for who has none.
        name = hashlib.sha256(f"{remote}\n{token or ''}".encode()).hexdigest()[:40]
        path = self.folder / f"{name}.git"
        with self._guard:
            own = self._locks.setdefault(path, threading.Lock())
        try:
            with own:
                # A folder asks nobody for a token.
                credential = None if isinstance(place, Folder) else lambda: token
                return Repository.clone_mirror(remote, path, credential, self.ca_file)
        except RefusedError as error:
            raise RefusedError(
                failure.CODE,
                "error resolving repository: clone error: authentication required",
                got=error.got,
                todo="name a Secret with a token in the param gitToken",
            ) from error
        except InterlockError as error:
            kind = UnreachableError if isinstance(error, UnreachableError) else InputError
            raise kind(
                failure.CODE, f"error resolving repository: git clone error: {error.message}", got=error.got
            ) from error

    # -- the forge's API ---------------------------------------------------------------------------------------------

    def _of_api(self, request: GitRequest, params: Sequence[Param], config: dict[str, str], namespace: str) -> Fetched:
        token = secrets.read(self.client, git.api_token(request, params, config), namespace)
        server = request.server_url or _DEFAULT_SERVERS.get(request.scm_type, "")
        if not server:
            raise failure.invalid(f"failed to create SCM client: No serverURL for scmType {request.scm_type}")
        place = self.mirrors.find(f"{server.rstrip('/')}/{request.org}/{request.repo}")
        if isinstance(place, Folder):
            return self._of_clone(request, f"{server.rstrip('/')}/{request.org}/{request.repo}.git", None)
        if request.scm_type not in ("gitea", "forgejo"):
            raise failure.invalid(
                f"failed to create SCM client: scmType {request.scm_type} is not spoken here",
                todo="use scmType gitea, or configure a folder of repositories as mirror of the server",
            )
        base = place.removesuffix(f"/{request.org}/{request.repo}")
        with ForgeClient(base, token, ca_file=self.ca_file) as forge:
            return _through(forge, request)


def _through(forge: ForgeClient, request: GitRequest) -> Fetched:
    org, repo = request.org, request.repo
    try:
        commit = forge.commit(org, repo, request.revision).sha
    except InterlockError as error:
        message = f"couldn't fetch the commit sha for the ref {request.revision} in the repo: {error.message}"
        raise _like(error, message) from error
    try:
        data = forge.raw(org, repo, request.path, ref=commit)
    except InterlockError as error:
        raise _like(error, f"couldn't fetch resource content: {error.message}") from error
    if data is None:
        raise failure.invalid("couldn't fetch resource content: Not Found")
    if not data:
        raise failure.invalid(f"no content for resource in {org}/{repo} {request.path}")
    url = forge.repository(org, repo).clone_url
    annotations = {
        "resolution.tekton.dev/revision": commit,
        "resolution.tekton.dev/path": request.path,
        "resolution.tekton.dev/url": url,
        "resolution.tekton.dev/org": org,
        "resolution.tekton.dev/repo": repo,
        "resolution.tekton.dev/content-type": "application/x-yaml",
    }
    return Fetched(data, git.source(url, commit, request.path), commit, annotations)


def _like(error: InterlockError, message: str) -> InterlockError:
    return type(error)(failure.CODE, message, got=error.got)


def _local(place: Folder, url: str) -> str:
    """The repository of a mirror folder, with or without ``.git``, bare or not, as a file address."""
    found = place.file()
    for path in (found, found.with_name(f"{found.name}.git"), found.with_name(found.name.removesuffix(".git"))):
        if (path / "HEAD").is_file() or (path / ".git").exists():
            return f"file://{path.resolve()}"
    raise NotFoundError(
        failure.CODE, f"error resolving repository: git clone error: repository {url} not found", where=str(found)
    )


def _commit(repository: Repository, revision: str) -> str:
    """The commit that a server gives for ``git fetch origin <revision>``: a full id, or a ref by git's rules.

    Unlike a local rev-parse, a short id is no ref, and a tag comes before a branch (refs.c ref_rev_parse_rules).
    """
    full = GitRequest(revision, "").immutable
    try:
        check_revision(revision)
        if full:
            return repository.resolve(revision)
        refs = repository.refs("refs/")
        for name in (revision, f"refs/{revision}", f"refs/tags/{revision}", f"refs/heads/{revision}"):
            if name in refs:
                return repository.resolve(name)
        if revision == "HEAD":
            return repository.resolve("HEAD")
    except InterlockError as error:
        if error.code not in ("git-revision-unknown", "git-revision-invalid"):
            raise
    found = f"remote error: upload-pack: not our ref {revision}" if full else f"couldn't find remote ref {revision}"
    raise NotFoundError(failure.CODE, f"git fetch error: fatal: {found}: exit status 128")


def _content(repository: Repository, commit: str, path: str) -> bytes:
    """The file at ``path``, links followed as long as they stay in the tree (repository.go getFileContent)."""
    try:
        data = repository.blob(_blob(repository, commit, path))
    except _Absent:
        raise NotFoundError(failure.CODE, f"error opening file {go_quoted(path)}: file does not exist") from None
    if len(data) > _MAX_BYTES:
        raise failure.invalid(f"error opening file {go_quoted(path)}: more than {_MAX_BYTES} bytes")
    return data


class _Absent(Exception):
    pass


def _blob(repository: Repository, commit: str, path: str) -> str:
    """Id of the blob at ``path``. Each part that is a link is replaced by what it says."""
    parts, done, links = [part for part in path.split("/") if part not in ("", ".")], "", 0
    while parts:
        part = parts.pop(0)
        if part == "..":
            if not done:
                message = f"path {go_quoted(path)} attempts to escape the repository directory"
                raise failure.invalid(
                    f"error opening file {go_quoted(path)}: {message} (possible path traversal attack)"
                )
            done = posixpath.dirname(done)
            continue
        here = posixpath.join(done, part)
        try:
            entry = repository.entry(commit, check_path(here))
        except InputError:
            raise _Absent from None
        if entry is None:
            raise _Absent
        if entry.mode == "120000":
            links += 1
            target = repository.blob(entry.id).decode(errors="replace")
            if links > _MAX_LINKS:
                raise failure.invalid(f"error opening file {go_quoted(path)}: too many links")
            if target.startswith("/"):
                message = f"path {go_quoted(path)} attempts to escape the repository directory"
                raise failure.invalid(
                    f"error opening file {go_quoted(path)}: {message} (possible path traversal attack)"
                )
            parts = [item for item in target.split("/") if item not in ("", ".")] + parts
        elif entry.type == "tree":
            if not parts:
                raise failure.invalid(f"error opening file {go_quoted(path)}: read {path}: is a directory")
            done = here
        elif parts or entry.type != "blob":
            raise _Absent
        else:
            return entry.id
    raise failure.invalid(f"error opening file {go_quoted(path)}: is a directory")
