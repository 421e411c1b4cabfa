"""The evidence store keeps facts as they were read, finds every alteration, and never keeps a secret."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError, IntegrityError, NotFoundError, RefusedError
from interlock.platform.books import EvidenceStore, Fact, canonical, moment, timestamp
from interlock.platform.domain.ids import Digest

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
REVIEWS = Fact(
    "reviews", "https://git/acme/env-prod/pulls/7", "interlock", NOON, [{"id": 1, "user": "rita", "ok": True}]
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


def test_a_fact_is_read_back_as_it_was_put(store: EvidenceStore) -> None:
    assert store.get(store.put(REVIEWS)) == REVIEWS


def test_the_name_is_the_digest_of_the_bytes(store: EvidenceStore) -> None:
    digest = store.put(REVIEWS)
    assert digest == "sha256:" + hashlib.sha256(store.path(digest).read_bytes()).hexdigest()


def test_the_same_fact_twice_is_one_file(store: EvidenceStore) -> None:
    assert store.put(REVIEWS) == store.put(REVIEWS)
    assert len(list(store.digests())) == 1


def test_nothing_but_facts_is_left_in_the_folder(store: EvidenceStore) -> None:
    store.put(REVIEWS)
    files = [path for path in store.folder.rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".json"]


@given(values)
def test_equal_values_have_equal_bytes(value: object) -> None:
    assert canonical.encode(value) == canonical.encode(json.loads(json.dumps(value)))
    assert json.loads(canonical.encode(value)) == value


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_members_does_not_matter(value: dict[str, int]) -> None:
    assert canonical.encode(dict(reversed(value.items()))) == canonical.encode(value)


def test_missing_evidence_is_named(store: EvidenceStore) -> None:
    with pytest.raises(NotFoundError) as error:
        store.get(Digest("sha256:" + "0" * 64))
    assert error.value.code == "evidence-missing"


def test_every_altered_byte_is_found(store: EvidenceStore) -> None:
    digest = store.put(REVIEWS)
    path = store.path(digest)
    original = path.read_bytes()
    for index in range(len(original)):
        path.write_bytes(original[:index] + bytes([original[index] ^ 1]) + original[index + 1 :])
        with pytest.raises(IntegrityError) as error:
            store.get(digest)
        assert error.value.code == "evidence-altered"


def test_putting_a_fact_again_repairs_an_altered_file(store: EvidenceStore) -> None:
    digest = store.put(REVIEWS)
    store.path(digest).write_bytes(b"{}")
    assert store.put(REVIEWS) == digest
    assert store.get(digest) == REVIEWS


@pytest.mark.parametrize("name", ["sha256:abc", "../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "0" * 64, ""])
def test_a_name_that_is_no_digest_is_refused(store: EvidenceStore, name: str) -> None:
    with pytest.raises(InputError) as error:
        store.get(Digest(name))
    assert error.value.code == "digest-invalid"


SECRETS = {
    "a Kubernetes Secret": {"kind": "Secret", "data": {"cosign.key": "LS0t"}},
    "a password": {"body": {"password": "hunter2"}},
    "an API key by another spelling": {"api_key": "k-123"},
    "an authorization header": {"headers": [{"Authorization": "token abc"}]},
    "a literal environment variable": {"env": [{"name": "PASSWORD", "value": "hunter2"}]},
    "a private key": {"note": "-----BEGIN EC PRIVATE KEY-----\nMHc="},
    "an OpenPGP private key": ["-----BEGIN PGP PRIVATE KEY BLOCK-----"],
    "a URL with a password": {"url": "https://interlock:pa55@git/acme/env-prod"},
    "a JSON web token": {"note": "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhYmMifQ.c2lnbmF0dXJl"},
}


@pytest.mark.parametrize("body", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_never_stored_and_never_told(store: EvidenceStore, body: object) -> None:
    with pytest.raises(RefusedError) as error:
        store.put(Fact("record", "https://tickets/CHG1", "interlock", NOON, body))
    assert error.value.code == "evidence-secret"
    assert not any(text in str(error.value) for text in ("hunter2", "k-123", "MHc", "pa55", "c2lnbmF0dXJl", "LS0t"))
    assert not list(store.digests())


def test_references_to_secrets_are_no_secrets(store: EvidenceStore) -> None:
    body = {
        "workspaces": [{"name": "key", "secret": {"secretName": "release-key"}}],
        "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "forge", "key": "token"}}}],
        "params": [{"name": "git-url", "value": "https://git/acme/payments"}],
        "password": "",
    }
    assert store.get(store.put(Fact("pipeline-run", "ci/payments", "interlock", NOON, body))).body == body


def test_what_json_cannot_say_is_refused(store: EvidenceStore) -> None:
    for body in (float("nan"), {1, 2}, object()):
        with pytest.raises(InputError) as error:
            store.put(Fact("record", "x", "y", NOON, body))
        assert error.value.code == "evidence-not-json"


def test_times_are_utc_and_sort_as_text() -> None:
    east = datetime(2026, 5, 4, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(east) == "2026-05-04T10:00:00.000000Z" < timestamp(NOON)
    assert moment(timestamp(east)) == east
    with pytest.raises(InputError):
        timestamp(datetime(2026, 5, 4, 12, 0))
