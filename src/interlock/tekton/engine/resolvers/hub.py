"""The hub resolver: an object of a catalog by name and version, from a mirror of a hub or a folder of its files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from interlock.errors import InputError, InterlockError, UnreachableError
from interlock.formats import yaml
from interlock.tekton.engine.resolvers.mirrors import Folder
from interlock.tekton.engine.resolvers.web import Web
from interlock.tekton.spec.resolution import failure, http, hub, versions
from interlock.tekton.spec.resolution.hub import HubRequest
from interlock.tekton.spec.resolution.source import Fetched

_MAX_BYTES = 4 * 1024 * 1024
_URLS = {"artifact": ("artifact-hub-urls", hub.ARTIFACT_HUB), "tekton": ("tekton-hub-urls", hub.TEKTON_HUB)}

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Hub:
    web: Web

    def fetch(self, request: HubRequest, config: Mapping[str, str]) -> Fetched:
        """The first of the configured hubs that has it (remoteresolution/resolver/hub/resolve.go)."""
        urls = _urls(request, config)
        wanted = versions.constraint(request.version)
        if wanted is not None:
            version, url = self._first(urls, lambda base: (self._newest(base, request, wanted), base))
            request, urls = replace(request, version=version), [url]
        found = request.at(request.version)
        return self._first(urls, lambda base: self.document(base, found))

    def _first(self, urls: list[str], ask: Callable[[str], Answer]) -> Answer:
        errors: list[InterlockError] = []
        for url in urls:
            try:
                return ask(url)
            except NoVersion:
                raise
            except InterlockError as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        text = "\n".join(error.message for error in errors)
        unreachable = all(isinstance(error, UnreachableError) for error in errors)
        raise (UnreachableError if unreachable else InputError)(
            failure.CODE, f"failed to fetch resource from any configured hub URL: {text}"
        )

    def _newest(self, base: str, request: HubRequest, wanted: versions.Constraint) -> str:
        place = self.web.mirrors.find(base)
        if isinstance(place, Folder) and (known := list(_catalog_versions(place, request))):
            listed = known
        else:
            listed = list(_listed(self._json(base, request, request.listing()), request))
        newest = wanted.newest(listed)
        if newest is None:
            raise NoVersion(failure.CODE, f"no version found for constraint {request.version}")
        return str(newest)

    def document(self, base: str, request: HubRequest) -> Fetched:
        """What the hub at ``base`` has under this version; without one, the newest."""
        url = f"{base}/{request.document()}"
        place = self.web.mirrors.find(base)
        data: bytes | None = None
        if isinstance(place, Folder):
            if not request.version and (known := list(_catalog_versions(place, request))):
                request = replace(request, version=str(max(known)))
            data = _of_catalog(place, request)
        if data is None:
            body = self._json(base, request, request.document()).get("data") or {}
            text = body.get("manifestRaw" if request.type == "artifact" else "yaml")
            data = text.encode() if isinstance(text, str) else b""
        return Fetched(data, http.source(url, data), request.version)

    def _json(self, base: str, request: HubRequest, path: str) -> dict[str, Any]:
        url = f"{base}/{path}"
        prefix = f"fail to fetch {request.label} resource: "
        try:
            data = self.web.get(url, limit=_MAX_BYTES)
            if data is None and isinstance(self.web.mirrors.find(base), Folder):
                data = self.web.get(f"{url}.json", limit=_MAX_BYTES)
        except InterlockError as error:
            raise type(error)(
                failure.CODE, f"{prefix}requesting resource from Hub: {error.message}", got=error.got, todo=error.todo
            ) from error
        if data is None:
            raise failure.invalid(f"{prefix}requested resource '{url}' not found on hub")
        try:
            value = json.loads(data)
            if isinstance(value, dict):
                return value
        except ValueError:
            pass
        raise failure.invalid(f"{prefix}error unmarshalling json response: not a JSON object")


class NoVersion(InputError):
    """The hub answered and has none: no other hub is asked."""


def _urls(request: HubRequest, config: Mapping[str, str]) -> list[str]:
    key, default = _URLS[request.type]
    if not config.get(key, "").strip():
        return [default]
    listed = yaml.load(config[key], file=key).value
    if not isinstance(listed, list) or not all(str(url).startswith(("http://", "https://")) for url in listed):
        raise failure.invalid(f"{key} is not a list of http(s) addresses")
    return [str(url).rstrip("/") for url in listed]


def _listed(value: Mapping[str, Any], request: HubRequest) -> Iterator[versions.Version]:
    if request.type == "artifact":
        rows = [row for row in value.get("available_versions") or [] if not row.get("prerelease")]
    else:
        rows = (value.get("data") or {}).get("versions") or []
    for row in rows:
        text = str(row.get("version", ""))
        if (version := versions.parse(text)) is None:
            raise failure.invalid(f"fail to parse version {request.type} from {text}: Malformed version: {text}")
        yield version


# A folder laid out as tektoncd/catalog: <kind>/<name>/<version>/<name>.yaml.


def _catalog_versions(place: Folder, request: HubRequest) -> Iterator[versions.Version]:
    folder = place.file(f"{request.kind}/{request.name}")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (version := versions.parse(path.name)) is not None and _yaml(path, request.name).is_file():
            yield version


def _of_catalog(place: Folder, request: HubRequest) -> bytes | None:
    wanted = versions.parse(request.version)
    folder = place.file(f"{request.kind}/{request.name}")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name == request.version or (wanted is not None and versions.parse(path.name) == wanted):
            found = place.file(f"{request.kind}/{request.name}/{path.name}/{request.name}.yaml")
            if found.is_file():
                return found.read_bytes()
    return None


def _yaml(folder: Path, name: str) -> Path:
    return folder / f"{name}.yaml"
