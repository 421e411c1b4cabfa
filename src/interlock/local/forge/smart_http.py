"""Git over smart HTTP (git ``Documentation/gitprotocol-http.txt``): fetches stream, pushes are judged.

A push is received whole before git sees it. ``git receive-pack`` unpacks it into a quarantine and runs the pre-receive
hook, which is a few lines of shell that ask this process through two pipes; a refusal throws the quarantine away and
its text reaches the pusher as ``remote: …``. The repository is locked meanwhile: what was judged is what happens.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import threading
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from interlock.clients import git
from interlock.clients.git import binary
from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError
from interlock.local.forge import requests
from interlock.local.forge.forge import Forge
from interlock.local.forge.push import Change
from interlock.local.forge.records import Account, Level, Repo

_TIMEOUT_SECONDS = 300.0
_MAX_FETCH_REQUEST = 16 * 1024 * 1024
_NO_CACHE = {"Cache-Control": "no-cache, max-age=0, must-revalidate", "Pragma": "no-cache", "Expires": "0"}
_HOOK = """\
#!/bin/sh
# Asks the forge that started this push: it gets the places of the objects and the changed refs, and answers
# "ok" or "no" and then text for the pusher.
{
  printf '%s\\n' "$GIT_OBJECT_DIRECTORY" "$GIT_ALTERNATE_OBJECT_DIRECTORIES"
  cat
  echo end
} >"$INTERLOCK_ASK"
{ read -r verdict; cat >&2; } <"$INTERLOCK_ANSWER"
test "$verdict" = ok
"""


def write_hook(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    hook = folder / "pre-receive"
    hook.write_text(_HOOK)
    hook.chmod(0o700)


class SmartHttp:
    def __init__(self, forge: Forge) -> None:
        self._forge = forge
        self._hooks = forge.config.data / "hooks"
        write_hook(self._hooks)

    def routes(self) -> list[Route]:
        base = "/{owner}/{repo}"
        return [
            Route(f"{base}/info/refs", self.advertise, methods=["GET"]),
            Route(f"{base}/git-upload-pack", self.fetch, methods=["POST"]),
            Route(f"{base}/git-receive-pack", self.push, methods=["POST"]),
        ]

    async def advertise(self, request: Request) -> Response:
        service = request.query_params.get("service", "")
        if service not in ("git-upload-pack", "git-receive-pack"):
            error = RefusedError("git-dumb-http", "only git's smart HTTP protocol is served here")
            return requests.failure(error, self._forge.present.root)
        try:
            repo, _ = await run_in_threadpool(self._enter, request, service)
        except InterlockError as error:
            return _refusal(error)
        command = [service.removeprefix("git-"), "--stateless-rpc", "--advertise-refs", "."]
        done = await run_in_threadpool(self._run, repo, command, request)
        head = f"# service={service}\n"
        body = f"{len(head) + 4:04x}{head}0000".encode() + done
        return Response(body, media_type=f"application/x-{service}-advertisement", headers=_NO_CACHE)

    async def fetch(self, request: Request) -> Response:
        try:
            repo, _ = await run_in_threadpool(self._enter, request, "git-upload-pack")
            body = await self._receive(request, _MAX_FETCH_REQUEST)
        except InterlockError as error:
            return _refusal(error)
        process = self._start(repo, ["upload-pack", "--stateless-rpc", "."], request, body, subprocess.PIPE)
        return StreamingResponse(
            _drain(process, body), media_type="application/x-git-upload-pack-result", headers=_NO_CACHE
        )

    async def push(self, request: Request) -> Response:
        try:
            repo, account = await run_in_threadpool(self._enter, request, "git-receive-pack")
            body = await self._receive(request, self._forge.config.max_pack_bytes)
            answer = await run_in_threadpool(self._push, repo, account, request, body)
        except InterlockError as error:
            return _refusal(error)
        return Response(answer, media_type="application/x-git-receive-pack-result", headers=_NO_CACHE)

    def _enter(self, request: Request, service: str) -> tuple[Repo, Account]:
        """The repository and who is asking; read permission to fetch, write permission to push."""
        caller = requests.authenticate(self._forge.accounts, request.headers)
        write = service == "git-receive-pack"
        caller.need("repository", write=write)
        name = request.path_params["repo"].removesuffix(".git")
        repo = self._forge.repositories.find(request.path_params["owner"], name)
        level = self._forge.accounts.level(repo, caller.account)
        if level < Level.READ:
            raise NotFoundError("repository-unknown", "no such repository")
        if write and level < Level.WRITE:
            raise RefusedError("permission-denied", "User permission denied for writing.")
        return repo, caller.account

    async def _receive(self, request: Request, limit: int) -> IO[bytes]:
        """The whole body in a file without a name, unzipped; raises InputError ``body-too-large``."""
        packed = request.headers.get("content-encoding", "") == "gzip"
        file = tempfile.TemporaryFile(dir=self._forge.incoming)  # noqa: SIM115 - outlives this function
        size = 0
        try:
            async for chunk in _plain(request.stream(), limit) if packed else request.stream():
                size += len(chunk)
                if size > limit:
                    raise InputError("body-too-large", "the request is too large", expected=f"at most {limit} bytes")
                file.write(chunk)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    # -- git processes -----------------------------------------------------------------------------------------------

    def _environment(self, request: Request) -> dict[str, str]:
        environment = binary.environment()
        protocol = request.headers.get("git-protocol", "")
        if re.fullmatch(r"version=[012]", protocol):
            environment["GIT_PROTOCOL"] = protocol
        return environment

    def _command(self, words: list[str]) -> list[str]:
        settings = [
            *binary.SETTINGS,
            f"core.hooksPath={self._hooks}",
            "receive.fsckObjects=true",
            "receive.unpackLimit=1",
            f"receive.maxInputSize={self._forge.config.max_pack_bytes}",
            "receive.autogc=false",
            "receive.denyCurrentBranch=ignore",
            "receive.denyDeleteCurrent=ignore",
            "receive.advertisePushOptions=false",
            "receive.hideRefs=refs/pull",
            "uploadpack.allowAnySHA1InWant=true",
            "uploadpack.allowFilter=true",
        ]
        return ["git", *(word for setting in settings for word in ("-c", setting)), *words]

    def _run(self, repo: Repo, words: list[str], request: Request) -> bytes:
        return subprocess.run(
            self._command(words),
            cwd=self._forge.repositories.path(repo),
            env=self._environment(request),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=True,
        ).stdout

    def _start(
        self, repo: Repo, words: list[str], request: Request, stdin: IO[bytes], stdout: int | IO[bytes]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command(words),
            cwd=self._forge.repositories.path(repo),
            env=self._environment(request),
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
        )

    def _push(self, repo: Repo, account: Account, request: Request, body: IO[bytes]) -> bytes:
        """Run receive-pack over a received push; the answer for the client."""
        with body, self._forge.repositories.lock(repo), tempfile.TemporaryFile() as answer:
            ask_read, ask_write = os.pipe()
            answer_read, answer_write = os.pipe()
            # The ends are named by path: a POSIX shell can only redirect from and to single-digit descriptors.
            environment = {
                **self._environment(request),
                "INTERLOCK_ASK": f"/dev/fd/{ask_write}",
                "INTERLOCK_ANSWER": f"/dev/fd/{answer_read}",
            }
            try:
                process = subprocess.Popen(
                    self._command(["receive-pack", "--stateless-rpc", "."]),
                    cwd=self._forge.repositories.path(repo),
                    env=environment,
                    stdin=body,
                    stdout=answer,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(ask_write, answer_read),
                )
            finally:
                os.close(ask_write)
                os.close(answer_read)
            watchdog = threading.Timer(_TIMEOUT_SECONDS, process.kill)
            watchdog.start()
            try:
                with os.fdopen(ask_read, "rb") as asked, os.fdopen(answer_write, "wb") as told:
                    self._judge(repo, account, asked, told)
                process.wait()
            finally:
                watchdog.cancel()
                process.kill()
                process.wait()
                self._forge.journal.settle(repo)
            self._forge.outbox.wake()
            answer.seek(0)
            return answer.read()

    def _judge(self, repo: Repo, account: Account, asked: IO[bytes], told: IO[bytes]) -> None:
        """Answer the hook. Without a question (nothing to do, or a bad pack) the pipe just ends."""
        lines = []
        for line in asked:
            if line == b"end\n":
                break
            lines.append(line.decode(errors="surrogateescape").rstrip("\n"))
        else:
            return
        objects, alternates, *refs = lines
        changes = []
        for words in refs:
            old, new, ref = words.split(" ", 2)
            changes.append(Change(ref, old, new))
        quarantine = {"GIT_OBJECT_DIRECTORY": objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES": alternates}
        try:
            with git.Repository(self._forge.repositories.path(repo), quarantine) as within:
                refused = [str(refusal) for refusal in self._forge.push_rules.refusals(repo, account, changes, within)]
        except InterlockError as error:
            refused = [str(error)]
        if not refused:
            self._forge.journal.intend(repo, account, changes)
        try:
            told.write(b"no\n" + "".join(f"{line}\n" for line in refused).encode() if refused else b"ok\n")
            told.flush()
        except BrokenPipeError:
            return  # git was killed: nothing moves, and settling drops the intents


def _refusal(error: InterlockError) -> Response:
    """Git shows a plain text body of an error to its user."""
    status = requests.status_of(error)
    headers = requests.CHALLENGE if status == 401 else None
    return Response(f"{error}\n", status_code=status, media_type="text/plain", headers=headers)


def _drain(process: subprocess.Popen[bytes], body: IO[bytes]) -> Iterator[bytes]:
    watchdog = threading.Timer(_TIMEOUT_SECONDS, process.kill)
    watchdog.start()
    stdout = process.stdout
    assert stdout is not None  # noqa: S101 - started with a pipe
    try:
        while chunk := stdout.read1(65536):  # type: ignore[attr-defined]  # a BufferedReader, which Popen's type hides
            yield chunk
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        stdout.close()
        body.close()


async def _plain(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """Unzip, never more than ``limit`` and a bit at once: a small body may be a bomb."""
    unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        async for chunk in chunks:
            while chunk:
                yield unzip.decompress(chunk, min(limit + 1, 1 << 20))
                chunk = unzip.unconsumed_tail
        yield unzip.flush(1 << 16)
    except zlib.error as error:
        raise InputError("body-malformed", "the body is not gzip", got=error) from error
