"""Every reason code that a check or a proof of a merge can give: what it means, and what repairs it.

Codes are stable: scripts and auditors match on them. docs/reference/reason-codes.md is generated from this table.
"""

from __future__ import annotations

from dataclasses import dataclass

OK = "ok"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is what it is, and what to do."""

    explanation: str
    remedy: str


_PUSH = "push a commit that mends it; approvals have to be given again"
_REBUILD = "build the source again with the service's golden path and promote the new image"
_RECORD = "mend the record in the ticket system, or cancel it there: the platform opens a new one"

_KIND = {
    "nothing-changed": Reason("The base branch already has everything that the pull request changes.", "close it"),
    "path-outside-layout": Reason(
        "A changed file belongs to no service and no known part of the repository.",
        "change only files of one service (docs/reference: layout of env repos)",
    ),
    "several-services": Reason("A delivery moves one service.", "open one pull request a service"),
    "several-kinds": Reason("A delivery is of one kind.", "split the pull request by kind"),
    "kind-unsupported": Reason(
        "This kind of delivery is known by name and not supported yet.",
        "deliver it by one of the supported kinds: image, onboarding, revert",
    ),
    "file-mode": Reason("A changed file is a link, a submodule or executable.", "commit regular files only"),
    "service-unregistered": Reason(
        "The sealed platform repo does not register this service.",
        "`interlock service create` registers it; wait until its pull request is sealed",
    ),
    "merge-conflict": Reason("The pull request does not merge cleanly.", "bring the branch up to date with main"),
    "pull-wrong-base": Reason("The base is not branch main of the environment's repository.", "retarget it to main"),
    "pull-closed": Reason("The pull request is not open.", "open a new one"),
    "pull-head-moved": Reason("The branch's tip is not the head that the forge reports.", "wait for the next round"),
}
_DIFF = {
    "image-diff-other": Reason("More than tag and digest of the image would change.", _PUSH),
    "image-file-invalid": Reason("The values file is not strict YAML with an image of three texts.", _PUSH),
    "image-wrong-repository": Reason("The image repository is not the service's registered one.", _PUSH),
    "rendered-diff-other": Reason("The rendered objects would differ in more than image and version label.", _PUSH),
    "rendered-nothing": Reason("The rendered objects do not contain the new image.", _PUSH),
    "render-failed": Reason("The chart cannot be rendered.", "run `helm template` on both commits and mend the chart"),
    "onboarding-files-differ": Reason(
        "The files are not, byte for byte, what the golden path generates.",
        "run `interlock service create` again and do not edit its output",
    ),
    "registration-invalid": Reason(
        "The registration contradicts the estate or is not in its canonical form.",
        "run `interlock service create` again and do not edit its output",
    ),
    "revert-not-exact": Reason(
        "The revert is not the exact inverse of one commit of main, nor the tree that is sealed.",
        "prepare it with `interlock revert`",
    ),
    "revert-removes-workload": Reason(
        "The revert would remove the service's first release: removal is a delivery of its own.",
        "promote a good image instead",
    ),
}
_IMAGE = {
    "image-unpinned": Reason("The image has no sha256 digest or no tag.", "promote with `interlock promote`"),
    "image-missing": Reason("The registry has no manifest, or not every blob, of this digest.", _REBUILD),
    "image-index": Reason("The digest names an index, not an image.", "promote the digest of the image itself"),
    "image-tag-moved": Reason("The tag points to another digest than the one delivered.", _REBUILD),
    "image-tag-missing": Reason("The registry does not have the tag.", _REBUILD),
    "image-not-promoted": Reason(
        "The previous environment does not hold this tag and digest.", "promote through every environment in order"
    ),
    "signature-missing": Reason("Nothing signed refers to the image.", _REBUILD),
    "signature-wrong-predicate": Reason(
        "Signed statements of other types only: a signed SBOM is not a signed image.", _REBUILD
    ),
    "signature-malformed": Reason("What is stored as signature cannot be read.", _REBUILD),
    "signature-wrong-key": Reason("Signed by another key, or altered since.", _REBUILD),
    "signature-wrong-subject": Reason("The signature is about another content.", _REBUILD),
    "scan-failed": Reason("The scan found vulnerabilities of a severity that is refused.", "patch, build, promote"),
    "scan-unknown": Reason("The scan could not tell.", "refresh the advisories and build again"),
    "scan-outdated": Reason("The scan is older than the environment allows.", "build the commit again"),
    "advisories-outdated": Reason(
        "The scan used advisories older than the estate allows.", "refresh the advisory folder and build again"
    ),
    "provenance-failed-run": Reason("The pipeline run did not succeed.", _REBUILD),
    "provenance-wrong-builder": Reason("Another builder vouches for the build.", _REBUILD),
    "provenance-wrong-source": Reason("Built from another repository than the service's.", _REBUILD),
    "provenance-wrong-commit": Reason("The tag names another commit than the provenance.", _REBUILD),
    "provenance-wrong-pipeline": Reason("Not built by the golden path of the service's shape.", _REBUILD),
    "isolation-weak": Reason(
        "The build's steps were isolated less than the environment demands, or nobody whose key is known says how.",
        "run the pipeline where bubblewrap or containers work and the engine signs its records, and promote that build",
    ),
    "not-healthy-before": Reason(
        "The digest is not Synced and Healthy in the previous environment.", "wait for it, or mend the service there"
    ),
    "health-unsealed": Reason(
        "The previous environment runs a commit that is not sealed.", "wait until its delivery is sealed and synced"
    ),
}
_PEOPLE = {
    "commit-unsigned": Reason("A commit of the pull request is not signed.", "sign every commit and push again"),
    "commit-signer-unknown": Reason(
        "A commit is signed by a key of no known person, or badly.",
        "sign with a key that people.yaml has",
    ),
    "initiator-unknown": Reason(
        "Nobody can be named who asks for this delivery.", "open it as a person, with commits signed by them"
    ),
    "source-author-unknown": Reason(
        "A commit of the delivered source has no known signer: nobody can tell whether its author approves it here.",
        "sign commits of the app repo with keys that people.yaml has",
    ),
    "approval-missing": Reason("An approval that the environment asks for has not been given.", "ask for the review"),
    "approval-stale": Reason("The approval was of an older head, or dismissed.", "approve the current head"),
    "approval-other-base": Reason("The approval was of another base branch or repository.", "approve again"),
    "approval-result-changed": Reason(
        "Since the approval the merge would give the service other files.", "review and approve again"
    ),
    "approval-ambiguous": Reason(
        "The result changed while the review was given: nobody can tell which one it approved.", "approve again"
    ),
    "approval-not-captured": Reason("The platform has not recorded the review yet.", "wait for the next round"),
    "approval-by-author": Reason(
        "The approver, by any of their accounts, opened the pull request or signed one of its commits.",
        "ask somebody else",
    ),
    "approval-by-source-author": Reason("The approver wrote part of the delivered source.", "ask somebody else"),
    "approval-by-unknown": Reason("The reviewing account belongs to no known person.", "add it to people.yaml"),
    "approval-by-machine": Reason("Accounts of the platform do not approve.", "ask a person"),
    "approval-unofficial": Reason("The forge did not count the reviewer as allowed.", "give them access, review again"),
    "changes-requested": Reason("A reviewer asks for changes.", "settle it with them; they review again"),
}
_RECORD_REASONS = {
    "record-unnamed": Reason("The title does not begin with the number of a change record.", "add it to the title"),
    "record-not-read": Reason("There is no record to judge.", "see the check `record-exists`"),
    "record-not-found": Reason("The ticket system has no record of that number.", "name the right number"),
    "record-unreadable": Reason(
        "The ticket system did not answer or refused: the record's state is unknown.",
        "restore access to the ticket system",
    ),
    "record-wrong-type": Reason("The record's type may not carry a delivery.", _RECORD),
    "record-state-unmapped": Reason(
        "platform.yaml does not say what the record's raw state means.", "add it to tickets.states"
    ),
    "record-wrong-state": Reason("The record is not in a state in which a delivery may be made.", _RECORD),
    "record-not-approved": Reason("The record is not approved.", "the change manager approves the record"),
    "record-rejected": Reason("The record was rejected.", _RECORD),
    "record-approved-by-requester": Reason(
        "The record was approved by somebody who asked for the change or wrote it.", "another change manager approves"
    ),
    "record-approver-unknown": Reason("The approver's account belongs to no known person.", "add it to people.yaml"),
    "record-approver-no-role": Reason("The approver is no change manager.", "a change manager approves"),
    "record-window-missing": Reason("The record has no start or end.", _RECORD),
    "record-not-yet": Reason("The record's window has not begun.", "wait for it"),
    "record-window-over": Reason("The record's window is over.", _RECORD),
    "record-wrong-ci": Reason("The record names another configuration item than the service's.", _RECORD),
    "record-on-hold": Reason("The record is on hold.", "the change manager takes it off hold"),
    "record-conflict": Reason("The ticket system sees a conflict with another change.", "settle it there"),
    "record-other-delivery": Reason("The record was opened for another delivery or another head.", _RECORD),
    "record-reused": Reason("Another delivery carries the same record.", _RECORD),
    "record-altered": Reason("The record's text is not what the platform wrote for this delivery.", _RECORD),
    "record-approval-not-captured": Reason(
        "The platform has not recorded the approval yet.", "wait for the next round"
    ),
    "record-changed": Reason("The record's plan was changed after its approval.", "cancel it; a new one is opened"),
}
_TIME = {
    "window-closed": Reason("No change window of the environment is open.", "wait for the next window"),
    "freeze": Reason("The environment is frozen.", "wait until the freeze ends"),
    "queue-waiting": Reason(
        "Whether a commit of main can be proven is not known yet: a source did not answer.", "wait for the next round"
    ),
    "queue-blocked": Reason(
        "main has a commit that cannot be proven; nothing is merged before its revert.",
        "`interlock revert` prepares the revert that releases the queue",
    ),
}
_MERGE = {
    "merge-unjudged": Reason("The gate never judged this head as valid.", "revert the commit"),
    "merge-not-a-merge": Reason("A commit of main that is no merge of two parents.", "revert the commit"),
    "merge-parent": Reason("The merge does not follow the last proven commit of main.", "revert the commit"),
    "merge-tree-differs": Reason(
        "The merged tree is not what git merges from its parents: something was added in the merge.",
        "revert the commit",
    ),
    "merge-conflict-hidden": Reason("Git cannot merge these parents: somebody chose the content.", "revert the commit"),
    "merge-result-differs": Reason("The merge gives the service other files than were judged.", "revert the commit"),
    "merge-by-other": Reason("Somebody other than the platform merged.", "revert the commit"),
    "history-rewritten": Reason(
        "main no longer contains the last sealed commit.", "restore main from the sealed branch's second parents"
    ),
    "sealed-branch-foreign": Reason(
        "The branch sealed does not end in a seal of the platform.", "restore it to the last seal in the ledger"
    ),
    "application-unproven": Reason(
        "A file under argocd/ is not what the golden path generates for a registered service.", "revert the commit"
    ),
}
_PROOF = {
    "link-failed": Reason(
        "The link could not be judged: something that it reads is of a form that nobody writes. The others go on.",
        "see the command's error output for what it met, and find out who wrote it",
    ),
    "seal-other-decision": Reason(
        "The seal names a ledger entry that decided nothing about this merge: it is of something else.",
        "find out who moved the seal here; if it was made for this, the seal key is compromised",
    ),
}
_FACTS = {
    OK: Reason("The claim holds.", ""),
    "fact-unreadable": Reason("A source did not answer: the verdict is unknown.", "restore access to the source"),
    "fact-missing": Reason("A fact that the rule needs was not read.", "wait for the next round"),
    "gate-error": Reason(
        "The pull request could not be judged: something in it, or a fault of the platform. The others go on.",
        "mend what is named, or close the pull request; the controller's log has the rest",
    ),
}

REASONS: dict[str, Reason] = {
    code: reason
    for table in (_FACTS, _KIND, _DIFF, _IMAGE, _PEOPLE, _RECORD_REASONS, _TIME, _MERGE, _PROOF)
    for code, reason in table.items()
}
