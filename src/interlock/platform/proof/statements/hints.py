"""Chains' type hints: which results and parameters name what was built and what it was built from.

Source: tektoncd/chains pkg/artifacts/signable.go, structured.go and pkg/chains/formats/slsa/internal/material
(11abad1), for a PipelineRun without deep inspection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from interlock.platform.proof.statements.run import FinishedRun

Descriptor = dict[str, Any]
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


def materials(run: FinishedRun) -> list[Descriptor]:
    """What it was built from: ``*ARTIFACT_INPUTS``, then ``CHAINS-GIT_URL`` + ``CHAINS-GIT_COMMIT``."""
    found = []
    for item in run.results:
        if item["name"].endswith("ARTIFACT_INPUTS") and _structured(item["value"]):
            algorithm, _, value = item["value"]["digest"].partition(":")
            found.append({"uri": item["value"]["uri"], "digest": {algorithm: value}})
    parameters = (run.status.get("pipelineSpec") or {}).get("params") or []
    # Later ones win: defaults, then what the run was given, then what it found.
    values = {item["name"]: item.get("default") for item in parameters if isinstance(item.get("default"), str)}
    values |= {item["name"]: item["value"] for item in (run.run["spec"].get("params") or []) + run.results}
    url, commit = str(values.get("CHAINS-GIT_URL", "")).strip(), str(values.get("CHAINS-GIT_COMMIT", "")).strip()
    if url and commit:
        found.append({"uri": git_uri(url), "digest": {"sha1": commit}})
    return found


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
    name, at, digest = image_id.removeprefix("docker-pullable://").partition("@")
    algorithm, colon, value = digest.partition(":")
    if not (name and at and colon and value):
        return None
    return {"uri": f"oci://{name}", "digest": {algorithm: value}}


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
