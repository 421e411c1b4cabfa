"""Chains' type hints: which results and parameters name what was built and what it was built from.

Source: tektoncd/chains pkg/artifacts/{signable,structured}.go, pkg/chains/formats/slsa/extract and internal/material
(e44b60f). Results are read as strings without surrounding white space, also where Chains keeps it (git URLs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Descriptor = dict[str, Any]
Object = Mapping[str, Any]
_HEX = {"sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128}


def subjects(results: Iterable[Mapping[str, Any]]) -> list[Descriptor]:
    """What was built: ``*ARTIFACT_OUTPUTS`` that say so, ``*IMAGE_URL`` with ``*IMAGE_DIGEST``, ``IMAGES``."""
    items = list(results)
    artifacts = [item["value"] for item in items if is_build_artifact(item)]
    found: list[Descriptor] = []
    for artifact in artifacts:
        algorithm, _, value = artifact["digest"].partition(":")
        _merge(found, artifact["uri"], algorithm, value)
    pairs: dict[str, dict[str, str]] = {}
    for item in items:
        for suffix in ("IMAGE_URL", "IMAGE_DIGEST"):
            if item["name"].endswith(suffix) and isinstance(item["value"], str) and item["value"].strip():
                pairs.setdefault(item["name"].removesuffix(suffix), {})[suffix] = item["value"].strip()
    images = [(pair["IMAGE_URL"], pair["IMAGE_DIGEST"]) for pair in pairs.values() if len(pair) == 2]
    for item in items:
        if item["name"] == "IMAGES" and isinstance(item["value"], str):
            listed = (entry.strip().partition("@") for entry in re.split(r"[,\n]", item["value"]))
            images += [(name, value) for name, _, value in listed if value]
    images += [(artifact["uri"], artifact["digest"]) for artifact in artifacts]
    for name, digest in images:
        if re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            _merge(found, repository_name(name), "sha256", digest.removeprefix("sha256:"))
    return found


def merged(*groups: Iterable[Descriptor]) -> list[Descriptor]:
    """Subjects of several sources: one of the same name and a common digest is told once (artifact.AppendSubjects)."""
    found: list[Descriptor] = []
    for item in (item for group in groups for item in group):
        for algorithm, value in item["digest"].items():
            _merge(found, item["name"], algorithm, value)
    return found


def inputs(results: Iterable[Object]) -> list[Descriptor]:
    """What it was built from: ``*ARTIFACT_INPUTS``."""
    found = []
    for item in results:
        if item["name"].endswith("ARTIFACT_INPUTS") and _structured(item["value"]):
            algorithm, _, value = item["value"]["digest"].partition(":")
            found.append({"uri": item["value"]["uri"], "digest": {algorithm.strip().lower(): value.strip()}})
    return found


def source(*levels: Iterable[Object]) -> list[Descriptor]:
    """``CHAINS-GIT_URL`` with ``CHAINS-GIT_COMMIT``: of defaults, given params and results the last one wins."""
    values: dict[str, str] = {}
    for item in (item for level in levels for item in level):
        value = item.get("value", item.get("default"))
        if item["name"] in ("CHAINS-GIT_URL", "CHAINS-GIT_COMMIT") and value is not None:
            values[item["name"]] = value.strip() if isinstance(value, str) else ""
    url, commit = values.get("CHAINS-GIT_URL"), values.get("CHAINS-GIT_COMMIT")
    return [{"uri": git_uri(url), "digest": {"sha1": commit}}] if url and commit else []


def is_build_artifact(result: Mapping[str, Any]) -> bool:
    """A well-formed ``*ARTIFACT_OUTPUTS`` that says it is one."""
    value = result["value"]
    return result["name"].endswith("ARTIFACT_OUTPUTS") and _structured(value) and value.get("isBuildArtifact") == "true"


def is_byproduct(result: Mapping[str, Any]) -> bool:
    """Everything else, except image hints and artifacts that claim to be built and are malformed."""
    name, value = result["name"], result["value"]
    if name.endswith(("IMAGE_URL", "IMAGE_DIGEST")) or name == "IMAGES":
        return False
    return not name.endswith("ARTIFACT_OUTPUTS") or (
        isinstance(value, Mapping) and value.get("isBuildArtifact") != "true"
    )


def git_uri(url: str) -> str:
    """SPDX form, as Chains writes it: ``git+https://git/acme/payments.git``."""
    return ("" if url.startswith("git+") else "git+") + url + ("" if url.endswith(".git") else ".git")


def git_url(uri: str) -> str:
    """The URL that :func:`git_uri` was given, without ``.git``."""
    return uri.removeprefix("git+").removesuffix(".git")


def image_descriptor(image_id: str) -> Descriptor | None:
    """``oci://`` descriptor of a step's ``imageID``; None when that is not pinned by a digest."""
    match = re.fullmatch(r"(?:docker-pullable://)?([^@]+)@([^@:]+):([^@:]+)", image_id)
    return {"uri": f"oci://{match[1]}", "digest": {match[2]: match[3]}} if match else None


def repository_name(name: str) -> str:
    """Repository of an image reference with registry, without tag (go-containerregistry's ``Repository.Name``)."""
    path = re.sub(r":[A-Za-z0-9_][A-Za-z0-9._-]*$", "", name)
    first, slash, _ = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return path
    return f"index.docker.io/{path if slash else f'library/{path}'}"


def _structured(value: object) -> bool:
    if not isinstance(value, Mapping) or not value.get("uri"):
        return False
    algorithm, _, rest = str(value.get("digest", "")).partition(":")
    return re.fullmatch(r"[0-9a-f]+", rest) is not None and _HEX.get(algorithm.strip().lower()) == len(rest)


def _merge(found: list[Descriptor], name: str, algorithm: str, value: str) -> None:
    for item in found:
        if item["name"] == name and item["digest"].get(algorithm) == value:
            return
    found.append({"name": name, "digest": {algorithm: value}})
