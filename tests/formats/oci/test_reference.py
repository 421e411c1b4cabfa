from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.oci import Reference, reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("registry.acme.test/integration/payments", ("registry.acme.test", "integration/payments", None, None)),
        ("registry.acme.test:5000/a/b:v1", ("registry.acme.test:5000", "a/b", "v1", None)),
        (f"127.0.0.1:8481/payments@{DIGEST}", ("127.0.0.1:8481", "payments", None, DIGEST)),
        (f"localhost/a__b/c-d.e:main-0123@{DIGEST}", ("localhost", "a__b/c-d.e", "main-0123", DIGEST)),
        ("[2001:db8::1]:5000/repo:tag", ("[2001:db8::1]:5000", "repo", "tag", None)),
        ("localhost:5000/a---b:_x.Y-z", ("localhost:5000", "a---b", "_x.Y-z", None)),
        ("UPPER/repo", ("UPPER", "repo", None, None)),
        ("r.test/" + "a" * 255, ("r.test", "a" * 255, None, None)),
        ("r.test/a:" + "t" * 128, ("r.test", "a", "t" * 128, None)),
    ],
)
def test_a_reference_has_host_repository_tag_and_digest(text: str, expected: tuple[str | None, ...]) -> None:
    found = reference.parse(text)
    assert (found.host, found.repository, found.tag, found.digest) == expected
    assert str(found) == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("payments", "reference-host"),
        ("integration/payments:v1", "reference-host"),
        ("", "reference-host"),
        ("/payments", "reference-host"),
        ("r.test:0/payments", "reference-host"),
        ("r.test:65536/payments", "reference-host"),
        ("r.test:http/payments", "reference-host"),
        ("-r.test/payments", "reference-host"),
        ("[::zz]/payments", "reference-host"),
        ("user@r.test/payments", "reference-host"),
        ("https://r.test/payments", "reference-host"),
        ("r.test/", "reference-repository"),
        ("r.test/Payments", "reference-repository"),
        ("r.test/a//b", "reference-repository"),
        ("r.test/a..b", "reference-repository"),
        ("r.test/a___b", "reference-repository"),
        ("r.test/../etc/passwd", "reference-repository"),
        ("r.test/a/", "reference-repository"),
        ("r.test/-a", "reference-repository"),
        ("r.test/a\n", "reference-repository"),
        ("r.test/" + "a" * 256, "reference-repository"),
        ("r.test/a:", "reference-tag"),
        ("r.test/a:.v1", "reference-tag"),
        ("r.test/a:v1:v2", "reference-tag"),
        ("r.test/a:v1\n", "reference-tag"),
        ("r.test/a:" + "t" * 129, "reference-tag"),
        ("r.test/a@", "digest-invalid"),
        ("r.test/a@sha256:abc", "digest-invalid"),
        ("r.test/a@sha256:" + "A" * 64, "digest-invalid"),
        ("r.test/a@md5:" + "a" * 32, "digest-invalid"),
        (f"r.test/a@{DIGEST}:v1", "digest-invalid"),
        (f"r.test/a@{DIGEST}@{DIGEST}", "digest-invalid"),
        ("r.test/a@sha512:" + "a" * 64, "digest-invalid"),
    ],
)
def test_a_bad_reference_is_refused_with_what_is_wrong(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        reference.parse(text)
    assert caught.value.code == code


component = st.from_regex(r"[a-z0-9]+((\.|_|__|-{1,3})[a-z0-9]+){0,2}", fullmatch=True).filter(lambda s: len(s) < 60)
hosts = st.sampled_from(["r.test", "localhost", "localhost:1", "a-b.c:65535", "[::1]:5000", "127.0.0.1:8481"])


@given(
    hosts,
    st.lists(component, min_size=1, max_size=4),
    st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True),
    st.none() | st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
)
def test_what_is_written_is_read_back(host: str, path: list[str], tag: str | None, digest: str | None) -> None:
    made = Reference(host, "/".join(path), tag, digest)
    assert reference.parse(str(made)) == made


@given(st.text(max_size=80))
def test_whatever_is_accepted_is_written_back_unchanged(text: str) -> None:
    try:
        found = reference.parse("r.test/" + text)
    except InputError:
        return
    assert str(found) == "r.test/" + text


def test_pinning_keeps_the_tag() -> None:
    found = reference.parse("r.test/a:v1").pinned(DIGEST)
    assert str(found) == f"r.test/a:v1@{DIGEST}"
    assert found.name == "r.test/a"
