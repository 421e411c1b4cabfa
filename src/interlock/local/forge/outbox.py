"""Delivers webhooks from the database: in order for each hook, at least once, retried for a day."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import socket
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

import httpx

from interlock.errors import RefusedError
from interlock.local.forge.store import Store

log = logging.getLogger("interlock.forge.webhooks")

GIVE_UP_SECONDS = 24 * 3600.0
LONGEST_PAUSE_SECONDS = 300.0
KEEP_SECONDS = 24 * 3600.0
_IDLE_SECONDS = 30.0


class Outbox:
    """A worker thread that wakes when told, when a retry is due, and now and then."""

    def __init__(
        self, store: Store, *, hosts: Sequence[str], retry_seconds: float, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._hosts = tuple(hosts)
        self._retry = retry_seconds
        self._now = now
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._busy: set[int] = set()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._loop, name="webhooks", daemon=True)
        self._http = httpx.Client(timeout=5.0, trust_env=False, follow_redirects=False)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=6)
        self._http.close()

    def _loop(self) -> None:
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="webhook") as pool:
            while not self._stop.is_set():
                self._wake.clear()
                for row in self._due():
                    pool.submit(self._deliver, row)
                self._wake.wait(self._pause())

    def _due(self) -> list[sqlite3.Row]:
        """The oldest open delivery of each hook, if it is due and none of that hook is under way."""
        sql = """SELECT deliveries.*, hooks.url, hooks.secret FROM deliveries JOIN hooks ON hooks.id = hook
                 WHERE due <= ?
                 AND deliveries.id IN (SELECT min(id) FROM deliveries WHERE outcome = '' GROUP BY hook)"""
        with self._guard:
            rows = [row for row in self._store.all(sql, self._now().timestamp()) if row["hook"] not in self._busy]
            self._busy.update(row["hook"] for row in rows)
        return rows

    def _pause(self) -> float:
        sql = """SELECT min(due) AS due FROM deliveries
                 WHERE id IN (SELECT min(id) FROM deliveries WHERE outcome = '' GROUP BY hook)"""
        row = self._store.one(sql)
        if row is None or row["due"] is None:
            return _IDLE_SECONDS
        # A delivery that is due now is under way (or it would have been started): its end wakes the loop.
        return min(_IDLE_SECONDS, max(0.05, float(row["due"]) - self._now().timestamp()))

    def _deliver(self, row: sqlite3.Row) -> None:
        try:
            said = self._send(row)
            attempts = row["attempts"] + 1
            now = self._now().timestamp()
            with self._store.transaction():
                if said == "":
                    self._finish(row, attempts, "delivered")
                elif now - row["created"] > GIVE_UP_SECONDS or said.startswith("refused"):
                    log.warning("webhook %s given up: %s", row["uuid"], said)
                    self._finish(row, attempts, said)
                else:
                    pause = min(LONGEST_PAUSE_SECONDS, self._retry * 2 ** min(row["attempts"], 20))
                    log.info("webhook %s failed (%s), again in %.1f s", row["uuid"], said, pause)
                    self._store.run(
                        "UPDATE deliveries SET attempts = ?, due = ? WHERE id = ?", attempts, now + pause, row["id"]
                    )
                self._store.run("DELETE FROM deliveries WHERE outcome <> '' AND created < ?", now - KEEP_SECONDS)
        except sqlite3.ProgrammingError:
            return  # the database was closed while this delivery was under way: it is sent again at the next start
        finally:
            with self._guard:
                self._busy.discard(row["hook"])
            self._wake.set()

    def _finish(self, row: sqlite3.Row, attempts: int, outcome: str) -> None:
        self._store.run("UPDATE deliveries SET attempts = ?, outcome = ? WHERE id = ?", attempts, outcome, row["id"])

    def _send(self, row: sqlite3.Row) -> str:
        """ "" when the receiver answered 2xx, else what went wrong."""
        body: bytes = row["body"]
        # With no secret Gitea sends the header with an empty value: receivers must refuse it.
        digest = hmac.new(row["secret"].encode(), body, hashlib.sha256).hexdigest() if row["secret"] else ""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "interlock-forge",
            "X-Gitea-Delivery": row["uuid"],
            "X-Gitea-Event": row["event"],
            "X-Gitea-Event-Type": row["event_type"],
            "X-Gitea-Signature": digest,
            "X-Hub-Signature-256": f"sha256={digest}",
        }
        try:
            url, host = resolve(row["url"], self._hosts)
            request = self._http.build_request("POST", url, content=body, headers={**headers, "Host": host})
            request.extensions["sni_hostname"] = urlsplit(row["url"]).hostname or ""
            answer = self._http.send(request)
        except RefusedError as error:
            return f"refused: {error.got}"
        except (httpx.HTTPError, OSError) as error:
            return type(error).__name__
        return "" if answer.is_success else f"status {answer.status_code}"


def resolve(url: str, allowed: Sequence[str]) -> tuple[str, str]:
    """``url`` with its host replaced by an address that is allowed, and the value for ``Host``.

    The address that was judged is the one connected to, so a name cannot change in between. Raises RefusedError
    ``webhook-host-refused``; OSError when the name is unknown.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for address in dict.fromkeys(str(info[4][0]) for info in found):
        if _allowed(host, address, allowed):
            literal = f"[{address}]" if ":" in address else address
            return urlunsplit((parts.scheme, f"{literal}:{port}", parts.path or "/", parts.query, "")), parts.netloc
    raise RefusedError("webhook-host-refused", "webhooks may not go there", got=host, expected=", ".join(allowed))


def _allowed(host: str, address: str, allowed: Sequence[str]) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    for entry in allowed:
        if entry == "loopback":
            if ip.is_loopback:
                return True
        elif entry == host:
            return True
        else:
            try:
                if ip in ipaddress.ip_network(entry):
                    return True
            except ValueError:
                continue
    return False
