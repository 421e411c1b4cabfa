"""The keys against which commits are verified: the configured ones, and those of ``argocd-gpg-keys-cm``.

Upstream keeps its keyring in that ConfigMap (docs/user-guide/source-integrity-git-gpg.md), one key an entry, which the
id of the primary key names (util/sourceintegrity/gpg.go SyncKeyRingFromDirectory: an entry of another name is imported
once, and blocks every later change). A key that is only in the keyring does not make a commit acceptable: projects name
the keys that they accept.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InputError, InterlockError
from interlock.formats.signatures import openpgp

CONFIG_MAP = "argocd-gpg-keys-cm"
_FRESH_SECONDS = 2.0
log = logging.getLogger(__name__)


class Keyring:
    """Thread-safe. A key that cannot be read is left out and logged: it can only make fewer commits acceptable."""

    def __init__(self, paths: Sequence[Path], hub: KubernetesClient, namespace: str) -> None:
        self._paths = paths
        self._hub = hub
        self._namespace = namespace
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._known: tuple[str, ...] = ()

    def certificates(self) -> tuple[str, ...]:
        """Armored certificates. When the ConfigMap cannot be read, those of the last time."""
        with self._lock:
            if time.monotonic() - self._read_at >= _FRESH_SECONDS:
                self._known = tuple(dict.fromkeys([*self._configured(), *self._shared()]))
                self._read_at = time.monotonic()
            return self._known

    def _configured(self) -> list[str]:
        found: list[str] = []
        for path in self._paths:
            try:
                found += openpgp.certificates(path.read_bytes())
            except (OSError, InputError) as error:
                log.warning("key %s cannot be read: %s", path, error)
        return found

    def _shared(self) -> list[str]:
        try:
            data = self._hub.get("v1", "ConfigMap", CONFIG_MAP, self._namespace).get("data") or {}
        except LookupError:
            return []
        except InterlockError as error:
            log.warning("%s cannot be read: %s", CONFIG_MAP, error)
            return list(self._known)
        found: list[str] = []
        for name, text in data.items():
            try:
                if name != openpgp.key_id(openpgp.fingerprint(str(text))):
                    raise InputError("keyring-entry", "invalid key found", expected="one key, by its primary key's id")
            except InputError as error:
                log.warning("key %s of %s is left out: %s", name, CONFIG_MAP, error)
            else:
                found.append(str(text))
        return found
