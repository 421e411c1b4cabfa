"""What was resolved before: contents by digest, and which reference gave which."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from interlock.clients.files import write_durably
from interlock.tekton.spec.resolution.lock import Key, digest
from interlock.tekton.spec.resolution.source import Fetched, RefSource


class Cache:
    """``folder`` belongs to the cache alone. Several processes may use it: files are written whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: Key, revision: str, scope: str = "") -> Fetched | None:
        """What this reference was at this revision; None if it is not here, or not what its digest says.

        ``scope`` names the credentials that were needed: what one namespace may read is not another's.
        """
        try:
            value = json.loads(self._entry(key, revision, scope).read_bytes())
            data = self._blob(str(value["digest"])).read_bytes()
            if digest(data) != value["digest"]:
                return None
            source = RefSource.of(value["source"]) if value["source"] else None
            return Fetched(data, source, str(value["revision"]), dict(value["annotations"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: Key, fetched: Fetched, scope: str = "") -> None:
        """Keep it under its own revision (and so under that which a lock file names)."""
        found = digest(fetched.data)
        write_durably(self._blob(found), fetched.data)
        value = {
            "reference": str(key),
            "digest": found,
            "source": fetched.source.to_object() if fetched.source else None,
            "revision": fetched.revision,
            "annotations": dict(fetched.annotations),
        }
        write_durably(self._entry(key, fetched.revision or found, scope), json.dumps(value, sort_keys=True))

    def _blob(self, found: str) -> Path:
        return self._folder / "sha256" / found.removeprefix("sha256:")

    def _entry(self, key: Key, revision: str, scope: str) -> Path:
        name = hashlib.sha256(json.dumps([key.id, revision, scope]).encode()).hexdigest()
        return self._folder / "references" / f"{name}.json"
