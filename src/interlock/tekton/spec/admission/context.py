"""What a validation needs to know beside the value: the version of the API and the feature flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from interlock.tekton.spec.admission.faults import Fault, Faults
from interlock.tekton.spec.admission.wording import quoted
from interlock.tekton.spec.flags import Flags, Version

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    flags: Flags
    version: Literal["v1", "v1beta1", "v1alpha1"] = "v1"
    creating: bool = True
    tekton: Version = "1.15"

    @property
    def beta1(self) -> bool:
        return self.version == "v1beta1"

    @property
    def old(self) -> bool:
        """Whether the rules are those of Tekton 1.9: it lacks some of 1.15's."""
        return self.tekton == "1.9"

    def needs(self, feature: str, level: Literal["alpha", "beta"]) -> Faults:
        """A fault unless the gate ``enable-api-fields`` is open enough (pkg/apis/config ValidateEnabledAPIFields)."""
        current = self.flags.enable_api_fields
        if current == "alpha" or (level == "beta" and current == "beta"):
            return
        wanted = '"alpha"' if level == "alpha" else '"alpha" or "beta"'
        gate = f'{feature} requires "enable-api-fields" feature gate to be {wanted} but it is {quoted(current)}'
        yield Fault("feature-gate", gate, ())

    def inline_forbidden(self, where: str) -> bool:
        """Whether ``disable-inline-spec`` names ``where``."""
        return where in self.flags.disable_inline_spec.split(",")


def text(value: Object, name: str) -> str:
    """A string field; "" where it is absent."""
    return value.get(name) or ""
