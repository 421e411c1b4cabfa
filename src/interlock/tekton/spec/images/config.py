"""An image's configuration (image-spec config.md): what a runtime needs of it, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from interlock.errors import InputError, UnsupportedError
from interlock.formats.oci import strict
from interlock.formats.oci.digest import parse_digest

MAX_BYTES: Final = 4 * 1024 * 1024
_CODE: Final = "image-config"


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """``diff_ids``: the digest of each layer's uncompressed tar, lowest first."""

    diff_ids: tuple[str, ...]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_dir: str
    user: str


def parse(data: bytes, *, architecture: str) -> ImageConfig:
    """Raises InputError ``image-config``, UnsupportedError ``image-platform`` for another system or architecture."""
    value = strict.load_object(data, code=_CODE, what="image configuration")
    system, found = value.get("os"), value.get("architecture")
    if system != "linux" or found != architecture:
        raise platform_error(f"{system}/{found}", architecture)
    root = value.get("rootfs")
    if not isinstance(root, Mapping) or root.get("type") != "layers":
        raise InputError(_CODE, "no rootfs of layers", got=root)
    run = value.get("config") or {}
    if not isinstance(run, Mapping):
        raise InputError(_CODE, "config must be an object", got=type(run).__name__)
    environment: dict[str, str] = {}
    for entry in _words(run, "Env"):
        name, equals, text = entry.partition("=")
        if not equals or not name or "\0" in entry:
            raise InputError(_CODE, "Env must hold NAME=VALUE", got=repr(entry)[:200])
        environment[name] = text
    return ImageConfig(
        diff_ids=tuple(parse_digest(item) for item in _words(root, "diff_ids")),
        entrypoint=_words(run, "Entrypoint"),
        command=_words(run, "Cmd"),
        environment=environment,
        working_dir=_text(run, "WorkingDir"),
        user=_text(run, "User"),
    )


def platform_error(got: str, architecture: str) -> UnsupportedError:
    """What is said of an image of another platform."""
    return UnsupportedError(
        "image-platform",
        "the image is not for this machine",
        got=got,
        expected=f"linux/{architecture}",
        todo="put an image of this platform there",
    )


def _words(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = value.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, str) and "\0" not in item for item in found):
        raise InputError(_CODE, f"{name} must be a list of strings", got=repr(found)[:200])
    return tuple(found)


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name) or ""
    if not isinstance(found, str) or "\0" in found:
        raise InputError(_CODE, f"{name} must be a string", got=repr(found)[:200])
    return found
