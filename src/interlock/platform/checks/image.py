"""Checks of the image that would run: which one it is, who signed it, and how it was built."""

from __future__ import annotations

from abc import abstractmethod

from interlock.formats.oci import media
from interlock.platform.checks.check import Check
from interlock.platform.checks.facts import GateFacts
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.health import ApplicationFacts
from interlock.platform.domain.image import ImageFacts, Provenance, Scan, Signed, StatementKind
from interlock.platform.domain.names import TAG
from interlock.platform.domain.verdict import Evidence, Finding, Verdict


class ImageCheck(Check):
    """A check of an image; without facts about one the verdict is unknown."""

    def judge(self, facts: GateFacts) -> Finding:
        if facts.image is None:
            return self.missing("image")
        if isinstance(facts.image, Unread):
            return self.unread(facts.image)
        return self.judge_image(facts, facts.image)

    @abstractmethod
    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding: ...

    def judge_signed(self, fact: Signed | Unread | None, what: str) -> Finding:
        """The outcome of ``formats/sigstore`` keeps its reason code."""
        if fact is None:
            return self.missing(what)
        if isinstance(fact, Unread):
            return self.unread(fact)
        if fact.verdict is Verdict.VALID:
            return self.valid(fact.detail, evidence=(Evidence(what, "registry", fact.digest),))
        return self.invalid(fact.reason, fact.detail)


class ImagePinned(ImageCheck):
    """A digest decides what runs; the tag is for people."""

    id = "image-pinned"
    claim = "The image is named by tag and digest, in the service's registered repository."

    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding:
        reference = image.reference
        if not reference.pinned or not reference.tag:
            return self.invalid("image-unpinned", str(reference))
        if facts.service is not None and reference.repository != facts.service.image:
            return self.invalid("image-wrong-repository", reference.repository)
        return self.valid(str(reference))


class ImageExists(ImageCheck):
    """Whole: the manifest and every blob that it names."""

    id = "image-exists"
    claim = "The registry has the image at this digest, whole."

    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding:
        if isinstance(image.media_type, Unread):
            return self.unread(image.media_type)
        if image.media_type is None:
            return self.invalid("image-missing", str(image.reference))
        if image.media_type in (media.INDEX, media.DOCKER_INDEX):
            return self.invalid("image-index", image.media_type)
        if isinstance(image.missing_blobs, Unread):
            return self.unread(image.missing_blobs)
        if image.missing_blobs:
            return self.invalid("image-missing", f"blob {image.missing_blobs[0]}")
        return self.valid(image.reference.digest)


class TagUnmoved(ImageCheck):
    """Tags can be pushed again; a moved one means that somebody rebuilt, or tries to hide something."""

    id = "image-tag"
    claim = "The tag still points to this digest."

    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding:
        if isinstance(image.tag_digest, Unread):
            return self.unread(image.tag_digest)
        if image.tag_digest is None:
            return self.invalid("image-tag-missing", image.reference.tag)
        if image.tag_digest != image.reference.digest:
            return self.invalid("image-tag-moved", f"{image.reference.tag} is {image.tag_digest} now")
        return self.valid(image.reference.tag)


class Promoted(ImageCheck):
    """The same bytes through every environment, in order; nothing is rebuilt."""

    id = "image-promoted"
    claim = "The previous environment holds the same tag and digest."

    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding:
        if facts.previous is None:
            return self.missing("image of the previous environment")
        if isinstance(facts.previous, Unread):
            return self.unread(facts.previous)
        if (facts.previous.tag, facts.previous.digest) != (image.reference.tag, image.reference.digest):
            held = f"{facts.previous.tag}@{facts.previous.digest}" if facts.previous.digest else "no image"
            return self.invalid("image-not-promoted", f"the previous environment holds {held}")
        return self.valid(image.reference.tag)


class ImageSigned(ImageCheck):
    """The predicate type is demanded: cosign alone would take a signed SBOM for a signed image."""

    id = "image-signature"
    claim = "The image is signed with the release key."

    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding:
        return self.judge_signed(image.signature, "image signature")


class SbomSigned(ImageCheck):
    id = "image-sbom"
    claim = "An SBOM of this digest is signed with the attest key."

    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding:
        return self.judge_signed(image.statements.get(StatementKind.SBOM), "SBOM statement")


class ProvenanceSigned(ImageCheck):
    id = "image-provenance"
    claim = "Provenance of this digest is signed with the attest key."

    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding:
        return self.judge_signed(image.statements.get(StatementKind.PROVENANCE), "provenance statement")


class ScanPassed(ImageCheck):
    """Ages are judged at delivery: a scan says nothing about vulnerabilities found after it."""

    id = "image-scan"
    claim = "A signed scan with fresh advisories found nothing that is refused, not longer ago than allowed."

    def __init__(self, *, aged: bool = True) -> None:
        self.aged = aged
        """False for a revert: going back must be possible with what was good enough when it was delivered."""

    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding:
        signed = self.judge_signed(image.statements.get(StatementKind.SCAN), "scan statement")
        if signed.verdict is not Verdict.VALID:
            return signed
        scan = image.scan
        if scan is None:
            return self.missing("scan")
        if isinstance(scan, Unread):
            return self.unread(scan)
        if scan.verdict is not Verdict.VALID:
            known = scan.verdict is Verdict.INVALID
            return self.invalid("scan-failed", scan.detail) if known else self.unknown("scan-unknown", scan.detail)
        return self._age(facts, scan) or self.valid(scan.detail, evidence=signed.evidence)

    def _age(self, facts: GateFacts, scan: Scan) -> Finding | None:
        allowed = facts.estate.platform.advisories.max_age
        if scan.advisories_at is None or scan.finished_at - scan.advisories_at > allowed:
            return self.unknown("advisories-outdated", f"refreshed {scan.advisories_at}, scan {scan.finished_at}")
        most = facts.environment.rules.scan_max_age
        if self.aged and most is not None and facts.now - scan.finished_at > most:
            return self.unknown("scan-outdated", f"scanned {scan.finished_at.isoformat()}")
        return None


class ProvenanceCheck(ImageCheck):
    """A check of what the verified provenance says."""

    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding:
        if image.provenance is None:
            return self.missing("provenance")
        if isinstance(image.provenance, Unread):
            return self.unread(image.provenance)
        return self.judge_provenance(facts, image, image.provenance)

    @abstractmethod
    def judge_provenance(self, facts: GateFacts, image: ImageFacts, provenance: Provenance) -> Finding: ...


class BuiltByPlatform(ProvenanceCheck):
    id = "build-origin"
    claim = "A successful run of the shape's golden path built the image from the service's own repository."

    def judge_provenance(self, facts: GateFacts, image: ImageFacts, provenance: Provenance) -> Finding:
        service = facts.service
        if service is None:
            return self.missing("registered service")
        if not provenance.succeeded:
            return self.invalid("provenance-failed-run", provenance.run)
        if provenance.builder != facts.estate.platform.builder:
            return self.invalid("provenance-wrong-builder", provenance.builder)
        if provenance.source != facts.estate.url(service.repository):
            return self.invalid("provenance-wrong-source", provenance.source)
        if provenance.pipeline != facts.estate.pipeline(service.shape):
            return self.invalid("provenance-wrong-pipeline", provenance.pipeline)
        if TAG.fullmatch(image.reference.tag) and not provenance.commit.startswith(image.reference.tag[5:]):
            return self.invalid("provenance-wrong-commit", f"{image.reference.tag}, built from {provenance.commit}")
        return self.valid(f"{provenance.run} at {provenance.commit[:12]}")


class BuildIsolated(ProvenanceCheck):
    id = "build-isolation"
    claim = "Every step of the build was isolated as the environment demands."

    def judge_provenance(self, facts: GateFacts, image: ImageFacts, provenance: Provenance) -> Finding:
        allowed = facts.environment.rules.isolation
        if provenance.isolation not in allowed:
            return self.invalid("isolation-weak", f"{provenance.isolation}, allowed: {', '.join(allowed)}")
        return self.valid(provenance.isolation)


class HealthyBefore(ImageCheck):
    """Succeeded is not deployed: Synced and Healthy, at one revision that carries this digest (gitops.md 0.4)."""

    id = "healthy-before"
    claim = "This digest is Synced and Healthy in the previous environment, at a sealed revision where it has seals."

    def judge_image(self, facts: GateFacts, image: ImageFacts) -> Finding:
        if isinstance(facts.health, Unread):
            return self.unread(facts.health)
        if facts.health is None:
            return self.invalid("not-healthy-before", "it has no Application there")
        return self._judge(facts, image, facts.health)

    def _judge(self, facts: GateFacts, image: ImageFacts, health: ApplicationFacts) -> Finding:
        if (health.sync, health.health) != ("Synced", "Healthy"):
            return self.invalid("not-healthy-before", f"{health.name} is {health.sync} and {health.health}")
        if health.digest != image.reference.digest:
            return self.invalid("not-healthy-before", f"{health.name} runs {health.digest or 'no image'}")
        previous = facts.estate.previous(facts.environment)
        if previous is not None and previous.sealed and not health.sealed:
            return self.invalid("health-unsealed", f"{health.name} at {health.revision[:12]}")
        return self.valid(f"{health.name} at {health.revision[:12]}", basis=health.basis)
