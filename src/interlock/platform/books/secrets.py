"""The guard that keeps secrets out of evidence: evidence is kept for years and handed to auditors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from interlock.errors import RefusedError
from interlock.formats.credentials import CERTAIN

_NAMES = frozenset(
    {"password", "passwd", "token", "secret", "authorization", "privatekey", "apikey", "clientsecret", "accesstoken"}
    | {"refreshtoken", "sessionid"}
)
_VALUES = re.compile(CERTAIN)


def refuse_secrets(value: object, *, where: str) -> None:
    """Raises RefusedError ``evidence-secret`` naming the place, never the value.

    Refused: Kubernetes Secrets with their data, private keys, JSON web tokens, passwords in URLs, and a non-empty
    string under a name such as ``password`` or ``token`` (as a key, or as ``name`` beside ``value``).
    """
    found = _find(value)
    if found is not None:
        raise RefusedError(
            "evidence-secret",
            "a secret would be stored as evidence",
            got=f"${found}",
            expected="facts without secrets",
            where=where,
            todo="reference the secret by name where the fact comes from",
        )


def _find(value: object) -> str | None:
    """The place of a secret in ``value``, as in ``.spec.items[0]``."""
    if isinstance(value, str):
        return "" if _VALUES.search(value) else None
    if isinstance(value, dict | Mapping):
        if value.get("kind") == "Secret" and (value.get("data") or value.get("stringData")):
            return ""
        if _named(value.get("name")) and isinstance(value.get("value"), str) and value["value"]:
            return ".value"
        for key, item in value.items():
            found = "" if _named(key) and isinstance(item, str) and item else _find(item)
            if found is not None:
                return f".{key}{found}"
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            found = _find(item)
            if found is not None:
                return f"[{index}]{found}"
    return None


def _named(name: object) -> bool:
    return isinstance(name, str) and _forbidden(name)


@lru_cache(maxsize=4096)
def _forbidden(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()) in _NAMES
