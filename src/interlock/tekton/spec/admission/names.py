"""Names of objects, tasks, steps and references (k8s.io/apimachinery/pkg/util/validation, pkg/apis/validate)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from interlock.formats.kubernetes.names import is_label, is_subdomain
from interlock.tekton.spec.admission.faults import Fault, Faults
from interlock.tekton.spec.admission.wording import quoted

_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN_FORMAT = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
LABEL_HELP = "https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#names"

__all__ = ["LABEL_HELP", "is_label", "is_subdomain", "metadata", "qualified_problems"]


def metadata(value: Mapping[str, Any]) -> Faults:
    """validate.ObjectMetadata. A name that is still to be generated is judged by what the API server will make."""
    meta = value.get("metadata") or {}
    name = meta.get("name") or ""
    if not name and meta.get("generateName"):
        # The API server puts the suffix on before the webhook sees the object (names.go: 58 characters and 5 more).
        name = meta["generateName"][:58] + "xxxxx"
    if not is_subdomain(name):
        yield Fault(
            "object-name", f"invalid resource name {quoted(name)}: must be a valid DNS label", ("metadata.name",)
        )
    elif len(name) > 63:
        yield Fault(
            "object-name", "Invalid resource name: length must be no more than 63 characters", ("metadata.name",)
        )


def qualified_problems(text: str) -> list[str]:
    """validation.IsQualifiedName: what is wrong, in its words."""
    parts = text.split("/")
    problems: list[str] = []
    if len(parts) > 2:
        return [
            "a valid label key "
            + _pattern_error(
                "must consist of alphanumeric characters, '-', '_' or '.', and must "
                "start and end with an alphanumeric character"
            )
            + " with an optional DNS subdomain prefix and '/' (e.g. "
            "'example.com/MyName')"
        ]
    if len(parts) == 2:
        if not parts[0]:
            problems.append("prefix part must be non-empty")
        elif len(parts[0]) > 253:
            problems.append("prefix part must be no more than 253 bytes")
        elif not is_subdomain(parts[0]):
            problems.append(
                "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
                "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
                f"validation is '{_SUBDOMAIN_FORMAT}')"
            )
    name = parts[-1]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name.encode()) > 63:
        problems.append("name part must be no more than 63 bytes")
    if not _QUALIFIED.fullmatch(name):
        problems.append(
            "name part "
            + _pattern_error(
                "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
                "alphanumeric character"
            )
        )
    return problems


def _pattern_error(text: str) -> str:
    return (
        f"{text} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
        "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    )
