"""Git commit objects: what is signed, and what must not pass as signed."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats import signatures
from interlock.formats.signatures import commit

TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
WHO = commit.Identity(
    "Dana Dé", "dana@acme.test", datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-5, minutes=-30)))
)


def test_a_built_commit_reads_back_as_it_was() -> None:
    data = commit.build(TREE, ["a" * 40, "b" * 40], "Title\n\nBody", author=WHO, committer=WHO, signature="x\n\ny\n")
    parsed = commit.parse(data, id="c" * 40)
    assert (parsed.tree, parsed.parents, parsed.author, parsed.subject) == (TREE, ("a" * 40, "b" * 40), WHO, "Title")
    assert parsed.signature == "x\n\ny\n"
    assert parsed.payload == commit.build(TREE, ["a" * 40, "b" * 40], "Title\n\nBody", author=WHO, committer=WHO)
    assert b"-0530" in parsed.payload


text = st.text(st.characters(exclude_characters="<>\n\0", exclude_categories=["Cs"]), max_size=20).map(str.strip)


@given(
    name=text,
    email=text.filter(lambda value: " " not in value),
    seconds=st.integers(0, 4_000_000_000),
    minutes=st.integers(-14 * 60, 14 * 60),
    message=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
def test_any_commit_survives_the_round_trip(name: str, email: str, seconds: int, minutes: int, message: str) -> None:
    who = commit.Identity(name, email, datetime.fromtimestamp(seconds, timezone(timedelta(minutes=minutes))))
    parsed = commit.parse(commit.build(TREE, [], message, author=who, committer=who))
    assert parsed.message == message.rstrip("\n") + "\n"
    assert (parsed.author.name, parsed.author.email) == (name, email)
    assert parsed.author.when == who.when
    assert not parsed.ambiguous


@given(st.binary(max_size=300))
def test_garbage_is_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError, match="git-commit-malformed"):
        commit.parse(data)


def raw(*headers: str, message: str = "m\n") -> bytes:
    who = "Dana <dana@acme.test> 1700000000 +0000"
    lines = [f"tree {TREE}", f"author {who}", f"committer {who}", *headers]
    return ("\n".join(lines) + "\n\n" + message).encode()


@pytest.mark.parametrize(
    "headers",
    [
        ("gpgsig a", "gpgsig b"),
        ("gpgsig a", "gpgsig-sha256 b"),
        ("gpgsig-sha256 b",),
        ("gpgsig a", "gpgsignature b"),
    ],
)
def test_several_signature_headers_are_never_verified(headers: tuple[str, ...]) -> None:
    parsed = commit.parse(raw(*headers))
    assert parsed.ambiguous
    assert signatures.verify_commit(parsed) == signatures.Rejected(
        "signature-ambiguous", "more than one signature header"
    )


def test_a_signature_in_the_message_is_no_signature() -> None:
    parsed = commit.parse(raw(message="m\n\ngpgsig -----BEGIN SSH SIGNATURE-----\n"))
    assert parsed.signature is None
    assert isinstance(signatures.verify_commit(parsed), signatures.Rejected)


def test_other_headers_are_part_of_the_payload() -> None:
    parsed = commit.parse(raw("encoding UTF-8", "mergetag object x\n type commit", "gpgsig s\n t"))
    assert parsed.payload == raw("encoding UTF-8", "mergetag object x\n type commit")


@pytest.mark.parametrize(
    "data",
    [
        raw().replace(b"tree ", b"tree x"),
        raw().replace(b"tree", b"three"),
        raw("parent zz"),
        raw(f"parent {TREE}"),  # after author and committer: a parent that git does not read
        raw(f"tree {TREE}"),
        raw().replace(b"1700000000", b"17000000000000"),
        raw().replace(b"Dana <", b"Dana "),
    ],
)
def test_malformed_objects(data: bytes) -> None:
    with pytest.raises(InputError, match="git-commit-malformed"):
        commit.parse(data)


@pytest.mark.parametrize("name", ["a<b", "a>b", "a\nb", "a\0b"])
def test_identities_cannot_break_out_of_their_header(name: str) -> None:
    with pytest.raises(InputError, match="git-identity-invalid"):
        commit.Identity(name, "x@acme.test", datetime.now(UTC)).line()
    with pytest.raises(InputError, match="git-identity-invalid"):
        commit.Identity("x", name, datetime.now(UTC)).line()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Seal prod 12ab\n\nArgocd-gpg-seal: 42\n", (("Argocd-gpg-seal", "42"),)),
        ("t\n\nbody\n\nA: 1\nB-c: 2\n  more\n", (("A", "1"), ("B-c", "2 more"))),
        ("A: 1\n", ()),
        ("t\n\nA: 1\nnot one\n", ()),
        ("t\n\nA: 1\n\nlast words\n", ()),
        ("", ()),
    ],
)
def test_trailers(message: str, expected: tuple[tuple[str, str], ...]) -> None:
    assert commit.trailers(message) == expected


def test_git_agrees(tmp_path: Path) -> None:
    """git's own reading of what we build: the same id, and a clean fsck."""
    data = commit.build(
        TREE, [], "Title\n\nBody", author=WHO, committer=WHO, signature="-----BEGIN X-----\n\nabc\n-----END X-----\n"
    )

    def run(*arguments: str, stdin: bytes = b"") -> str:
        done = subprocess.run(["git", *arguments], cwd=tmp_path, input=stdin, capture_output=True, check=True)
        return done.stdout.decode().strip()

    run("init", "--quiet", "--bare")
    run("hash-object", "-t", "tree", "-w", "--stdin")
    made = run("hash-object", "-t", "commit", "-w", "--stdin", stdin=data)
    assert (
        run("log", "-1", "--format=%an|%ae|%aI|%s|%b", made)
        == "Dana Dé|dana@acme.test|2026-01-02T03:04:05-05:30|Title|Body"
    )
    run("fsck", "--strict", made)
