"""From an address to where it may be asked: a mirror, or this machine itself. Everything else is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from interlock.errors import RefusedError
from interlock.tekton.spec.resolution import failure

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Folder:
    """``rest`` is the address after the prefix; "" if the prefix is all of it."""

    path: Path
    rest: str

    def file(self, rest: str | None = None) -> Path:
        """The path of ``rest`` below the folder, which no ``..`` and no link leaves."""
        parts = [part for part in (self.rest if rest is None else rest).split("/") if part not in ("", ".")]
        if ".." in parts or any("\0" in part for part in parts):
            raise failure.invalid(f"path {'/'.join(parts)!r} leaves its mirror")
        found = self.path.joinpath(*parts)
        if not found.resolve().is_relative_to(self.path.resolve()):
            raise failure.invalid(f"path {'/'.join(parts)!r} leaves its mirror by a link")
        return found


@dataclass(frozen=True)
class Mirrors:
    """``places``: address prefix -> folder or base URL."""

    places: Mapping[str, Path | str]

    def find(self, address: str) -> Folder | str:
        """Where ``address`` is to be asked: in a folder, or at an http(s) address (itself, if it is loopback).

        Raises RefusedError ``resolution-failed`` with what to configure, InputError for what is no address.
        """
        if re.search(r"[\x00-\x20\x7f]", address):
            raise failure.invalid(f"not an address: {address!r}")
        prefixes = [prefix for prefix in self.places if _covers(prefix, address)]
        if prefixes:
            prefix = max(prefixes, key=len)
            place, rest = self.places[prefix], address[len(prefix) :]
            if isinstance(place, Path):
                return Folder(place, rest.lstrip("/"))
            return place.rstrip("/") + "/" + rest.lstrip("/") if rest.strip("/") else place.rstrip("/")
        if is_loopback(address):
            return address
        raise RefusedError(
            failure.CODE,
            f"no mirror is configured for {address}",
            todo=f"name one in the resolvers' configuration, as mirrors: {{{_suggested(address)!r}: FOLDER-OR-URL}} "
            f"(commands: --remote-mirror {_suggested(address)}=FOLDER-OR-URL)",
        )


def is_loopback(address: str) -> bool:
    """Whether ``address`` is this machine's by everybody's reading: what parsers read differently is not."""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        unambiguous = "@" not in parts.netloc and "\\" not in address and (parts.port is None or parts.port > 0)
        return unambiguous and parts.hostname in _LOOPBACK
    except ValueError:
        return False


def _covers(prefix: str, address: str) -> bool:
    """At a boundary: ``https://a/b`` covers ``https://a/b/c`` and ``https://a/b.git``, not ``https://a/bc``."""
    rest = address[len(prefix) :]
    return address.startswith(prefix) and (
        not rest or prefix.endswith(("/", ":")) or rest.startswith(("/", ":", "@")) or rest == ".git"
    )


def _suggested(address: str) -> str:
    """The prefix that a person would configure: all but the last part."""
    head, slash, _ = address.rpartition("/")
    return head + slash if slash and not head.endswith(":/") else address
