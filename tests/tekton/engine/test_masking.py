"""Secrets out of streams: in every form, however the stream is cut."""

from __future__ import annotations

import base64
import html
import itertools
import json
import shlex
import subprocess
import sys
import textwrap
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.tekton.engine.masking.masker import MASK, SHORTEST, Masker

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
        quote(SECRET, safe="").lower().encode(),
        html.escape(SECRET.decode()).encode(),
        SECRET.replace(b"\\", b"\\\\").replace(b'"', b'\\"'),
        repr(SECRET.decode())[1:-1].encode(),
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


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=SHORTEST, max_size=30)


def shell_writes(shell: str, code: str, value: str) -> bytes:
    done = subprocess.run([shell, "-c", code, shell, value], capture_output=True, check=True)
    return (done.stdout + done.stderr).strip(b"\n")


@pytest.mark.parametrize(
    ("shell", "code"),
    [
        ("bash", 'printf %q "$1"'),
        ("bash", 'echo "${1@Q}"'),
        ("bash", 'set -x; : "$1"'),
        ("bash", "x=$1; declare -p x"),
        ("bash", "x=$1; set | grep ^x="),
        ("dash", 'set -x; : "$1"'),
        ("dash", "x=$1; set | grep ^x="),
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        "it's a 'secret'",
        'say "word" & more',
        "a$b`c`\\d!e",
        "tab\there and\x1bthere",
        "semi;colon|pipe<>(x)",
        "two words  here",
        "p{x,y}*?[z]~#",
        "äöü-pass'word",
        "nothing-special",
    ],
)
def test_what_a_shell_makes_of_a_secret_is_masked(shell: str, code: str, value: str) -> None:
    shown = masked(shell_writes(shell, code, value), value.encode())
    longest = max(value.replace("'", " ").split(), key=len)
    assert MASK in shown
    assert longest.encode() not in shown


@given(printable.filter(lambda text: len(text.strip()) >= SHORTEST))
def test_a_quoted_word_of_any_text_is_masked(value: str) -> None:
    shown = masked(shlex.quote(value).encode(), value.encode())
    assert shown.replace(b"'", b"").strip() == MASK


def test_a_secret_of_several_lines_is_masked_with_any_line_ends_and_indentation() -> None:
    secret = b"line-one-of-it\nab\nline-two-of-it\n"
    assert masked(b"<line-one-of-it\r\nab\r\nline-two-of-it>", secret) == b"<***>"
    assert masked(b"  line-one-of-it\n  ab\n  line-two-of-it\n", secret) == b"  ***\n"
    assert masked(b"line-one-of-it\\nab\\nline-two-of-it", secret) == MASK


@given(
    st.binary(min_size=12, max_size=300).filter(lambda item: len(item.strip()) >= 12),
    st.binary(max_size=20),
    st.binary(max_size=20),
    st.integers(20, 100),
    st.sampled_from(["", "    "]),
    st.lists(st.integers(0, 10_000), max_size=8),
)
def test_base64_in_lines_is_masked_but_for_three_characters(
    secret: bytes, before: bytes, after: bytes, width: int, indent: str, cuts: list[int]
) -> None:
    encoded = base64.b64encode(before + secret + after).decode()
    stream = "".join(f"{indent}{line}\n" for line in textwrap.wrap(encoded, width)).encode()
    left = b"".join(masked(stream, secret, cuts=cuts).replace(MASK, b"").split())
    # What belongs to the text around it, the characters that it shares with that, and three.
    assert len(left) <= -(-len(before) * 4 // 3) + -(-len(after) * 4 // 3) + 10


@given(
    st.lists(st.text("ab", min_size=SHORTEST, max_size=14), min_size=1, max_size=4),
    st.text("ab", max_size=120),
    st.lists(st.integers(0, 10_000), max_size=20),
)
def test_cuts_do_not_change_what_overlapping_secrets_leave(secrets: list[str], stream: str, cuts: list[int]) -> None:
    values = [item.encode() for item in secrets]
    shown = masked(stream.encode(), *values, cuts=cuts)
    assert shown == masked(stream.encode(), *values)
    assert not any(value in shown for value in values)


def test_every_byte_alone_gives_the_same() -> None:
    stream = b"<abcabcabcabcab> " + SECRET + b" " + base64.encodebytes(b"u:" + SECRET * 3)
    secrets = [b"abcabc", SECRET]
    masker = Masker(secrets)
    shown = b"".join([*(masker.feed(stream[at : at + 1]) for at in range(len(stream))), masker.flush()])
    assert shown == masked(stream, *secrets)


def test_ordinary_output_is_not_held_back() -> None:
    masker = Masker([SECRET, b"-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----\n"])
    assert masker.feed(b"waiting for the server ...\n") == b"waiting for the server ...\n"
    assert masker.feed(b"pa") == b"pa"
    assert masker.feed(b"p@") == b""
    assert masker.feed(b"x\n") == b"p@x\n"


def test_what_is_held_back_is_no_longer_than_a_secret() -> None:
    masker = Masker([b"ab" * 500])
    most, fed = 0, 0
    for _ in range(3000):
        fed += len(b"ab")
        fed -= len(masker.feed(b"ab"))
        most = max(most, len(masker._held))
    assert most <= 1000
    assert masker.flush().replace(MASK, b"") == b""


def test_a_million_lines_with_secrets() -> None:
    secrets = [b"secret-%03d-of-a-hundred" % number for number in range(100)]
    stream = b"".join(b"%d token=%s\n" % (number, secrets[number % 100]) for number in range(1_000_000))
    masker = Masker(secrets)
    parts = [masker.feed(stream[at : at + 65_521]) for at in range(0, len(stream), 65_521)]
    shown = b"".join([*parts, masker.flush()])
    assert b"secret-" not in shown
    assert shown.count(b"***\n") == 1_000_000
    assert shown.count(b" token=") == 1_000_000


def test_a_thousand_secrets_and_a_large_one_cost_little() -> None:
    code = (
        "import os, resource\n"
        "from interlock.tekton.engine.masking import Masker\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "masker = Masker([os.urandom(20).hex().encode() for _ in range(1000)] + [os.urandom(1 << 20)])\n"
        "masker.feed(b'x' * 65536)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 400 * 1024  # KiB


def test_a_stream_has_a_masker_of_its_own() -> None:
    masker = Masker([SECRET])
    masker.feed(SECRET[:5])
    other = masker.fresh()
    assert other.feed(SECRET[5:]) + other.flush() == SECRET[5:]
    assert masker.feed(SECRET[5:]) + masker.flush() == MASK
