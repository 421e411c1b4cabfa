"""The files in a step's home that annotated Secrets of its ServiceAccount become (pkg/credentials, docs/auth.md).

Secrets of type kubernetes.io/basic-auth with annotations ``tekton.dev/git-N`` (a URL) become git credentials, with
``tekton.dev/docker-N`` (a registry) and of the docker types an entry of ``.docker/config.json``; kubernetes.io/ssh-auth
with ``tekton.dev/git-N`` (a host) become keys in ``.ssh``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from interlock.errors import InputError

_GIT, _DOCKER = "tekton.dev/git-", "tekton.dev/docker-"


@dataclass(frozen=True, slots=True)
class Secret:
    """A Secret as read: its data decoded."""

    name: str
    type: str
    annotations: Mapping[str, str]
    data: Mapping[str, bytes]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Secret:
        """From a Kubernetes object. Raises InputError ``secret-invalid`` when a value is not base64."""
        metadata = value.get("metadata", {})
        data = {key: text.encode() for key, text in (value.get("stringData") or {}).items()}
        try:
            data |= {key: base64.b64decode(text, validate=True) for key, text in (value.get("data") or {}).items()}
        except ValueError as error:
            raise InputError(
                "secret-invalid", f"Secret {metadata.get('name')!r} holds data that is not base64"
            ) from error
        return cls(metadata.get("name", ""), value.get("type") or "Opaque", metadata.get("annotations") or {}, data)


def files(secrets: Sequence[Secret]) -> dict[str, bytes]:
    """Path below the home -> content, for the Secrets linked to the run's ServiceAccount.

    Raises InputError ``secret-invalid`` for a Secret whose keys or JSON are not of its type.
    """
    return {**_git(secrets), **_ssh(secrets), **_docker(secrets)}


def _targets(secret: Secret, prefix: str) -> list[str]:
    """Values of the annotations, by their key (credwriter.SortAnnotations)."""
    return [value for key, value in sorted(secret.annotations.items()) if key.startswith(prefix)]


def _text(secret: Secret, key: str) -> str:
    try:
        return secret.data[key].decode()
    except (KeyError, UnicodeDecodeError) as error:
        raise InputError(
            "secret-invalid", f"Secret {secret.name!r} of type {secret.type} has no text {key!r}"
        ) from error


def _git(secrets: Sequence[Secret]) -> dict[str, bytes]:
    blurbs: list[str] = []
    hosts: list[str] = []
    repositories: list[str] = []
    for secret in secrets:
        if secret.type != "kubernetes.io/basic-auth":
            continue
        for url in _targets(secret, _GIT):
            user, password = _text(secret, "username"), _text(secret, "password")
            parts = urlsplit(url)
            own_path = parts.path not in ("", "/")
            escaped = user.replace("\\", "\\\\")
            blurbs.append(
                f'[credential "{url}"]\n\tusername = {escaped}\n' + ("\tuseHttpPath = true\n" if own_path else "")
            )
            login = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
            # Host-wide entries first: git takes them as the fallback of those with a path.
            (repositories if own_path else hosts).append(urlunsplit(parts._replace(netloc=login)))
    if not blurbs:
        return {}
    config = "[credential]\n\thelper = store\n" + "".join(blurbs)
    return {".gitconfig": config.encode(), ".git-credentials": ("\n".join([*hosts, *repositories]) + "\n").encode()}


def _ssh(secrets: Sequence[Secret]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    config: list[str] = []
    known: list[str] = []
    for secret in secrets:
        if secret.type != "kubernetes.io/ssh-auth":
            continue
        for host in _targets(secret, _GIT):
            name, _, port = host.partition(":")
            key = f"id_{secret.name}"
            found[f".ssh/{key}"] = secret.data.get("ssh-privatekey", b"")
            config.append(f"Host {name}\n    HostName {name}\n    Port {port or '22'}\n    IdentityFile ~/.ssh/{key}\n")
            if hosts := secret.data.get("known_hosts"):
                known.append(hosts.decode("utf-8", "replace"))
    if config:
        found[".ssh/config"] = "".join(config).encode()
        found[".ssh/known_hosts"] = "\n".join(known).encode()
    return found


def _docker(secrets: Sequence[Secret]) -> dict[str, bytes]:
    auths: dict[str, Any] = {}
    for secret in secrets:
        if secret.type == "kubernetes.io/dockercfg":
            auths |= _json(secret, ".dockercfg")
        elif secret.type == "kubernetes.io/dockerconfigjson":
            auths |= _json(secret, ".dockerconfigjson").get("auths", {})
    for secret in secrets:
        if secret.type == "kubernetes.io/basic-auth":
            for registry in _targets(secret, _DOCKER):
                user, password = _text(secret, "username"), _text(secret, "password")
                token = base64.b64encode(f"{user}:{password}".encode()).decode()
                auths[registry] = {"username": user, "password": password, "auth": token, "email": "not@val.id"}
    return {".docker/config.json": json.dumps({"auths": auths}).encode()} if auths else {}


def _json(secret: Secret, key: str) -> dict[str, Any]:
    try:
        value = json.loads(_text(secret, key))
    except ValueError as error:
        raise InputError("secret-invalid", f"Secret {secret.name!r}: {key!r} is not JSON") from error
    if not isinstance(value, dict):
        raise InputError("secret-invalid", f"Secret {secret.name!r}: {key!r} is not a JSON object")
    return value


def maskable(secret: Secret) -> list[bytes]:
    """The values of a Secret that must not appear in logs: all but user names, which results name on purpose."""
    if secret.type in ("kubernetes.io/basic-auth", "kubernetes.io/ssh-auth"):
        return [value for key, value in secret.data.items() if key not in ("username", "known_hosts")]
    if secret.type in ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"):
        entries = json.loads(_docker([secret])[".docker/config.json"])["auths"].values() if _docker([secret]) else ()
        inner = [
            str(entry[key]).encode()
            for entry in entries
            for key in ("password", "auth", "identitytoken")
            if entry.get(key)
        ]
        return [*secret.data.values(), *inner]
    return list(secret.data.values())
