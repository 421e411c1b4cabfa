"""A forge that serves on a port of its own, with the accounts of the sample estate."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from interlock.clients.forge import BranchProtection, ForgeClient
from interlock.clients.git import keys, write_identity_config
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
    client: ForgeClient

    @property
    def email(self) -> str:
        return f"{self.login}@acme.test"

    @property
    def ssh_key(self) -> Path:
        return self.folder / "id"

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

    def commit(self, login: str, path: Path, files: dict[str, str], *flags: str, message: str = "Change") -> str:
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(content)
        self[login].git("add", "--all", folder=path)
        self[login].git("commit", "--quiet", "--allow-empty", "-m", message, *flags, folder=path)
        return self[login].git("rev-parse", "HEAD", folder=path).stdout.strip()

    def propose(self, login: str, branch: str, files: dict[str, str], *, repo: str = "env") -> int:
        """A pull request of one signed commit from ``branch`` to ``main``; returns its number."""
        path = self.clone(login, repo)
        self[login].git("checkout", "--quiet", "-b", branch, folder=path)
        self.commit(login, path, files)
        self[login].git("push", "--quiet", "origin", branch, folder=path)
        client = self[login].client
        return client.create_pull("acme", repo, head=branch, base="main", title=f"Deliver {branch}").number


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(config: Config) -> Iterator[str]:
    """A real server in a thread, closed properly afterwards."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(config), host=config.host, port=config.port, log_config=None, access_log=False)
    )
    started = threading.Event()
    startup = server.startup

    async def told(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = told  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield config.root_url
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def people_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for login in PEOPLE:
        private, public = keys.generate_ssh(login)
        keys.write_secret(folder / login, private)
        (folder / f"{login}.pub").write_text(public)
    secret, certificate = keys.generate_openpgp("Interlock <interlock@acme.test>")
    keys.write_secret(folder / "seal.asc", secret)
    (folder / "seal.pub.asc").write_text(certificate)
    return folder


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Config]:
    def make(**changes: object) -> Config:
        port = free_port()
        values: dict[str, object] = {
            "port": port,
            "data": tmp_path / "forge",
            "root_url": f"http://127.0.0.1:{port}",
            "admin_token_file": tmp_path / "admin.token",
            "webhook_retry_seconds": 0.05,
            **changes,
        }
        return Config.model_validate(values)

    return make


def populate(config: Config, folder: Path, secrets: Path) -> Estate:
    """The organisation ``acme``, its people, and the repository ``env`` with one signed commit on ``main``."""
    root = ForgeClient(config.root_url, config.admin_token_file.read_text().strip())
    root.create_org("acme")
    everyone = root.create_team("acme", "everyone", permission="write")
    people = {}
    for login in PEOPLE:
        root.create_user(login, email=f"{login}@acme.test", password=PASSWORD, full_name=login.title())
        root.add_member(everyone, login)
        token = root.create_token(login, PASSWORD, name="test", scopes=SCOPES)
        home = folder / login
        home.mkdir()
        keys.write_secret(home / "token", token)
        keys.write_secret(home / "id", (secrets / login).read_text())
        write_identity_config(
            home / "gitconfig",
            name=login.title(),
            email=f"{login}@acme.test",
            ssh_key=home / "id",
            token_url=config.root_url,
            token_file=home / "token",
        )
        client = ForgeClient(config.root_url, token)
        client.add_ssh_key("signing", (secrets / f"{login}.pub").read_text())
        people[login] = Person(login, token, home, client)
    root.create_repository("acme", "env")
    estate = Estate(config.root_url, root, people, folder, config)
    path = estate.clone("interlock")
    estate.commit("interlock", path, {"README.md": "the environment\n"}, message="Begin")
    people["interlock"].git("push", "--quiet", "origin", "HEAD:refs/heads/main", folder=path)
    return estate


@pytest.fixture
def estate(make_config: Callable[..., Config], tmp_path: Path, people_keys: Path) -> Iterator[Estate]:
    config = make_config()
    with serving(config):
        made = populate(config, tmp_path, people_keys)
        yield made
        made.close()


PROTECTED = BranchProtection(
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
    estate.root.protect("acme", "env", PROTECTED)
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


def ready(estate: Estate, number: int) -> str:
    """Approve and mark green, as reviewer and platform; the head that both saw."""
    head = estate.root.pull("acme", "env", number).head_sha
    estate["rita"].client.review("acme", "env", number, event="APPROVED", commit_id=head)
    estate["interlock"].client.set_status("acme", "env", head, context="interlock/gate", state="success")
    return head
