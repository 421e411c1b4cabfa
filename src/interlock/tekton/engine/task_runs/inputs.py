"""What a TaskRun reads: Secrets and ConfigMaps as env, volumes and credentials, and what to mask of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InputError, NotFoundError
from interlock.formats.tekton.pod_types import (
    ConfigMapSource,
    DownwardSource,
    EnvVar,
    KeyToPath,
    ProjectedSource,
    SecretSource,
    TokenSource,
)
from interlock.formats.tekton.task import StepTemplate
from interlock.formats.tekton.validation import climbing
from interlock.tekton.spec import credentials, environment
from interlock.tekton.spec.credentials import Secret
from interlock.tekton.spec.downward import PodFacts


class File(NamedTuple):
    """A file of a volume that comes from the cluster."""

    content: bytes
    mode: int


Files: TypeAlias = dict[str, File]
"""By path below the volume."""
_MODE = 0o644
"""Kubernetes' default of ``defaultMode``."""


class Inputs:
    """One attempt's reads: each object once. `secrets` collects every value that a step could see."""

    def __init__(self, client: KubernetesClient, pod: PodFacts) -> None:
        self._client = client
        self._pod = pod
        self._namespace = pod.namespace
        self._secrets: dict[str, Secret | None] = {}
        self._config_maps: dict[str, Mapping[str, bytes] | None] = {}
        self._tokens: list[bytes] = []

    def maskable(self) -> list[bytes]:
        """Values that must not appear in logs, results, status or messages."""
        secrets = [value for secret in self._secrets.values() if secret for value in credentials.maskable(secret)]
        return secrets + self._tokens

    def environment(
        self, step: StepTemplate, base: Mapping[str, str], *, container: str, extra: Sequence[EnvVar] = ()
    ) -> dict[str, str]:
        """The container's variables: envFrom, then env, then ``extra``, each seeing those before it.

        Raises NotFoundError ``input-missing`` with the kubelet's words.
        """
        variables: list[tuple[str, str]] = []
        for source in step.env_from or []:
            if source.secret_ref is not None:
                data = self._secret(source.secret_ref.name, optional=source.secret_ref.optional)
            elif source.config_map_ref is not None:
                data = self._config_map(source.config_map_ref.name, optional=source.config_map_ref.optional)
            else:
                continue
            variables += [(source.prefix + key, _literal(_text(value, key))) for key, value in sorted(data.items())]
        for variable in (*(step.env or []), *extra):
            origin = variable.value_from
            if origin is None:
                variables.append((variable.name, variable.value))
            elif origin.secret_key_ref is not None:
                reference = origin.secret_key_ref
                data = self._secret(reference.name, optional=reference.optional)
                self._add(
                    variables, variable.name, data, reference.key, reference.optional, f"secret {reference.name!r}"
                )
            elif origin.config_map_key_ref is not None:
                reference = origin.config_map_key_ref
                data = self._config_map(reference.name, optional=reference.optional)
                self._add(
                    variables, variable.name, data, reference.key, reference.optional, f"configmap {reference.name!r}"
                )
            elif origin.field_ref is not None:
                variables.append((variable.name, _literal(self._pod.field(origin.field_ref.field_path))))
            elif origin.resource_field_ref is not None:
                asked = origin.resource_field_ref
                text = self._pod.resource(asked.container_name or container, asked.resource, asked.divisor)
                variables.append((variable.name, text))
        return environment.ordered(variables, base)

    @staticmethod
    def _add(
        variables: list[tuple[str, str]], name: str, data: Mapping[str, bytes], key: str, optional: bool, what: str
    ) -> None:
        if key in data:
            variables.append((name, _literal(_text(data[key], key))))
        elif not optional:
            raise NotFoundError("input-missing", f"couldn't find key {key} in {what}")

    def secret_files(self, source: SecretSource) -> Files:
        """A Secret volume."""
        held = self._secret(source.secret_name, optional=source.optional)
        return _selected(held, source.items, source.optional, source.default_mode)

    def config_map_files(self, source: ConfigMapSource) -> Files:
        """A ConfigMap volume."""
        held = self._config_map(source.name, optional=source.optional)
        return _selected(held, source.items, source.optional, source.default_mode)

    def downward_files(self, source: DownwardSource) -> Files:
        """A downwardAPI volume."""
        found: Files = {}
        for item in source.items or []:
            climbing(item.path, "items[].path")
            mode = item.mode or source.default_mode or _MODE
            if item.field_ref is not None:
                found[item.path] = File(self._pod.field(item.field_ref.field_path).encode(), mode)
            elif item.resource_field_ref is not None:
                asked = item.resource_field_ref
                text = self._pod.resource(asked.container_name, asked.resource, asked.divisor)
                found[item.path] = File(text.encode(), mode)
        return found

    def projected_files(self, source: ProjectedSource) -> Files:
        """A projected volume: its sources in one folder, a later one over an earlier one."""
        found: Files = {}
        mode = source.default_mode
        for part in source.sources or []:
            if part.secret is not None:
                held = self._secret(part.secret.name, optional=part.secret.optional)
                found |= _selected(held, part.secret.items, part.secret.optional, mode)
            if part.config_map is not None:
                held = self._config_map(part.config_map.name, optional=part.config_map.optional)
                found |= _selected(held, part.config_map.items, part.config_map.optional, mode)
            if part.downward_api is not None:
                found |= self.downward_files(part.downward_api)
            if part.service_account_token is not None:
                climbing(part.service_account_token.path, "sources[].serviceAccountToken.path")
                found[part.service_account_token.path] = File(self._token(part.service_account_token), mode or _MODE)
        return found

    def _token(self, source: TokenSource) -> bytes:
        """A token for the run's ServiceAccount (TokenRequest). Raises what the API says."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {"name": self._pod.service_account, "namespace": self._namespace},
            "spec": {
                "audiences": [source.audience] if source.audience else [],
                "expirationSeconds": source.expiration_seconds or 3600,
            },
        }
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{self._pod.service_account}/token"
        answer = self._client.request("POST", path, body=request)
        token = str(answer["status"]["token"]).encode()
        self._tokens.append(token)
        return token

    def credential_files(self, service_account: str) -> dict[str, bytes]:
        """Path below the home -> content, from the Secrets linked to the ServiceAccount (docs/auth.md)."""
        name = service_account or "default"
        try:
            account = self._client.get("v1", "ServiceAccount", name, self._namespace)
        except NotFoundError:
            if service_account not in ("", "default"):
                raise NotFoundError("input-missing", f'serviceaccounts "{name}" not found') from None
            return {}
        linked = [item["name"] for item in account.get("secrets") or [] if item.get("name")]
        for listed in linked:
            # A linked Secret that is gone is a warning upstream, not a failure.
            self._secret(listed, optional=True)
        return credentials.files([found for listed in dict.fromkeys(linked) if (found := self._secrets[listed])])

    def _secret(self, name: str, *, optional: bool) -> Mapping[str, bytes]:
        if name not in self._secrets:
            found = self._get("Secret", name)
            self._secrets[name] = Secret.of(found) if found else None
        secret = self._secrets[name]
        if secret is None and not optional:
            raise NotFoundError("input-missing", f'secret "{name}" not found')
        return secret.data if secret else {}

    def _config_map(self, name: str, *, optional: bool) -> Mapping[str, bytes]:
        if name not in self._config_maps:
            found = self._get("ConfigMap", name)
            self._config_maps[name] = _config_map_data(found) if found else None
        data = self._config_maps[name]
        if data is None and not optional:
            raise NotFoundError("input-missing", f'configmap "{name}" not found')
        return data or {}

    def _get(self, kind: str, name: str) -> dict[str, Any] | None:
        try:
            return self._client.get("v1", kind, name, self._namespace)
        except NotFoundError as error:
            if error.code != "kubernetes-not-found":
                raise
            return None


def _config_map_data(value: Mapping[str, Any]) -> dict[str, bytes]:
    data = {key: text.encode() for key, text in (value.get("data") or {}).items()}
    return data | {key: base64.b64decode(text) for key, text in (value.get("binaryData") or {}).items()}


def _text(value: bytes, key: str) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise InputError("input-binary", f"key {key!r} is not text and cannot be an environment variable") from error
    if "\0" in text:
        raise InputError("input-binary", f"key {key!r} holds a NUL byte and cannot be an environment variable")
    return text


def _literal(text: str) -> str:
    """Values from objects are not expanded: escape what `environment.expand` would read."""
    return text.replace("$", "$$")


def _selected(
    data: Mapping[str, bytes], items: Sequence[KeyToPath] | None, optional: bool, default_mode: int | None
) -> Files:
    mode = default_mode or _MODE
    if items is None:
        return {key: File(content, mode) for key, content in data.items()}
    found: Files = {}
    for item in items:
        climbing(item.path, "items[].path")
        if item.key in data:
            found[item.path] = File(data[item.key], item.mode or mode)
        elif not optional:
            raise NotFoundError("input-missing", f"references non-existent secret key: {item.key}")
    return found
