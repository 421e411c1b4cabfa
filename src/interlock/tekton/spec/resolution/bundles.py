"""Params of the bundles resolver and the rules of a bundle (pkg/resolution/resolver/bundle)."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from interlock.errors import InputError
from interlock.formats.oci import Descriptor, ImageManifest
from interlock.formats.oci import reference as references
from interlock.formats.oci.reference import Reference
from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution import failure, texts
from interlock.tekton.spec.resolution.request import go_quoted
from interlock.tekton.spec.resolution.source import RefSource

MAX_OBJECTS: Final = 20
MAX_BYTES: Final = 8 * 1024 * 1024
"""Of one unpacked layer: a Task or Pipeline that a cluster could hold is far smaller."""

DEFAULT_REGISTRY: Final = "index.docker.io"
KIND: Final = "dev.tekton.image.kind"
NAME: Final = "dev.tekton.image.name"
API_VERSION: Final = "dev.tekton.image.apiVersion"


@dataclass(frozen=True, slots=True)
class BundleRequest:
    bundle: str
    name: str
    kind: str
    service_account: str
    secret: str = ""

    @property
    def reference(self) -> Reference:
        return reference(self.bundle)

    @property
    def immutable(self) -> bool:
        return self.reference.digest is not None


def read(params: Sequence[Param], config: Mapping[str, str]) -> BundleRequest:
    """Raises InputError ``resolution-failed`` in upstream's words."""
    given = texts.of(params)
    account = given.get("serviceAccount") or config.get("default-service-account")
    if account is None:
        raise failure.invalid("default Service Account was not set during installation of the bundle resolver")
    if not given.get("bundle"):
        raise failure.invalid('parameter "bundle" required')
    reference(given["bundle"])
    if not given.get("name"):
        raise failure.invalid('parameter "name" required')
    kind = given.get("kind") or config.get("default-kind")
    if kind is None:
        raise failure.invalid("default resource Kind was not set during installation of the bundle resolver")
    return BundleRequest(given["bundle"], given["name"], kind, account, given.get("secret", ""))


def reference(text: str) -> Reference:
    """``text`` with the default registry where it names none (go-containerregistry name.ParseReference)."""
    first = text.partition("/")[0]
    full = text
    if "/" not in text:
        full = f"{DEFAULT_REGISTRY}/library/{text}"
    elif not ("." in first or ":" in first or first == "localhost"):
        full = f"{DEFAULT_REGISTRY}/{text}"
    try:
        return references.parse(full)
    except InputError as error:
        raise failure.invalid(
            f"invalid bundle reference: could not parse reference: {text}", todo=str(error.message)
        ) from error


def find(manifest: ImageManifest, request: BundleRequest) -> Descriptor:
    """The layer that the request means. Raises InputError ``resolution-failed`` for an image that is no bundle."""
    if problem := _problem(manifest):
        raise failure.invalid(f"invalid tekton bundle {request.bundle}, error: {problem}")
    for layer in manifest.layers:
        if (layer.annotations[KIND].lower(), layer.annotations[NAME]) == (request.kind.lower(), request.name):
            return layer
    raise failure.invalid(f"could not find object in image with kind: {request.kind} and name: {request.name}")


def _problem(manifest: ImageManifest) -> str | None:
    """checkImageCompliance."""
    if len(manifest.layers) > MAX_OBJECTS:
        return f"contained more than the maximum {MAX_OBJECTS} allow objects"
    for index, layer in enumerate(manifest.layers):
        for key in (API_VERSION, NAME, KIND):
            if key not in layer.annotations:
                return f"the layer {index} does not contain a {key} annotation"
        kind = layer.annotations[KIND]
        if kind.lower().removesuffix("s") != kind:
            return f"the layer {index} the annotation {KIND} must be lowercased and singular, found {kind}"
    return None


def content(layer: bytes) -> bytes:
    """The one file of a layer: of a tar, gzip or not, else the bytes themselves."""
    data = layer
    if layer[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(layer)) as stream:
                data = stream.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise failure.invalid("failed to read image layer: not gzip") from error
    if len(data) > MAX_BYTES:
        raise failure.invalid(f"failed to read image layer: more than {MAX_BYTES} bytes")
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                stream_of = archive.extractfile(member) if member.isreg() else None
                if stream_of is not None:
                    return stream_of.read()
    except (tarfile.TarError, EOFError):
        return data
    return data


def source(found: Reference, digest: str, request: BundleRequest) -> RefSource:
    """``digest`` is the image's."""
    algorithm, _, value = digest.partition(":")
    return RefSource(found.name, {algorithm: value}, request.name)


def request_annotations(layer: Descriptor) -> dict[str, str]:
    """Of the ResolutionRequest's status."""
    return {f"resolution.tekton.dev/{key}": layer.annotations[key] for key in (KIND, NAME, API_VERSION)}


def platform(index_entries: Sequence[Descriptor], bundle: str) -> Descriptor:
    """The manifest for linux/amd64 of an index, as a puller takes it by default."""
    for entry in index_entries:
        wanted = {"os": "linux", "architecture": "amd64"}
        if entry.platform is not None and wanted.items() <= dict(entry.platform).items():
            return entry
    raise failure.invalid(
        f"cannot retrieve the oci image: no child with platform linux/amd64 in index {go_quoted(bundle)}"
    )
