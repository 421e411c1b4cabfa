"""Trusted Resources: signatures of Tasks and Pipelines, byte-compatible with upstream, for v1 and v1beta1.

    signed = trusted.sign(task, trusted.keys.load_private(pem, password))     # the object, its annotation set
    trusted.verify(signed, trusted.keys.load_public(pem))                     # as Tekton's controller does

Modules, bottom to top: `scalars` (texts as Go writes them), `encode` (an object's bytes, from `types`), `defaults`
(what the controller fills in before it verifies), `keys`, `signature`. Which signatures a run demands is decided by
`interlock.formats.tekton.policy`.
"""

from interlock.formats.tekton.trusted import keys
from interlock.formats.tekton.trusted.defaults import defaulted
from interlock.formats.tekton.trusted.keys import PrivateKey, PublicKey
from interlock.formats.tekton.trusted.signature import (
    ANNOTATION,
    checksum,
    diagnosis,
    document,
    extract,
    sign,
    verify,
)

__all__ = [
    "ANNOTATION",
    "PrivateKey",
    "PublicKey",
    "checksum",
    "defaulted",
    "diagnosis",
    "document",
    "extract",
    "keys",
    "sign",
    "verify",
]
