"""One controller acts at a time: a Lease of coordination.k8s.io/v1, as client-go's leader election uses it.

The holder is the host with its data folder, not the process: within a folder the kernel's lock lets one process in and
is given back however that ends. So after a kill the next process goes on at once, and need not wait for the lease.

``leaseTransitions`` is the lease's epoch, which every ledger entry carries: the ledger takes no entry of an epoch lower
than its last one's. A controller that lost the lease and does not know it yet is stopped there.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import ConflictError, InterlockError, NotFoundError

log = logging.getLogger(__name__)

NAMESPACE = "interlock-system"
NAME = "interlock-controller"
DURATION = timedelta(seconds=15)
RENEW_SECONDS = 3.0


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


def taken_by(lease: dict[str, Any], now: datetime) -> str | None:
    """Who holds ``lease`` at ``now``; None when nobody does or its time is over."""
    spec = lease.get("spec", {})
    holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
    if not holder or not renewed:
        return None
    ends = datetime.fromisoformat(renewed) + timedelta(seconds=int(spec.get("leaseDurationSeconds", 0)))
    return str(holder) if now < ends else None


class Lease:
    """Acquired and renewed by a thread; `held` is false as soon as the last renewal is too old to rely on."""

    def __init__(
        self,
        hub: Callable[[], KubernetesClient],
        *,
        holder: str,
        now: Callable[[], datetime],
        floor: Callable[[], int] = lambda: 0,
    ) -> None:
        """``floor``: the epoch that the ledger has reached; a lease that was deleted and made anew goes on above it."""
        self._hub, self._holder, self._now, self._floor = hub, holder, now, floor
        self._until: datetime | None = None
        self._epoch = 0
        self._acquired: Callable[[], None] = lambda: None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="lease", daemon=True)

    def start(self, acquired: Callable[[], None]) -> None:
        """``acquired`` is called each time that the lease becomes ours."""
        self._acquired = acquired
        self._thread.start()

    def held(self) -> bool:
        return self._until is not None and self._now() < self._until

    @property
    def epoch(self) -> int:
        """Of the lease as it was last ours; 0 before the first time."""
        return self._epoch

    def release(self) -> None:
        """Stop renewing and give the lease up, so that the next controller need not wait."""
        self._stop.set()
        self._thread.join(RENEW_SECONDS)
        if self.held():
            self._until = None
            try:
                lease = self._hub().get("coordination.k8s.io/v1", "Lease", NAME, NAMESPACE)
                if lease.get("spec", {}).get("holderIdentity") == self._holder:
                    self._hub().replace({**lease, "spec": {**lease["spec"], "holderIdentity": ""}})
            except InterlockError as error:
                log.info("the lease runs out by itself: %s", error)

    def _serve(self) -> None:
        while not self._stop.is_set():
            before = self.held()
            try:
                self._until = self._take()
            except InterlockError as error:
                log.warning("lease: %s", error)
            if self.held() and not before:
                self._acquired()
            self._stop.wait(RENEW_SECONDS if self.held() else RENEW_SECONDS / 6)

    def _take(self) -> datetime | None:
        """Acquire or renew; the time until which it is ours, or None."""
        now = self._now()
        time = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            try:
                lease = self._hub().get("coordination.k8s.io/v1", "Lease", NAME, NAMESPACE)
            except NotFoundError:
                lease = {}
            if taken_by(lease, now) not in (None, self._holder):
                return None
            before = lease.get("spec") or {}
            ours = before.get("holderIdentity") == self._holder
            epoch = max(int(before.get("leaseTransitions") or 0), self._floor()) + (not ours)
            spec = {
                **before,
                "holderIdentity": self._holder,
                "leaseDurationSeconds": int(DURATION.total_seconds()),
                "leaseTransitions": epoch,
                "acquireTime": before.get("acquireTime", time) if ours else time,
                "renewTime": time,
            }
            if lease:
                self._hub().replace({**lease, "spec": spec})
            else:
                metadata = {"name": NAME, "namespace": NAMESPACE}
                self._hub().create(
                    {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
                )
        except ConflictError:
            return None
        self._epoch = epoch
        # Ours ends before the lease does: another holder may not act while we still do.
        return now + DURATION * 2 / 3
