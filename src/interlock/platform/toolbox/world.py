"""What a step finds around it: names, credentials, its clock. Read once, handed in everywhere else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from interlock import __version__
from interlock.errors import InputError, NotFoundError
from interlock.formats import addresses

VERSION = __version__


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class World:
    """The step's surroundings. Nothing of it is ever printed."""

    home: Path
    names: Mapping[str, str] = field(default_factory=dict)
    """Stable address prefix -> real one; the longest match wins, as in `Context.resolve`."""
    docker_config: Path | None = None
    """Folder with ``config.json`` or ``.dockerconfigjson``."""
    path: str = ""
    """Where tools such as buildah are looked for."""
    now: Callable[[], datetime] = _now
    say: Callable[[str], None] = print
    tools: Path | None = None
    """Where the step tells the engine which tools really ran, a JSON object a line."""
    ca: Path | None = None
    """PEM of the CAs to trust, for the registry, the forge's API and git alike; None: the public ones."""

    def ran(self, tool: str) -> None:
        """Report a tool as ``name version``."""
        if self.tools is not None:
            name, _, version = tool.partition(" ")
            with self.tools.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"name": name, "version": version}) + "\n")

    def resolve(self, address: str) -> str:
        """``address`` as files write it -> where it answers; unchanged without a mapping."""
        return addresses.resolve(address, self.names, ends="/:@") or address


def from_environment(environment: Mapping[str, str]) -> World:
    """Reads ``INTERLOCK_NAMES`` (a JSON file), ``INTERLOCK_TOOLS``, ``HOME``, ``DOCKER_CONFIG``, ``PATH``,
    ``SSL_CERT_FILE``, no other.

    Raises InputError ``names-invalid``.
    """
    home = Path(environment.get("HOME") or "/")
    config = environment.get("DOCKER_CONFIG")
    return World(
        home=home,
        names=_names(environment.get("INTERLOCK_NAMES", "")),
        docker_config=Path(config) if config else home / ".docker",
        path=environment.get("PATH", ""),
        tools=Path(tools) if (tools := environment.get("INTERLOCK_TOOLS")) else None,
        ca=Path(ca) if (ca := environment.get("SSL_CERT_FILE")) else None,
    )


def _names(file: str) -> dict[str, str]:
    if not file:
        return {}
    try:
        names = json.loads(Path(file).read_bytes())
    except (OSError, ValueError) as error:
        raise InputError("names-invalid", "the map of names cannot be read", got=error, where=file) from error
    if not isinstance(names, dict) or not all(isinstance(item, str) for pair in names.items() for item in pair):
        raise InputError("names-invalid", "not a map of names", expected="a JSON object of strings", where=file)
    return names


def token(path: Path | None, *, what: str) -> str | None:
    """The text of a mounted credential file, None without a path. Raises NotFoundError ``credential-missing``."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NotFoundError("credential-missing", f"no credential for {what}", where=str(path)) from error


def git_token(world: World, url: str, file: Path | None) -> str | None:
    """The token for a git server: a mounted file, else the entry for its host in ``~/.git-credentials``."""
    if file is not None and file.is_file():
        return token(file, what="the forge")
    target = urlsplit(url)
    store = world.home / ".git-credentials"
    for line in store.read_text(encoding="utf-8").splitlines() if store.is_file() else ():
        entry = urlsplit(line.strip())
        if entry.password and (entry.scheme, entry.hostname, entry.port) == (
            target.scheme,
            target.hostname,
            target.port,
        ):
            return unquote(entry.password)
    return None


def registry_login(world: World, *hosts: str) -> tuple[str, str] | None:
    """(user, password) for the first of these hosts in the Docker configuration; None: anonymous.

    Raises InputError ``docker-config-invalid``.
    """
    for host in hosts:
        for key, login in _logins(world).items():
            if key in (host, f"https://{host}", f"http://{host}", f"https://{host}/v1/"):
                return login
    return None


def token_realms(world: World, login: tuple[str, str]) -> set[str]:
    """The hosts with this login in the Docker configuration: a registry's token service there may have it too."""
    return {host for key, found in _logins(world).items() if found == login and (host := _host(key))}


def _host(key: str) -> str | None:
    return urlsplit(key if "://" in key else f"//{key}").hostname


def _logins(world: World) -> dict[str, tuple[str, str]]:
    """Entries for a credential helper hold no login."""
    folder = world.docker_config
    files = [folder / name for name in ("config.json", ".dockerconfigjson")] if folder else []
    file = next((item for item in files if item.is_file()), None)
    if file is None:
        return {}
    try:
        entries = json.loads(file.read_bytes()).get("auths") or {}
        return {key: _login(entry) for key, entry in entries.items() if "auth" in entry or "username" in entry}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        # The error's own text could hold a part of the file.
        raise InputError("docker-config-invalid", "not a Docker configuration", where=str(file)) from error


def _login(entry: Mapping[str, str]) -> tuple[str, str]:
    if "auth" in entry:
        user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        return user, password
    return entry["username"], entry["password"]
