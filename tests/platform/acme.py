"""The sample organisation as values: what `interlock platform init` writes of it, and its service payments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from interlock.platform import goldenpaths
from interlock.platform.estate import Environment, Keys, Platform, Service
from interlock.platform.setup import founding

SAMPLE = files("interlock.local") / "sample"
LOGINS = ("dana", "dana-alt", "sam", "rita", "pat", "carol", "nils", "mara")
PEOPLE = tuple(login for login in LOGINS if login != "dana-alt")
"""Person ids. ``dana-alt`` is a second account of Dana: her approvals of her own work do not count."""
ACE = goldenpaths.path("ace-flow")


def sample(
    *,
    keys: Keys,
    seal_key_ids: Sequence[str],
    ssh_keys: Mapping[str, Sequence[str]],
    chart: Mapping[str, bytes],
    catalog: Mapping[str, bytes],
    builder: str,
    bases: Sequence[str] = ("executed", "simulated", "static"),
    advisories_max_age: str = "5d",
) -> dict[str, dict[str, bytes]]:
    """Repository name -> path -> bytes, for ``platform`` and ``env-<name>``. ``ssh_keys``: person id -> public key
    lines; who is not in it has a key that nobody holds."""
    made = founded(builder, {login: lines[0] for login, lines in ssh_keys.items()}).repositories(
        keys, seal_key_ids=seal_key_ids, chart=chart, catalog=catalog
    )
    settings = made["platform"]["platform.yaml"].replace(b"3650d", advisories_max_age.encode())
    stated = f"bases: [{', '.join(bases)}]".encode()
    made["platform"]["platform.yaml"] = settings.replace(b"bases: [executed, simulated, static]", stated)
    return made


def founded(
    builder: str = "https://interlock.dev/builder", ssh_keys: Mapping[str, str] | None = None
) -> founding.Founding:
    """The sample folder, read as `interlock platform init` reads it."""
    public = {login: _public_key(login) for login in LOGINS} | {k: v.strip() for k, v in (ssh_keys or {}).items()}
    keys = {f"sshKey.{login}": line for login, line in public.items()}
    return founding.read(SAMPLE, {"organisation": "acme", "registry": "registry.acme.test", "builder": builder, **keys})


@cache
def platform() -> Platform:
    """The sample's ``platform.yaml``."""
    return founded().estate.platform


def environment(name: str) -> Environment:
    return next(item for item in platform().environments if item.name == name)


def service(name: str = "payments") -> Service:
    """A service of team payments, as its registration would be."""
    return ACE.registration(platform(), name=name, team="payments", owner="sam")


def _public_key(login: str) -> str:
    secret = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(login.encode()).digest())
    line = secret.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return line.decode()
