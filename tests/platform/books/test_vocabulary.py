"""Whatever was written is read for ever: a body of every version of every kind, from the release that wrote it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from interlock.platform.books import vocabulary
from interlock.platform.books.vocabulary import Body, decode, schema
from interlock.platform.domain.facts import Unread

CORPUS = Path(__file__).parent / "corpus"
KINDS = {kind.KIND: kind for kind in (*vocabulary.ENTRIES, *vocabulary.FACTS)}
VERSIONS = [(name, version) for name, kind in sorted(KINDS.items()) for version in range(1, kind.VERSION + 1)]


def stored(kind: str, version: int) -> Any:
    return json.loads((CORPUS / kind / f"v{version}.json").read_text())


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len(KINDS) == len(vocabulary.ENTRIES) + len(vocabulary.FACTS)


@pytest.mark.parametrize(("kind", "version"), VERSIONS)
def test_a_body_of_every_version_is_read(kind: str, version: int) -> None:
    found = decode(KINDS[kind], stored(kind, version), version)
    assert not isinstance(found, Unread), found


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_written_now_is_what_its_version_says(kind: str) -> None:
    """Written, read and written again, it is the same; and nothing of the stored body is lost."""
    newest = stored(kind, KINDS[kind].VERSION)
    found = decode(KINDS[kind], newest, KINDS[kind].VERSION)
    assert not isinstance(found, Unread)
    assert found.encode() == newest


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_stored_form_does_not_change_under_its_version(kind: str) -> None:
    """A class, or a domain value in it, was changed: raise VERSION, teach `upcast` the form before, keep a body of the
    new version beside the old one in corpus/, and its schema's digest in corpus/schemas.json."""
    digests = json.loads((CORPUS / "schemas.json").read_text())
    text = json.dumps(schema(KINDS[kind]), sort_keys=True)
    assert digests[kind][f"v{KINDS[kind].VERSION}"] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("value", [None, 7, "text", [], {"unknown": 1}, [{"kind": 1}]])
def test_what_cannot_be_read_is_said_and_nothing_is_raised(kind: str, value: Any) -> None:
    found = decode(KINDS[kind], value, 1)
    if isinstance(found, Unread):
        assert (found.source, found.code) == ("books", "schema-unknown")
    else:
        assert issubclass(KINDS[kind], vocabulary.Raw) and value == {"unknown": 1}


@pytest.mark.parametrize("version", [-1, 0, 2, 99])
def test_a_version_that_this_software_does_not_know(version: int) -> None:
    found = decode(vocabulary.Sealed, stored("sealed", 1), version)
    assert isinstance(found, Unread) and found.code == "schema-unknown"
    assert str(version) in found.detail


@dataclass(frozen=True, slots=True)
class Renamed(Body):
    """As a kind is changed: version 1 had ``commit`` and no ``why``."""

    KIND: ClassVar[str] = "renamed"
    VERSION: ClassVar[int] = 2

    revision: str
    why: str

    @classmethod
    def upcast(cls, value: Any, version: int) -> Any:
        return {"revision": value["commit"], "why": ""} if version == 1 else value


def test_an_older_version_is_read_as_the_newest_says_it() -> None:
    assert decode(Renamed, {"commit": "abc"}, 1) == Renamed("abc", "")
    assert decode(Renamed, {"revision": "abc", "why": "asked"}, 2) == Renamed("abc", "asked")


def test_an_older_version_that_is_not_what_it_was_is_unread() -> None:
    found = decode(Renamed, {"other": "abc"}, 1)
    assert isinstance(found, Unread) and found.code == "schema-unknown"
