"""References ``host/repository[:tag][@digest]`` (grammar: distribution/reference, regexp.go and reference.go).

Two rules are stricter than Docker's command line: the host must be written (no default registry: what is deployed must
not depend on a client's configuration), and the digest's algorithm must be a registered one.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from interlock.errors import InputError
from interlock.formats.oci.digest import parse_digest

MAX_REPOSITORY: Final = 255

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_LABEL = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_HOST = re.compile(rf"({_LABEL}(?:\.{_LABEL})*|\[([0-9a-fA-F:.]+)\])(?::([0-9]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """One image by name. ``str()`` gives back the text that was parsed."""

    host: str
    """Host and, where written, ``:port``; IPv6 in brackets."""
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.host}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """Host and repository, without tag and digest."""
        return f"{self.host}/{self.repository}"

    def pinned(self, digest: str) -> Reference:
        """The same reference with this digest."""
        return Reference(self.host, self.repository, self.tag, parse_digest(digest))


def parse(text: str) -> Reference:
    """Raises InputError: ``reference-host``, ``reference-repository``, ``reference-tag``, ``digest-invalid``."""
    rest, at, digest = text.partition("@")
    host, slash, path = rest.partition("/")
    if not slash or not _looks_like_host(host):
        raise InputError(
            "reference-host",
            "an image reference must name its registry",
            got=repr(text)[:300],
            expected="host/repository[:tag][@digest]",
        )
    _check_host(host)
    repository, colon, tag = path.partition(":")
    parse_repository(repository)
    return Reference(host, repository, parse_tag(tag) if colon else None, parse_digest(digest) if at else None)


def parse_repository(text: str) -> str:
    """``text`` when it is a repository name (distribution-spec, "Pulling manifests")."""
    if len(text) > MAX_REPOSITORY or not _REPOSITORY.fullmatch(text):
        raise InputError(
            "reference-repository",
            "not a repository name",
            got=repr(text)[:300],
            expected="lower-case path components of a-z, 0-9 and single separators . _ __ -, "
            f"at most {MAX_REPOSITORY} characters",
        )
    return text


def parse_tag(text: str) -> str:
    """``text`` when it is a tag."""
    if not _TAG.fullmatch(text):
        raise InputError(
            "reference-tag", "not a tag", got=repr(text)[:300], expected="[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
        )
    return text


def _looks_like_host(text: str) -> bool:
    # The rule by which Docker tells `host/name` from `name/name` (reference/normalize.go, splitDockerDomain).
    return "." in text or ":" in text or text == "localhost" or text.lower() != text


def _check_host(host: str) -> None:
    match = _HOST.fullmatch(host)
    valid = match is not None and (match[3] is None or 0 < int(match[3][:6]) <= 65535)
    if match and match[2] is not None:
        try:
            ipaddress.IPv6Address(match[2])
        except ValueError:
            valid = False
    if not valid:
        raise InputError("reference-host", "not a registry host", got=repr(host)[:300], expected="host[:port]")
