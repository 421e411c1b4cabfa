"""Remote resolution, as far as it is pure: references, params, sources, requests, the lock file, upstream's words.

- `source`: `RefSource`, `Fetched`, `Resolved`; `content`: from bytes to an object; `references`: who refers to what.
- `git`, `http`, `cluster`, `hub` (with `versions`), `bundles`: params of each resolver and the rules of its answer.
- `defaults`: the resolvers' ConfigMaps as upstream ships them; `texts`: params as strings.
- `request`: the ResolutionRequest that upstream leaves; `failure`: errors and the conditions of runs.
- `lock`: the file that pins digests.

Whoever fetches is `interlock.tekton.engine.resolvers`.
"""

from interlock.tekton.spec.resolution.references import Reference
from interlock.tekton.spec.resolution.source import Fetched, RefSource, Resolved

__all__ = ["Fetched", "RefSource", "Reference", "Resolved"]
