"""What an entry can be found under.

Terms of one name-space cannot be mistaken for those of another: ``entry:`` its id, ``key:`` its key, ``subject:`` its
subject and ``typed:`` kind and subject together, each exactly; ``about:`` whatever it names: the subject and its parts,
well-known fields of its body, and the digests of its evidence. Name-spaces differ in their first letters. A change
here is a new version of the index.
"""

from __future__ import annotations

from interlock.platform.books.ledger.entries import Entry, Unknown

_NAMED = ("environment", "service", "record", "base", "head", "merge", "seal", "revision", "commit", "run", "uid")

LETTERS = "aekst"
"""The first ones of the name-spaces."""


def entry(id: str) -> str:
    return f"entry:{id}"


def key(name: str) -> str:
    return f"key:{name}"


def subject(name: str, kind: str | None = None) -> str:
    return f"subject:{name}" if kind is None else f"typed:{kind}:{name}"


def about(value: str) -> str:
    return f"about:{value}"


def of(item: Entry | Unknown) -> set[str]:
    """Every term of ``item``. What cannot be read can be found by its id alone."""
    if isinstance(item, Unknown):
        return {entry(item.id)}
    named = [value for name in _NAMED if isinstance(value := item.body.get(name), str) and value]
    values = {item.subject, *item.subject.split("/"), *item.evidence.values(), *named}
    exact = (entry(item.id), key(item.key), subject(item.subject), subject(item.subject, item.kind))
    return {*exact, *map(about, values)}
