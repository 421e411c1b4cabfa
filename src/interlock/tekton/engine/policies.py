"""Whether what a resolver brought is trusted: the VerificationPolicies of the run's namespace are asked."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import NotFoundError
from interlock.tekton.spec.credentials import Secret
from interlock.tekton.spec.flags import Flags
from interlock.tekton.spec.policy import Verdict, evaluate
from interlock.tekton.spec.resolution import Resolved

_API_VERSION = "tekton.dev/v1alpha1"


class Policies:
    """Reads policies and keys anew for each judgement: both may change between two runs."""

    def __init__(self, client: KubernetesClient, flags: Flags) -> None:
        self._client = client
        self._no_match = flags.trusted_resources_verification_no_match_policy

    def evaluate(self, found: Resolved, namespace: str) -> Verdict:
        """The verdict on ``found`` for a run of ``namespace``. StepActions are not verified, as upstream does.

        Signatures cover what was fetched, not what became of it: a v1beta1 object is verified before its conversion.
        """
        value = found.fetched or found.object
        if value.get("kind") == "StepAction":
            return Verdict("skipped")
        try:
            policies = self._client.list(_API_VERSION, "VerificationPolicy", namespace=namespace).items
        except NotFoundError:
            policies = []
        if not policies and self._no_match == "ignore":
            return Verdict("skipped")
        uri = found.source.uri if found.source is not None else None
        return evaluate(value, uri, policies, self._secret, self._no_match)

    def _secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        try:
            return Secret.of(self._client.get("v1", "Secret", name, namespace)).data
        except NotFoundError:
            return None
