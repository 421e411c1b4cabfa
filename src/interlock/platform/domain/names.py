"""Names that stand in file paths, branches, namespaces and images: one rule for all of them."""

from __future__ import annotations

import re

from interlock.errors import InputError, Location

DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
"""RFC 1123, and a letter first: a name of digits would be a number in YAML and no Service name (RFC 1035)."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
TAG = re.compile(r"main-[0-9a-f]{12}")
"""Tag of a build of ``main``: prefixed, so that no dialect of YAML reads a number."""


def dns_label(name: str, *, what: str, where: Location | None = None) -> str:
    """``name`` itself. Raises InputError ``name-invalid``."""
    if DNS_LABEL.fullmatch(name):
        return name
    raise InputError(
        "name-invalid",
        f"{what} is no DNS label",
        got=repr(name),
        expected="1 to 63 of a-z, 0-9 and -, a letter first, no - at the end (RFC 1123)",
        where=where,
    )
