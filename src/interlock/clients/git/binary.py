"""Runs the ``git`` binary so that only what we hand in counts.

No system or user configuration, hooks, prompts, replace refs or lazy fetches; only the protocols http, https and file.
Credentials reach git in a file without a name that ends with the call, never by argument, environment or disk.
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
    "core.warnAmbiguousRefs=false",
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


def command(arguments: Sequence[str]) -> list[str]:
    """The words that start ``git ARGUMENTS`` with our settings."""
    return ["git", *(word for setting in SETTINGS for word in ("-c", setting)), *arguments]


def environment(config: str = "/dev/null") -> dict[str, str]:
    """The whole environment of a git process. ``config``: the only configuration file outside of the repository."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": config,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": "http:https:file",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
    }


def folder_of(path: Path) -> Path:
    """Where git keeps the repository at ``path``: ``.git`` of a work tree, or the bare repository itself."""
    inner = path / ".git"
    return inner if inner.is_dir() else path


def place(path: Path) -> dict[str, str]:
    """Variables that name the repository to git, which would otherwise look for one in the folders above."""
    folder = folder_of(path).absolute()
    return {"GIT_DIR": str(folder), **({} if folder == path.absolute() else {"GIT_WORK_TREE": str(folder.parent)})}


def run(
    arguments: Sequence[str],
    *,
    folder: Path | None = None,
    config: str = "",
    stdin: bytes = b"",
    extra: Mapping[str, str] | None = None,
    accept: Sequence[int] = (0,),
    timeout: float = LOCAL_TIMEOUT,
) -> Completed:
    """Run ``git ARGUMENTS`` in ``folder``. ``config`` is configuration that may hold a secret, as text.

    Exit codes outside ``accept`` raise: InputError ``git-failed`` for local faults; for remotes RefusedError
    ``git-unauthenticated``/``git-forbidden``, NotFoundError ``git-not-found``, UnreachableError ``git-unreachable``.
    A missing binary is InternalError ``git-missing``.
    """
    # The processes that git starts for a remote inherit the descriptor, and open the same file by the same name.
    memory = os.memfd_create("interlock-git-config")
    try:
        os.write(memory, config.encode())
        done = subprocess.run(
            command(arguments),
            cwd=folder,
            env={**environment(f"/proc/self/fd/{memory}" if config else "/dev/null"), **(extra or {})},
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
            pass_fds=(memory,),
        )
    except FileNotFoundError as error:
        if folder is not None and not folder.is_dir():
            raise NotFoundError("git-not-found", "no such repository", where=str(folder)) from error
        raise InternalError("git-missing", "git is not installed", todo="install git 2.38 or later") from error
    except subprocess.TimeoutExpired as error:
        raise UnreachableError("git-unreachable", f"git {arguments[0]} took longer than {timeout:g} s") from error
    finally:
        os.close(memory)
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


def quoted(value: str) -> str:
    """``value`` in a configuration file (git-config(1)): in double quotes, with backslash, quote and newline escaped.

    Raises InputError ``git-identity-invalid`` for a line break.
    """
    if "\n" in value or "\0" in value:
        raise InputError("git-identity-invalid", "a line break in a value", got=repr(value))
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


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
