"""A prod env repo in a real bare git repository, people with real keys, and a forge that only merges."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.clients.forge import CommitStatus
from interlock.clients.forge import PullRequest as ForgePull
from interlock.clients.forge import Review as ForgeReview
from interlock.clients.git import Repository, binary, keys
from interlock.errors import ConflictError, NotFoundError
from interlock.formats.signatures import openpgp, sshsig
from interlock.formats.sigstore import PrivateKey
from interlock.platform import catalog, estate, goldenpaths
from interlock.platform.books import Books, Entry, EvidenceStore, Ledger
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.vocabulary import Body
from interlock.platform.domain.ids import CommitId
from interlock.platform.domain.pull import PullRequest
from interlock.platform.estate import Environment, Service, layout
from interlock.platform.facts import pull as pulls

from .. import acme

NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)
IMAGE = "registry.acme.test/integration/payments"
PEOPLE = ("dana", "sam", "rita", "pat", "nils", "mara")


def digest(character: str) -> str:
    return "sha256:" + character * 64


@dataclass(frozen=True)
class Keys:
    """Made once: OpenPGP keys as (secret, certificate), SSH keys as (private, public line)."""

    seal: tuple[str, str]
    forge: tuple[str, str]
    ssh: Mapping[str, tuple[str, str]]

    def sign_seal(self, payload: bytes) -> str:
        return openpgp.sign(self.seal[0], payload)

    def sign_as(self, person: str) -> Callable[[bytes], str]:
        return lambda payload: sshsig.sign(self.ssh[person][0].encode(), payload)


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """What is on disk after a power cut is the business of the tests of git, ledger and evidence store."""
    with pytest.MonkeyPatch.context() as patch:
        settings = tuple(item for item in binary.SETTINGS if not item.startswith("core.fsync"))
        patch.setattr(binary, "SETTINGS", (*settings, "core.fsync=none"))
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def signing() -> Keys:
    return Keys(
        keys.generate_openpgp("Interlock <interlock@acme.test>"),
        keys.generate_openpgp("Forge <forge@acme.test>"),
        {person: keys.generate_ssh(person) for person in (*PEOPLE, "stranger")},
    )


@pytest.fixture(scope="session")
def attest_key() -> AttestKey:
    secret = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    return AttestKey(secret.public, secret)


SERVICES = {
    name: estate.Service(
        name=name,
        shape="ace-flow",
        team=team,
        owner=owner,
        repository=name,
        image=f"registry.acme.test/integration/{name}",
        configuration_item=name,
    )
    for name, team, owner in (("payments", "payments", "sam"), ("quotes", "ledger", "rita"))
}


@pytest.fixture(scope="session")
def repositories(signing: Keys) -> dict[str, dict[str, bytes]]:
    return acme.sample(
        keys=estate.Keys(seal=signing.seal[1], forge=signing.forge[1], release="R\n", attest="A\n"),
        seal_key_ids=["0123456789ABCDEF"],
        ssh_keys={person: [signing.ssh[person][1]] for person in PEOPLE},
        chart=catalog.chart(),
        catalog={},
        builder="https://interlock.dev/builder",
    )


@pytest.fixture(scope="session")
def sample_estate(repositories: dict[str, dict[str, bytes]]) -> estate.Estate:
    registered = {f"services/{name}.yaml": item.file() for name, item in SERVICES.items()}
    return estate.load({**repositories["platform"], **registered}, commit=CommitId("e" * 40))


def golden(service: estate.Service, environment: estate.Environment) -> dict[str, bytes]:
    """What an onboarding must bring."""
    return goldenpaths.expected(acme.platform(), service, environment, None)


@dataclass
class World:
    """The env repo of prod: ``git`` is the platform's mirror; every push goes to the bare repository behind it."""

    git: Repository
    keys: Keys
    estate: estate.Estate
    books: Books
    environment: Environment
    pulls: dict[int, ForgePull] = field(default_factory=dict)
    given: dict[int, list[ForgeReview]] = field(default_factory=dict)
    statuses: list[CommitStatus] = field(default_factory=list)
    clock: itertools.count[int] = field(default_factory=itertools.count)
    golden: Callable[[Service, Environment], dict[str, bytes]] = golden

    def found(self, kind: type[Body], subject: str | None = None) -> list[Entry]:
        """Ledger entries of that kind, oldest first."""
        every = [entry for entry in self.books.ledger.entries() if entry.kind == kind.KIND]
        return [entry for entry in every if subject in (None, entry.subject)]

    @property
    def repository(self) -> str:
        return self.estate.repository(self.environment)

    @property
    def url(self) -> str:
        return self.estate.url(self.environment.repository)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=next(self.clock))

    def pass_time(self, seconds: int = 60) -> None:
        self.clock = itertools.count(next(self.clock) + seconds)

    def main(self) -> str:
        return self.git.resolve("refs/heads/main")

    def commit(
        self,
        files: Mapping[str, bytes | None],
        *,
        branch: str = "main",
        parents: list[str] | None = None,
        person: str | None = "dana",
        message: str = "Change\n",
    ) -> str:
        """A commit on ``branch`` (from ``main`` when new), pushed as an administrator could."""
        refs = self.git.refs()
        old = refs.get(f"refs/heads/{branch}")
        base = parents or [old or refs["refs/heads/main"]]
        made = self.git.commit_tree(
            self.git.write_tree(dict(files), base=base[0]),
            base,
            message,
            author=("Anybody", "anybody@acme.test"),
            date=self.now(),
            sign=self.keys.sign_as(person) if person else None,
        )
        self.push(made, branch)
        return made

    def push(self, commit: str, branch: str) -> None:
        self.git.push(f"{commit}:refs/heads/{branch}")
        self.git.fetch()

    def propose(
        self, branch: str, files: Mapping[str, bytes | None], *, title: str = "", person: str = "dana"
    ) -> ForgePull:
        """A pull request of one signed commit."""
        self.commit(files, branch=branch, parents=[self.main()], person=person)
        return self.create_pull("acme", "env", head=branch, base="main", title=title or branch, body="", user=person)

    def bump(self, service: str, character: str, **changes: str) -> ForgePull:
        """A promotion of ``service`` to the image whose digest is all ``character``."""
        path = layout.values(service, self.environment.name)
        before = self.git.read("refs/heads/main", path)
        assert before is not None
        tag = "main-" + character * 12
        after = layout.set_image(before, tag, digest(character), file=path)  # type: ignore[arg-type]
        return self.propose(f"promote/{service}/{tag}", {path: after}, **changes)

    # The part of the forge's API that delivery uses.

    def create_pull(
        self, owner: str, repo: str, *, head: str, base: str, title: str, body: str = "", user: str = "dana"
    ) -> ForgePull:
        number = len(self.pulls) + 1
        tip = self.git.resolve(f"refs/heads/{head}")
        self.pulls[number] = ForgePull(
            number=number, state="open", merged=False, title=title, body=body, user=user, user_id=1, head_sha=tip,
            head_ref=head, base_sha=self.main(), base_ref=base, merge_base=self.main(), mergeable=True,
            merge_commit_sha=None, merged_by=None, merged_by_id=None, created_at=NOW, updated_at=NOW, merged_at=None,
            html_url=f"https://git/{self.repository}/pulls/{number}",
        )  # fmt: skip
        self.given[number] = []
        return self.pulls[number]

    def pull(self, owner: str, repo: str, number: int) -> ForgePull:
        if number not in self.pulls:
            raise NotFoundError("forge-not-found", "no such pull request")
        return self.pulls[number]

    def edit(self, number: int, **changes: object) -> ForgePull:
        import dataclasses

        self.pulls[number] = dataclasses.replace(self.pulls[number], **changes)  # type: ignore[arg-type]
        return self.pulls[number]

    def pulls_open(self) -> list[ForgePull]:
        return [item for item in self.pulls.values() if item.state == "open"]

    def approve(self, number: int, account: str, *, state: str = "APPROVED", **changes: object) -> ForgeReview:
        identity = sum(map(len, self.given.values())) + 1
        values: dict[str, object] = {
            "id": identity, "user": account, "user_id": 1, "state": state, "stale": False, "official": True,
            "commit_id": self.pulls[number].head_sha, "dismissed": False, "submitted_at": self.now(), "body": "",
        }  # fmt: skip
        self.given[number].append(ForgeReview(**{**values, **changes}))  # type: ignore[arg-type]
        return self.given[number][-1]

    def reviews(self, owner: str, repo: str, number: int) -> list[ForgeReview]:
        return list(self.given[number])

    def merge(
        self,
        owner: str,
        repo: str,
        number: int,
        *,
        head_commit_id: str,
        message_title: str = "Merge",
        message: str = "",
        by: str = "interlock",
        extra: Mapping[str, bytes | None] | None = None,
    ) -> ForgePull:
        """A merge commit signed by the forge; ``extra`` makes it an evil one."""
        pull = self.pulls[number]
        if pull.state != "open" or pull.head_sha != head_commit_id:
            raise ConflictError("forge-conflict", "the head moved")
        base = self.main()
        tree = self.git.merge_tree(base, pull.head_sha)
        made = self.git.commit_tree(
            self.git.write_tree(dict(extra), base=tree) if extra else tree,
            [base, pull.head_sha],
            f"{message_title}\n\n{message}\n",
            author=("Interlock", "interlock@acme.test"),
            date=self.now(),
            sign=lambda payload: openpgp.sign(self.keys.forge[0], payload),
        )
        self.push(made, "main")
        return self.edit(number, state="closed", merged=True, merge_commit_sha=made, merged_by=by)

    def merged(self, number: int) -> PullRequest:
        return pulls.of(self.repository, self.pulls[number])


@pytest.fixture(scope="session")
def templates(
    tmp_path_factory: pytest.TempPathFactory,
    signing: Keys,
    sample_estate: estate.Estate,
    repositories: dict[str, dict[str, bytes]],
) -> Callable[[str], Path]:
    """The bare repository of an environment, onboarded with payments and quotes and sealed once: made once."""
    folder = tmp_path_factory.mktemp("templates")

    def template(name: str) -> Path:
        path = folder / f"{name}.git"
        if path.exists():
            return path
        environment = sample_estate.environment(name)
        git = Repository.init(path)
        files = dict(repositories[environment.repository])
        for service in SERVICES.values():
            registered = {f"services/{service.name}.yaml": service.file()}
            files.update(registered if name == "platform" else golden(service, environment))
        main = git.commit_tree(git.write_tree(files), [], "Begin\n", author=("I", "i@x"), date=NOW)
        first = git.commit_tree(
            git.tree(main),
            [main],
            f"Seal {name} {main[:12]}\n\nThe first.\n\nArgocd-gpg-seal: genesis\n",
            author=("Interlock", "i@x"),
            date=NOW,
            sign=signing.sign_seal,
        )
        for branch, commit in (("main", main), ("sealed", first)):
            (path / "refs" / "heads" / branch).write_text(commit + "\n")
        return path

    return template


@pytest.fixture
def make_world(
    tmp_path: Path, signing: Keys, attest_key: AttestKey, sample_estate: estate.Estate, templates: Callable[[str], Path]
) -> Callable[[str], World]:
    """``make_world("prod")``: a world of its own; a second word makes another one of the same environment."""

    def make(name: str, beside: str = "") -> World:
        folder = tmp_path / beside
        remote = shutil.copytree(templates(name), folder / f"{name}.git")
        git = Repository.clone_mirror(remote.as_uri(), folder / f"{name}-mirror.git")
        (folder / "ledger").mkdir(exist_ok=True)
        ledger = Ledger(folder / "ledger" / f"{name}.jsonl", attest_key, now=lambda: NOW)
        books = Books(ledger, EvidenceStore(folder / "evidence"), "interlock")
        return World(git, signing, sample_estate, books, sample_estate.environment(name))

    return make


@pytest.fixture
def world(make_world: Callable[[str], World]) -> World:
    return make_world("prod")
