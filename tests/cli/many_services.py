"""An estate of many services, made in seconds: git repositories, a forge and a hub that answer, and a context file.

Every service was onboarded in every environment; then, one after the other and again and again, each was delivered.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.corpus.corpus_world.forge import Forge
from tests.corpus.corpus_world.kubernetes import Cluster
from tests.corpus.corpus_world.serving import TOKEN, serve
from tests.platform.acme import sample

from interlock.clients.git import Repository
from interlock.clients.git import keys as git_keys
from interlock.formats.signatures import openpgp
from interlock.platform import estate as estates
from interlock.platform.estate import layout

ENVIRONMENTS = {"dev": ("main",), "test": ("main", "sealed"), "prod": ("main", "sealed")}
"""Name -> branches; the last one is tracked."""
START = 1_780_000_000
"""Seconds of the epoch: each commit is a minute after the one before."""
_READER = "interlock"
_CHART = {"Chart.yaml": "apiVersion: v2\nname: service\nversion: 1.0.0\n", "values.yaml": "replicas: 1\n"}
_APPLICATIONS = "/apis/argoproj.io/v1alpha1"


@dataclass
class Estate:
    """What the forge and the hub say follows git after `settle` alone."""

    folder: Path
    services: tuple[str, ...]
    branches: dict[tuple[str, str], dict[str, Any]]
    """(repository, branch) -> the forge's object."""
    applications: dict[tuple[str, str], dict[str, Any]]
    """(service, environment) -> the hub's object."""

    @property
    def context(self) -> Path:
        return self.folder / "context.yaml"

    def deliver(self, service: str, environment: str, tag: str) -> None:
        """Once more, and Argo CD applies it."""
        git = _repository(self.folder, f"env-{environment}")
        history = History(environment, git.count(f"refs/heads/{ENVIRONMENTS[environment][-1]}"))
        history.deliver(service, tag, [f"refs/heads/{branch}^0" for branch in ENVIRONMENTS[environment]])
        history.write(git)
        self.settle(environment)

    def settle(self, environment: str) -> None:
        refs = _repository(self.folder, f"env-{environment}").refs()
        for branch in ENVIRONMENTS[environment]:
            self.branches[f"env-{environment}", branch]["commit"]["id"] = refs[f"refs/heads/{branch}"]
        for (_, where), application in self.applications.items():
            if where == environment:
                application["status"]["sync"]["revision"] = refs[f"refs/heads/{ENVIRONMENTS[environment][-1]}"]


class History:
    """A stream for git-fast-import(1): merges of deliveries on ``main``, and a seal of each where there are seals."""

    def __init__(self, environment: str, clock: int) -> None:
        self._environment, self._clock, self._made = environment, clock, 0
        self._lines: list[str] = []

    def start(self, services: tuple[str, ...]) -> list[str]:
        """Every service onboarded; the branches' tips."""
        files = {f"{layout.chart(name)}/{file}": text for name in services for file, text in _CHART.items()}
        files |= {layout.values(name, self._environment): values(name, "") for name in services}
        tips: list[str] = []
        for branch in ENVIRONMENTS[self._environment]:
            tips.append(self._commit(branch, tips, "Onboard", {} if tips else files))
        return tips

    def deliver(self, service: str, tag: str, tips: list[str]) -> list[str]:
        """On the branches' tips; the tips afterwards."""
        files = {layout.values(service, self._environment): values(service, tag)}
        head = self._commit("bump", tips[:1], f"Deliver {service}", files)
        made = [self._commit("main", [tips[0], head], f"Merge {service}", files)]
        return made + [self._commit("sealed", [seal, made[0]], f"Seal {service}", files) for seal in tips[1:]]

    def write(self, git: Repository) -> None:
        stream = "\n".join(self._lines).encode()
        subprocess.run(["git", "fast-import", "--quiet", "--force"], cwd=git.path, input=stream, check=True)

    def _commit(self, branch: str, parents: list[str], message: str, files: Mapping[str, str]) -> str:
        self._made, self._clock = self._made + 1, self._clock + 1
        who = f"Interlock <interlock@acme.test> {START + 60 * self._clock} +0000"
        self._lines += [f"commit refs/heads/{branch}", f"mark :{self._made}", f"committer {who}"]
        self._lines += [f"data {len(message)}", message]
        self._lines += [f"{word} {parent}" for word, parent in zip(("from", "merge"), parents, strict=False)]
        for path, text in files.items():
            self._lines += [f"M 100644 inline {path}", f"data {len(text)}", text]
        return f":{self._made}"


def values(service: str, tag: str) -> str:
    digest = f"sha256:{sum(map(ord, service + tag)):064x}" if tag else ""
    return (
        f'image:\n  repository: registry.acme.test/integration/{service}\n  tag: "{tag}"\n  digest: "{digest}"\n'
        "replicas: 2\nresources:\n  requests:\n    cpu: 100m\n    memory: 128Mi\n"
        "environment:\n  LOG_LEVEL: info\n  QUEUE_MANAGER: qm1\n"
    )


@contextmanager
def answering(folder: Path, *, services: int, deliveries: int) -> Iterator[Estate]:
    """The estate in ``folder``, after as many deliveries into each environment, while its systems answer."""
    names = tuple(f"service-{number:03}" for number in range(services))
    certificate, sealed = _platform(folder, names)
    for environment in ENVIRONMENTS:
        history = History(environment, 0)
        tips = history.start(names)
        for number in range(deliveries):
            tips = history.deliver(names[number % services], f"main-{number:012x}", tips)
        history.write(Repository.init(folder / f"env-{environment}.git"))
    branches = {(f"env-{name}", branch): _branch(branch) for name, found in ENVIRONMENTS.items() for branch in found}
    branches["platform", "sealed"] = _branch("sealed", sealed)
    applications = {(name, item): _application(name, item) for name in names for item in ENVIRONMENTS}
    estate = Estate(folder, names, branches, applications)
    for environment in ENVIRONMENTS:
        estate.settle(environment)
    with ExitStack() as stack:
        forge = stack.enter_context(serve(_forge(estate), reads=Forge.reads))
        hub = stack.enter_context(serve(_hub(estate)))
        _write_context(estate.context, forge, hub, certificate)
        yield estate


def _repository(folder: Path, name: str) -> Repository:
    return Repository(folder / f"{name}.git")


def _platform(folder: Path, services: tuple[str, ...]) -> tuple[str, str]:
    """The platform repo, sealed: the seal key's certificate, and the seal."""
    secret, certificate = git_keys.generate_openpgp("Seal <seal@acme.test>")
    files = sample(
        keys=estates.Keys(seal=certificate, forge="FORGE\n", release="RELEASE\n", attest="ATTEST\n"),
        seal_key_ids=[openpgp.fingerprint(certificate)[-16:]],
        ssh_keys={},
        chart={"charts/service/1.1.0/Chart.yaml": b"name: service\n"},
        catalog={},
        builder="https://interlock.dev/builder",
    )["platform"]
    for name in services:
        registered = estates.Service(
            name=name,
            shape="ace-flow",
            team="payments",
            owner="sam",
            repository=name,
            image=f"registry.acme.test/integration/{name}",
            configuration_item=name,
        )
        files[f"services/{name}.yaml"] = registered.file()
    git = Repository.init(folder / "platform.git")
    tree, who, when = git.write_tree(files), ("Seal", "seal@acme.test"), datetime.fromtimestamp(START, UTC)
    main = git.commit_tree(tree, [], "Start\n", author=who, date=when)
    message = "Seal\n\nThe start.\n\nArgocd-gpg-seal: genesis\n"
    seal = git.commit_tree(
        tree, [main], message, author=who, date=when, sign=lambda payload: openpgp.sign(secret, payload)
    )
    git.update_ref("refs/heads/main", main)
    git.update_ref("refs/heads/sealed", seal)
    return certificate, seal


def _branch(name: str, commit: str = "") -> dict[str, Any]:
    return {"name": name, "commit": {"id": commit}, "protected": True}


def _application(service: str, environment: str) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": layout.application_name(service, environment),
            "namespace": "argocd",
            "resourceVersion": "1",
        },
        "status": {
            "sync": {"status": "Synced", "revision": ""},
            "health": {"status": "Healthy"},
            "operationState": {"phase": "Succeeded"},
        },
    }


def _forge(estate: Estate) -> Forge:
    nothing: dict[str, Any] = {"protections": [], "pulls": [], "reviews": {}, "comments": {}, "commits": {}}
    repositories = {
        name: {
            **nothing,
            "statuses": {},
            "repository": {"name": name},
            "branches": [item for (where, _), item in estate.branches.items() if where == name],
        }
        for name in ("platform", *(f"env-{environment}" for environment in ENVIRONMENTS))
    }
    objects = {"organisation": {"name": "acme"}, "users": {}, "keys": {}, "teams": [], "version": {}}
    return Forge({**objects, "signing_key": "", "repositories": repositories}, estate.folder)


def _hub(estate: Estate) -> Cluster:
    resources = [{"name": "applications", "kind": "Application", "namespaced": True, "verbs": ["get", "list"]}]
    document = {"groupVersion": "argoproj.io/v1alpha1", "resources": resources}
    found = list(estate.applications.values())
    return Cluster({"documents": {_APPLICATIONS: document}, "objects": {f"{_APPLICATIONS}/applications": found}})


def _write_context(path: Path, forge: str, hub: str, certificate: str) -> None:
    folder = path.parent
    (folder / "token").write_text(f"{TOKEN}{_READER}\n")
    (folder / "seal.asc").write_text(certificate)
    cluster = {"name": "hub", "cluster": {"server": hub}}
    user = {"name": _READER, "user": {"token": f"{TOKEN}{_READER}"}}
    context = {"name": f"{_READER}@hub", "context": {"cluster": "hub", "user": _READER}}
    kubeconfig = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context], "users": [user]}
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    absent = {"outside": "http://127.0.0.1:9", "inside": "http://127.0.0.1:9"}
    made = {
        "name": "many",
        "organisation": "acme",
        "forge": {"name": "https://git", "outside": forge, "inside": forge},
        "registry": {"name": "registry.acme.test", **absent},
        "tickets": {"name": "https://tickets", **absent},
        "clusters": {"hub": {"name": "https://hub-cluster", "outside": hub, "inside": hub}},
        "kubeconfig": "kubeconfig",
        "identities": {_READER: {"forge": "token"}},
        "keys": {"seal": "seal.asc", "release": "release.pem", "attest": "attest.pem"},
        "stores": {"evidence": "evidence", "ledger": "ledger.jsonl", "index": "index.db"},
        "webhook": {"name": "controller", **absent},
    }
    path.write_text(json.dumps(made))  # JSON is YAML
