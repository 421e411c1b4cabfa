"""Runs the ``git`` binary so that only what we hand in counts.

No system or user configuration, hooks, prompts, replace refs or lazy fetches; only the protocols http, https and file.
Credentials reach git through a configuration file that only its owner can read, never by argument or environment.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from interlock.errors import ConflictError, InputError, InternalError, NotFoundError, RefusedError, UnreachableError

Completed = subprocess.CompletedProcess[bytes]
LOCAL_TIMEOUT = 120.0
REMOTE_TIMEOUT = 300.0

SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsync=all",
    "gc.auto=0",
    "maintenance.auto=false",
    "transfer.fsckObjects=true",
    "http.followRedirects=false",
    "protocol.version=2",
    "advice.detachedHead=false",
)

_REMOTE_ERRORS: tuple[tuple[str, type[UnreachableError | RefusedError | NotFoundError], str], ...] = (
    (r"Authentication failed|could not read (Username|Password)|error: 401", RefusedError, "git-unauthenticated"),
    (r"error: 403", RefusedError, "git-forbidden"),
    (r"repository '.*' not found|does not appear to be a git repository|error: 404", NotFoundError, "git-not-found"),
    (r"unable to access|Could not resolve|early EOF|hung up|RPC failed|timed out", UnreachableError, "git-unreachable"),
)


def environment(config: Path | None = None) -> dict[str, str]:
    """The whole environment of a git process. ``config``: the only configuration file outside of the repository."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config) if config else "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": "http:https:file",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
    }


def run(
    arguments: Sequence[str],
    *,
    folder: Path | None = None,
    config: Path | None = None,
    stdin: bytes = b"",
    extra: Mapping[str, str] | None = None,
    accept: Sequence[int] = (0,),
    timeout: float = LOCAL_TIMEOUT,
) -> Completed:
    """Run ``git ARGUMENTS`` in ``folder``.

    Exit codes outside ``accept`` raise: InputError ``git-failed`` for local faults; for remotes RefusedError
    ``git-unauthenticated``/``git-forbidden``, NotFoundError ``git-not-found``, UnreachableError ``git-unreachable``.
    A missing binary is InternalError ``git-missing``.
    """
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    try:
        done = subprocess.run(
            ["git", *settings, *arguments],
            cwd=folder,
            env={**environment(config), **(extra or {})},
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        if folder is not None and not folder.is_dir():
            raise NotFoundError("git-not-found", "no such repository", where=str(folder)) from error
        raise InternalError("git-missing", "git is not installed", todo="install git 2.38 or later") from error
    except subprocess.TimeoutExpired as error:
        raise UnreachableError("git-unreachable", f"git {arguments[0]} took longer than {timeout:g} s") from error
    if done.returncode not in accept:
        raise failure(arguments[0], done.stderr.decode(errors="replace"))
    return done


def failure(command: str, stderr: str) -> InputError | RefusedError | NotFoundError | UnreachableError | ConflictError:
    """The error that git's message stands for."""
    lines = [line for line in stderr.strip().splitlines() if not line.startswith("hint:")]
    text = " | ".join(lines)[-600:]
    for pattern, kind, code in _REMOTE_ERRORS:
        if re.search(pattern, stderr):
            return kind(code, f"git {command} failed", got=text)
    return InputError("git-failed", f"git {command} failed", got=text)


def check_revision(revision: str) -> str:
    """``revision`` if it can be nothing but a revision. Raises InputError ``git-revision-invalid``."""
    if len(revision) > 300 or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/@^~{}+-]*", revision) or ".." in revision:
        raise InputError("git-revision-invalid", "not a revision", got=revision[:100])
    return revision


def check_path(path: str) -> str:
    """``path`` if it is a plain relative path in a repository. Raises InputError ``git-path-invalid``.

    Refused: absolute, empty, ``.``, ``..`` and ``.git`` components (in any case), control characters, backslashes.
    """
    parts = path.split("/")
    if (
        len(path) > 4096
        or any(part in ("", ".", "..") or part.lower() in (".git", "git~1") for part in parts)
        or re.search(r"[\x00-\x1f\x7f\\]", path)
    ):
        raise InputError("git-path-invalid", "not a path inside a repository", got=repr(path[:100]))
    return path
