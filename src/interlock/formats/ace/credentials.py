"""Literal credentials in sources: policies name a security identity, and nothing else (research 1.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from interlock.errors import InputError
from interlock.formats.ace import esql, xml
from interlock.formats.ace.issue import Issue, Severity
from interlock.formats.ace.workspace import Project

_NAME = re.compile(r"(password|passwd|pwd|secret|apikey|api_key|accesskey|privatekey)$", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"^(\[.*\]|\{.*\}|\$\{?.*|<.*>|\*+|value\.set\.in\.policy|none|true|false|\d+)?$", re.IGNORECASE
)
_PROPERTY = re.compile(
    r"^\s*([\w.#\- ]*?(?:password|passwd|pwd|secret|apikey|api_key))\s*[=:]\s*(\S.*)$", re.IGNORECASE
)
_XML = (".msgflow", ".subflow", ".policyxml")


def check(project: Project) -> Iterator[Issue]:
    """A literal is never printed: the message names where it stands."""
    for path, data in project.files.items():
        where = project.path(path)
        text = data.decode("utf-8", "replace")
        lines: Iterator[tuple[int, str]] = iter(())
        if path.endswith(_XML):
            lines = _xml(data, where)
        elif path.endswith(".esql"):
            lines = (
                (line, "an ESQL literal") for line, value in esql.credentials(text) if not _PLACEHOLDER.match(value)
            )
        elif path.endswith(".properties"):
            lines = _properties(text)
        for line, what in lines:
            yield Issue(
                where,
                line,
                "credential-literal",
                Severity.ERROR,
                f"{what} looks like a credential: use a security identity or a policy",
            )


def _xml(data: bytes, where: str) -> Iterator[tuple[int, str]]:
    try:
        root = xml.parse(data, file=where)
    except InputError:
        return  # the flow rules report that it is not XML
    for element in root.walk():
        if _NAME.search(element.name) and not element.children and not _PLACEHOLDER.match(element.text.strip()):
            yield element.line, f"the element {element.name}"
        for key, value in element.attributes.items():
            if _NAME.search(key) and not _PLACEHOLDER.match(value):
                yield element.line, f"the attribute {key}"


def _properties(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        found = _PROPERTY.match(line)
        if found and not _PLACEHOLDER.match(found.group(2).strip()):
            yield number, f"the property {found.group(1).strip()}"
