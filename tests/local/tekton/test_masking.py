"""Secrets out of streams: in every form, however the stream is cut."""

from __future__ import annotations

import base64
import itertools
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.local.tekton.masking import MASK, SHORTEST, Masker

SECRET = b'p@ss "word"/+&\\x'


def masked(stream: bytes, *secrets: bytes, cuts: list[int] | None = None) -> bytes:
    masker = Masker(secrets)
    positions = [0, *sorted(cut % (len(stream) + 1) for cut in cuts or []), len(stream)]
    parts = [masker.feed(stream[start:end]) for start, end in itertools.pairwise(positions)]
    return b"".join([*parts, masker.flush()])


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        base64.b64encode(SECRET),
        base64.b64encode(b"user:" + SECRET),
        base64.b64encode(b"us:" + SECRET + b":x"),
        base64.urlsafe_b64encode(b"u:" + SECRET),
        quote(SECRET, safe="").encode(),
        quote(SECRET).encode(),
        quote_plus(SECRET).encode(),
        json.dumps(SECRET.decode()).encode(),
    ],
)
def test_every_form_is_masked(form: bytes) -> None:
    assert MASK in masked(b"before " + form + b" after", SECRET)
    assert SECRET not in masked(b"before " + form + b" after", SECRET)
    # Nothing but what belongs to the text around it is left of an encoded form.
    assert len(masked(form, SECRET)) <= 16


def test_text_around_stays() -> None:
    assert masked(b"a " + SECRET + b" b", SECRET) == b"a *** b"


def test_each_line_of_a_key_and_each_leaf_of_json_is_a_secret_too() -> None:
    key = b"-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n"
    assert masked(b"x MIIEvQIBADANBg y", key) == b"x *** y"
    config = b'{"auths": {"r": {"username": "ci-robot", "password": "hunter2-hunter2"}}}'
    assert masked(b"ci-robot hunter2-hunter2", config) == b"ci-robot ***"


def test_short_values_are_not_masked() -> None:
    assert masked(b"true is true", b"true") == b"true is true"


def test_secrets_that_overlap_are_masked_as_one() -> None:
    assert masked(b"<abcdefghij>", b"abcdefgh", b"efghij") == b"<***>"


secrets = st.lists(
    st.binary(min_size=SHORTEST, max_size=24).filter(lambda item: len(item.strip()) >= SHORTEST), max_size=3
)


@given(secrets, st.lists(st.binary(max_size=12), max_size=4), st.lists(st.integers(0, 10_000), max_size=8))
def test_a_masked_stream_never_contains_a_secret_however_it_is_cut(
    values: list[bytes], between: list[bytes], cuts: list[int]
) -> None:
    pieces = [part for pair in zip(between, [*values, *values], strict=False) for part in pair]
    stream = b"".join(pieces)
    shown = masked(stream, *values, cuts=cuts)
    # A secret made of the mask itself, or which the mask completes, cannot be told from it.
    assert not any(value in shown for value in values if MASK[:1] not in value)


@given(st.binary(max_size=200), st.lists(st.integers(0, 10_000), max_size=8))
def test_a_stream_without_secrets_is_unchanged(stream: bytes, cuts: list[int]) -> None:
    assert masked(stream, b"\x00absent-secret\xff", cuts=cuts) == stream


@given(st.lists(st.integers(0, 10_000), max_size=12))
def test_cuts_do_not_change_the_outcome(cuts: list[int]) -> None:
    stream = b"token=" + SECRET + b"; " + base64.b64encode(SECRET) + b" end"
    assert masked(stream, SECRET, cuts=cuts) == masked(stream, SECRET)
