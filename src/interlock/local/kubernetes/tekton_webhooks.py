"""Tekton's webhooks as they answer on a cluster: defaults, then the rules of `interlock.formats.tekton.admission`.

The definitions served here are open; upstream's have schemas (config/300-crds), so a field that does not exist is
treated as the API server would with them: dropped and told as a warning, or refused (fieldValidation=Strict). Feature
flags are those of ConfigMap ``tekton-pipelines/feature-flags``, if there is one.
"""

from __future__ import annotations

from interlock.formats.tekton import admission
from interlock.formats.tekton.flags import Flags
from interlock.local.kubernetes import answers
from interlock.local.kubernetes.cluster import Call, Cluster, Object

_CONFIG = ("tekton-pipelines", "feature-flags")


def mutate(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    """Raises ApiError 400: what cannot be decoded."""
    review = admission.examine(new, old=old)
    if review is None:
        return new
    _unknown_fields(call, review.unknown)
    refusal = review.refusal()
    if refusal is not None and refusal.webhook == admission.MUTATING:
        raise answers.bad_request(str(refusal))
    made = review.value["metadata"]
    metadata = {**new["metadata"], **{name: made[name] for name in ("labels", "annotations") if name in made}}
    # The status is the controllers': they write it as it is.
    status = {"status": new["status"]} if "status" in new else {}
    return {**review.value, "metadata": metadata, **status}


def validate(cluster: Cluster, call: Call, new: Object, old: Object | None) -> None:
    """Raises ApiError 400: what the rules refuse."""
    review = admission.examine(new, flags=_flags(cluster), old=old)
    refusal = review.refusal() if review is not None else None
    if refusal is not None:
        raise answers.bad_request(str(refusal))


def _unknown_fields(call: Call, fields: list[str]) -> None:
    texts = [f'unknown field "{field}"' for field in fields]
    match call.options.field_validation:
        case "Strict" if texts:
            raise answers.bad_request("strict decoding error: " + ", ".join(texts))
        case "Warn":
            call.warnings.extend(texts)


def _flags(cluster: Cluster) -> Flags:
    found = cluster.store.get("/configmaps", *_CONFIG)
    return Flags.model_validate((found.get("data") or {}) if found is not None else {})
