"""One controller acts at a time: a Lease of coordination.k8s.io/v1, as client-go's leader election uses it.

The holder is the host with its data folder, not the process: within a folder the kernel's lock lets one process in and
is given back however that ends. So after a kill the next process goes on at once, and need not wait for the lease.

No clock is compared with another machine's. A lease is another's until a whole duration has gone by, on our monotonic
clock, in which nothing of it changed; what it says of times is for people. So what other tools write into it, or a
clock that is hours off, delays a change of hands and never makes two holders (client-go, leaderelection: observedTime).

``leaseTransitions`` is the lease's epoch, which every ledger entry carries: the ledger takes no entry of an epoch lower
than its last one's. A controller that lost the lease and does not know it yet is stopped there.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import IO

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import ConflictError, InterlockError, NotFoundError

log = logging.getLogger(__name__)

NAMESPACE = "interlock-system"
NAME = "interlock-controller"
DURATION = timedelta(seconds=15)
RENEW_SECONDS = 3.0
_LONGEST = 3600
"""Seconds: a duration beyond is nobody's wish."""
_MAX_INT32 = 2**31 - 1
_NOTHING = object()
_KIND = ("coordination.k8s.io/v1", "Lease")


def claim(folder: Path) -> IO[str]:
    """Keep every other controller out of ``folder`` while the returned file is open.

    Raises ConflictError ``data-in-use``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "controller.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise ConflictError("data-in-use", "another controller works in this folder", where=str(folder)) from error
    return file


def holder_of(folder: Path) -> str:
    """Who holds the lease when the process that claimed ``folder`` does: the same before and after a kill."""
    return f"{socket.gethostname()}-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a Lease says, by whoever wrote it: anything that is not what we would write counts as not said."""

    holder: str | None = None
    """"" where its holder gave it up; None where nobody can tell."""
    seconds: float = DURATION.total_seconds()
    """How long it is the holder's after its last change; never less than ours."""
    epoch: int = 0
    acquired: str = ""

    @classmethod
    def read(cls, spec: object) -> Said:
        """Of a Lease's ``spec``."""
        if not isinstance(spec, Mapping):
            return cls()
        holder, acquired, renewed = (spec.get(name) for name in ("holderIdentity", "acquireTime", "renewTime"))
        return cls(
            # What takes the holder's name away and is no release leaves a holder who does not know of it.
            holder if isinstance(holder, str) and (holder or isinstance(renewed, str)) else None,
            max(cls().seconds, _whole(spec.get("leaseDurationSeconds"), _LONGEST)),
            _whole(spec.get("leaseTransitions"), _MAX_INT32),
            acquired if isinstance(acquired, str) else "",
        )


def _whole(value: object, most: int) -> int:
    return value if type(value) is int and 0 <= value <= most else 0


class Election:
    """Whose turn it is, from what was seen of the lease and when, by one monotonic clock. Pure."""

    def __init__(self, holder: str) -> None:
        self._holder = holder
        self._seen: object = _NOTHING
        self._since = 0.0

    def free(self, spec: object, now: float) -> bool:
        """Whether the lease that says ``spec`` (None: there is none) may be taken or renewed at ``now``, in seconds."""
        if self._seen is _NOTHING and spec is None:
            self._seen, self._since = None, -inf  # there never was one
        elif spec != self._seen:
            self._seen, self._since = spec, now
        said = Said.read(spec)
        return said.holder in ("", self._holder) or now >= self._since + said.seconds


class Lease:
    """Acquired and renewed by `serve`; `held` is false as soon as the last renewal is too old to rely on."""

    def __init__(
        self,
        hub: Callable[[], KubernetesClient],
        *,
        holder: str,
        now: Callable[[], datetime],
        floor: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``floor``: the epoch that the ledger has reached; a lease that was deleted and made anew goes on above it.
        ``now`` is written for people to read; ``clock`` decides."""
        self._hub, self._holder, self._now, self._floor, self._clock = hub, holder, now, floor, clock
        self._election = Election(holder)
        self._until = 0.0
        self._epoch = 0
        self.since: datetime | None = None
        """When it became ours."""
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def held(self) -> bool:
        return self.remaining > 0

    @property
    def remaining(self) -> float:
        """Seconds for which it is ours without being renewed; 0 when it is not."""
        return max(0.0, self._until - self._clock())

    @property
    def epoch(self) -> int:
        """Of the lease as it was last ours; 0 before the first time."""
        return self._epoch

    def serve(self, acquired: Callable[[], None]) -> None:
        """Until `release`. ``acquired`` is called each time that the lease becomes ours."""
        while not self._stop.is_set():
            before = self.held()
            try:
                self.take()
            except InterlockError as error:
                log.warning("lease: %s", error)
            if self.held() and not before:
                self.since = self._now()
                acquired()
            self._stop.wait(RENEW_SECONDS if self.held() else RENEW_SECONDS / 6)

    def release(self) -> None:
        """Stop renewing and give the lease up, so that the next controller need not wait."""
        self._stop.set()
        if not self._lock.acquire(timeout=RENEW_SECONDS):
            return  # a request hangs: it runs out by itself
        try:
            if self.held():
                self._until = 0.0
                lease = self._hub().get(*_KIND, NAME, NAMESPACE)
                if Said.read(lease.get("spec")).holder == self._holder:
                    self._hub().replace({**lease, "spec": {**lease["spec"], "holderIdentity": ""}})
        except InterlockError as error:
            log.info("the lease runs out by itself: %s", error)
        finally:
            self._lock.release()

    def take(self) -> bool:
        """Acquire or renew; whether it is ours. Raises what the cluster's client raises, with nothing changed."""
        with self._lock:
            asked = self._clock()
            if self._stop.is_set():
                return False
            try:
                self._until = self._take(asked)
            except ConflictError:
                self._until = 0.0
            return self._until > 0

    def _take(self, asked: float) -> float:
        """The time until which it is ours, or 0."""
        try:
            lease = self._hub().get(*_KIND, NAME, NAMESPACE)
        except NotFoundError:
            lease = {}
        found = lease.get("spec")
        if not self._election.free(found, asked):
            return 0.0
        before, time = Said.read(found), self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = before.holder == self._holder
        epoch = max(before.epoch, self._floor()) + (not ours)
        spec = {
            **(found if isinstance(found, Mapping) else {}),
            "holderIdentity": self._holder,
            "leaseDurationSeconds": int(DURATION.total_seconds()),
            "leaseTransitions": epoch,
            "acquireTime": before.acquired if ours and before.acquired else time,
            "renewTime": time,
        }
        metadata = {"name": NAME, "namespace": NAMESPACE}
        if lease:
            self._hub().replace({**lease, "spec": spec})
        else:
            self._hub().create({"apiVersion": _KIND[0], "kind": _KIND[1], "metadata": metadata, "spec": spec})
        self._epoch = epoch
        # Ours ends before anybody else may take it: theirs begins to run when they see what we wrote now.
        return asked + (DURATION * 2 / 3).total_seconds()
