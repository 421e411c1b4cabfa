"""The secret that an API server and a kubelet share, and never send."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.clients import kubelets
from interlock.errors import InputError, NotFoundError

SECRET = b"0123456789abcdef"


def test_a_request_shows_the_secret_for_one_target_and_one_minute() -> None:
    header = kubelets.authorization(SECRET, "/a?b", now=1000, nonce="n")
    assert SECRET.decode() not in header
    for moment, accepted in ((940, True), (1000, True), (1060, True), (939, False), (1061, False)):
        assert kubelets.accepted(SECRET, "/a?b", {"authorization": header}, now=moment) is accepted
    assert not kubelets.accepted(SECRET, "/a?c", {"authorization": header}, now=1000)
    assert not kubelets.accepted(b"fedcba9876543210", "/a?b", {"authorization": header}, now=1000)


@pytest.mark.parametrize("header", ["", "Bearer x", "Interlock-HMAC", "Interlock-HMAC 1 n", "Interlock-HMAC x n 0"])
def test_what_is_no_such_header_is_refused(header: str) -> None:
    assert not kubelets.accepted(SECRET, "/a", {"authorization": header}, now=1)
    assert not kubelets.accepted(SECRET, "/a", {}, now=1)


def test_an_answer_proves_the_secret_for_one_request() -> None:
    one, other = kubelets.authorization(SECRET, "/a"), kubelets.authorization(SECRET, "/a")
    assert one != other
    proof = kubelets.proof(SECRET, one)
    assert kubelets.proven(SECRET, one, proof)
    assert not kubelets.proven(SECRET, other, proof)
    assert not kubelets.proven(SECRET, one, "")


def test_a_secret_is_read_and_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    assert kubelets.read_secret(tmp_path / "secret") == SECRET
    (tmp_path / "short").write_bytes(b"x")
    with pytest.raises(InputError, match="kubelet-secret-short"):
        kubelets.read_secret(tmp_path / "short")
    with pytest.raises(NotFoundError, match="kubelet-secret-missing"):
        kubelets.read_secret(tmp_path / "none")
