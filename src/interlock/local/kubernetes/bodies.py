"""The bodies of requests: JSON or strict YAML, no duplicate keys, bounded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.formats.kubernetes import protobuf
from interlock.local.kubernetes import answers
from interlock.local.kubernetes.request import Options

_JSON = (
    "",
    "application/json",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
LIMIT = 3 * 1024 * 1024
"""As the API server's limit of a request body."""


def read(body: bytes, content_type: str) -> Any:
    """The value of a body. Raises ApiError 400, 415."""
    media = content_type.partition(";")[0].strip()
    if media in _JSON:
        return _json(body)
    if media in ("application/apply-patch+yaml", "application/yaml"):
        try:
            return _json(body) if body.lstrip()[:1] == b"{" else yaml.load(body, file="body").value
        except InputError as error:
            raise answers.bad_request(f"error decoding YAML: {error}") from None
    if media == protobuf.MEDIA_TYPE:
        try:
            return protobuf.decode(body)
        except InputError as error:
            raise answers.bad_request(str(error)) from None
    raise answers.unsupported_media(media)


def _json(body: bytes) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise answers.bad_request(f'strict decoding error: duplicate field "{name}"')
            found[name] = value
        return found

    def no_constant(text: str) -> Any:
        raise ValueError(f"{text} is no JSON")

    try:
        return json.loads(body, object_pairs_hook=unique, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise answers.bad_request(f"the body is not JSON: {error}") from None


def options(query: Mapping[str, str], body: Any, agent: str) -> Options:
    """The write options of a query (for a deletion also of its body). Raises ApiError 400."""
    dry_run = query.get("dryRun", "")
    if isinstance(body, dict) and body.get("kind") == "DeleteOptions":
        dry_run = dry_run or ",".join(body.get("dryRun") or ())
    if dry_run not in ("", "All"):
        raise answers.bad_request(f'dryRun: Unsupported value: "{dry_run}": supported values: "All"')
    mode = query.get("fieldValidation") or "Warn"
    if mode not in ("Strict", "Warn", "Ignore"):
        raise answers.bad_request(f'fieldValidation: Unsupported value: "{mode}"')
    manager = query.get("fieldManager") or agent.partition("/")[0]
    if len(manager) > 128 or not manager.isprintable():
        raise answers.bad_request("fieldManager: Invalid value: at most 128 printable characters")
    return Options(dry_run == "All", manager, mode, query.get("force", "").lower() == "true")
