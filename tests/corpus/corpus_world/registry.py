"""The registry: OCI distribution-spec 1.1, pulls only, for everybody."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .serving import Answer, Asked, as_json

INDEX = "application/vnd.oci.image.index.v1+json"


class Registry:
    """``stored``: the corpus' registry.json; ``folder`` holds manifests and blobs by the hex of their digest."""

    def __init__(self, stored: Mapping[str, Any], folder: Path) -> None:
        self._stored = stored
        self._folder = folder

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/v2":
            return as_json({})
        match = re.fullmatch(r"/v2/(.+)/(tags|manifests|blobs|referrers)/([\w.:-]+)", asked.path)
        if match is None or match[1] not in self._stored:
            return _unknown("NAME_UNKNOWN")
        repository, kind, reference = match.groups()
        stored = self._stored[repository]
        if kind == "tags":
            return as_json({"name": repository, "tags": sorted(stored["tags"])})
        if kind == "referrers":
            wanted = asked.query.get("artifactType")
            found = [item for item in self._referrers(stored, reference) if wanted in (None, item["artifactType"])]
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found}
            return Answer(200, json.dumps(index).encode(), INDEX)
        digest = stored["tags"].get(reference, reference) if kind == "manifests" else reference
        media_type = stored["manifests"].get(digest)
        if (kind == "manifests") != (media_type is not None) or not self._path(digest).is_file():
            return _unknown("MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN")
        headers = {"Docker-Content-Digest": digest}
        return Answer(200, self._path(digest).read_bytes(), media_type or "application/octet-stream", headers)

    def _referrers(self, stored: Mapping[str, Any], subject: str) -> list[dict[str, Any]]:
        found = []
        for digest, media_type in stored["manifests"].items():
            data = self._path(digest).read_bytes()
            manifest = json.loads(data)
            if manifest.get("subject", {}).get("digest") == subject:
                kind = manifest.get("artifactType") or manifest.get("config", {}).get("mediaType", "")
                about = {"mediaType": media_type, "digest": digest, "size": len(data), "artifactType": kind}
                found.append({**about, "annotations": manifest.get("annotations", {})})
        return found

    def _path(self, digest: str) -> Path:
        return self._folder / re.sub(r"[^0-9a-f]", "_", digest.removeprefix("sha256:"))


def _unknown(code: str) -> Answer:
    return as_json({"errors": [{"code": code, "message": "not in the corpus"}]}, 404)
