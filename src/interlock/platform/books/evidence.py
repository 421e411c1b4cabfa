"""The evidence store: facts as they were read, each file named by the digest of its bytes.

``<folder>/<first two hex digits>/<64 hex digits>.json`` holds the canonical JSON of one fact. A fact is never
changed or removed here; reading verifies the digest, so an altered file is found by whoever cites it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from interlock.clients import files
from interlock.errors import InputError, IntegrityError, NotFoundError
from interlock.platform.books import canonical, secrets
from interlock.platform.books.times import moment, timestamp
from interlock.platform.domain.ids import Digest

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was read: the raw answer of its source, who read it, and when.

    ``kind`` is a kebab-case noun (``reviews``, ``change-record``, ``pipeline-run`` ...); ``source`` the stable address
    that was read (never one with credentials); ``reader`` the account that read it; ``body`` JSON, in the ``version``
    of its kind's stored form (facts that were stored before there were versions are of the first).
    """

    kind: str
    source: str
    reader: str
    read_at: datetime
    body: Any
    version: int = 1

    def encode(self) -> bytes:
        """The canonical bytes; their sha256 is the fact's name."""
        return canonical.encode(
            {
                "kind": self.kind,
                "source": self.source,
                "reader": self.reader,
                "readAt": timestamp(self.read_at),
                "body": self.body,
                "version": self.version,
            }
        )


class EvidenceStore:
    """Content-addressed files. Any number of readers; writers of equal bytes do not disturb one another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, fact: Fact) -> Digest:
        """Store ``fact`` durably and return its digest; the same fact twice is one file.

        Raises RefusedError ``evidence-secret``, InputError ``evidence-not-json``.
        """
        secrets.refuse_secrets(fact.body, where=f"{fact.kind} of {fact.source}")
        data = fact.encode()
        digest = canonical.digest(data)
        path = self.path(digest)
        if not (path.is_file() and canonical.digest(path.read_bytes()) == digest):
            files.make_folder(path.parent)
            files.write_durably(path, data)
        return digest

    def get(self, digest: Digest) -> Fact:
        """The fact that ``digest`` names. Raises NotFoundError ``evidence-missing``, IntegrityError
        ``evidence-altered`` or ``evidence-unreadable``."""
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(
                "evidence-missing",
                "a piece of evidence is not in the store",
                got="no file",
                expected=digest,
                where=str(path),
                todo="restore the evidence store from its backup",
            ) from None
        actual = canonical.digest(data)
        if actual != digest:
            raise IntegrityError(
                "evidence-altered",
                "a piece of evidence is not what its digest says",
                got=actual,
                expected=digest,
                where=str(path),
                todo="restore the file from the backup of the evidence store, and find out who changed it",
            )
        return _decode(data, where=str(path))

    def has(self, digest: Digest) -> bool:
        """Whether a file of that name exists; says nothing about its bytes."""
        return self.path(digest).is_file()

    def digests(self) -> Iterator[Digest]:
        """The names of everything stored, sorted."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*.json")):
            if re.fullmatch(r"[0-9a-f]{64}", path.stem):
                yield Digest("sha256:" + path.stem)

    def path(self, digest: Digest) -> Path:
        """Where ``digest`` is kept. Raises InputError ``digest-invalid``."""
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise InputError("digest-invalid", "not a digest", got=digest, expected="sha256: and 64 hexadecimal digits")
        return self.folder / match[1][:2] / f"{match[1]}.json"


def _decode(data: bytes, *, where: str) -> Fact:
    try:
        value = json.loads(data)
        read_at = moment(str(value["readAt"]))
        return Fact(
            str(value["kind"]),
            str(value["source"]),
            str(value["reader"]),
            read_at,
            value["body"],
            int(value.get("version", 1)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(
            "evidence-unreadable", "a piece of evidence is not a fact", got=type(error).__name__, where=where
        ) from error
