from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from interlock.errors import IntegrityError
from interlock.formats.oci import Content
from interlock.formats.sigstore import Outcome, PrivateKey, Reason, Statement, bundle, dsse, statement, verify
from interlock.formats.sigstore.verify import Signed

OTHER = "sha256:" + "9" * 64


def sign(made: Statement, key: PrivateKey, source: str = "") -> Signed:
    return Signed(bundle.sign(made, key).to_bytes(), source)


def judge(found: list[Signed], payments: Content, key: PrivateKey, kind: str = statement.COSIGN_SIGN) -> Outcome:
    return verify.verify(found, key=key.public, subject=payments.descriptor.digest, predicate_type=kind)


def test_a_signed_image_is_valid(payments: Content, made_keys: Any) -> None:
    outcome = judge(
        [sign(statement.image_signature(payments.descriptor.digest), made_keys.release, "here")],
        payments,
        made_keys.release,
    )
    assert outcome.reason is None
    (found,) = outcome.require()
    assert found.source == "here"
    assert json.loads(found.payload) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": payments.descriptor.digest[7:]}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    }


def test_nothing_signed_is_missing(payments: Content, made_keys: Any) -> None:
    outcome = judge([], payments, made_keys.release)
    assert outcome.reason is Reason.MISSING
    with pytest.raises(IntegrityError) as caught:
        outcome.require()
    assert caught.value.code == "signature-missing"


def test_a_signed_sbom_is_not_a_signed_image(payments: Content, made_keys: Any) -> None:
    sbom = statement.make(statement.CYCLONEDX, payments.descriptor.digest, {"bomFormat": "CycloneDX"})
    for key in (made_keys.release, made_keys.attest):
        assert judge([sign(sbom, key)], payments, made_keys.release).reason is Reason.WRONG_PREDICATE
    assert judge([sign(sbom, made_keys.attest)], payments, made_keys.attest, statement.CYCLONEDX).reason is None


def test_another_key_is_told(payments: Content, made_keys: Any) -> None:
    found = sign(statement.image_signature(payments.descriptor.digest), made_keys.attest)
    outcome = judge([found], payments, made_keys.release)
    assert outcome.reason is Reason.WRONG_KEY
    assert made_keys.release.public.fingerprint in outcome.detail


def test_a_signature_about_another_image_is_told(payments: Content, made_keys: Any) -> None:
    outcome = judge([sign(statement.image_signature(OTHER), made_keys.release)], payments, made_keys.release)
    assert outcome.reason is Reason.WRONG_SUBJECT
    assert OTHER in outcome.detail


def test_a_forged_hint_does_not_help(payments: Content, made_keys: Any) -> None:
    made = bundle.sign(statement.image_signature(payments.descriptor.digest), made_keys.attest)
    forged = bundle.Bundle(made.envelope, made_keys.release.public.hint)
    assert judge([Signed(forged.to_bytes())], payments, made_keys.release).reason is Reason.WRONG_KEY


def test_an_altered_payload_is_not_valid(payments: Content, made_keys: Any) -> None:
    made = bundle.sign(statement.image_signature(OTHER), made_keys.release)
    payload = statement.image_signature(payments.descriptor.digest).to_bytes()
    altered = bundle.Bundle(dsse.Envelope(dsse.INTOTO, payload, made.envelope.signature), made.hint)
    assert judge([Signed(altered.to_bytes())], payments, made_keys.release).reason is Reason.WRONG_KEY


def test_the_payload_type_is_signed_too(payments: Content, made_keys: Any) -> None:
    payload = statement.image_signature(payments.descriptor.digest).to_bytes()
    # As Chains' simple-signing bundles: right bytes and key, but signed as something else.
    signature = made_keys.release.sign(dsse.pae("application/vnd.dev.cosign.simplesigning.v1+json", payload))
    made = bundle.Bundle(dsse.Envelope(dsse.INTOTO, payload, signature))
    assert judge([Signed(made.to_bytes())], payments, made_keys.release).reason is Reason.WRONG_KEY
    other = bundle.Bundle(dsse.Envelope("application/vnd.dev.cosign.simplesigning.v1+json", payload, signature))
    assert judge([Signed(other.to_bytes())], payments, made_keys.release).reason is Reason.MALFORMED


def test_bad_bundles_beside_a_good_one_do_no_harm(payments: Content, made_keys: Any) -> None:
    good = sign(statement.image_signature(payments.descriptor.digest), made_keys.release)
    stranger = sign(statement.image_signature(payments.descriptor.digest), made_keys.attest)
    outcome = judge([Signed(b"{"), stranger, good, Signed(b"", problem="gone")], payments, made_keys.release)
    assert outcome.reason is None
    assert [item.reason for item in outcome.rejected] == [Reason.MALFORMED, Reason.WRONG_KEY, Reason.MALFORMED]
    assert outcome.detail == "1 valid, 3 ignored"


@pytest.mark.parametrize("extra", [Reason.MALFORMED, Reason.WRONG_PREDICATE])
def test_the_reason_nearest_to_a_valid_signature_is_told(extra: Reason, payments: Content, made_keys: Any) -> None:
    digest = payments.descriptor.digest
    others = {
        Reason.MALFORMED: Signed(b"{"),
        Reason.WRONG_PREDICATE: sign(statement.make(statement.CYCLONEDX, digest, {}), made_keys.attest),
    }
    stranger = sign(statement.image_signature(digest), made_keys.attest)
    assert judge([others[extra], stranger], payments, made_keys.release).reason is Reason.WRONG_KEY


def test_several_subjects_are_allowed_and_one_must_be_ours(payments: Content, made_keys: Any) -> None:
    about = [{"name": name, "digest": {"sha256": value[7:]}} for name, value in (("x", OTHER), ("y", OTHER))]
    document = {"_type": statement.STATEMENT, "subject": about, "predicateType": statement.SLSA_PROVENANCE}
    made = statement.parse(json.dumps(document).encode())
    kind = statement.SLSA_PROVENANCE
    assert judge([sign(made, made_keys.attest)], payments, made_keys.attest, kind).reason is Reason.WRONG_SUBJECT
    about[1]["digest"] = {"sha256": payments.descriptor.digest[7:]}
    made = statement.parse(json.dumps(document).encode())
    assert judge([sign(made, made_keys.attest)], payments, made_keys.attest, kind).reason is None


def test_a_prefix_of_the_digest_is_not_the_digest(payments: Content, made_keys: Any) -> None:
    made = Statement(statement.COSIGN_SIGN, (statement.Subject({"sha256": payments.descriptor.digest[7:20]}),), {})
    assert judge([sign(made, made_keys.release)], payments, made_keys.release).reason is Reason.WRONG_SUBJECT


Spoil = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v0.9+json"), id="version"),
        pytest.param(lambda b: b.pop("mediaType"), id="no-media-type"),
        pytest.param(lambda b: b.pop("verificationMaterial"), id="no-material"),
        pytest.param(lambda b: b["verificationMaterial"].update(certificate={"rawBytes": ""}), id="certificate"),
        pytest.param(lambda b: b["verificationMaterial"].pop("publicKey"), id="no-public-key"),
        pytest.param(lambda b: b.update(messageSignature={}), id="both-contents"),
        pytest.param(lambda b: b.pop("dsseEnvelope"), id="no-content"),
        pytest.param(lambda b: b.update(DsseEnvelope=b["dsseEnvelope"]), id="go-would-read-DsseEnvelope"),
        pytest.param(lambda b: b["dsseEnvelope"]["signatures"][0].update(keyid="x"), id="keyid"),
        pytest.param(lambda b: b["dsseEnvelope"].update(payload=base64.b64encode(b"[]").decode()), id="statement"),
    ],
)
def test_a_malformed_bundle_is_told(spoil: Spoil, payments: Content, made_keys: Any) -> None:
    document = json.loads(
        bundle.sign(statement.image_signature(payments.descriptor.digest), made_keys.release).to_bytes()
    )
    spoil(document)
    outcome = judge([Signed(json.dumps(document).encode())], payments, made_keys.release)
    assert outcome.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v2"},
        {"subject": []},
        {"subject": [{}]},
        {"subject": [{"digest": {"sha256": 1}}]},
        {"subject": [{"digest": {"sha256": "a"}, "name": 1}]},
        {"predicateType": ""},
        {"predicate": []},
        {"PredicateType": statement.COSIGN_SIGN},
    ],
)
def test_a_malformed_statement_is_told(change: dict[str, Any], payments: Content, made_keys: Any) -> None:
    document = json.loads(statement.image_signature(payments.descriptor.digest).to_bytes()) | change
    payload = json.dumps(document).encode()
    made = bundle.Bundle(dsse.Envelope(dsse.INTOTO, payload, made_keys.release.sign(dsse.pae(dsse.INTOTO, payload))))
    assert judge([Signed(made.to_bytes())], payments, made_keys.release).reason is Reason.MALFORMED
