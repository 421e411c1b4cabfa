"""The engine's signature under each TaskRun that it ends (see `interlock.formats.tekton.record`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlock.errors import NotFoundError
from interlock.formats.sigstore import keys
from interlock.formats.tekton import record


def load(path: Path | None) -> keys.PrivateKey | None:
    """The key of the configuration. Raises NotFoundError ``key-missing``, InputError ``key-invalid``."""
    if path is None:
        return None
    try:
        return keys.load_private(path.read_bytes())
    except FileNotFoundError:
        raise NotFoundError("key-missing", "no key file", where=str(path)) from None


def signed(
    task_run: Mapping[str, Any], status: Mapping[str, Any], capabilities: str | None, key: keys.PrivateKey | None
) -> dict[str, str]:
    """What to write on a TaskRun before its final ``status``; nothing without a key.

    ``capabilities`` is the text that this engine wrote itself, not what the server has now: another writer may have
    altered that. Written before the status, so that whoever sees a finished TaskRun sees its record.
    """
    if key is None:
        return {}
    finished = {"metadata": task_run["metadata"], "status": status}
    told = None if capabilities is None else json.loads(capabilities)
    return {record.ANNOTATION: record.sign(finished, told, key)}
