"""Tokens and passwords that references name by Secret and key, in upstream's words where they are missing."""

from __future__ import annotations

import base64
import json
from typing import Protocol

from interlock.clients.kubernetes import Object
from interlock.errors import InterlockError, NotFoundError, UnreachableError
from interlock.tekton.spec.credentials import Secret
from interlock.tekton.spec.resolution import failure
from interlock.tekton.spec.resolution.git import SecretKey


class Reader(Protocol):
    """Of `KubernetesClient` what resolvers use."""

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object: ...


def read(client: Reader, wanted: SecretKey, namespace: str) -> str:
    """The value of a key. Raises InputError ``resolution-failed``; the value is in no message."""
    where = wanted.namespace or namespace
    try:
        data = Secret.of(client.get("v1", "Secret", wanted.name, where)).data
    except NotFoundError:
        message = f"cannot get API token, secret {wanted.name} not found in namespace {where}"
        raise failure.invalid(message) from None
    except InterlockError as error:
        if isinstance(error, UnreachableError):
            raise
        message = f"error reading API token from secret {wanted.name} in namespace {where}: {error.message}"
        raise failure.invalid(message) from None
    if wanted.key not in data:
        message = f"cannot get API token, key {wanted.key} not found in secret {wanted.name} in namespace {where}"
        raise failure.invalid(message)
    return data[wanted.key].decode(errors="replace").strip()


def registry(client: Reader, host: str, *, secret: str, service_account: str, namespace: str) -> tuple[str, str] | None:
    """User and password for a registry from the named Secret, else from the account's imagePullSecrets (k8schain)."""
    names = [secret] if secret else []
    try:
        account = client.get("v1", "ServiceAccount", service_account, namespace)
        names += [str(item.get("name")) for item in account.get("imagePullSecrets") or []]
    except NotFoundError:
        pass  # the account that every namespace has need not be written down here
    for name in names:
        try:
            found = Secret.of(client.get("v1", "Secret", name, namespace))
        except NotFoundError:
            if name == secret:
                raise failure.invalid(f'cannot retrieve the oci image: secrets "{name}" not found') from None
            continue
        if (pair := _of_docker_config(found.data.get(".dockerconfigjson", b""), host)) is not None:
            return pair
    return None


def _of_docker_config(data: bytes, host: str) -> tuple[str, str] | None:
    try:
        auths = json.loads(data).get("auths", {}) if data else {}
        entry = next((value for key, value in auths.items() if key.rpartition("//")[2].split("/")[0] == host), None)
        if entry is None:
            return None
        if entry.get("auth"):
            user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
            return user, password
        return str(entry["username"]), str(entry["password"])
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
