"""The repositories as they were seen last: a round reads what was fetched, and asks a remote only when it is time.

Refs are asked by one ``git ls-remote`` a repository and period, and fetched when one moved. A hint (a webhook, an act
of our own) makes the next look one at the remote. What was decided on an older view is found out where it matters: the
forge merges exactly the judged head, and ``sealed`` moves only from where it was seen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from interlock.clients.git import Repository

OWN = 0.5
"""How often the platform repo and the env repos are looked at, in resyncs."""
APP = 15.0
"""How often app repos are."""
RESYNC_SECONDS = 60.0


class Mirrors(Protocol):
    """What `interlock.clients.connect.Connections` gives."""

    def mirror(self, repository: str, *, fetch: bool) -> Repository: ...


@dataclass
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    seen: float | None = None
    """When its refs were asked for last."""
    hinted: bool = False
    refs: Mapping[str, str] = field(default_factory=dict)


class Snapshot:
    """Thread-safe. ``app`` says of which repositories the platform only reads the source."""

    def __init__(
        self,
        mirrors: Mirrors,
        *,
        app: Callable[[str], bool],
        resync: float = RESYNC_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mirrors, self._app, self._resync, self._clock = mirrors, app, resync, clock
        self._places: dict[str, _Place] = {}
        self._lock = threading.Lock()

    def hint(self, repository: str) -> None:
        """It may have moved: the next `mirror` looks."""
        self._place(repository).hinted = True

    def mirror(self, repository: str) -> Repository:
        """The repository as of its last look, which is younger than its period and than every hint before."""
        self._look(repository)
        return self._mirrors.mirror(repository, fetch=False)

    def tip(self, repository: str, ref: str) -> str | None:
        """Where a ref was at that look; takes no process while no look is due."""
        return self._look(repository).refs.get(ref)

    def _look(self, repository: str) -> _Place:
        place = self._place(repository)
        with place.lock:
            now, period = self._clock(), self._resync * (APP if self._app(repository) else OWN)
            if place.seen is None or place.hinted or now - place.seen >= period:
                place.hinted = False
                try:
                    mirror = self._mirrors.mirror(repository, fetch=False)
                    place.refs = mirror.remote_refs()
                    if place.refs != mirror.refs("refs/"):
                        mirror.fetch()
                except BaseException:
                    place.hinted = True
                    raise
                place.seen = now
        return place

    def fresh(self, repository: str) -> Repository:
        """The repository as it is now."""
        self.hint(repository)
        return self.mirror(repository)

    def _place(self, repository: str) -> _Place:
        with self._lock:
            return self._places.setdefault(repository, _Place())
