"""Names, labels and annotations: what the API accepts (apimachinery pkg/util/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from interlock.formats.kubernetes.validation import Cause

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_ANNOTATIONS_BYTES = 256 * 1024


def is_label(text: str) -> bool:
    """A DNS label (RFC 1123)."""
    return len(text) <= 63 and bool(_LABEL.fullmatch(text))


def is_subdomain(text: str) -> bool:
    """A DNS subdomain (RFC 1123)."""
    return len(text) <= 253 and bool(_SUBDOMAIN.fullmatch(text))


def name_faults(name: str, kind: str) -> Iterator[Cause]:
    """Why ``name`` cannot name an object of ``kind``."""
    if kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"):
        good = name not in (".", "..") and "/" not in name and "%" not in name
        rule = "may not be '.', '..' or contain '/' or '%'"
    elif kind == "Namespace":
        good, rule = (
            is_label(name),
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'",
        )
    elif kind == "Service":
        good = len(name) <= 63 and bool(_SERVICE.fullmatch(name))
        rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with a letter"
    else:
        good = is_subdomain(name)
        rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
    if not good:
        yield Cause("FieldValueInvalid", "metadata.name", f'Invalid value: "{name}": {rule}')


def _qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return (not slash or is_subdomain(prefix)) and len(name) <= 63 and bool(_NAME.fullmatch(name))


def metadata_faults(metadata: dict[str, Any]) -> Iterator[Cause]:
    """Faults in labels, annotations, finalizers and owner references."""
    for key, value in (metadata.get("labels") or {}).items():
        if not _qualified(key):
            yield Cause("FieldValueInvalid", "metadata.labels", f'Invalid value: "{key}": name part must be valid')
        if not isinstance(value, str) or (value and (len(value) > 63 or not _NAME.fullmatch(value))):
            yield Cause(
                "FieldValueInvalid",
                "metadata.labels",
                f'Invalid value: "{value}": a valid label must be 63 characters of [A-Za-z0-9_.-]',
            )
    size = 0
    for key, value in (metadata.get("annotations") or {}).items():
        if not _qualified(key.lower()):
            yield Cause("FieldValueInvalid", "metadata.annotations", f'Invalid value: "{key}": name part must be valid')
        size += len(key) + (len(value) if isinstance(value, str) else 0)
    if size > _ANNOTATIONS_BYTES:
        yield Cause(
            "FieldValueTooLong", "metadata.annotations", f"Too long: may not be more than {_ANNOTATIONS_BYTES} bytes"
        )
    for index, name in enumerate(metadata.get("finalizers") or []):
        if isinstance(name, str) and not _qualified(name):
            yield Cause(
                "FieldValueInvalid",
                f"metadata.finalizers[{index}]",
                f'Invalid value: "{name}": name part must be valid',
            )
    owners = metadata.get("ownerReferences") or []
    for index, owner in enumerate(owners):
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                yield Cause("FieldValueRequired", f"metadata.ownerReferences[{index}].{name}", "must not be empty")
    if sum(1 for owner in owners if owner.get("controller")) > 1:
        yield Cause(
            "FieldValueInvalid", "metadata.ownerReferences", "Only one reference can have Controller set to true"
        )
