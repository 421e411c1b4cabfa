"""SARIF 2.1.0: findings as code scanners exchange them (OASIS sarif-v2.1.0)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from interlock.errors import Location

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the tool; ``help`` says what to do."""

    summary: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    rule: str
    level: Literal["error", "warning", "note"]
    message: str
    where: Location


def report(
    results: Iterable[Result], rules: Mapping[str, Rule], *, tool: str, version: str, uri: str = ""
) -> dict[str, Any]:
    """One run. Only the rules that were broken are described; a result's file is a relative or absolute path."""
    found = list(results)
    used = sorted({result.rule for result in found})
    described = [_rule(name, rules.get(name)) for name in used]
    driver: dict[str, Any] = {"name": tool, "version": version, "rules": described}
    if uri:
        driver["informationUri"] = uri
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(result, used.index(result.rule)) for result in found],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str, rule: Rule | None) -> dict[str, Any]:
    described: dict[str, Any] = {"id": name}
    if rule is not None:
        described["shortDescription"] = {"text": rule.summary}
        if rule.help:
            described["help"] = {"text": rule.help}
    return described


def _result(result: Result, index: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(result.where.file)}}
    if result.where.line:
        region = {"startLine": result.where.line}
        if result.where.column:
            region["startColumn"] = result.where.column
        place["region"] = region
    return {
        "ruleId": result.rule,
        "ruleIndex": index,
        "level": result.level,
        "message": {"text": result.message},
        "locations": [{"physicalLocation": place}],
    }


def _uri(file: str) -> str:
    """A path as a URI reference (RFC 3986): what is no path character is escaped, and a drive is no scheme."""
    escaped = quote(file, safe="/~!$&'()*+,;=@-._")
    return f"file://{escaped}" if escaped.startswith("/") else escaped
