"""What the loops share: clients, the books, the keys that this process alone holds, and the estate as sealed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from interlock import __version__
from interlock.clients.connect import PLATFORM, Connections
from interlock.clients.context import Context
from interlock.clients.git import Repository
from interlock.platform import goldenpaths
from interlock.platform.books import Books, Stamp, keys
from interlock.platform.controller.snapshot import RESYNC_SECONDS, Snapshot
from interlock.platform.delivery.readmodel import ReadModel, path_of
from interlock.platform.estate import Environment, Estate, Service
from interlock.platform.facts import estates
from interlock.platform.facts.sources import Sources


@dataclass
class World:
    """One controller's view. Commits are kept, refs are those of the snapshot, and the rest is read anew."""

    connections: Connections
    now: Callable[[], datetime]
    epoch: Callable[[], int] = lambda: 0
    """Of the lease under which this controller acts."""
    resync: float = RESYNC_SECONDS
    """Seconds after which everything is looked at without being told."""
    _estate: Estate | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        context = self.context
        self.attest_key = keys.load(context.keys.attest, context.keys.attest_secret)
        self.record_key = keys.load(context.keys.record).public if context.keys.record else None
        self.seal_secret = context.secret(context.keys.seal_secret, what="the seal key")
        self.seal_certificate = context.keys.seal.read_text()
        self.books = Books.of(context, self.attest_key, reader=PLATFORM, now=self.now, stamp=self._stamp)
        self.model = ReadModel(path_of(context))
        self.snapshot = Snapshot(self.connections, app=lambda name: name in self.applications(), resync=self.resync)

    @property
    def context(self) -> Context:
        return self.connections.context

    @cached_property
    def sources(self) -> Sources:
        """What the gate and the proof read from."""
        found = Sources.of(self.connections, self.books, registry=PLATFORM, generate=self._generate)
        return replace(found, mirror=self.mirror, pipelines=goldenpaths.pipelines)

    def _stamp(self) -> Stamp:
        """What every entry says of who writes it: before an estate was read there are no rules."""
        return Stamp(__version__, self._estate.digest if self._estate else None, self.epoch())

    def _generate(
        self, service: Service, environment: Environment, chart: Mapping[str, bytes] | None
    ) -> Mapping[str, bytes]:
        """What the golden path generates for a registered service."""
        estate = self._estate or self.estate()
        return goldenpaths.expected(estate.platform, service, environment, chart)

    def mirror(self, repository: str) -> Repository:
        """A mirror of one of the organisation's repositories, as of the snapshot."""
        return self.snapshot.mirror(repository)

    def moved(self, repository: str) -> None:
        """We moved a branch, or were told that somebody did: it is looked at before it is read again."""
        self.snapshot.hint(repository)

    @property
    def known_estate(self) -> Estate | None:
        """As it was read last; None before."""
        return self._estate

    def close(self) -> None:
        self.model.close()
        self.books.ledger.close()

    def applications(self) -> Mapping[str, str]:
        """App repos of the estate as it was read last -> the service."""
        services = self._estate.services.values() if self._estate else ()
        return {service.repository: service.name for service in services}

    def estate_now(self) -> Estate:
        """The same, asked now: for what may not be done by rules or people of before."""
        self.moved(self.sources.platform)
        return self.estate()

    def estate(self) -> Estate:
        """Rules, people, services and keys from the sealed platform commit.

        The seal is verified against the certificate of the context file: a certificate that the branch brings itself
        would make whoever writes the branch the judge. Raises the errors of `estates.tip`.
        """
        with self._lock:
            self._estate = estates.tip(self.mirror(self.sources.platform), self.seal_certificate, known=self._estate)
            return self._estate
