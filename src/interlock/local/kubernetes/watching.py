"""Watches: what a client missed, then every change as it is committed. Nothing polls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.local.kubernetes import answers
from interlock.local.kubernetes.cluster import Cluster, Object, in_version
from interlock.local.kubernetes.kinds import Kind
from interlock.local.kubernetes.store import Change, GoneError
from interlock.local.kubernetes.tables import Render

_BOOKMARK_SECONDS = 60.0
_BACKLOG = 10_000
_INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True)
class Watching:
    """What is watched. ``matches`` is the label and field selector, ``render`` the form of the answer."""

    kind: Kind
    namespace: str
    matches: Callable[[Object], bool]
    render: Render
    resource_version: str = ""
    timeout: float = 1800.0
    bookmarks: bool = False
    initial_events: bool = False
    """sendInitialEvents: the list as events, ended by a marked bookmark."""

    def event_of(self, change: Change) -> tuple[str, Object] | None:
        """A change as this watch sees it: an object that enters or leaves the selection is added or deleted."""
        if change.resource != self.kind.resource or (self.namespace and change.namespace != self.namespace):
            return None
        before = change.previous is not None and self.matches(change.previous)
        now = change.type != "DELETED" and self.matches(change.object)
        if now:
            return ("MODIFIED" if before else "ADDED"), change.object
        if not before or change.previous is None:
            return None
        if change.type == "DELETED":
            return "DELETED", change.object
        version = change.object["metadata"]["resourceVersion"]
        last = {**change.previous, "metadata": {**change.previous["metadata"], "resourceVersion": version}}
        return "DELETED", last


class Watcher:
    """The queue of one running watch; filled by the store's listener, emptied by the response."""

    def __init__(self, cluster: Cluster, watching: Watching) -> None:
        self._cluster = cluster
        self._watching = watching
        self._queue: asyncio.Queue[tuple[str, Object] | None] = asyncio.Queue(_BACKLOG)
        self._end: Callable[[], None] | None = None

    def start(self) -> list[tuple[str, Object]]:
        """Listen from now on; returns what comes first. Raises ApiError 410 for a version that is too old."""
        watching, store = self._watching, self._cluster.store
        first: list[tuple[str, Object]] = []
        version = watching.resource_version
        if watching.initial_events or version in ("", "0"):
            listed = store.objects(watching.kind.resource, watching.namespace or None)
            first = [("ADDED", item) for item in listed if watching.matches(item)]
        else:
            after = int(version) if version.isdigit() else -1
            try:
                changes = store.changes(watching.kind.resource, after)
            except GoneError:
                raise answers.gone(f"too old resource version: {version} ({store.oldest})") from None
            first = [event for change in changes if (event := watching.event_of(change)) is not None]
        self._end = store.listen(self._changed)
        return first

    def stop(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None

    def close(self) -> None:
        """End the response: the server shuts down, or the kind is no longer served."""
        self._offer(None)

    def _changed(self, change: Change) -> None:
        event = self._watching.event_of(change)
        if event is not None:
            self._offer(event)

    def _offer(self, event: tuple[str, Object] | None) -> None:
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            # A reader this slow is cut off; it comes back with its version and gets the rest, or 410.
            self.stop()
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(None)

    def bookmark(self, annotations: dict[str, str] | None = None) -> Object:
        """Sent when the queue is empty: everything up to the store's revision has been said."""
        metadata: dict[str, Any] = {"resourceVersion": str(self._cluster.store.revision), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        return {"kind": self._watching.kind.name, "apiVersion": self._watching.kind.api_version, "metadata": metadata}

    async def lines(self, first: list[tuple[str, Object]]) -> AsyncIterator[bytes]:
        """The response: one JSON event a line, until the timeout or `close`."""
        watching = self._watching
        loop = asyncio.get_running_loop()
        deadline = loop.time() + watching.timeout
        try:
            for kind, obj in first:
                yield self._line(kind, obj)
            if watching.initial_events:
                yield _encode("BOOKMARK", self.bookmark({_INITIAL_END: "true"}))
            while (left := deadline - loop.time()) > 0:
                try:
                    event = await asyncio.wait_for(self._queue.get(), min(left, _BOOKMARK_SECONDS))
                except TimeoutError:
                    if watching.bookmarks:
                        yield _encode("BOOKMARK", self.bookmark())
                    continue
                if event is None:
                    return
                yield self._line(*event)
        finally:
            self.stop()

    def _line(self, kind: str, obj: Object) -> bytes:
        return _encode(kind, self._watching.render(in_version(self._watching.kind, obj)))


def failed(status: Mapping[str, Any]) -> bytes:
    """The one event of a watch that cannot start."""
    return _encode("ERROR", status)


def _encode(kind: str, obj: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": obj}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
