"""Who may answer an ApprovalTask: what the validating webhook of manual-approval-gate checks on a cluster.

Access rules say who may change ApprovalTasks at all; this says that a person changes only their own answer.
"""

from __future__ import annotations

from interlock.formats.tekton import approval_answers
from interlock.local.kubernetes import answers
from interlock.local.kubernetes.cluster import Call, Cluster, Object
from interlock.local.kubernetes.strategy import Strategy

RESOURCE = "openshift-pipelines.org/approvaltasks"
_WEBHOOK = "validation.webhook.manual-approval.openshift-pipelines.org"


def _admitted(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    if call.subresource or (old is not None and new.get("spec") == old.get("spec")):
        return new
    problem = approval_answers.admit(old, new, call.user.name, call.user.groups)
    if problem is not None:
        raise answers.bad_request(f'admission webhook "{_WEBHOOK}" denied the request: {problem}')
    return new


STRATEGY = Strategy(prepare=_admitted, generation=True)
