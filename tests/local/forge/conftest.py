"""A forge that serves on a port of its own, with the accounts of the sample estate."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from interlock.clients import files, git
from interlock.clients.forge import BranchProtection, ForgeClient, PullRequest
from interlock.clients.git import keys, write_identity_config
from interlock.formats.signatures import sshsig
from interlock.local.forge import Config, create_app

PEOPLE = ("interlock", "dana", "sam", "rita", "ci")
PASSWORD = "correct horse battery"
SCOPES = ("write:repository", "write:issue", "write:user", "read:organization")


@dataclass(frozen=True)
class Person:
    """An account with a token, an SSH signing key and the git configuration that the platform writes for people."""

    login: str
    token: str
    folder: Path
    key: Path
    client: ForgeClient

    def sign(self, payload: bytes) -> str:
        return sshsig.sign(self.key.read_bytes(), payload)

    @property
    def email(self) -> str:
        return f"{self.login}@acme.test"

    def git(self, *arguments: str, folder: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder or self.folder,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.folder),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
                "GIT_TERMINAL_PROMPT": "0",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"git {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done


@dataclass
class Estate:
    """A served forge."""

    url: str
    root: ForgeClient
    people: dict[str, Person]
    folder: Path
    config: Config

    def close(self) -> None:
        for client in (self.root, *(person.client for person in self.people.values())):
            client.close()

    def __getitem__(self, login: str) -> Person:
        return self.people[login]

    def clone(self, login: str, repo: str = "env") -> Path:
        """A fresh work clone of ``acme/<repo>`` for a person."""
        number = len(list(self.folder.glob("clone-*")))
        path = self.folder / f"clone-{number}"
        self[login].git("clone", "--quiet", f"{self.url}/acme/{repo}", str(path))
        return path

    def ready(self, number: int) -> str:
        """Approve and mark green, as reviewer and platform; the head that both saw."""
        head = self.root.pull("acme", "env", number).head_sha
        self["rita"].client.review("acme", "env", number, event="APPROVED", commit_id=head)
        self["interlock"].client.set_status("acme", "env", head, context="interlock/gate", state="success")
        return head

    def merge(self, login: str, number: int, head: str, title: str = "Merge") -> PullRequest:
        return self[login].client.merge("acme", "env", number, head_commit_id=head, message_title=title)

    def commit(self, login: str, path: Path, files: dict[str, str], *flags: str, message: str = "Change") -> str:
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(content)
        self[login].git("add", "--all", folder=path)
        self[login].git("commit", "--quiet", "--allow-empty", "-m", message, *flags, folder=path)
        return self[login].git("rev-parse", "HEAD", folder=path).stdout.strip()

    def add(self, login: str, branch: str, files: dict[str, str], *, repo: str = "env") -> str:
        """Push one signed commit to ``branch`` (new ones start at ``main``), without a work tree; its id."""
        person = self[login]
        clone = git.Repository.clone_mirror(
            f"{self.url}/acme/{repo}", person.folder / f"{repo}.git", lambda: person.token
        )
        tips = clone.refs()
        parent = tips.get(f"refs/heads/{branch}") or tips["refs/heads/main"]
        tree = clone.write_tree({path: content.encode() for path, content in files.items()}, parent)
        made = clone.commit_tree(tree, [parent], "Change", author=(login.title(), person.email), sign=person.sign)
        clone.push(f"{made}:refs/heads/{branch}")
        return made

    def propose(self, login: str, branch: str, files: dict[str, str], *, repo: str = "env") -> int:
        """A pull request of one signed commit from ``branch`` to ``main``; returns its number."""
        self.add(login, branch, files, repo=repo)
        client = self[login].client
        return client.create_pull("acme", repo, head=branch, base="main", title=f"Deliver {branch}").number


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server(uvicorn.Server):
    """Says when it serves, and ends at once when told (uvicorn looks every 100 ms)."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serves = threading.Event()

    async def main_loop(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self.serves.set()
        await self._end.wait()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)


@contextmanager
def serving(config: Config) -> Iterator[str]:
    """A real server in a thread, closed properly afterwards."""
    server = Server(
        uvicorn.Config(create_app(config), host=config.host, port=config.port, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.serves.wait(20)
    try:
        yield config.root_url
    finally:
        server.end()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def people_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for login in PEOPLE:
        private, public = keys.generate_ssh(login)
        files.write_durably(folder / login, private, mode=0o600)
        (folder / f"{login}.pub").write_text(public)
    secret, certificate = keys.generate_openpgp("Interlock <interlock@acme.test>")
    files.write_durably(folder / "seal.asc", secret, mode=0o600)
    (folder / "seal.pub.asc").write_text(certificate)
    return folder


@pytest.fixture
def make_config(tmp_path: Path, people_keys: Path, template: Path) -> Callable[..., Config]:
    """A configuration over a fresh copy of the template."""

    def make(**changes: object) -> Config:
        port = free_port()
        if not (tmp_path / "forge").exists():
            shutil.copytree(template, tmp_path / "forge")
        values: dict[str, object] = {
            "port": port,
            "data": tmp_path / "forge",
            "root_url": f"http://127.0.0.1:{port}",
            "admin_token_file": people_keys / "admin.token",
            "webhook_retry_seconds": 0.05,
            **changes,
        }
        return Config.model_validate(values)

    return make


def populate(config: Config, secrets: Path) -> None:
    """The organisation ``acme``, its people, and the repository ``env`` with one signed commit on ``main``."""
    with ForgeClient(config.root_url, config.admin_token_file.read_text().strip()) as root:
        root.create_org("acme")
        everyone = root.create_team("acme", "everyone", permission="write")
        for login in PEOPLE:
            root.create_user(login, email=f"{login}@acme.test", password=PASSWORD, full_name=login.title())
            root.add_member(everyone, login)
            token = root.create_token(login, PASSWORD, name="test", scopes=SCOPES)
            files.write_durably(secrets / f"{login}.token", token, mode=0o600)
            with ForgeClient(config.root_url, token) as client:
                client.add_ssh_key("signing", (secrets / f"{login}.pub").read_text())
        root.create_repository("acme", "env")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, people_keys: Path) -> Path:
    """The data folder of a populated forge, made once: every test gets a copy."""
    folder = tmp_path_factory.mktemp("template")
    port = free_port()
    config = Config(
        port=port, data=folder, root_url=f"http://127.0.0.1:{port}", admin_token_file=people_keys / "admin.token"
    )
    with serving(config):
        populate(config, people_keys)
        estate = open_estate(config, tmp_path_factory.mktemp("people"), people_keys)
        path = estate.clone("interlock")
        estate.commit("interlock", path, {"README.md": "the environment\n"}, message="Begin")
        estate["interlock"].git("push", "--quiet", "origin", "HEAD:refs/heads/main", folder=path)
        estate.close()
    return folder


def open_estate(config: Config, folder: Path, secrets: Path) -> Estate:
    """Clients and git configurations for the people of a forge that serves a copy of the template."""
    people = {}
    for login in PEOPLE:
        home = folder / login
        home.mkdir(exist_ok=True)
        write_identity_config(
            home / "gitconfig",
            name=login.title(),
            email=f"{login}@acme.test",
            ssh_key=secrets / login,
            token_url=config.root_url,
            token_file=secrets / f"{login}.token",
        )
        token = (secrets / f"{login}.token").read_text()
        people[login] = Person(login, token, home, secrets / login, ForgeClient(config.root_url, token))
    root = ForgeClient(config.root_url, config.admin_token_file.read_text().strip())
    return Estate(config.root_url, root, people, folder, config)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, people_keys: Path, template: Path) -> Iterator[Estate]:
    """One forge for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("shared")
    shutil.copytree(template, folder / "forge")
    port = free_port()
    config = Config(
        port=port,
        data=folder / "forge",
        root_url=f"http://127.0.0.1:{port}",
        admin_token_file=people_keys / "admin.token",
    )
    with serving(config):
        made = open_estate(config, folder, people_keys)
        yield made
        made.close()


Serve = Callable[[Config], AbstractContextManager[Estate]]


@pytest.fixture
def serve(tmp_path: Path, people_keys: Path) -> Serve:
    """``with serve(config) as estate:`` serves a configuration; leaving stops it as SIGTERM would."""

    @contextmanager
    def run(config: Config) -> Iterator[Estate]:
        with serving(config):
            made = open_estate(config, tmp_path, people_keys)
            try:
                yield made
            finally:
                made.close()

    return run


@pytest.fixture
def estate(make_config: Callable[..., Config], serve: Serve) -> Iterator[Estate]:
    with serve(make_config()) as made:
        yield made


MAIN = BranchProtection(
    "main",
    enable_push=False,
    enable_merge_whitelist=True,
    merge_whitelist_usernames=("interlock",),
    required_approvals=1,
    enable_approvals_whitelist=True,
    approvals_whitelist_username=("sam", "rita"),
    block_on_rejected_reviews=True,
    enable_status_check=True,
    status_check_contexts=("interlock/gate",),
    require_signed_commits=True,
    block_admin_merge_override=True,
)


@pytest.fixture
def guarded(estate: Estate) -> Estate:
    """``main`` protected as the platform protects it; ``sealed`` is for the platform's pushes alone."""
    estate.root.protect("acme", "env", MAIN)
    sealed = BranchProtection(
        "sealed",
        enable_push=True,
        enable_push_whitelist=True,
        push_whitelist_usernames=("interlock",),
        enable_merge_whitelist=True,
        require_signed_commits=True,
    )
    estate.root.protect("acme", "env", sealed)
    return estate
