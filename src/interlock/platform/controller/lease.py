"""One controller acts at a time: a Lease of coordination.k8s.io/v1, as client-go's leader election uses it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import ConflictError, InterlockError, NotFoundError

log = logging.getLogger(__name__)

NAMESPACE = "interlock-system"
NAME = "interlock-controller"
DURATION = timedelta(seconds=15)
RENEW_SECONDS = 3.0


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

    def __init__(self, hub: Callable[[], KubernetesClient], *, holder: str, now: Callable[[], datetime]) -> None:
        self._hub, self._holder, self._now = hub, holder, now
        self._until: datetime | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="lease", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def held(self) -> bool:
        return self._until is not None and self._now() < self._until

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
            try:
                self._until = self._take()
            except InterlockError as error:
                log.warning("lease: %s", error)
            self._stop.wait(RENEW_SECONDS if self.held() else RENEW_SECONDS / 6)

    def _take(self) -> datetime | None:
        """Acquire or renew; the time until which it is ours, or None."""
        now = self._now()
        spec = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": int(DURATION.total_seconds()),
            "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        try:
            lease = self._hub().get("coordination.k8s.io/v1", "Lease", NAME, NAMESPACE)
            if taken_by(lease, now) not in (None, self._holder):
                return None
            self._hub().replace({**lease, "spec": {**lease.get("spec", {}), **spec}})
        except NotFoundError:
            metadata = {"name": NAME, "namespace": NAMESPACE}
            self._hub().create(
                {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
            )
        except ConflictError:
            return None
        # Ours ends before the lease does: another holder may not act while we still do.
        return now + DURATION * 2 / 3
