"""What the loops share: clients, the books, the keys that this process alone holds, and the estate as sealed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from interlock import __version__
from interlock.clients.connect import PLATFORM, Connections
from interlock.clients.context import Context
from interlock.clients.git import Repository
from interlock.platform import goldenpaths
from interlock.platform.books import Books, Stamp, keys
from interlock.platform.estate import Environment, Estate, Service
from interlock.platform.facts import estates
from interlock.platform.facts.sources import Sources


@dataclass
class World:
    """One controller's view. Everything is read anew each round; only what is named by a commit id is kept."""

    connections: Connections
    now: Callable[[], datetime]
    epoch: Callable[[], int] = lambda: 0
    """Of the lease under which this controller acts."""
    _estate: Estate | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        context = self.context
        self.attest_key = keys.load(context.keys.attest, context.keys.attest_secret)
        self.record_key = keys.load(context.keys.record).public if context.keys.record else None
        self.seal_secret = context.secret(context.keys.seal_secret, what="the seal key")
        self.seal_certificate = context.keys.seal.read_text()
        self.books = Books.of(context, self.attest_key, reader=PLATFORM, now=self.now, stamp=self._stamp)

    @property
    def context(self) -> Context:
        return self.connections.context

    @cached_property
    def sources(self) -> Sources:
        """What the gate and the proof read from."""
        return Sources.of(self.connections, self.books, registry=PLATFORM, generate=self._generate)

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
        """A mirror of one of the organisation's repositories, fetched now."""
        return self.connections.mirror(repository)

    def estate(self) -> Estate:
        """Rules, people, services and keys from the sealed platform commit.

        The seal is verified against the certificate of the context file: a certificate that the branch brings itself
        would make whoever writes the branch the judge. Raises the errors of `estates.tip`.
        """
        with self._lock:
            self._estate = estates.tip(self.mirror("platform"), self.seal_certificate, known=self._estate)
            return self._estate
