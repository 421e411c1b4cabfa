"""Params of the http resolver (pkg/resolution/resolver/http/resolver.go, docs/http-resolver.md)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution import failure, texts
from interlock.tekton.spec.resolution.git import SecretKey
from interlock.tekton.spec.resolution.source import RefSource

MAX_BYTES: Final = 1024 * 1024
"""Of a body (http/config.go maxResponseBodySize)."""

_LENGTHS: Final = {"sha256": 64, "sha512": 128}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One document, maybe behind basic credentials whose password is in a Secret, maybe with its digest known."""

    url: str
    username: str = ""
    password: SecretKey | None = None
    digest: str | None = None


def read(params: Sequence[Param]) -> HttpRequest:
    """Raises InputError ``resolution-failed`` in upstream's words."""
    given = texts.of(params)
    if "url" in given:
        check_url(given["url"])
    username, secret = given.get("http-username"), given.get("http-password-secret")
    if username is not None:
        if secret is None:
            raise failure.invalid("missing required param http-password-secret when using http-username")
        if not username:
            raise failure.invalid("value http-username cannot be empty")
    if secret is not None:
        if username is None:
            raise failure.invalid("missing required param http-username when using http-password-secret")
        if not secret:
            raise failure.invalid("value http-password-secret cannot be empty")
    if "url" not in given:
        raise texts.missing("http", ["url"])
    password = SecretKey(secret, given.get("http-password-secret-key") or "password") if secret else None
    return HttpRequest(given["url"], username or "", password, given.get("digest"))


def check_url(url: str) -> None:
    """``url.ParseRequestURI`` and the scheme."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if re.search(r"[\x00-\x20\x7f]", url) or not (scheme or url.startswith("/")):
        raise failure.invalid(f'cannot parse url {url}: parse "{url}": invalid URI for request')
    if scheme not in ("http", "https"):
        raise failure.invalid(f"url {url} is not a valid http(s) url")


def check_digest(digest: str, body: bytes) -> None:
    """Raise InputError ``resolution-failed`` unless ``body`` has this digest (validateDigest)."""
    algorithm, colon, value = digest.partition(":")
    if not colon:
        raise failure.invalid(f"error validating digest: invalid digest format: {digest}")
    if algorithm not in _LENGTHS:
        raise failure.invalid(f"error validating digest: invalid digest algorithm: {algorithm}")
    length = _LENGTHS[algorithm]
    if len(value) != length:
        raise failure.invalid(
            f"error validating digest: invalid {algorithm} digest value, expected length: {length}, got: {len(value)}"
        )
    actual = hashlib.new(algorithm, body).hexdigest()
    if not hmac.compare_digest(actual, value.lower()):
        raise failure.invalid(f"error validating digest: SHA mismatch, expected {value}, got {actual}")


def source(url: str, body: bytes) -> RefSource:
    """Also the hub's."""
    return RefSource(url, {"sha256": hashlib.sha256(body).hexdigest()})
