"""A corpus, unpacked, with its systems answering; commands of the present code run against it."""

from __future__ import annotations

import json
import lzma
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .forge import Forge
from .kubernetes import Cluster
from .registry import Registry
from .serving import TOKEN, System, serve
from .tickets import Tickets

CLUSTERS = ("hub", "dev", "test", "prod")
READER = "interlock"
_TOKEN = f"{TOKEN}{READER}"


@dataclass(frozen=True)
class Recorded:
    """A command, and what the release that left the corpus said: exit code, and JSON (an error's, when it failed)."""

    arguments: tuple[str, ...]
    exit: int
    answer: Any

    def __str__(self) -> str:
        return " ".join(self.arguments)


@dataclass(frozen=True)
class Corpus:
    """The folder of one corpus: what a release left."""

    folder: Path

    def __str__(self) -> str:
        return self.folder.name

    @cached_property
    def recorded(self) -> tuple[Recorded, ...]:
        with tarfile.open(self.folder / "estate.tar.xz") as archive:
            file = archive.extractfile("answers.json")
            assert file is not None
            found = json.load(file)
        return tuple(Recorded(tuple(item["arguments"]), item["exit"], item["answer"]) for item in found)


@dataclass(frozen=True)
class Estate:
    """An unpacked corpus in a folder of its own; ``addresses`` is where each of its systems answers."""

    folder: Path
    addresses: Mapping[str, str]

    @property
    def authorization(self) -> str:
        """The header with which the platform asks."""
        return f"Bearer {_TOKEN}"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger" / "ledger.jsonl"

    def context(self, *, ledger: Path | None = None) -> Path:
        """A context file that leads here; ``ledger`` in place of the corpus' own."""
        path = (ledger.parent if ledger else self.folder) / "context.yaml"
        secret = self.folder / "token"
        secret.write_text(f"{_TOKEN}\n")
        endpoint = {name: {"outside": url, "inside": url} for name, url in self.addresses.items()}
        (self.folder / "kubeconfig").write_text(json.dumps(_kubeconfig(endpoint)))
        keys = {name: str(self.folder / "keys" / f"{name}.pem") for name in ("release", "attest", "record")}
        made = {
            "apiVersion": "interlock.dev/v1alpha1",
            "kind": "Context",
            "name": "corpus",
            "organisation": "acme",
            "forge": {"name": "https://git", **endpoint["forge"]},
            "registry": {"name": "registry.acme.test", **endpoint["registry"]},
            "tickets": {"name": "https://tickets", **endpoint["tickets"]},
            "clusters": {name: {"name": f"https://{name}-cluster", **endpoint[name]} for name in CLUSTERS},
            "kubeconfig": str(self.folder / "kubeconfig"),
            "identities": {READER: {system: str(secret) for system in ("forge", "tickets", "registry")}},
            "keys": {**keys, "seal": str(self.folder / "keys" / "seal.asc")},
            "stores": {
                "evidence": str(self.folder / "evidence"),
                "ledger": str(ledger or self.ledger),
                "index": str(path.parent / "index.db"),
            },
            "webhook": {"name": "controller", **endpoint["forge"]},
        }
        path.write_text(json.dumps(made, indent=2))  # JSON is YAML
        return path


@contextmanager
def replayed(corpus: Corpus, folder: Path) -> Iterator[Estate]:
    """``corpus`` unpacked into ``folder``, with its systems answering."""
    with lzma.open(corpus.folder / "estate.tar.xz") as data, tarfile.open(fileobj=data, mode="r|") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # before Python 3.11.4 there is none
        archive.extractall(folder)  # noqa: S202 — our own archive
    for bundle in (folder / "repositories").glob("*.bundle"):
        subprocess.run(["git", "clone", "--quiet", "--mirror", bundle, bundle.with_suffix(".git")], check=True)
        bundle.unlink()
    systems: dict[str, System] = {
        "forge": Forge(_read(folder / "forge.json"), folder / "repositories"),
        "registry": Registry(_read(folder / "registry.json"), folder / "registry"),
        "tickets": Tickets(_read(folder / "tickets.json")),
        **{name: Cluster(_read(folder / "clusters" / f"{name}.json")) for name in CLUSTERS},
    }
    with ExitStack() as stack:
        addresses = {name: stack.enter_context(serve(it, reads=Forge.reads)) for name, it in systems.items()}
        yield Estate(folder, addresses)
    shutil.rmtree(folder)


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _kubeconfig(endpoints: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    clusters = [{"name": name, "cluster": {"server": endpoints[name]["outside"]}} for name in CLUSTERS]
    contexts = [{"name": f"{READER}@{name}", "context": {"cluster": name, "user": READER}} for name in CLUSTERS]
    users = [{"name": READER, "user": {"token": _TOKEN}}]
    return {"apiVersion": "v1", "kind": "Config", "clusters": clusters, "contexts": contexts, "users": users}
