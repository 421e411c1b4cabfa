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
from interlock.platform.checks.link import Draft, Link
from interlock.platform.domain.ids import Digest
from interlock.platform.domain.image import StatementKind
from interlock.platform.domain.verdict import Finding
from interlock.platform.facts import Facts, build, ground, running
from interlock.platform.facts import image as images
from interlock.platform.proof import back
from interlock.platform.statements import PREDICATES, documents


class StatementLink(Link):
    """A statement by the attest key: the very one that the ledger says was pushed, over the pipeline's document."""

    kind: ClassVar[StatementKind]
    checks: ClassVar[tuple[type[Check], ...]]

    def document_in(self, predicate: Mapping[str, Any]) -> Any:
        """Where the pipeline's document stands in the predicate; None for a statement without one."""
        return None

    def agrees(self, facts: Facts, statement: Statement, recorded: Recorded) -> str:
        """What more must hold between statement and ledger entry: the contradiction, or nothing."""
        return ""

    def look(self, facts: Facts, draft: Draft) -> Finding:
        facts = facts.get(back.origin)
        checks = back.demanded(facts, *self.checks)
        runs = facts.get(running.image)
        draft.cite("referrers", f"{runs.repository}@{runs.digest}")
        try:
            entry = facts.get(build.attested)
        except NotFoundError:
            if not checks:
                return back.nothing(facts, draft)
            raise
        draft.cite("attestation as recorded", "ledger", entry.id)
        recorded = entry.said.statements.get(self.kind.value)
        if recorded is None:
            return draft.invalid("statement-contradicts", f"the attestation names no {self.kind.value}")
        signed = self._signed(facts, draft, recorded)
        if isinstance(signed, Finding):
            return signed
        contradiction = self.agrees(facts, signed, recorded) or self._document(facts, draft, recorded, signed)
        if contradiction:
            return draft.invalid("statement-contradicts", contradiction)
        if not checks:
            return draft.valid("signed with the attest key")
        return back.judged(facts, draft, checks)

    def _signed(self, facts: Facts, draft: Draft, recorded: Recorded) -> Finding | Statement:
        registry, name = facts.get(ground.sources).registry(), facts.get(running.image_name)
        what = f"{self.kind.value} statement"
        runs, key = facts.get(running.image), facts.get(images.attest_key)
        draft.cite(what, runs.repository, recorded.manifest)
        draft.cite(what, runs.repository, recorded.bundle)
        outcome, bundles = images.verified(registry, name, runs.digest, key=key, predicate_type=PREDICATES[self.kind])
        bundle = next((item for item in bundles if item.manifest == recorded.manifest), None)
        if bundle is None:
            reason = outcome.reason.value if outcome.reason else "statement-replaced"
            detail = outcome.detail if outcome.reason else "the recorded statement is gone, another is there"
            return draft.invalid(reason, detail)
        for digest in bundle.blobs:
            draft.cite(what, runs.repository, digest)
        for digest in bundle.blobs:
            images.check_blob(registry, name, digest)
        return bundle.statement

    def _document(self, facts: Facts, draft: Draft, recorded: Recorded, signed: Statement) -> str:
        """The pipeline's own document: still there, and what was signed. The contradiction, or nothing."""
        digest = recorded.document
        if digest is None:
            return ""
        registry, name = facts.get(ground.sources).registry(), facts.get(running.image_name)
        what, where = f"{self.kind.value} document", facts.get(running.image).repository
        draft.cite(what, where, digest)
        holder = self._holder(facts, digest)
        if holder is None:
            raise NotFoundError("document-unreferenced", f"no referrer of the image holds the {what}", got=digest)
        manifest, content = holder
        for item in (manifest, *images.pieces(content)):
            draft.cite(what, where, item)
        for item in images.pieces(content):
            images.check_blob(registry, name, item)
        document = documents.load(registry.blob(name, digest), what=what)
        same = canonical.encode(document) == canonical.encode(self.document_in(signed.predicate))
        return "" if same else f"the {what} is not what was signed"

    def _holder(self, facts: Facts, digest: Digest) -> tuple[Digest, ImageManifest] | None:
        """The referrer whose layer is the document: its manifest's digest, and the manifest."""
        registry, name = facts.get(ground.sources).registry(), facts.get(running.image_name)
        for item in registry.referrers(name, facts.get(running.image).digest):
            try:
                manifest = registry.manifest(name, item.digest).image
            except InterlockError:
                continue
            if any(layer.digest == digest for layer in manifest.layers):
                return Digest(item.digest), manifest
        return None
