"""sigstore-conformance's bundles, read in place. Only managed keys are ours; the others are listed with the reason."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from interlock.errors import InputError
from interlock.formats.sigstore import PublicKey, Reason, bundle, dsse, keys, statement, verify

FOLDER = Path(__file__).parents[4] / "shared/conformance/sigstore-conformance/bundle-verify"
CASES = sorted(path.parent for path in FOLDER.glob("*/bundle.sigstore.json"))

pytestmark = pytest.mark.skipif(not CASES, reason=f"sigstore-conformance is not at {FOLDER}")

# Refused while parsing, whatever the key: these hold for every kind of key.
FORMAT = {"bundle-malformed-json_fail": "not JSON", "bundle-unknown-version_fail": "unknown mediaType"}
# DSSE envelopes signed with a certificate's key: envelope and key are tested without the certificate.
ENVELOPES = {
    "happy-path-intoto-in-dsse-v3": True,
    "dsse-invalid-sig_fail": False,
    "rekor2-dsse-happy-path": True,
    "rekor2-dsse-invalid-sig_fail": False,
}
MANAGED = {"managed-key-no-key_fail", "managed-key-wrong-key_fail"}
NOT_APPLICABLE = "keyless: trust comes from certificates, logs and timestamps, which Interlock does not use"


def read(name: str) -> Any:
    return json.loads((FOLDER / name / "bundle.sigstore.json").read_bytes())


def certificate_key(name: str) -> PublicKey:
    raw = read(name)["verificationMaterial"]["certificate"]["rawBytes"]
    pem = f"-----BEGIN CERTIFICATE-----\n{raw}\n-----END CERTIFICATE-----\n"
    key: Any = x509.load_pem_x509_certificate(pem.encode()).public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return keys.load_public(key.public_bytes(serialization.Encoding.PEM, spki))


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_case(folder: Path) -> None:
    data = (folder / "bundle.sigstore.json").read_bytes()
    if folder.name in FORMAT:
        with pytest.raises(InputError, match=FORMAT[folder.name]) as caught:
            bundle.parse(data)
        assert caught.value.code == "signature-malformed"
    elif folder.name in ENVELOPES:
        envelope = dsse.parse(read(folder.name)["dsseEnvelope"])
        valid = certificate_key(folder.name).verifies(envelope.signature, envelope.signed_bytes())
        assert valid is ENVELOPES[folder.name]
        assert statement.parse(envelope.payload).subjects
    elif folder.name in MANAGED:
        # No key, or one that is none: nothing is verified.
        pem = (folder / "key.pub").read_bytes() if (folder / "key.pub").exists() else b""
        with pytest.raises(InputError) as caught:
            keys.load_public(pem)
        assert caught.value.code == "key-invalid"
    else:
        with pytest.raises(InputError, match=r"signed with a certificate|unknown mediaType") as caught:
            bundle.parse(data)
        assert caught.value.code == "signature-malformed"
        pytest.skip(NOT_APPLICABLE)


def test_every_named_case_is_there() -> None:
    assert {path.name for path in CASES} >= FORMAT.keys() | ENVELOPES.keys() | MANAGED


def test_the_managed_keys_signature_verifies_with_its_own_key_and_no_other(made_keys: Any) -> None:
    # The bundle carries its key in the log entry; cosign signed the artifact itself, so no image verifier takes it.
    document = read("managed-key-wrong-key_fail")
    entry = document["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"]
    body = json.loads(base64.b64decode(entry))
    key = keys.load_public(base64.b64decode(body["spec"]["signature"]["publicKey"]["content"]))
    assert key.hint == document["verificationMaterial"]["publicKey"]["hint"]
    signature = base64.b64decode(document["messageSignature"]["signature"])
    artifact = (FOLDER / "a.txt").read_bytes()
    assert key.verifies(signature, artifact)
    assert not made_keys.release.public.verifies(signature, artifact)
    outcome = verify.verify(
        [verify.Signed(json.dumps(document).encode())],
        key=key,
        subject="sha256:" + "a" * 64,
        predicate_type=statement.COSIGN_SIGN,
    )
    assert outcome.reason is Reason.MALFORMED
