"""A git repository on disk: a bare clone (``Repository.clone_mirror``) or a work clone (``Repository.clone``)."""

from __future__ import annotations

import base64
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from interlock.clients import files
from interlock.clients.git import binary
from interlock.clients.git.objects import Objects, check_object_id
from interlock.errors import ConflictError, InputError, InterlockError, RefusedError

_STALE_LOCK_SECONDS = 60.0


class Repository(Objects):
    """``Objects`` with refs and a remote. See there for revisions, threads and errors."""

    # -- clones ------------------------------------------------------------------------------------------------------

    @classmethod
    def clone_mirror(cls, url: str, path: Path, token: str | None = None) -> Repository:
        """A bare clone whose refs equal the remote's after each ``fetch``. An existing clone of ``url`` is fetched."""
        return cls._clone(url, path, token, bare=True)

    @classmethod
    def clone(cls, url: str, path: Path, token: str | None = None) -> Repository:
        """A clone with a work tree, for people and build steps; ``fetch`` updates ``refs/remotes/origin/*``."""
        return cls._clone(url, path, token, bare=False)

    @classmethod
    def init(cls, path: Path, *, bare: bool = True) -> Repository:
        """A new, empty repository with ``main`` as its branch."""
        flags = ["--bare"] if bare else []
        binary.run(["init", "--quiet", "--initial-branch=main", "--template=", *flags, "--", str(path)])
        return cls(path)

    @classmethod
    def _clone(cls, url: str, path: Path, token: str | None, *, bare: bool) -> Repository:
        if urlsplit(url).username or urlsplit(url).password:
            raise InputError("git-url-invalid", "credentials belong in the token, not in the URL")
        if path.exists() and any(path.iterdir()):
            repository = cls(path)
            if repository._config("remote.origin.url") != url:
                raise ConflictError("git-clone-differs", "another repository is here", where=str(path), expected=url)
            repository._write_credentials(url, token)
            repository.fetch()
            return repository
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            repository = cls.init(scratch, bare=bare)
            refspec = "+refs/*:refs/*" if bare else "+refs/heads/*:refs/remotes/origin/*"
            repository._git("config", "remote.origin.url", url)
            repository._git("config", "remote.origin.fetch", refspec)
            repository._write_credentials(url, token)
            repository.fetch()
            if not bare:
                repository._check_out(token)
            scratch.rename(path)
        except BaseException as error:
            shutil.rmtree(scratch, ignore_errors=True)
            if isinstance(error, OSError) and not isinstance(error, InterlockError) and path.is_dir():
                return cls._clone(url, path, token, bare=bare)  # another thread was faster
            raise
        return cls(path)

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

    def forget_token(self) -> None:
        """Remove the token that `clone` or `clone_mirror` wrote down: the next fetch is without one."""
        self._credentials.unlink(missing_ok=True)

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

    @property
    def _credentials(self) -> Path:
        return self._folder / "interlock-credentials"

    def _write_credentials(self, url: str, token: str | None) -> None:
        """Git offers the token to the origin of ``url`` only, and follows no redirect away from it."""
        if token is None:
            return
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise InputError("git-url-invalid", "a token needs an http(s) URL and printable characters", got=url)
        secret = base64.b64encode(f"token:{token}".encode()).decode()
        section = f'[http "{parts.scheme}://{parts.netloc}/"]\n\textraHeader = Authorization: Basic {secret}\n'
        files.write_durably(self._credentials, section, mode=0o600)

    def _check_out(self, token: str | None) -> None:
        listing = self._remote("ls-remote", "--symref", "origin", "HEAD").stdout.decode()
        match = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", listing, re.M)
        branch = match[1] if match else "main"
        if f"refs/remotes/origin/{branch}" in self.refs("refs/remotes/origin/"):
            self._git("checkout", "--quiet", "-B", branch, "--track", f"origin/{branch}")

    def _config(self, key: str) -> str:
        return self._run(["config", "--get", key], accept=(0, 1)).stdout.decode().strip()

    def _remote(self, *arguments: str, accept: Sequence[int] = (0,)) -> binary.Completed:
        config = self._credentials if self._credentials.is_file() else None
        return binary.run(
            arguments,
            folder=self.path,
            config=config,
            extra=self._place,
            accept=accept,
            timeout=binary.REMOTE_TIMEOUT,
        )
