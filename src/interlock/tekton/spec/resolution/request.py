"""ResolutionRequests: names, objects, and the concise syntax (pkg/resolution/resource/{name,crd_resource}.go)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from interlock.errors import InterlockError
from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution.source import Fetched

API_VERSION: Final = "resolution.tekton.dev/v1beta1"
CACHE_MODES: Final = ("always", "never", "auto")

_OFFSET: Final = 0x6C62272E07BB014262B821756295C58D
_PRIME: Final = 0x0000000001000000000000000000013B
_MAX_LABEL: Final = 63
_URL_LIKE = re.compile(r"[\w-]+:\/\/*", re.ASCII)


def name(resolver: str, namespace: str, owner: str, params: Sequence[Param], url: str = "") -> str:
    """``<resolver>-<hash>``: the same for the same run and params, so that a run asks once."""
    return hashed(resolver, f"{namespace}/{owner}", params, url)


def hashed(prefix: str, base: str, params: Sequence[Param], url: str = "") -> str:
    """``<prefix>-<hash of the rest>``, at most as long as a label (GenerateDeterministicNameFromSpec)."""
    state = _fnv1a(base.encode(), _OFFSET)
    for param in sorted(params, key=lambda item: item.name):
        state = _fnv1a(param.name.encode(), state)
        value = param.value
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        state = _fnv1a(text.encode(), state)
    state = _fnv1a(url.encode(), state)
    digest = f"{state:032x}"
    return f"{prefix[: _MAX_LABEL - len(digest) - 1]}-{digest}"


def _fnv1a(data: bytes, state: int) -> int:
    """FNV-1a with 128 bits (hash/fnv New128a)."""
    for byte in data:
        state = ((state ^ byte) * _PRIME) & ((1 << 128) - 1)
    return state


def url_like(ref: str) -> bool:
    """Whether a ref's name is an address: the concise syntax (v1/container_validation.go RefNameLikeUrl)."""
    return _URL_LIKE.search(ref) is not None


def build(
    resolver: str, request: str, params: Sequence[Param], owner: Mapping[str, Any], *, namespace: str, url: str = ""
) -> dict[str, Any]:
    """The ResolutionRequest that upstream's controller leaves. ``owner`` is the run's object."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"].get("uid", ""),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    spec: dict[str, Any] = {"params": [param.to_object() for param in params]} if params else {}
    return {
        "apiVersion": API_VERSION,
        "kind": "ResolutionRequest",
        "metadata": {
            "name": request,
            "namespace": namespace,
            "labels": {"resolution.tekton.dev/type": resolver},
            "ownerReferences": [reference],
        },
        "spec": {**spec, "url": url} if url else spec,
    }


def status(outcome: Fetched | InterlockError, *, at: str) -> dict[str, Any]:
    """Its status when it is done: the data and its source, or why not. ``at`` is RFC 3339."""
    condition = {"type": "Succeeded", "lastTransitionTime": at}
    if isinstance(outcome, InterlockError):
        message = outcome.message.removeprefix("error requesting remote resource: ")
        return {"conditions": [{**condition, "status": "False", "reason": "ResolutionFailed", "message": message}]}
    source = outcome.source.to_object() if outcome.source else None
    return {
        "annotations": dict(outcome.annotations),
        "conditions": [{**condition, "status": "True"}],
        "data": base64.b64encode(outcome.data).decode(),
        "source": source,
        "refSource": source,
    }


def go_quoted(text: str) -> str:
    """Go's %q, for what names and addresses hold."""
    return json.dumps(text, ensure_ascii=False)
