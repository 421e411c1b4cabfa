from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.sigstore import dsse

GOOD = {"payload": "e30=", "payloadType": dsse.INTOTO, "signatures": [{"sig": "MAA="}]}


def test_the_encoding_of_the_specifications_example() -> None:
    # secure-systems-lab/dsse, protocol.md, "Test Vectors"
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.text(max_size=20), st.binary(max_size=40), st.text(max_size=20), st.binary(max_size=40))
def test_two_payloads_never_have_one_encoding(kind: str, body: bytes, other_kind: str, other: bytes) -> None:
    same = (kind, body) == (other_kind, other)
    assert (dsse.pae(kind, body) == dsse.pae(other_kind, other)) is same


@given(st.text(max_size=20), st.binary(max_size=40), st.integers(0, 60))
def test_moving_a_byte_between_type_and_body_changes_the_encoding(kind: str, body: bytes, at: int) -> None:
    text = kind.encode() + body
    moved = text[:at], text[at:]
    try:
        other = moved[0].decode()
    except UnicodeDecodeError:
        return
    assert (dsse.pae(other, moved[1]) == dsse.pae(kind, body)) is ((other, moved[1]) == (kind, body))


@given(st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
def test_an_envelope_is_read_back(payload: bytes, signature: bytes) -> None:
    made = dsse.Envelope(dsse.INTOTO, payload, signature)
    assert dsse.parse(made.as_json()) == made


def test_the_url_safe_alphabet_is_read_too() -> None:
    payload = bytes(range(256))
    text = base64.urlsafe_b64encode(payload).decode()
    assert dsse.parse({**GOOD, "payload": text}).payload == payload


@pytest.mark.parametrize(
    "change",
    [
        {"payload": ""},
        {"payload": "%%"},
        {"payload": 1},
        {"payloadType": ""},
        {"payloadType": None},
        {"signatures": []},
        {"signatures": [{"sig": "MAA="}, {"sig": "MAA="}]},
        {"signatures": [{"sig": ""}]},
        {"signatures": ["MAA="]},
        {"signatures": {"sig": "MAA="}},
        {"signatures": [{"sig": "MAA=", "keyid": "release"}]},
        {"signatures": [{"Sig": "MAA="}]},
        {"Payload": "e30="},
    ],
)
def test_a_malformed_envelope_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        dsse.parse({**GOOD, **change})
    assert caught.value.code == "signature-malformed"
