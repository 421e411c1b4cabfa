"""Software bills of materials: what is in a BAR or jar, as CycloneDX 1.6.

Public interface: `inventory`, `Component`, `Identity`; `write`, `validate`, `Subject`; `MEDIA_TYPE`, `PREDICATE_TYPE`.
"""

from interlock.formats.sbom.component import Component, Identity
from interlock.formats.sbom.cyclonedx import MEDIA_TYPE, PREDICATE_TYPE, Subject, validate, write
from interlock.formats.sbom.inventory import inventory

__all__ = [
    "MEDIA_TYPE",
    "PREDICATE_TYPE",
    "Component",
    "Identity",
    "Subject",
    "inventory",
    "validate",
    "write",
]
