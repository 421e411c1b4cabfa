"""Destination clusters: what is live there, kept current by one watch a kind.

Upstream watches every kind of a cluster. Here the kinds are those that Applications want or had (``status.resources``):
an object that carries a tracking id but whose kind no Application ever had is not seen.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from interlock.clients.kubernetes import KubernetesClient, Synced, follow
from interlock.errors import InterlockError, NotFoundError, UnreachableError
from interlock.formats.argocd import tracking
from interlock.formats.argocd.tracking import Key
from interlock.formats.kubernetes import health
from interlock.local.argocd.config import IN_CLUSTER, Cluster, Config

Object = dict[str, Any]
log = logging.getLogger(__name__)

SYNC_SECONDS = 15.0
_RETRY_SECONDS = 5.0


class LiveCluster:
    """One cluster. Thread-safe. ``changed`` is told the name of an Application whose object changed."""

    def __init__(self, config: Cluster, client: KubernetesClient, changed: Callable[[str], None]) -> None:
        self.config = config
        self.client = client
        self._changed = changed
        self._lock = threading.Lock()
        self._live: dict[tuple[str, str], dict[tuple[str, str], Object]] = {}
        self._ready: dict[tuple[str, str], threading.Event] = {}
        self._refused: dict[tuple[str, str], InterlockError] = {}
        self._owned: dict[str, set[Key]] = {}
        self._stop = threading.Event()

    def close(self) -> None:
        self._stop.set()
        self.client.close()

    def namespaced(self, api_version: str, kind: str) -> bool:
        """Whether objects of the kind live in namespaces; an unknown kind counts as one that does."""
        try:
            return self.client.resource(api_version, kind).namespaced
        except NotFoundError:
            return True

    def observe(self, kinds: Iterable[tuple[str, str]]) -> None:
        """Watch these (apiVersion, kind) and return once all of them have been listed.

        A kind that the cluster does not serve is left out. Raises UnreachableError ``cluster-not-observed``, or the
        error with which a list was refused.
        """
        wanted = []
        for api_version, kind in sorted(set(kinds)):
            group = api_version.rpartition("/")[0]
            with self._lock:
                known = self._ready.get((group, kind))
            if known is None:
                try:
                    self.client.resource(api_version, kind)
                except NotFoundError:
                    continue
                known = self._start(api_version, group, kind)
            wanted.append(((group, kind), known))
        for name, ready in wanted:
            if not ready.wait(SYNC_SECONDS):
                raise UnreachableError(
                    "cluster-not-observed", f"{name[1]} could not be listed", where=self.config.url, got="no answer yet"
                )
            if (error := self._refused.get(name)) is not None:
                raise error

    def _start(self, api_version: str, group: str, kind: str) -> threading.Event:
        with self._lock:
            if (group, kind) in self._ready:
                return self._ready[group, kind]
            ready = self._ready[group, kind] = threading.Event()
            self._live[group, kind] = {}
        threading.Thread(
            target=self._follow, args=(api_version, group, kind, ready), name=f"watch {kind}", daemon=True
        ).start()
        return ready

    def _follow(self, api_version: str, group: str, kind: str, ready: threading.Event) -> None:
        while not self._stop.is_set():
            try:
                for event in follow(self.client, api_version, kind, stop=self._stop):
                    if isinstance(event, Synced):
                        self._refused.pop((group, kind), None)
                        ready.set()
                    elif event.type == "DELETED":
                        self._forget((group, kind), event.object)
                    else:
                        self._see((group, kind), event.object)
            except InterlockError as error:
                log.warning("watch of %s at %s ended: %s", kind, self.config.name, error)
                self._refused[group, kind] = error
                ready.set()
            except Exception:  # one odd object must not end the watch of all
                log.exception("watch of %s at %s", kind, self.config.name)
            self._stop.wait(_RETRY_SECONDS)

    def _see(self, kind: tuple[str, str], obj: Object) -> None:
        name = _place(obj)
        with self._lock:
            old = self._live[kind].get(name)
            if old is not None and _version(old) >= _version(obj) and _uid(old) == _uid(obj):
                return
            self._live[kind][name] = obj
            owners = self._index(old, obj)
        if old is None or _matters(old, obj):
            self._tell(owners)

    def _forget(self, kind: tuple[str, str], obj: Object) -> None:
        with self._lock:
            old = self._live[kind].get(_place(obj))
            if old is None or _uid(old) != _uid(obj):
                return
            del self._live[kind][_place(obj)]
            owners = self._index(old, None)
        self._tell(owners)

    def _index(self, old: Object | None, new: Object | None) -> set[str]:
        owners: set[str] = set()
        for obj in (old, new):
            owner = tracking.owner(obj) if obj is not None else None
            if obj is not None and owner is not None:
                owners.add(owner)
                keys = self._owned.setdefault(owner, set())
                (keys.add if obj is new else keys.discard)(tracking.key_of(obj))
        return owners

    def _tell(self, owners: Iterable[str]) -> None:
        for owner in owners:
            self._changed(owner)

    def put(self, obj: Object) -> None:
        """An object as a write returned it: known before its event arrives."""
        kind = (tracking.key_of(obj).group, tracking.key_of(obj).kind)
        with self._lock:
            known = kind in self._live
        if known:
            self._see(kind, obj)

    def reread(self, obj: Object) -> None:
        """Know now, not when the event arrives, what became of an object."""
        key = tracking.key_of(obj)
        try:
            self.put(self.client.get(obj["apiVersion"], key.kind, key.name, key.namespace or None))
        except NotFoundError:
            with self._lock:
                known = (key.group, key.kind) in self._live
            if known:
                self._forget((key.group, key.kind), obj)

    def get(self, key: Key) -> Object | None:
        """The live object, as observed; its kind must be observed."""
        with self._lock:
            return self._live.get((key.group, key.kind), {}).get((key.namespace, key.name))

    def owned(self, application: str) -> Iterator[Object]:
        """Live objects whose tracking id names the Application and themselves, and that no other object owns."""
        with self._lock:
            keys = sorted(self._owned.get(application, ()))
            found = [self._live.get((key.group, key.kind), {}).get((key.namespace, key.name)) for key in keys]
        for obj in found:
            if obj is not None and not obj["metadata"].get("ownerReferences"):
                yield obj


class Destinations:
    """Every destination by server or name."""

    def __init__(
        self, config: Config, changed: Callable[[str], None], connect: Callable[[Cluster], KubernetesClient]
    ) -> None:
        self._clusters = {item.server: LiveCluster(item, connect(item), changed) for item in config.destinations()}
        self._hub = config.hub.server

    def find(self, server: str, name: str) -> LiveCluster:
        """Raises NotFoundError ``destination-unknown`` with upstream's words (util/argo/argo.go)."""
        if server and name:
            raise NotFoundError(
                "destination-unknown",
                f"application destination can't have both name and server defined: {name} {server}",
            )
        if name:
            found = [item for item in self._clusters.values() if name in (item.config.name,)]
            if name == "in-cluster":
                return self._clusters[self._hub]
            if not found:
                raise NotFoundError("destination-unknown", f"there are no clusters with this name: {name}")
            return found[0]
        if not server:
            raise NotFoundError("destination-unknown", "destination server missing from app spec")
        wanted = self._hub if server == IN_CLUSTER else server.rstrip("/")
        for address, cluster in self._clusters.items():
            if address.rstrip("/") == wanted.rstrip("/"):
                return cluster
        raise NotFoundError(
            "destination-unknown", f'error getting cluster by server "{server}": cluster "{server}" not found'
        )

    def all(self) -> list[LiveCluster]:
        return list(self._clusters.values())

    def close(self) -> None:
        for cluster in self._clusters.values():
            cluster.close()


def _place(obj: Mapping[str, Any]) -> tuple[str, str]:
    metadata = obj["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _uid(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"].get("uid", ""))


def _version(obj: Mapping[str, Any]) -> int:
    text = str(obj["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdigit() else 0


def _matters(old: Object, new: Object) -> bool:
    """Whether a change can alter comparison or health: bookkeeping of the server cannot, nor can the status of a kind
    without a health check (resource.customizations.ignoreResourceUpdates)."""

    def seen(obj: Object) -> Object:
        metadata = {
            name: value
            for name, value in obj["metadata"].items()
            if name not in ("resourceVersion", "generation", "managedFields")
        }
        rest = {name: value for name, value in obj.items() if name != "status" or health.assess(obj) is not None}
        return {**rest, "metadata": metadata}

    return seen(old) != seen(new)
