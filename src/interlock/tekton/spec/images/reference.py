"""Image references as Docker reads them: the default registry, ``library/``, and mirrors under their origin's name.

Sources: distribution/reference normalize.go (splitDockerDomain, familiarizeName); the mirrors are those that upstream's
examples and the catalog name.
"""

from __future__ import annotations

from typing import Final

from interlock.formats.oci import reference
from interlock.formats.oci.reference import Reference

DOCKER: Final = "docker.io"

_MIRRORS: Final = {
    "index.docker.io": DOCKER,
    "registry-1.docker.io": DOCKER,
    "registry.hub.docker.com": DOCKER,
    "mirror.gcr.io": DOCKER,
    "registry.redhat.io": "registry.access.redhat.com",
}
_MIRROR_PATHS: Final = {"public.ecr.aws/docker/": f"{DOCKER}/", "public.ecr.aws/ubuntu/": f"{DOCKER}/library/"}


def normalise(text: str) -> Reference:
    """``text`` with registry and namespace written out, as it stands: a mirror stays a mirror.

    Raises InputError ``reference-*``, ``digest-invalid``.
    """
    head, slash, _ = text.partition("/")
    hosted = bool(slash) and ("." in head or ":" in head or head == "localhost" or head.lower() != head)
    found = reference.parse(text if hosted else f"{DOCKER}/{text}")
    if found.host in (DOCKER, *(host for host, origin in _MIRRORS.items() if origin == DOCKER)):
        return _in_library(found)
    return found


def origin(image: Reference) -> Reference:
    """``image`` under the name of the registry that its mirror copies."""
    for prefix, target in _MIRROR_PATHS.items():
        if image.name.startswith(prefix):
            host, _, repository = (target + image.name.removeprefix(prefix)).partition("/")
            return _in_library(Reference(host, repository, image.tag, image.digest))
    return Reference(_MIRRORS.get(image.host, image.host), image.repository, image.tag, image.digest)


def _in_library(image: Reference) -> Reference:
    repository = image.repository if "/" in image.repository else f"library/{image.repository}"
    return Reference(image.host, repository, image.tag, image.digest)
