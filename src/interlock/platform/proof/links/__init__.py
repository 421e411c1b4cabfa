"""The thirteen links that everything that runs has, in the order of the proof: from what runs back to the source."""

from interlock.platform.checks.link import Link
from interlock.platform.proof import reasons as reasons
from interlock.platform.proof.links.approvals import Approvals
from interlock.platform.proof.links.change_record import ChangeRecordLink
from interlock.platform.proof.links.image_digest import ImageDigest
from interlock.platform.proof.links.merge import Merge
from interlock.platform.proof.links.pipeline_run import PipelineRunLink
from interlock.platform.proof.links.provenance import Provenance
from interlock.platform.proof.links.running_object import RunningObject
from interlock.platform.proof.links.sbom import Sbom
from interlock.platform.proof.links.scan import Scan
from interlock.platform.proof.links.seal import Seal
from interlock.platform.proof.links.signature import Signature
from interlock.platform.proof.links.source_commit import SourceCommit
from interlock.platform.proof.links.sync import Sync

LINKS: tuple[type[Link], ...] = (
    RunningObject,
    Sync,
    Seal,
    Merge,
    Approvals,
    ChangeRecordLink,
    ImageDigest,
    Signature,
    Provenance,
    Sbom,
    Scan,
    PipelineRunLink,
    SourceCommit,
)
