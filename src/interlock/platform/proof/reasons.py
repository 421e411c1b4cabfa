"""Reason codes of the links of the proof and of the proof of a merge."""

from __future__ import annotations

from interlock.platform.checks.link import RESTORE
from interlock.platform.checks.reasons import Reason, table

_REVERT = "revert the commit"
_ONLY_MERGES = "revert the merge; main may only be moved by the platform"
_COMPROMISED = "treat the seal key as compromised until this is explained"
_NEXT_ROUND = "the controller records it in its next round; if it does not, restore the ledger"
_WAIT = "wait for the rollout to end, then ask again"
_PROMOTE = "build the source again and promote the new image"

REASONS = table(
    {
        "merge-unjudged": Reason("The gate never judged this head as valid.", _REVERT),
        "merge-not-a-merge": Reason("A commit of main that is no merge of two parents.", _REVERT),
        "merge-parent": Reason("The merge does not follow the last proven commit of main.", _REVERT),
        "merge-tree-differs": Reason(
            "The merged tree is not what git merges from its parents: something was added in the merge.",
            _REVERT,
        ),
        "merge-conflict-hidden": Reason("Git cannot merge these parents: somebody chose the content.", _REVERT),
        "merge-result-differs": Reason("The merge gives the service other files than were judged.", _REVERT),
        "merge-by-other": Reason("Somebody other than the platform merged.", _REVERT),
        "history-rewritten": Reason(
            "main no longer contains the last sealed commit.", "restore main from the sealed branch's second parents"
        ),
        "sealed-branch-foreign": Reason(
            "The branch sealed does not end in a seal of the platform.", "restore it to the last seal in the ledger"
        ),
        "application-unproven": Reason(
            "A file under argocd/ is not what the golden path generates for a registered service.", _REVERT
        ),
        "not-required": Reason("The rules in force do not ask for it.", "nothing"),
        "not-running": Reason(
            "The cluster has no workload of the service.", "deliver the service into this environment"
        ),
        "not-available": Reason("A workload of the service is not ready.", "see `kubectl describe` of the workload"),
        "rollout-unobserved": Reason("The cluster has not acted on the workload yet.", _WAIT),
        "pod-other-image": Reason("A pod runs another image than its workload.", _WAIT),
        "application-altered": Reason(
            "The Application is not the delivered one.", "let Argo CD sync, and see what changed the Application"
        ),
        "not-synced": Reason(
            "Argo CD does not say Synced and Healthy, or its operation did not succeed.",
            "let Argo CD sync, and see what changed the Application",
        ),
        "sync-off-branch": Reason("What is synced is not on the tracked branch.", RESTORE),
        "sync-other-image": Reason(
            "Another image runs than the synced commit names.", "wait for the sync, or find out who changed it"
        ),
        "sync-not-captured": Reason(
            "The ledger has no sync of this content.",
            "the controller captures it in its next round; if it does not, restore the ledger",
        ),
        "superseded": Reason("A later delivery has replaced it.", "nothing"),
        "seal-signature": Reason("The commit is not signed with the seal key.", _COMPROMISED),
        "seal-trailer": Reason("The seal does not name one decision.", _COMPROMISED),
        "seal-parents": Reason("The seal does not stand on a seal and one merge.", _COMPROMISED),
        "seal-tree": Reason("The seal has another tree than its merge.", _COMPROMISED),
        "seal-off-main": Reason("What the seal is of is not on main.", _COMPROMISED),
        "seal-off-branch": Reason("The seal is not on the branch sealed.", _COMPROMISED),
        "seal-other-decision": Reason(
            "The seal names a ledger entry that decided nothing about this merge: it is of something else.",
            "find out who moved the seal here; if it was made for this, the seal key is compromised",
        ),
        "seal-not-recorded": Reason("The ledger does not record the seal.", _NEXT_ROUND),
        "merge-parents": Reason("The commit is no merge of two parents.", _ONLY_MERGES),
        "merge-off-main": Reason("The merge is not on main.", _ONLY_MERGES),
        "merge-other-decision": Reason("The decision is about another merge.", _ONLY_MERGES),
        "merge-signature": Reason("The merge was not made by the forge.", _ONLY_MERGES),
        "merge-tree": Reason("The merge is not what git makes of its parents.", _ONLY_MERGES),
        "approval-not-recorded": Reason("The ledger lacks an approval as it was when it was new.", RESTORE),
        "capture-contradicts": Reason("What was captured says otherwise than what it is about.", RESTORE),
        "live-differs": Reason("The source now says otherwise than when it was decided.", RESTORE),
        "image-other-digest": Reason("Another image runs than was delivered.", RESTORE),
        "statement-contradicts": Reason("A signed statement is not what the ledger recorded.", RESTORE),
        "statement-replaced": Reason("The recorded statement is gone, another is there.", RESTORE),
        "run-failed": Reason("The run that made the image did not succeed.", _PROMOTE),
        "run-other-image": Reason("The run made another image.", _PROMOTE),
        "run-contradicts-provenance": Reason("The signed provenance is not what the captured run gives.", _PROMOTE),
        "tag-no-build": Reason("The tag is none of a build of main.", "promote a build of main"),
        "source-off-main": Reason("The source is not on main of the service's repository.", RESTORE),
        "source-other-commit": Reason("Tag and run name different commits.", RESTORE),
        "kind-unknown": Reason(
            "It was delivered as a kind that this software does not know.",
            "use the version of Interlock that delivered it, or a newer one",
        ),
    }
)
