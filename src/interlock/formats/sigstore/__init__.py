"""Signatures and attestations with own keys, as cosign 3 writes and reads them; pure functions over bytes.

A signature is an in-toto Statement v1 in a DSSE envelope in a Sigstore bundle v0.3 with public-key material and no
``keyid``, stored as an OCI 1.1 referrer of the image (sigstore/cosign specs/BUNDLE_SPEC.md; protobuf-specs
sigstore_bundle.proto; secure-systems-lab/dsse protocol.md).

    signed = referrers.attach(
        statement.image_signature(digest), subject=image.descriptor, key=keys.load_private(pem), created=finished
    )                                                  # an oci.Content: push its blobs, then its manifest
    outcome = verify.verify(bundles, key=keys.load_public(pem), subject=digest, predicate_type=statement.COSIGN_SIGN)
    outcome.reason                                     # None, or one of the codes of `verify.Reason`
    outcome.require()                                  # the statements, or IntegrityError with that code

cosign itself counts any signed statement about an image as its signature (cosign 3.1.1 ``verify --key``;
GHSA-w6c6-c85g-mmv6): here the predicate type is always demanded, so that a signed SBOM is not a signed image.
"""

from interlock.formats.sigstore import bundle, dsse, keys, referrers, statement, verify
from interlock.formats.sigstore.keys import PrivateKey, PublicKey
from interlock.formats.sigstore.statement import Statement
from interlock.formats.sigstore.verify import Outcome, Reason

__all__ = [
    "Outcome",
    "PrivateKey",
    "PublicKey",
    "Reason",
    "Statement",
    "bundle",
    "dsse",
    "keys",
    "referrers",
    "statement",
    "verify",
]
