"""Trusted Resources: signatures of Tasks and Pipelines, byte-compatible with upstream, for v1 and v1beta1.

    signed = trusted.sign(task, trusted.keys.load_private(pem, password))     # the object, its annotation set
    trusted.verify(signed, trusted.keys.load_public(pem))                     # as Tekton's controller does

Modules, bottom to top: `defaults` (what the controller fills in before it verifies), `keys`, `signature`, over an
object's bytes (`interlock.formats.tekton.trusted`). Which signatures a run demands is decided by
`interlock.tekton.spec.policy`.
"""

from interlock.tekton.spec.trusted import keys
from interlock.tekton.spec.trusted.defaults import defaulted
from interlock.tekton.spec.trusted.keys import PrivateKey, PublicKey
from interlock.tekton.spec.trusted.signature import ANNOTATION, checksum, diagnosis, document, extract, sign, verify

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
