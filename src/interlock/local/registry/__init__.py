"""The registry: an OCI distribution 1.1 server on one folder (opencontainers/distribution-spec spec.md v1.1).

`create_app` for tests and embedding, ``python -m interlock.local.registry --config FILE`` as a process. What is pushed
is verified, fsynced and committed before the answer; what is interrupted leaves nothing behind.
"""

from interlock.local.registry.app import create_app
from interlock.local.registry.config import Config
from interlock.local.registry.identities import Identity, write_identities

__all__ = ["Config", "Identity", "create_app", "write_identities"]
