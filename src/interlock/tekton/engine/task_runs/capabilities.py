"""What a TaskRun may claim about how it ran: the annotation ``interlock.dev/capabilities``, JSON, by the engine.

::

    {"isolation": "bubblewrap",                       or "none"
     "network": ["forge=127.0.0.1:8480"],             all a step could reach
     "images": {"registry.acme.test/platform/toolbox@sha256:...": {"executed-by": "installed-toolbox"}},
     "tools": [{"name": "interlock-toolbox", "version": "0.1.0", "digest": "sha256:..."}],
     "notEnforced": ["securityContext"]}

``tools`` starts with what the engine itself put there, by digest. What a step reports in the file that $INTERLOCK_TOOLS
names (a JSON object a line: name, version, digest) follows with ``"reportedBy": "<step>"``: it is the step's word.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import interlock
from interlock.local.sandbox.levels import Isolation
from interlock.tekton.engine import storage

_MOST_REPORTED = 64
_LONGEST = 200


def annotation(
    *,
    level: str,
    network: Mapping[str, str],
    images: Mapping[str, str],
    tools: Iterable[Mapping[str, str]],
    not_enforced: Iterable[str],
) -> str:
    """The annotation's text."""
    value: dict[str, Any] = {
        "isolation": level,
        "network": [f"{name}={address}" for name, address in sorted(network.items())] if level != "none" else ["*"],
        "images": {image: {"executed-by": executor} for image, executor in sorted(images.items())},
        "tools": list(tools),
        "notEnforced": sorted(not_enforced),
    }
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def condition(isolation: Isolation) -> dict[str, str]:
    """The condition ``Isolation`` of a TaskRun's status: how its steps are kept apart, and what that cannot enforce."""
    weak = isolation.level == "none"
    limits = "; ".join(isolation.not_enforced)
    return {
        "type": "Isolation",
        "status": "False" if weak else "True",
        "reason": isolation.level,
        "message": f"not enforced: {limits}" if limits else "",
    }


def toolbox() -> dict[str, str]:
    """The installed toolbox: version, and SHA-256 over the paths and bytes of the package's files."""
    root = Path(interlock.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix not in (".pyc", ".pyo"):
            digest.update(f"{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    version = importlib.metadata.version("interlock")
    return {"name": "interlock-toolbox", "version": version, "digest": f"sha256:{digest.hexdigest()}"}


def reported(file: Path, step: str) -> list[dict[str, str]]:
    """What a step says it ran; malformed lines are left out."""
    found: list[dict[str, str]] = []
    text = (storage.read_regular(file, _MOST_REPORTED * 4 * _LONGEST) or b"").decode("utf-8", "replace")
    for line in text.splitlines()[:_MOST_REPORTED]:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            kept = {key: str(entry[key])[:_LONGEST] for key in ("name", "version", "digest") if key in entry}
            found.append({**kept, "reportedBy": step})
    return found
