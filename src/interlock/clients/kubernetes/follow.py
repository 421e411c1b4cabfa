"""List, then watch, for ever: the one way in which our controllers observe a kind."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from interlock.clients.kubernetes.client import KubernetesClient
from interlock.clients.kubernetes.objects import Object, Synced, WatchEvent, key
from interlock.errors import ConflictError, UnreachableError

_log = logging.getLogger(__name__)
_FIRST_WAIT = 0.25
_LONGEST_WAIT = 10.0


def follow(
    client: KubernetesClient,
    api_version: str,
    kind: str,
    *,
    namespace: str | None = None,
    label_selector: str | None = None,
    stop: threading.Event | None = None,
    watch_seconds: int = 300,
) -> Iterator[WatchEvent | Synced]:
    """Every state of every object, gaps healed; ends when ``stop`` is set or the client is closed.

    First an ADDED for each object, then `Synced`, then the changes. A broken connection is resumed; when the server
    no longer knows the version (410), or was away, the list is read again and the difference handed over as ADDED,
    MODIFIED and DELETED (with the last state seen), then `Synced`. An unreachable server is waited for with growing
    waits of up to 10 s. `client.close()` wakes a blocked read; setting ``stop`` alone is seen at the next event or
    after ``watch_seconds``. Raises RefusedError when the token is not accepted.
    """
    stop = stop or threading.Event()
    seen: dict[tuple[str, str], Object] = {}
    version = ""
    wait = _FIRST_WAIT

    def ended() -> bool:
        return stop.is_set() or client.closed.is_set()

    while not ended():
        try:
            if not version:
                listed = client.list(api_version, kind, namespace=namespace, label_selector=label_selector)
                yield from _difference(seen, listed.items)
                seen = {key(item): item for item in listed.items}
                version = listed.resource_version
                yield Synced(version)
            wait = _FIRST_WAIT
            with client.watch(
                api_version,
                kind,
                namespace=namespace,
                resource_version=version,
                timeout_seconds=watch_seconds,
                label_selector=label_selector,
            ) as events:
                for event in events:
                    version = event.resource_version or version
                    if event.type == "BOOKMARK":
                        continue
                    if event.type == "DELETED":
                        seen.pop(key(event.object), None)
                    else:
                        seen[key(event.object)] = event.object
                    yield event
                    if ended():
                        return
        except ConflictError as error:
            if error.code != "kubernetes-expired":
                raise
            version = ""
        except UnreachableError as error:
            if ended():
                return
            _log.warning("watching %s, again in %.1f s: %s", kind, wait, error)
            client.closed.wait(wait)
            wait = min(wait * 2, _LONGEST_WAIT)


def _difference(before: dict[tuple[str, str], Object], now: list[Object]) -> Iterator[WatchEvent]:
    left = dict(before)
    for item in now:
        old = left.pop(key(item), None)
        if old is None:
            yield WatchEvent("ADDED", item)
        elif old["metadata"].get("uid") != item["metadata"].get("uid"):
            yield WatchEvent("DELETED", old)
            yield WatchEvent("ADDED", item)
        elif old["metadata"].get("resourceVersion") != item["metadata"].get("resourceVersion"):
            yield WatchEvent("MODIFIED", item)
    for old in left.values():
        yield WatchEvent("DELETED", old)
