"""What a signature covers, and signing and verifying it.

Source: pkg/apis/pipeline/internal/checksum, Checksum of v1 and v1beta1 Task, Pipeline and StepAction, and
pkg/trustedresources/verify.go. The message is the SHA-256 of the object's bytes; the signature scheme hashes it again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from interlock.errors import InputError, UnsupportedError
from interlock.formats.tekton.trusted.encode import encode
from interlock.tekton.spec.trusted.defaults import defaulted
from interlock.tekton.spec.trusted.keys import HashAlgorithm, PrivateKey, PublicKey

ANNOTATION = "tekton.dev/signature"
SIGNED_KINDS = {
    ("v1", "Task"),
    ("v1", "Pipeline"),
    ("v1beta1", "Task"),
    ("v1beta1", "Pipeline"),
    ("v1beta1", "StepAction"),
}
"""Objects that have a checksum upstream; its controller verifies Tasks and Pipelines."""

_METADATA = ("name", "generateName", "namespace", "labels", "annotations")
_UNSIGNED_ANNOTATIONS = ("kubectl-client-side-apply", "kubectl.kubernetes.io/last-applied-configuration", ANNOTATION)


def document(
    value: Mapping[str, Any], *, creation_timestamp: bool = False, defaults: bool = True, package: str | None = None
) -> bytes:
    """The bytes that are hashed: kind, apiVersion, five fields of the metadata, spec.

    ``creation_timestamp`` is the form of Tekton up to 1.9 and of tkn up to 0.42. ``defaults=False`` leaves out
    SetDefaults, and ``package`` reads the object with the structs of another version, both as tkn does. Raises
    InputError ``tekton-invalid``; UnsupportedError ``object-unsigned`` for other kinds.
    """
    version, kind = _type(value)
    filled = defaulted(value) if defaults else value
    metadata = value.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise InputError("tekton-invalid", "metadata is invalid", got=repr(metadata)[:80], expected="a mapping")
    kept = {name: metadata[name] for name in _METADATA if metadata.get(name) is not None}
    if isinstance(kept.get("annotations"), Mapping):
        kept["annotations"] = {
            name: text for name, text in kept["annotations"].items() if name not in _UNSIGNED_ANNOTATIONS
        }
    signed = {**filled, "metadata": kept}
    return encode(signed, f"{package or version}.{kind}", zero_times=creation_timestamp).encode()


def checksum(value: Mapping[str, Any], *, creation_timestamp: bool = False) -> bytes:
    """The 32 bytes that are signed. Raises as `document`."""
    return hashlib.sha256(document(value, creation_timestamp=creation_timestamp)).digest()


def extract(value: Mapping[str, Any]) -> bytes | None:
    """The signature in the annotation; None without one. Raises InputError ``signature-malformed``."""
    annotations = (value.get("metadata") or {}).get("annotations") or {}
    text = annotations.get(ANNOTATION) if isinstance(annotations, Mapping) else None
    if text is None:
        return None
    try:
        return base64.b64decode(str(text).replace("\n", "").replace("\r", ""), validate=True)
    except (ValueError, binascii.Error):
        raise InputError(
            "signature-malformed", f"the annotation {ANNOTATION} is no base64", got=str(text)[:80]
        ) from None


def sign(
    value: Mapping[str, Any],
    key: PrivateKey,
    *,
    creation_timestamp: bool = False,
    algorithm: HashAlgorithm = "sha256",
) -> dict[str, Any]:
    """``value`` with its defaults and its signature, an old one replaced. Raises as `document`."""
    filled = defaulted(value)
    signature = key.sign(checksum(filled, creation_timestamp=creation_timestamp), algorithm)
    metadata = filled.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {}), ANNOTATION: base64.b64encode(signature).decode()}
    return {**filled, "metadata": {**metadata, "annotations": annotations}}


def verify(value: Mapping[str, Any], key: PublicKey, *, algorithm: HashAlgorithm = "sha256") -> bool:
    """Whether the object carries this key's signature over itself, in either form of the timestamp.

    Raises as `document` and `extract`: what cannot be read is not signed either.
    """
    _type(value)
    signature = extract(value)
    return signature is not None and any(
        key.verifies(signature, checksum(value, creation_timestamp=form), algorithm) for form in (False, True)
    )


def diagnosis(value: Mapping[str, Any], key: PublicKey, *, algorithm: HashAlgorithm = "sha256") -> str:
    """Why `verify` says no, where that can be told: the signature fits something that Tekton does not verify."""
    signature = extract(value)
    if signature is None:
        return f"it has no annotation {ANNOTATION}"
    version, kind = _type(value)
    for form in (False, True):
        for package, defaults in ((version, False), ("v1beta1", False), ("v1beta1", True)):
            try:
                data = document(value, creation_timestamp=form, defaults=defaults, package=package)
            except InputError:
                continue
            if key.verifies(signature, hashlib.sha256(data).digest(), algorithm):
                if package == version:
                    return "it was signed without the defaults that Tekton sets before it verifies"
                return f"it was signed as if it were a v1beta1 {kind} (tkn does that), which Tekton refuses"
    return "it was changed after it was signed, or another key signed it"


def _type(value: Mapping[str, Any]) -> tuple[str, str]:
    group, _, version = str(value.get("apiVersion", "")).partition("/")
    kind = str(value.get("kind", ""))
    if group != "tekton.dev" or (version, kind) not in SIGNED_KINDS:
        raise UnsupportedError(
            "object-unsigned",
            "Tekton signs no such object",
            got=f"{value.get('apiVersion')} {kind}",
            expected="a Task or Pipeline of tekton.dev/v1 or v1beta1, or a v1beta1 StepAction",
        )
    return version, kind
