"""Checks of the image that would run: which one it is, who signed it, and how it was built."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta

from interlock.formats.oci import media
from interlock.platform.checks.check import Check
from interlock.platform.checks.reasons import PUSH, REBUILD, Reason, table
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.image import ImageFacts, Provenance, Scan, Signed, StatementKind
from interlock.platform.domain.names import TAG
from interlock.platform.domain.verdict import Evidence, Finding, Verdict
from interlock.platform.estate import Rules
from interlock.platform.facts import Facts, ground, health
from interlock.platform.facts import image as images
from interlock.platform.facts.facts import missing

REASONS = table(
    {
        "image-wrong-repository": Reason("The image repository is not the service's registered one.", PUSH),
        "image-unpinned": Reason("The image has no sha256 digest or no tag.", "promote with `interlock promote`"),
        "image-missing": Reason("The registry has no manifest, or not every blob, of this digest.", REBUILD),
        "image-index": Reason("The digest names an index, not an image.", "promote the digest of the image itself"),
        "image-tag-moved": Reason("The tag points to another digest than the one delivered.", REBUILD),
        "image-tag-missing": Reason("The registry does not have the tag.", REBUILD),
        "image-not-promoted": Reason(
            "The previous environment does not hold this tag and digest.", "promote through every environment in order"
        ),
        "signature-missing": Reason("Nothing signed refers to the image.", REBUILD),
        "signature-wrong-predicate": Reason(
            "Signed statements of other types only: a signed SBOM is not a signed image.", REBUILD
        ),
        "signature-malformed": Reason("What is stored as signature cannot be read.", REBUILD),
        "signature-wrong-key": Reason("Signed by another key, or altered since.", REBUILD),
        "signature-wrong-subject": Reason("The signature is about another content.", REBUILD),
        "scan-failed": Reason("The scan found vulnerabilities of a severity that is refused.", "patch, build, promote"),
        "scan-unknown": Reason("The scan could not tell.", "refresh the advisories and build again"),
        "scan-outdated": Reason("The scan is older than the environment allows.", "build the commit again"),
        "advisories-outdated": Reason(
            "The scan used advisories older than the estate allows.", "refresh the advisory folder and build again"
        ),
        "provenance-failed-run": Reason("The pipeline run did not succeed.", REBUILD),
        "provenance-wrong-builder": Reason("Another builder vouches for the build.", REBUILD),
        "provenance-wrong-source": Reason("Built from another repository than the service's.", REBUILD),
        "provenance-wrong-commit": Reason("The tag names another commit than the provenance.", REBUILD),
        "provenance-wrong-pipeline": Reason("Not built by the golden path of the service's shape.", REBUILD),
        "isolation-weak": Reason(
            "The build's steps were isolated less than the environment demands, or nobody whose key is known says how.",
            "run the pipeline where bubblewrap or containers work and the engine signs its records; promote that build",
        ),
        "not-healthy-before": Reason(
            "The digest is not Synced and Healthy in the previous environment.",
            "wait for it, or mend the service there",
        ),
        "health-unsealed": Reason(
            "The previous environment runs a commit that is not sealed.", "wait until its delivery is sealed and synced"
        ),
    }
)


class ImageCheck(Check):
    """A check of an image; without facts about one the verdict is unknown."""

    def judge(self, facts: Facts) -> Finding:
        found = facts.get(images.read)
        if found is None:
            raise missing("image")
        return self.judge_image(facts, found)

    @abstractmethod
    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding: ...

    def _absent(self, fact: Unread | None, what: str) -> Finding:
        return self.unknown("fact-missing", what) if fact is None else self.unread(fact)

    def judge_signed(self, fact: Signed | Unread | None, what: str) -> Finding:
        """The outcome of ``formats/sigstore`` keeps its reason code."""
        if fact is None or isinstance(fact, Unread):
            return self._absent(fact, what)
        if fact.verdict is Verdict.VALID:
            return self.valid(fact.detail, evidence=(Evidence(what, "registry", fact.digest),))
        return self.invalid(fact.reason, fact.detail)


class ImagePinned(ImageCheck):
    """A digest decides what runs; the tag is for people."""

    id = "image-pinned"
    claim = "The image is named by tag and digest, in the service's registered repository."

    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding:
        reference = image.reference
        if not reference.pinned or not reference.tag:
            return self.invalid("image-unpinned", str(reference))
        service = facts.get(ground.service)
        if service is not None and reference.repository != service.image:
            return self.invalid("image-wrong-repository", reference.repository)
        return self.valid(str(reference))


class ImageExists(ImageCheck):
    """Whole: the manifest and every blob that it names."""

    id = "image-exists"
    claim = "The registry has the image at this digest, whole."

    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding:
        if isinstance(image.media_type, Unread):
            return self._absent(image.media_type, "manifest")
        if image.media_type is None:
            return self.invalid("image-missing", str(image.reference))
        if image.media_type in (media.INDEX, media.DOCKER_INDEX):
            return self.invalid("image-index", image.media_type)
        if isinstance(image.missing_blobs, Unread):
            return self._absent(image.missing_blobs, "blobs")
        if image.missing_blobs:
            return self.invalid("image-missing", f"blob {image.missing_blobs[0]}")
        return self.valid(image.reference.digest)


class TagUnmoved(ImageCheck):
    """Tags can be pushed again; a moved one means that somebody rebuilt, or tries to hide something."""

    id = "image-tag"
    claim = "The tag still points to this digest."

    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding:
        if isinstance(image.tag_digest, Unread):
            return self._absent(image.tag_digest, "tag")
        if image.tag_digest is None:
            return self.invalid("image-tag-missing", image.reference.tag)
        if image.tag_digest != image.reference.digest:
            return self.invalid("image-tag-moved", f"{image.reference.tag} is {image.tag_digest} now")
        return self.valid(image.reference.tag)


class Promoted(ImageCheck):
    """The same bytes through every environment, in order; nothing is rebuilt."""

    id = "image-promoted"
    claim = "The previous environment holds the same tag and digest."

    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding:
        before = facts.get(health.promoted)
        if (before.tag, before.digest) != (image.reference.tag, image.reference.digest):
            held = f"{before.tag}@{before.digest}" if before.digest else "no image"
            return self.invalid("image-not-promoted", f"the previous environment holds {held}")
        return self.valid(image.reference.tag)


class ImageSigned(ImageCheck):
    """The predicate type is demanded: cosign alone would take a signed SBOM for a signed image."""

    id = "image-signature"
    claim = "The image is signed with the release key."

    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding:
        return self.judge_signed(image.signature, "image signature")


class SbomSigned(ImageCheck):
    id = "image-sbom"
    claim = "An SBOM of this digest is signed with the attest key."

    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding:
        return self.judge_signed(image.statements.get(StatementKind.SBOM), "SBOM statement")


class ProvenanceSigned(ImageCheck):
    id = "image-provenance"
    claim = "Provenance of this digest is signed with the attest key."

    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding:
        return self.judge_signed(image.statements.get(StatementKind.PROVENANCE), "provenance statement")


class ScanPassed(ImageCheck):
    """Ages are judged at delivery: a scan says nothing about vulnerabilities found after it."""

    id = "image-scan"
    claim = "A signed scan with fresh advisories found nothing that is refused, not longer ago than allowed."

    def __init__(self, *, aged: bool = True, most: timedelta | None = None) -> None:
        self.most = most
        """Age of the scan at most, beside what the environment's rules allow."""
        self.aged = aged
        """False for a revert: going back must be possible with what was good enough when it was delivered."""

    def configured(self, parameters: Mapping[str, object]) -> ScanPassed:
        """``maxAgeDays``: a whole number of days."""
        days = parameters.get("maxAgeDays")
        if set(parameters) - {"maxAgeDays"} or (parameters and (not isinstance(days, int) or days < 1)):
            raise ValueError("maxAgeDays: a number of days")
        return ScanPassed(aged=self.aged, most=timedelta(days=days) if isinstance(days, int) else None)

    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding:
        signed = self.judge_signed(image.statements.get(StatementKind.SCAN), "scan statement")
        if signed.verdict is not Verdict.VALID:
            return signed
        scan = image.scan
        if scan is None or isinstance(scan, Unread):
            return self._absent(scan, "scan")
        if scan.verdict is not Verdict.VALID:
            known = scan.verdict is Verdict.INVALID
            return self.invalid("scan-failed", scan.detail) if known else self.unknown("scan-unknown", scan.detail)
        return self._age(facts, scan) or self.valid(scan.detail, evidence=signed.evidence)

    def _age(self, facts: Facts, scan: Scan) -> Finding | None:
        allowed = facts.get(ground.estate).platform.advisories.max_age
        if scan.advisories_at is None or scan.finished_at - scan.advisories_at > allowed:
            return self.unknown("advisories-outdated", f"refreshed {scan.advisories_at}, scan {scan.finished_at}")
        most = min(filter(None, (self.most, facts.get(ground.environment).rules.scan_max_age)), default=None)
        if self.aged and most is not None and facts.get(ground.merging) - scan.finished_at > most:
            return self.unknown("scan-outdated", f"scanned {scan.finished_at.isoformat()}")
        return None


class ProvenanceCheck(ImageCheck):
    """A check of what the verified provenance says."""

    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding:
        if image.provenance is None or isinstance(image.provenance, Unread):
            return self._absent(image.provenance, "provenance")
        return self.judge_provenance(facts, image, image.provenance)

    @abstractmethod
    def judge_provenance(self, facts: Facts, image: ImageFacts, provenance: Provenance) -> Finding: ...


class BuiltByPlatform(ProvenanceCheck):
    id = "build-origin"
    claim = "A successful run of the shape's golden path built the image from the service's own repository."

    def judge_provenance(self, facts: Facts, image: ImageFacts, provenance: Provenance) -> Finding:
        service, estate = facts.get(ground.registered), facts.get(ground.estate)
        if not provenance.succeeded:
            return self.invalid("provenance-failed-run", provenance.run)
        if provenance.builder != estate.platform.builder:
            return self.invalid("provenance-wrong-builder", provenance.builder)
        if provenance.source != estate.url(service.repository):
            return self.invalid("provenance-wrong-source", provenance.source)
        if provenance.pipeline != estate.pipeline(service.shape):
            return self.invalid("provenance-wrong-pipeline", provenance.pipeline)
        if TAG.fullmatch(image.reference.tag) and not provenance.commit.startswith(image.reference.tag[5:]):
            return self.invalid("provenance-wrong-commit", f"{image.reference.tag}, built from {provenance.commit}")
        return self.valid(f"{provenance.run} at {provenance.commit[:12]}")


class BuildIsolated(ProvenanceCheck):
    id = "build-isolation"
    claim = "Every step of the build was isolated as the environment demands."

    def judge_provenance(self, facts: Facts, image: ImageFacts, provenance: Provenance) -> Finding:
        allowed = facts.get(ground.environment).rules.isolation
        if provenance.isolation not in allowed:
            return self.invalid("isolation-weak", f"{provenance.isolation}, allowed: {', '.join(allowed)}")
        return self.valid(provenance.isolation)


class HealthyBefore(ImageCheck):
    """Succeeded is not deployed: Synced and Healthy, at one revision that carries this digest (gitops.md 0.4)."""

    id = "healthy-before"
    claim = "This digest is Synced and Healthy in the previous environment, at a sealed revision where it has seals."

    def judge_image(self, facts: Facts, image: ImageFacts) -> Finding:
        found = facts.get(health.read)
        if found is None:
            return self.invalid("not-healthy-before", "it has no Application there")
        if (found.sync, found.health) != ("Synced", "Healthy"):
            return self.invalid("not-healthy-before", f"{found.name} is {found.sync} and {found.health}")
        if found.digest != image.reference.digest:
            return self.invalid("not-healthy-before", f"{found.name} runs {found.digest or 'no image'}")
        if facts.get(health.before).sealed and not found.sealed:
            return self.invalid("health-unsealed", f"{found.name} at {found.revision[:12]}")
        return self.valid(f"{found.name} at {found.revision[:12]}", basis=found.basis)


def demanded(rules: Rules, *, aged: bool) -> list[Check]:
    """What the rules of an environment ask of an image; ``aged`` as in `ScanPassed`."""
    found: list[Check] = [ImagePinned(), ImageExists(), TagUnmoved()]
    if rules.image in ("signed", "attested"):
        found.append(ImageSigned())
    if rules.image == "attested":
        found += [SbomSigned(), ScanPassed(aged=aged), ProvenanceSigned(), BuiltByPlatform(), BuildIsolated()]
    return found
