"""OpenPGP and SSHSIG signatures, made and checked, and every way in which they must not be accepted."""

from __future__ import annotations

import base64
from functools import cache

import pysequoia
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.signatures import Rejected, Verified, openpgp, sshkey, sshsig

PAYLOAD = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nhello\n"


@cache
def ssh(kind: str = "ed25519", number: int = 0) -> tuple[bytes, str]:
    key: sshkey.PrivateKey
    if kind == "ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    elif kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
    else:
        curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
        key = ec.generate_private_key(curves[kind])
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return pem, sshkey.public_of(key, f"key {number}").line


@cache
def pgp(number: int = 0) -> tuple[str, str]:
    secret = pysequoia.Tsk.generate(user_id=f"Key {number} <k{number}@acme.test>")
    return str(secret), str(secret.extract_certificate())


class TestSshsig:
    @pytest.mark.parametrize("kind", ["ed25519", "p256", "p384", "p521", "rsa"])
    def test_each_type_of_key(self, kind: str) -> None:
        private, public = ssh(kind)
        signature = sshsig.sign(private, PAYLOAD)
        answer = sshsig.verify(PAYLOAD, signature, [ssh(number=1)[1], public])
        assert isinstance(answer, Verified)
        assert answer.fingerprint == sshkey.parse_public(public).fingerprint
        assert sshsig.verify(PAYLOAD + b"x", signature, [public]).reason == "bad-signature"  # type: ignore[union-attr]

    def test_another_key_another_namespace(self) -> None:
        private, public = ssh()
        signature = sshsig.sign(private, PAYLOAD)
        assert sshsig.verify(PAYLOAD, signature, [ssh(number=1)[1]]).reason == "unknown-key"  # type: ignore[union-attr]
        assert sshsig.verify(PAYLOAD, signature, []).reason == "unknown-key"  # type: ignore[union-attr]
        filed = sshsig.sign(private, PAYLOAD, namespace="file")
        assert sshsig.verify(PAYLOAD, filed, [public]) == Rejected("wrong-namespace", "file")

    @given(st.integers(0, 10_000), st.integers(1, 255))
    def test_no_changed_byte_is_accepted(self, position: int, change: int) -> None:
        private, public = ssh()
        armored = sshsig.sign(private, PAYLOAD).splitlines()
        blob = bytearray(base64.b64decode("".join(armored[1:-1])))
        blob[position % len(blob)] ^= change
        changed = "\n".join([armored[0], base64.b64encode(blob).decode(), armored[-1]])
        assert isinstance(sshsig.verify(PAYLOAD, changed, [public]), Rejected)

    @given(st.text(max_size=200))
    def test_garbage(self, text: str) -> None:
        for signature in (text, f"-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----"):
            assert isinstance(sshsig.verify_any(PAYLOAD, signature), Rejected)

    def test_a_sha1_rsa_signature_is_refused(self) -> None:
        made = sshsig.parse(sshsig.sign(ssh("rsa")[0], PAYLOAD))
        weak = sshkey.write_string(b"ssh-rsa") + sshkey.write_string(made.value)
        blob = b"SSHSIG\0\0\0\1" + b"".join(
            sshkey.write_string(item) for item in (made.key.blob, b"git", b"", b"sha512", weak)
        )
        armored = f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(blob).decode()}\n-----END SSH SIGNATURE-----\n"
        assert sshsig.verify_any(PAYLOAD, armored).reason == "key-type-unsupported"  # type: ignore[union-attr]


class TestSshKeys:
    def test_the_fingerprint_is_that_of_ssh_keygen(self) -> None:
        line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github"
        assert sshkey.parse_public(line).fingerprint == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "ssh-ed25519",
            "ssh-ed25519 !!!",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\nssh-ed25519 x",
            'command="x" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl',
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ],
    )
    def test_what_is_no_public_key(self, line: str) -> None:
        with pytest.raises(InputError, match="ssh-key-invalid"):
            sshkey.parse_public(line)

    def test_a_short_rsa_key_is_refused(self) -> None:
        weak = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - weak on purpose
        line = weak.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
        with pytest.raises(InputError, match="1024 bits"):
            sshkey.parse_public(line)

    def test_private_keys_that_are_none(self) -> None:
        dsa_key = dsa.generate_private_key(2048)
        pem = dsa_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for data in (b"", b"junk", pem):
            with pytest.raises(InputError, match="ssh-key-invalid"):
                sshkey.load_private(data)


class TestOpenpgp:
    def test_sign_and_verify(self) -> None:
        secret, certificate = pgp()
        signature = openpgp.sign(secret, PAYLOAD)
        answer = openpgp.verify(PAYLOAD, signature, [pgp(1)[1], certificate])
        assert isinstance(answer, Verified)
        assert answer.fingerprint == openpgp.fingerprint(certificate)
        assert answer.signing_key != answer.fingerprint  # a subkey signs, the certificate is the identity
        assert openpgp.certificate(secret) == certificate
        assert openpgp.user_ids(certificate) == ["Key 0 <k0@acme.test>"]

    def test_other_payload_other_key_no_key(self) -> None:
        secret, certificate = pgp()
        signature = openpgp.sign(secret, PAYLOAD)
        assert openpgp.verify(PAYLOAD + b"x", signature, [certificate]).reason == "bad-signature"  # type: ignore[union-attr]
        assert openpgp.verify(PAYLOAD, signature, [pgp(1)[1]]).reason == "unknown-key"  # type: ignore[union-attr]
        assert openpgp.verify(PAYLOAD, signature, []).reason == "unknown-key"  # type: ignore[union-attr]

    def test_two_signatures_in_one_block_are_refused(self) -> None:
        blocks = [pysequoia.Sig.from_bytes(openpgp.sign(pgp(n)[0], PAYLOAD).encode()) for n in (0, 1)]
        both = pysequoia.armor(b"".join(bytes(block) for block in blocks), pysequoia.ArmorKind.Signature)
        answer = openpgp.verify(PAYLOAD, both, [pgp()[1], pgp(1)[1]])
        assert answer.reason == "signature-ambiguous"  # type: ignore[union-attr]

    def test_a_revoked_key_signs_nothing(self) -> None:
        secret = pysequoia.Tsk.generate(user_id="x <x@acme.test>")
        certificate = secret.extract_certificate()
        signature = openpgp.sign(str(secret), PAYLOAD)
        revocation = certificate.revoke(secret.certifier())
        revoked = pysequoia.Cert.from_bytes(bytes(certificate) + bytes(revocation))
        assert openpgp.verify(PAYLOAD, signature, [str(revoked)]).reason == "bad-signature"  # type: ignore[union-attr]

    @given(st.text(max_size=200))
    def test_garbage(self, text: str) -> None:
        for signature in (text, f"-----BEGIN PGP SIGNATURE-----\n\n{text}\n-----END PGP SIGNATURE-----"):
            assert isinstance(openpgp.verify(PAYLOAD, signature, [pgp()[1]]), Rejected)

    @pytest.mark.parametrize("data", [b"", b"junk", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"])
    def test_what_is_no_certificate(self, data: bytes | str) -> None:
        with pytest.raises(InputError, match="openpgp-certificate-invalid"):
            openpgp.fingerprint(data)
        with pytest.raises(InputError, match="openpgp-key-invalid"):
            openpgp.sign(data, PAYLOAD)

    def test_a_keyring_is_split_and_secrets_are_dropped(self) -> None:
        ring = pgp()[1] + pgp(1)[1]
        assert len(openpgp.certificates(ring)) == 2
        (public,) = openpgp.certificates(pgp()[0])
        assert "PRIVATE" not in public
        assert openpgp.fingerprint(public) == openpgp.fingerprint(pgp()[1])
