"""The OCI distribution API 1.1 (opencontainers/distribution-spec spec.md), read and written with every digest verified.

    with RegistryClient("http://127.0.0.1:8481", token=token) as registry:
        registry.push("integration/payments", content, tag="main-0123456789ab")     # an interlock.formats.oci.Content
        digest = registry.resolve("integration/payments", "main-0123456789ab")
        for entry in registry.referrers("integration/payments", digest): ...
        outcome = verify.verify(registry.bundles("integration/payments", digest), key=…, subject=digest, …)

What does not exist (NotFoundError) is told apart from what cannot be read (RefusedError, UnreachableError).
"""

from interlock.clients.registry.client import Manifest, RegistryClient

__all__ = ["Manifest", "RegistryClient"]
