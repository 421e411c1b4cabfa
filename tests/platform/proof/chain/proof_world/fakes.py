"""Live systems with the methods of their clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from interlock.clients.forge import model as forge_model
from interlock.clients.kubernetes.objects import ObjectList
from interlock.clients.registry import Manifest
from interlock.clients.tickets import record as tickets_model
from interlock.errors import NotFoundError
from interlock.formats.oci import Descriptor, check_digest, image, manifest
from interlock.formats.sigstore import referrers

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


class Registry:
    """Blobs and manifests by digest, checked like the client checks them."""

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}

    def manifest(self, repo: str, reference: str) -> Manifest:
        digest = self.tags.get(reference, reference)
        data = check_digest(self._get(self.manifests, digest), digest)
        return Manifest(data, manifest.parse(data).media_type, digest)

    def blob(self, repo: str, digest: str, *, max_bytes: int = 0) -> bytes:
        return check_digest(self._get(self.blobs, digest), digest)

    def stream_blob(self, repo: str, digest: str) -> Iterator[bytes]:
        yield self.blob(repo, digest)

    def has_blob(self, repo: str, digest: str) -> bool:
        return digest in self.blobs

    def resolve(self, repo: str, tag: str) -> str:
        if tag not in self.tags:
            raise NotFoundError("registry-not-found", "no such tag", got=tag)
        return self.tags[tag]

    def referrers(self, repo: str, digest: str, artifact_type: str | None = None) -> list[Descriptor]:
        found = []
        for name, data in self.manifests.items():
            # A registry keeps the listing; altered bytes do not remove an entry from it.
            parsed = self._listed.get(name)
            if parsed is not None and parsed.subject and parsed.subject.digest == digest:
                found.append(Descriptor(parsed.media_type, name, len(data), artifact_type=parsed.type))
        return [item for item in found if artifact_type in (None, item.artifact_type)]

    def bundles(self, repo: str, digest: str) -> list[Any]:
        return referrers.find(
            self.referrers(repo, digest),
            subject=digest,
            read_manifest=lambda found: self.manifest(repo, found).bytes,
            read_blob=lambda found: self.blob(repo, found),
        )

    def push(self, repo: str, content: image.Content, *, tag: str | None = None) -> str:
        self.blobs.update(content.blobs)
        self.manifests[content.descriptor.digest] = content.manifest
        if tag:
            self.tags[tag] = content.descriptor.digest
        return content.descriptor.digest

    @property
    def _listed(self) -> dict[str, Any]:
        known: dict[str, Any] = self.__dict__.setdefault("_parsed", {})
        for name, data in self.manifests.items():
            if name not in known:
                known[name] = manifest.parse(data)
        return known

    def _get(self, where: dict[str, bytes], digest: str) -> bytes:
        if digest not in where:
            raise NotFoundError("registry-not-found", "not there", got=digest)
        return where[digest]


class Cluster:
    """Objects by kind and name."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}

    def put(self, item: dict[str, Any]) -> None:
        self.objects[item["kind"], item["metadata"]["name"]] = item

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        if (kind, name) not in self.objects:
            raise NotFoundError("kubernetes-not-found", f"no {kind} {name}")
        return self.objects[kind, name]

    def list(self, api_version: str, kind: str, *, namespace: str | None = None, **_: Any) -> ObjectList:
        return ObjectList([item for (found, _name), item in self.objects.items() if found == kind], "1")


@dataclass
class Forge:
    pulls: dict[int, forge_model.PullRequest] = field(default_factory=dict)
    given: dict[int, list[forge_model.Review]] = field(default_factory=dict)

    def pull(self, owner: str, repo: str, number: int) -> forge_model.PullRequest:
        return self.pulls[number]

    def reviews(self, owner: str, repo: str, number: int) -> list[forge_model.Review]:
        return self.given[number]


@dataclass
class Tickets:
    records: dict[str, tickets_model.ChangeRequest] = field(default_factory=dict)
    rows: dict[str, list[tickets_model.Approval]] = field(default_factory=dict)

    def get(self, number: str) -> tickets_model.ChangeRequest:
        if number not in self.records:
            raise NotFoundError("ticket-not-found", f"no change record {number}")
        return self.records[number]

    def approvals(self, sys_id: str) -> list[tickets_model.Approval]:
        return self.rows[sys_id]


class Remembering:
    """A repository that answers the same question once; for worlds whose git does not change any more."""

    def __init__(self, repository: Any) -> None:
        self._repository = repository
        self._known: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._repository, name)

        def ask(*arguments: Any, **named: Any) -> Any:
            key = repr((name, arguments, named))
            if key not in self._known:
                self._known[key] = method(*arguments, **named)
            return self._known[key]

        return ask
