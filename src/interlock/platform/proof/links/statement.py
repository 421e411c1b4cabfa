"""What the links of the three statements share: provenance, SBOM, scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from interlock.errors import InterlockError, NotFoundError
from interlock.formats.oci import ImageManifest
from interlock.formats.sigstore import Statement
from interlock.platform.books import canonical
from interlock.platform.books.vocabulary import Statement as Recorded
from interlock.platform.checks.check import Check
from interlock.platform.domain.ids import Digest
from interlock.platform.domain.image import StatementKind
from interlock.platform.domain.verdict import Finding
from interlock.platform.proof import images, replay
from interlock.platform.proof.attest import PREDICATES
from interlock.platform.proof.link import Draft, Link
from interlock.platform.proof.statements import documents
from interlock.platform.proof.walk import Walk


class StatementLink(Link):
    """A statement by the attest key: the very one that the ledger says was pushed, over the pipeline's document."""

    kind: ClassVar[StatementKind]
    checks: ClassVar[tuple[type[Check], ...]]

    def document_in(self, predicate: Mapping[str, Any]) -> Any:
        """Where the pipeline's document stands in the predicate; None for a statement without one."""
        return None

    def agrees(self, walk: Walk, statement: Statement, recorded: Recorded) -> str:
        """What more must hold between statement and ledger entry: the contradiction, or nothing."""
        return ""

    def judge(self, walk: Walk, draft: Draft) -> Finding:
        checks = replay.demanded(walk, *self.checks)
        draft.cite("referrers", f"{walk.image.repository}@{walk.image.digest}")
        try:
            entry = walk.attested
        except NotFoundError:
            if not checks:
                return replay.nothing(walk, draft)
            raise
        draft.cite("attestation as recorded", "ledger", entry.id)
        recorded = entry.said.statements.get(self.kind.value)
        if recorded is None:
            return draft.invalid("statement-contradicts", f"the attestation names no {self.kind.value}")
        signed = self._signed(walk, draft, recorded)
        if isinstance(signed, Finding):
            return signed
        contradiction = self.agrees(walk, signed, recorded) or self._document(walk, draft, recorded, signed)
        if contradiction:
            return draft.invalid("statement-contradicts", contradiction)
        if not checks:
            return draft.valid("signed with the attest key")
        return replay.judged(walk, draft, checks, replay.image_facts(walk, walk.image_read))

    def _signed(self, walk: Walk, draft: Draft, recorded: Recorded) -> Finding | Statement:
        registry, name = walk.sources.registry(), walk.image_name
        what = f"{self.kind.value} statement"
        draft.cite(what, walk.image.repository, recorded.manifest)
        draft.cite(what, walk.image.repository, recorded.bundle)
        outcome, bundles = images.verified(
            registry, name, walk.image.digest, key=walk.attest_key, predicate_type=PREDICATES[self.kind]
        )
        bundle = next((item for item in bundles if item.manifest == recorded.manifest), None)
        if bundle is None:
            reason = outcome.reason.value if outcome.reason else "statement-replaced"
            detail = outcome.detail if outcome.reason else "the recorded statement is gone, another is there"
            return draft.invalid(reason, detail)
        for digest in bundle.blobs:
            draft.cite(what, walk.image.repository, digest)
        for digest in bundle.blobs:
            images.check_blob(registry, name, digest)
        return bundle.statement

    def _document(self, walk: Walk, draft: Draft, recorded: Recorded, signed: Statement) -> str:
        """The pipeline's own document: still there, and what was signed. The contradiction, or nothing."""
        digest = recorded.document
        if digest is None:
            return ""
        registry, name = walk.sources.registry(), walk.image_name
        what = f"{self.kind.value} document"
        draft.cite(what, walk.image.repository, digest)
        holder = self._holder(walk, digest)
        if holder is None:
            raise NotFoundError("document-unreferenced", f"no referrer of the image holds the {what}", got=digest)
        manifest, content = holder
        for item in (manifest, *images.pieces(content)):
            draft.cite(what, walk.image.repository, item)
        for item in images.pieces(content):
            images.check_blob(registry, name, item)
        document = documents.load(registry.blob(name, digest), what=what)
        same = canonical.encode(document) == canonical.encode(self.document_in(signed.predicate))
        return "" if same else f"the {what} is not what was signed"

    def _holder(self, walk: Walk, digest: Digest) -> tuple[Digest, ImageManifest] | None:
        """The referrer whose layer is the document: its manifest's digest, and the manifest."""
        registry, name = walk.sources.registry(), walk.image_name
        for item in registry.referrers(name, walk.image.digest):
            try:
                manifest = registry.manifest(name, item.digest).image
            except InterlockError:
                continue
            if any(layer.digest == digest for layer in manifest.layers):
                return Digest(item.digest), manifest
        return None
