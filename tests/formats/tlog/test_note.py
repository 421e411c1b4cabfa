"""Signed notes and checkpoints: one that a public log has signed, and what is refused."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from interlock.errors import IntegrityError
from interlock.formats.sigstore import PrivateKey, keys
from interlock.formats.tlog import checkpoint, note

# The public key of a public log, and a checkpoint that it signed in June 2023.
LOG_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwr
kBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==
-----END PUBLIC KEY-----
"""
LOG_SIGNATURE = (
    "— rekor.sigstore.dev wNI9ajBFAiEAuDk7uu5Ae8Own/MjhSZNuVzbLuYH2jBMxbSA0WaNDNACIDV4reKpYiOpkwtvazCClnpUuduF2o/"
    "th2xR3gRZAUU4\n"
)
LOG_NOTE = f"""rekor.sigstore.dev - 2605736670972794746
21428036
rxnoKyFZlJ7/R6bMh/d3lcqwKqAy5CL1LcNBJP17kgQ=
Timestamp: 1688058656037355364

{LOG_SIGNATURE}"""
WITNESS = (
    "— example.com/witness Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOA"
    "YQ8=\n"
)


@pytest.fixture
def log() -> note.Ecdsa:
    return note.Ecdsa("rekor.sigstore.dev", keys.load_public(LOG_KEY))


@pytest.fixture(scope="module")
def secret() -> PrivateKey:
    return PrivateKey(ec.generate_private_key(ec.SECP256R1()))


def signed(text: str, name: str, key: PrivateKey) -> bytes:
    key_id = note.Ecdsa(name, key.public).key_id
    return note.encode(text, [note.Signature(name, key_id, key.sign(text.encode()))])


def test_a_checkpoint_of_a_public_log(log: note.Ecdsa) -> None:
    found = checkpoint.parse(note.verified(LOG_NOTE.encode(), [log]))
    assert (found.origin, found.size) == ("rekor.sigstore.dev - 2605736670972794746", 21428036)
    assert found.root == base64.b64decode("rxnoKyFZlJ7/R6bMh/d3lcqwKqAy5CL1LcNBJP17kgQ=")
    assert found.extensions == ("Timestamp: 1688058656037355364",)
    assert found.text() == LOG_NOTE[: LOG_NOTE.index("\n\n") + 1]


def test_what_it_says_is_what_was_signed(log: note.Ecdsa) -> None:
    with pytest.raises(IntegrityError) as error:
        note.verified(LOG_NOTE.replace("21428036", "21428037").encode(), [log])
    assert error.value.code == "note-forged"


def test_signatures_of_unknown_keys_are_ignored(log: note.Ecdsa) -> None:
    assert note.verified((LOG_NOTE + WITNESS).encode(), [log]) == note.verified(LOG_NOTE.encode(), [log])
    with pytest.raises(IntegrityError) as error:
        note.verified((LOG_NOTE[: LOG_NOTE.index("—")] + WITNESS).encode(), [log])
    assert error.value.code == "note-unsigned"


def test_a_key_of_the_same_name_is_another_key(log: note.Ecdsa, secret: PrivateKey) -> None:
    with pytest.raises(IntegrityError) as error:
        note.verified(signed("text\n", log.name, secret), [log])
    assert error.value.code == "note-unsigned"


def test_the_text_may_have_empty_lines(secret: PrivateKey) -> None:
    verifier = note.Ecdsa("example.com/log", secret.public)
    assert note.verified(signed("a\n\nb\n", verifier.name, secret), [verifier]) == "a\n\nb\n"


def test_a_wrong_signature_of_a_known_key_refuses_the_note(log: note.Ecdsa, secret: PrivateKey) -> None:
    other = note.Ecdsa("example.com/log", secret.public)
    wrong = note.Signature(other.name, other.key_id, secret.sign(b"another text")).line()
    with pytest.raises(IntegrityError) as error:
        note.verified((LOG_NOTE + wrong).encode(), [log, other])
    assert error.value.code == "note-forged"


def test_verifiers_of_another_kind_can_be_handed_in(log: note.Ecdsa) -> None:
    class Witness:
        """A cosignature as C2SP tlog-cosignature has it, but for its timestamp."""

        name, key_id = "example.com/witness", b"wit1"
        _key = ed25519.Ed25519PrivateKey.generate()

        def sign(self, text: str) -> note.Signature:
            return note.Signature(self.name, self.key_id, self._key.sign(text.encode()))

        def verify(self, text: bytes, signature: bytes) -> bool:
            self._key.public_key().verify(signature, text)
            return True

    witness, (text, signatures) = Witness(), note.parse(LOG_NOTE.encode())
    cosigned = note.encode(text, [*signatures, witness.sign(text)])
    assert note.verified(cosigned, [witness]) == note.verified(cosigned, [log]) == text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n-- name AAAAAAAA\n",
        "text\n\n— name AAAAAAAA".encode(),
        "text\n\n— na+me AAAAAAAA\n".encode(),
        "text\n\n— na me AAAAAAAA\n".encode(),
        "text\n\n— name AAAA\n".encode(),
        "text\n\n— name AAAAA\n".encode(),
        "te\rxt\n\n— name AAAAAAAA\n".encode(),
        "\xff\n\n— name AAAAAAAA\n".encode("latin-1", "replace"),
        ("text\n\n" + "— name AAAAAAAA\n" * 101).encode(),
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError) as error:
        note.parse(data)
    assert error.value.code == "note-unreadable"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        "origin\n1\nAAAA\n",
        "\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n01\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n-1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
        "origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError) as error:
        checkpoint.parse(text)
    assert error.value.code == "checkpoint-unreadable"


def test_the_id_of_a_key_is_the_beginning_of_its_hash(log: note.Ecdsa) -> None:
    assert log.key.fingerprint.startswith("sha256:" + log.key_id.hex())
