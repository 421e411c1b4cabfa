"""A git repository on disk: a bare clone (``Repository.clone_mirror``) or a work clone (``Repository.clone``)."""

from __future__ import annotations

import base64
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from interlock.clients.git import binary
from interlock.clients.git.objects import Objects, check_object_id
from interlock.errors import ConflictError, InputError, InterlockError, RefusedError

_STALE_LOCK_SECONDS = 60.0
Credential = Callable[[], str | None]


@dataclass(frozen=True)
class Repository(Objects):
    """``Objects`` with refs and a remote. See there for revisions, threads and errors.

    The token is given to git for each call in memory: nothing of it lies beside a clone.
    """

    credential: Credential | None = field(default=None, kw_only=True, repr=False, compare=False)
    """The token for the remote, asked at each call to it; None or an answer of None for no token."""
    ca: Path | None = field(default=None, kw_only=True, compare=False)
    """PEM file of the CA that signs the remote's certificate. None: ``SSL_CERT_FILE``, else those of the system."""
    url: str | None = field(default=None, kw_only=True, compare=False)
    """Where it was cloned from, which alone gets the token. None: the clone's configuration is asked, by a process."""

    def __post_init__(self) -> None:
        super().__post_init__()
        # Releases before this one wrote the token beside the clone.
        (binary.folder_of(self.path) / "interlock-credentials").unlink(missing_ok=True)

    # -- clones ------------------------------------------------------------------------------------------------------

    @classmethod
    def clone_mirror(
        cls, url: str, path: Path, credential: Credential | None = None, ca: Path | None = None
    ) -> Repository:
        """A bare clone whose refs equal the remote's after each ``fetch``. An existing clone of ``url`` is fetched."""
        return cls._clone(url, path, credential, ca, bare=True)

    @classmethod
    def clone(cls, url: str, path: Path, credential: Credential | None = None, ca: Path | None = None) -> Repository:
        """A clone with a work tree, for people and build steps; ``fetch`` updates ``refs/remotes/origin/*``.

        Plain ``git`` in it needs the person's own configuration (`write_identity_config`).
        """
        return cls._clone(url, path, credential, ca, bare=False)

    @classmethod
    def init(cls, path: Path, *, bare: bool = True) -> Repository:
        """A new, empty repository with ``main`` as its branch."""
        flags = ["--bare"] if bare else []
        binary.run(["init", "--quiet", "--initial-branch=main", "--template=", *flags, "--", str(path)])
        return cls(path)

    @classmethod
    def _clone(cls, url: str, path: Path, credential: Credential | None, ca: Path | None, *, bare: bool) -> Repository:
        if urlsplit(url).username or urlsplit(url).password:
            raise InputError("git-url-invalid", "credentials belong in the token, not in the URL")
        if path.exists() and any(path.iterdir()):
            repository = cls(path, credential=credential, ca=ca)
            if repository._url != url:
                raise ConflictError("git-clone-differs", "another repository is here", where=str(path), expected=url)
            repository.fetch()
            return repository
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            cls.init(scratch, bare=bare)
            with cls(scratch, credential=credential, ca=ca) as repository:
                refspec = "+refs/*:refs/*" if bare else "+refs/heads/*:refs/remotes/origin/*"
                repository._git("config", "remote.origin.url", url)
                repository._git("config", "remote.origin.fetch", refspec)
                repository.fetch()
                if not bare:
                    repository._check_out()
            scratch.rename(path)
        except BaseException as error:
            shutil.rmtree(scratch, ignore_errors=True)
            if isinstance(error, OSError) and not isinstance(error, InterlockError) and path.is_dir():
                return cls._clone(url, path, credential, ca, bare=bare)  # another thread was faster
            raise
        return cls(path, credential=credential, ca=ca)

    def fetch(self) -> None:
        """Bring every ref of the remote here and drop those that it no longer has."""
        words = ("fetch", "--quiet", "--prune", "--no-write-fetch-head", "--no-auto-gc", "origin")
        try:
            self._remote(*words)
        except InputError as error:
            # A machine that crashed during a fetch leaves a lock file that nobody will ever remove.
            lock = re.search(r"Unable to create '([^']+\.lock)': File exists", error.got or "")
            if lock is None or time.time() - Path(lock[1]).stat().st_mtime < _STALE_LOCK_SECONDS:
                raise
            Path(lock[1]).unlink(missing_ok=True)
            self._remote(*words)

    def remote_refs(self) -> dict[str, str]:
        """Every ref of the remote -> object id, asked now: what a fetch would bring a mirror to."""
        lines = self._remote("ls-remote", "--quiet", "--refs", "origin").stdout.decode().splitlines()
        return {ref: found for found, _, ref in (line.partition("\t") for line in lines)}

    def update_ref(self, ref: str, new: str | None, old: str | None = None) -> None:
        """Move (or with None delete) a local ref. ``old``: what it must be now, ``""`` for absent.

        Raises ConflictError ``git-ref-moved``.
        """
        binary.check_revision(ref)
        zero = "0" * 40
        arguments = ["-d", ref] if new is None else [ref, check_object_id(new)]
        arguments += [] if old is None else [old or zero]
        done = self._run(["update-ref", "--no-deref", *arguments], accept=(0, 1, 128))
        if done.returncode:
            raise ConflictError("git-ref-moved", f"{ref} is not what it was", got=done.stderr.decode()[-300:].strip())

    def set_head(self, branch: str) -> None:
        """Make ``branch`` the one that clones check out."""
        self._git("symbolic-ref", "HEAD", binary.check_revision(f"refs/heads/{branch}"))

    def push(self, refspec: str, *, expected_old: str | None = None) -> None:
        """Push one refspec (``<sha>:refs/heads/x``, ``:refs/heads/x`` deletes). Never forces.

        ``expected_old``: the value the remote ref must have now ("" = must not exist); the update still has to be a
        fast forward. Raises ConflictError ``git-push-stale``, RefusedError ``git-push-refused`` with the remote's text.
        """
        source, _, target = refspec.partition(":")
        if not target.startswith("refs/") or source.startswith("+"):
            raise InputError("git-refspec-invalid", "not a refspec", got=refspec, expected="<commit>:refs/heads/<name>")
        flags = []
        if expected_old is not None:
            # A lease alone would allow any rewrite of the expected commit.
            if source and expected_old and not self.is_ancestor(expected_old, source):
                raise ConflictError("git-push-stale", f"{target} would not be fast-forwarded", got=expected_old)
            flags.append(f"--force-with-lease={target}:{expected_old}")
        done = self._remote("push", "--porcelain", "--no-verify", *flags, "origin", refspec, accept=(0, 1, 128))
        if done.returncode == 0:
            return
        answer, text = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if "[rejected]" in answer:
            raise ConflictError("git-push-stale", f"{target} was moved by somebody else", got=answer.strip()[-300:])
        if "[remote rejected]" in answer:
            said = [line.removeprefix("remote:").strip() for line in text.splitlines() if line.startswith("remote:")]
            reason = " | ".join(filter(None, said)) or answer.strip()
            raise RefusedError("git-push-refused", f"the forge refused the push to {target}", got=reason[-600:])
        raise binary.failure("push", text)

    # -- inside ------------------------------------------------------------------------------------------------------

    @cached_property
    def _url(self) -> str:
        if self.url is not None:
            return self.url
        return self._run(["config", "--get", "remote.origin.url"], accept=(0, 1)).stdout.decode().strip()

    def _check_out(self) -> None:
        listing = self._remote("ls-remote", "--symref", "origin", "HEAD").stdout.decode()
        match = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", listing, re.M)
        branch = match[1] if match else "main"
        if f"refs/remotes/origin/{branch}" in self.refs("refs/remotes/origin/"):
            self._git("checkout", "--quiet", "-B", branch, "--track", f"origin/{branch}")

    def _remote(self, *arguments: str, accept: Sequence[int] = (0,)) -> binary.Completed:
        return binary.run(
            arguments,
            folder=self.path,
            config=_configuration(self._url, self.credential() if self.credential else None, self.ca),
            extra=binary.place(self.path),
            accept=accept,
            timeout=binary.REMOTE_TIMEOUT,
        )


def _configuration(url: str, token: str | None, ca: Path | None) -> str:
    """Git offers the token to the origin of ``url`` only, and follows no redirect away from it."""
    text = ""
    if token is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise InputError("git-url-invalid", "a token needs an http(s) URL and printable characters", got=url)
        secret = base64.b64encode(f"token:{token}".encode()).decode()
        text += f'[http "{parts.scheme}://{parts.netloc}/"]\n\textraHeader = Authorization: Basic {secret}\n'
    # Not every git was built on a TLS library that reads the variable.
    if trusted := ca or os.environ.get("SSL_CERT_FILE"):
        text += f"[http]\n\tsslCAInfo = {binary.quoted(str(Path(trusted).absolute()))}\n"
    return text
