"""Resolvers that fetch: ``cluster`` from the API, ``git``, ``http``, ``hub`` and ``bundles`` from mirrors.

Nothing is asked at an address that is neither loopback nor configured (`mirrors`). What a full commit id, a digest or
the lock file pins is kept by digest (`cache`), so that it is resolved without a network afterwards.
"""

from interlock.tekton.engine.resolvers.config import ResolverConfig
from interlock.tekton.engine.resolvers.resolvers import Resolvers

__all__ = ["ResolverConfig", "Resolvers"]
