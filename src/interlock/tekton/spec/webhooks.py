"""Tekton's webhooks as they answer on a cluster, for an API server that asks them (`WEBHOOKS`).

Of Tekton Pipelines: defaults, then the rules of `interlock.tekton.spec.admission`. The definitions served by the
stand-in are open; upstream's have schemas (config/300-crds), so a field that does not exist is treated as the API
server would with them: dropped and told as a warning, or refused (fieldValidation=Strict). Feature flags are those of
ConfigMap ``tekton-pipelines/feature-flags``, if there is one.

Of manual-approval-gate: who may answer an ApprovalTask. Access rules say who may change ApprovalTasks at all; this says
that a person changes only their own answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from interlock.formats.kubernetes.admission import Object, Request, Webhook, denied
from interlock.tekton.spec import admission, approval_answers
from interlock.tekton.spec.flags import Flags

_CONFIG = ("tekton-pipelines", "feature-flags")
_APPROVALS = "validation.webhook.manual-approval.openshift-pipelines.org"


def _mutate(request: Request) -> Object:
    """What cannot be decoded is denied."""
    new = request.new
    review = admission.examine(new, old=request.old)
    if review is None:
        return new
    _unknown_fields(request, review.unknown)
    refusal = review.refusal()
    if refusal is not None and refusal.webhook == admission.MUTATING:
        raise denied(str(refusal))
    made = review.value["metadata"]
    metadata = {**new["metadata"], **{name: made[name] for name in ("labels", "annotations") if name in made}}
    # The status is the controllers': they write it as it is.
    status = {"status": new["status"]} if "status" in new else {}
    return {**review.value, "metadata": metadata, **status}


def _validate(request: Request) -> None:
    """What the rules refuse is denied."""
    review = admission.examine(request.new, flags=_flags(request), old=request.old)
    refusal = review.refusal() if review is not None else None
    if refusal is not None:
        raise denied(str(refusal))


def _unknown_fields(request: Request, fields: list[str]) -> None:
    texts = [f'unknown field "{field}"' for field in fields]
    match request.field_validation:
        case "Strict" if texts:
            raise denied("strict decoding error: " + ", ".join(texts))
        case "Warn":
            request.warnings.extend(texts)


def _flags(request: Request) -> Flags:
    found = request.config_map(*_CONFIG)
    return Flags.model_validate((found.get("data") or {}) if found is not None else {})


def _validate_approval(request: Request) -> None:
    if request.old is not None and request.new.get("spec") == request.old.get("spec"):
        return
    problem = approval_answers.admit(request.old, request.new, request.user, request.groups)
    if problem is not None:
        raise denied(f'admission webhook "{_APPROVALS}" denied the request: {problem}')


_TEKTON = Webhook(_mutate, _validate)
WEBHOOKS: Mapping[str, Webhook] = {
    "tekton.dev": _TEKTON,
    "resolution.tekton.dev": _TEKTON,
    "openshift-pipelines.org/approvaltasks": Webhook(validate=_validate_approval),
}
