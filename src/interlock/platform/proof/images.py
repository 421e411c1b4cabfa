"""Reading an image and what refers to it from the registry, every byte checked against its digest.

``read`` gives the facts that the gate's checks judge. ``Bundle`` names all pieces of one statement, so that a link
cites exactly what it rests on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from interlock.clients.registry import RegistryClient
from interlock.errors import InterlockError, NotFoundError
from interlock.formats.oci import ImageManifest
from interlock.formats.sigstore import PublicKey, Statement, statement, verify
from interlock.platform.domain.facts import Unread, unread
from interlock.platform.domain.ids import Digest, ReasonCode
from interlock.platform.domain.image import ImageFacts, ImageReference, Signed, StatementKind
from interlock.platform.domain.verdict import Verdict
from interlock.platform.proof.attest import PREDICATES
from interlock.platform.proof.statements import reading

T = TypeVar("T")


@dataclass(frozen=True)
class Bundle:
    """One verified statement: its content, the referrer's manifest, and that manifest's blobs."""

    statement: Statement
    manifest: Digest
    blobs: tuple[Digest, ...]


def read(
    registry: RegistryClient, repository: str, reference: ImageReference, *, release: PublicKey, attest: PublicKey
) -> ImageFacts:
    """Every fact on its own: what could not be read is Unread, and the others stand. ``repository`` has no host."""
    digest = reference.digest
    found: list[verify.Signed] | Unread
    try:
        found = registry.bundles(repository, digest)
    except InterlockError as error:
        found = unread("registry", error)
    outcomes: dict[StatementKind, verify.Outcome | Unread] = {
        kind: found
        if isinstance(found, Unread)
        else verify.verify(found, key=attest, subject=digest, predicate_type=predicate)
        for kind, predicate in PREDICATES.items()
    }
    signature = (
        found
        if isinstance(found, Unread)
        else verify.verify(found, key=release, subject=digest, predicate_type=statement.COSIGN_SIGN)
    )
    media_type, missing = _content(registry, repository, digest)
    return ImageFacts(
        reference=reference,
        media_type=media_type,
        tag_digest=_tag(registry, repository, reference.tag),
        missing_blobs=missing,
        signature=_signed(signature),
        statements={kind: _signed(item) for kind, item in outcomes.items()},
        scan=_said(outcomes[StatementKind.SCAN], reading.scan),
        provenance=_said(outcomes[StatementKind.PROVENANCE], reading.provenance),
    )


def verified(
    registry: RegistryClient, repository: str, digest: Digest, *, key: PublicKey, predicate_type: str
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
