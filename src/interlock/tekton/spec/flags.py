"""Feature flags and the version of Tekton, by upstream's names and defaults (config/config-feature-flags.yaml)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Version = Literal["1.9", "1.15"]
"""The Tekton whose reasons and defaults hold where they differ."""


class Flags(BaseModel):
    """The ConfigMap ``feature-flags``; keys that change nothing here are accepted and left out."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=lambda name: name.replace("_", "-"), populate_by_name=True
    )

    enable_api_fields: Literal["alpha", "beta", "stable"] = "beta"
    results_from: Literal["termination-message", "sidecar-logs"] = "termination-message"
    max_result_size: int = 4096
    coschedule: Literal["workspaces", "pipelineruns", "isolate-pipelinerun", "disabled"] = "workspaces"
    disable_creds_init: bool = False
    await_sidecar_readiness: bool = True
    running_in_environment_with_injected_sidecars: bool = True
    require_git_ssh_secret_known_hosts: bool = False
    enable_provenance_in_status: bool = True
    enforce_nonfalsifiability: Literal["none", "spire"] = "none"
    trusted_resources_verification_no_match_policy: Literal["ignore", "warn", "fail"] = "ignore"
    keep_pod_on_cancel: bool = False
    enable_cel_in_whenexpression: bool = False
    enable_artifacts: bool = False
    enable_param_enum: bool = False
    disable_inline_spec: str = ""
    enable_concise_resolver_syntax: bool = False
    enable_step_actions: bool = True
    enable_kubernetes_sidecar: bool = False
    enable_termination_message_compression: bool = False

    @property
    def alpha(self) -> bool:
        return self.enable_api_fields == "alpha"

    @property
    def beta(self) -> bool:
        """Whether beta fields are on; they are with alpha too."""
        return self.enable_api_fields in ("alpha", "beta")

    def to_status(self) -> dict[str, Any]:
        """As ``status.provenance.featureFlags`` (pkg/apis/config/feature_flags.go), zero values left out."""
        value = {_STATUS[name]: getattr(self, name) for name in type(self).model_fields}
        return {key: item for key, item in sorted(value.items()) if item not in (False, "", 0)}


_STATUS = {
    "enable_api_fields": "enableAPIFields",
    "results_from": "resultExtractionMethod",
    "max_result_size": "maxResultSize",
    "coschedule": "coschedule",
    "disable_creds_init": "disableCredsInit",
    "await_sidecar_readiness": "awaitSidecarReadiness",
    "running_in_environment_with_injected_sidecars": "runningInEnvWithInjectedSidecars",
    "require_git_ssh_secret_known_hosts": "requireGitSSHSecretKnownHosts",
    "enable_provenance_in_status": "enableProvenanceInStatus",
    "enforce_nonfalsifiability": "enforceNonfalsifiability",
    "trusted_resources_verification_no_match_policy": "verificationNoMatchPolicy",
    "keep_pod_on_cancel": "enableKeepPodOnCancel",
    "enable_cel_in_whenexpression": "enableCELInWhenExpression",
    "enable_artifacts": "enableArtifacts",
    "enable_param_enum": "enableParamEnum",
    "disable_inline_spec": "disableInlineSpec",
    "enable_concise_resolver_syntax": "enableConciseResolverSyntax",
    "enable_step_actions": "enableStepActions",
    "enable_kubernetes_sidecar": "enableKubernetesSidecar",
    "enable_termination_message_compression": "enableTerminationMessageCompression",
}

ALPHA = Flags(
    enable_api_fields="alpha",
    results_from="sidecar-logs",
    keep_pod_on_cancel=True,
    enable_cel_in_whenexpression=True,
    enable_artifacts=True,
    enable_param_enum=True,
    enable_concise_resolver_syntax=True,
    enable_kubernetes_sidecar=True,
    enable_termination_message_compression=True,
)
"""What upstream's alpha examples run with (test/e2e-tests-kind-alpha.env)."""
