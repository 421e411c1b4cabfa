"""Where facts are read: the books, the trust root, and a client for each live system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from interlock.clients.connect import Connections
from interlock.clients.forge import ForgeClient
from interlock.clients.git import Repository
from interlock.clients.kubernetes import KubernetesClient
from interlock.clients.registry import RegistryClient
from interlock.clients.tickets import TicketsClient
from interlock.errors import NotFoundError
from interlock.platform.books import Books
from interlock.platform.estate import Environment, Platform, Service
from interlock.platform.facts.kept import Kept

Generate = Callable[[Service, Environment, Mapping[str, bytes] | None], Mapping[str, bytes]]
"""The golden path: what an onboarding must bring, path -> bytes; the last argument is the env repo's library chart."""


Pipelines = Callable[[Platform], Mapping[str, bytes]]
"""The Pipelines of an estate's golden paths, path -> bytes."""


def _no_golden_path(*_: object) -> Mapping[str, bytes]:
    raise NotFoundError("fact-missing", "nobody has read it: golden path")


@dataclass(frozen=True)
class Sources:
    """Each callable may raise: then what it would have told is unknown, and the other links are still judged."""

    books: Books
    seal: str
    """OpenPGP certificate of the seal key: the one trust root; release, attest and forge keys are read from the sealed
    platform commit that was in force."""
    cluster: Callable[[str], KubernetesClient]
    """By the cluster's stable URL, such as ``https://prod-cluster``."""
    mirror: Callable[[str], Repository]
    """By the repository's name in the organisation, fetched."""
    forge: Callable[[], ForgeClient]
    registry: Callable[[], RegistryClient]
    tickets: Callable[[], TicketsClient]
    platform: str = "platform"
    """Name of the platform repo."""
    generate: Generate = _no_golden_path
    pipelines: Pipelines = _no_golden_path
    kept: Kept = field(default_factory=Kept)
    """What is named by its content."""

    @classmethod
    def of(
        cls,
        connections: Connections,
        books: Books,
        *,
        registry: str | None = None,
        generate: Generate = _no_golden_path,
    ) -> Sources:
        """Everything read as the platform. ``registry``: as whom the registry is read; None for anonymously."""
        return cls(
            books=books,
            seal=connections.context.keys.seal.read_text(),
            cluster=connections.cluster_at,
            mirror=connections.mirror,
            forge=connections.forge,
            registry=lambda: connections.registry(registry),
            tickets=connections.tickets,
            generate=generate,
        )
