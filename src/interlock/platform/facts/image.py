"""The image that would run, and what refers to it in the registry, every byte checked against its digest.

``Bundle`` names all pieces of one statement, so that a link cites exactly what it rests on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from interlock.clients.git import Repository
from interlock.clients.registry import RegistryClient
from interlock.errors import InterlockError, NotFoundError
from interlock.formats.oci import ImageManifest, reference
from interlock.formats.sigstore import Statement, keys, statement, verify
from interlock.formats.sigstore.keys import Verifier
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.ids import Digest, ReasonCode
from interlock.platform.domain.image import ImageFacts, ImageReference, Signed, StatementKind
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import layout
from interlock.platform.facts import change
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import environment, estate, registered, repository, sources
from interlock.platform.statements import PREDICATES, reading

T = TypeVar("T")


@dataclass(frozen=True)
class Bundle:
    """One verified statement: its content, the referrer's manifest, and that manifest's blobs."""

    statement: Statement
    manifest: Digest
    blobs: tuple[Digest, ...]


def read(facts: Facts) -> ImageFacts | None:
    """The image that would run after the delivery; None when none would. Every part of it may be unread on its own."""
    return _of(facts, facts.get(wanted))


def held_read(facts: Facts) -> ImageFacts | None:
    """The same of the image that the environment has now."""
    return _of(facts, facts.get(held))


def wanted(facts: Facts) -> ImageReference | None:
    """What the service's values name after the merge; None while they name nothing that runs."""
    return in_values(facts.get(repository), facts.get(change.read).tree, values_path(facts))


def held(facts: Facts) -> ImageReference | None:
    """What they name before it."""
    return in_values(facts.get(repository), facts.get(change.read).base, values_path(facts))


def values_path(facts: Facts) -> str:
    return layout.values(facts.get(registered).name, facts.get(environment).name)


def in_values(git: Repository, revision: str, path: str) -> ImageReference | None:
    """The image that a values file names; None without the file, or while it names no digest."""
    data = git.read(revision, path)
    found = None if data is None else layout.image_in(data, file=path)
    return found if found and found.digest else None


def release_key(facts: Facts) -> Verifier:
    """The keys that sign images, by the rules in force."""
    return keys.load_ring(facts.get(estate).keys.release.encode())


def attest_key(facts: Facts) -> Verifier:
    """The keys that sign statements, by the rules in force."""
    return keys.load_ring(facts.get(estate).keys.attest.encode())


def _of(facts: Facts, found: ImageReference | None) -> ImageFacts | None:
    if found is None:
        return None
    name = reference.parse(str(found)).repository
    return fetch(
        facts.get(sources).registry(), name, found, release=facts.get(release_key), attest=facts.get(attest_key)
    )


def fetch(
    registry: RegistryClient, name: str, found: ImageReference, *, release: Verifier, attest: Verifier
) -> ImageFacts:
    """Every fact on its own: what could not be read is Unread, and the others stand. ``name`` has no host."""
    digest = found.digest
    bundles: list[verify.Signed] | Unread
    try:
        bundles = registry.bundles(name, digest)
    except InterlockError as error:
        bundles = unread("registry", error)
    outcomes: dict[StatementKind, verify.Outcome | Unread] = {
        kind: bundles
        if isinstance(bundles, Unread)
        else verify.verify(bundles, key=attest, subject=digest, predicate_type=predicate)
        for kind, predicate in PREDICATES.items()
    }
    signature = (
        bundles
        if isinstance(bundles, Unread)
        else verify.verify(bundles, key=release, subject=digest, predicate_type=statement.COSIGN_SIGN)
    )
    media_type, missing = _content(registry, name, digest)
    return ImageFacts(
        reference=found,
        media_type=media_type,
        tag_digest=_tag(registry, name, found.tag),
        missing_blobs=missing,
        signature=_signed(signature),
        statements={kind: _signed(item) for kind, item in outcomes.items()},
        scan=_said(outcomes[StatementKind.SCAN], reading.scan),
        provenance=_said(outcomes[StatementKind.PROVENANCE], reading.provenance),
    )


def verified(
    registry: RegistryClient, repository: str, digest: Digest, *, key: Verifier, predicate_type: str
) -> tuple[verify.Outcome, tuple[Bundle, ...]]:
    """The verified statements of one type about an image, each with the digests of all its pieces."""
    outcome = verify.verify(
        registry.bundles(repository, digest), key=key, subject=digest, predicate_type=predicate_type
    )
    bundles = []
    for item in outcome.verified:
        image = registry.manifest(repository, item.source).image
        bundles.append(Bundle(item.statement, Digest(item.source), pieces(image)))
    return outcome, tuple(bundles)


def pieces(manifest: ImageManifest) -> tuple[Digest, ...]:
    """Everything that a manifest names: config, then layers."""
    return tuple(dict.fromkeys(Digest(item.digest) for item in (manifest.config, *manifest.layers)))


def check_blob(registry: RegistryClient, repository: str, digest: Digest) -> None:
    """Read a blob to its end. Raises IntegrityError ``digest-mismatch``, NotFoundError."""
    for _ in registry.stream_blob(repository, digest):
        pass


def _content(
    registry: RegistryClient, repository: str, digest: Digest
) -> tuple[str | Unread | None, tuple[Digest, ...] | Unread]:
    try:
        manifest = registry.manifest(repository, digest)
        parsed = manifest.parsed
        if not isinstance(parsed, ImageManifest):
            return parsed.media_type, ()
        return parsed.media_type, tuple(item for item in pieces(parsed) if not registry.has_blob(repository, item))
    except NotFoundError:
        return None, ()
    except InterlockError as error:
        return unread("registry", error), unread("registry", error)


def _tag(registry: RegistryClient, repository: str, tag: str) -> Digest | Unread | None:
    try:
        return Digest(registry.resolve(repository, tag)) if tag else None
    except NotFoundError:
        return None
    except InterlockError as error:
        return unread("registry", error)


def _signed(outcome: verify.Outcome | Unread) -> Signed | Unread:
    if isinstance(outcome, Unread):
        return outcome
    if outcome.reason is None:
        source = Digest(outcome.verified[0].source)
        return Signed(Verdict.VALID, ReasonCode("ok"), outcome.detail, source)
    return Signed(Verdict.INVALID, ReasonCode(outcome.reason.value), outcome.detail)


def _said(outcome: verify.Outcome | Unread, tell: Callable[[Statement], T]) -> T | Unread | None:
    """What the first verified statement says; None without one."""
    if isinstance(outcome, Unread):
        return outcome
    if not outcome.verified:
        return None
    try:
        return tell(outcome.verified[0].statement)
    except InterlockError as error:
        return unread("registry", error)
