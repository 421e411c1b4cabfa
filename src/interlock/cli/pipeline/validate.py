"""`interlock pipeline validate`: what Tekton's webhooks would refuse, without a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from interlock.cli.options import print_json
from interlock.errors import InputError, InterlockError, NotFoundError

if TYPE_CHECKING:
    from interlock.tekton.spec.admission import Outcome
    from interlock.tekton.spec.flags import Flags

_LONGEST = 400
_SUFFIXES = (".yaml", ".yml", ".json")


def validate(
    paths: Annotated[list[str], typer.Argument(help="Files, folders (with all below them), or - for standard input.")],
    output: Annotated[Literal["text", "json", "sarif"], typer.Option("--output", "-o", help="How to report.")] = "text",
    feature_flag: Annotated[
        list[str] | None, typer.Option(help="A flag of ConfigMap feature-flags, as name=value; may be repeated.")
    ] = None,
    alpha: Annotated[bool, typer.Option("--alpha", help="All flags as upstream's alpha tests set them.")] = False,
    tekton_version: Annotated[Literal["1.9", "1.15"], typer.Option(help="The Tekton whose rules hold.")] = "1.15",
    fix: Annotated[bool, typer.Option("--fix", help="Rewrite files: values move from scripts into env.")] = False,
) -> None:
    """Find everything that Tekton's webhooks refuse in Tasks, Pipelines, runs and the other kinds, all at once.

    Objects of one call are also checked against one another: params, workspaces and results of what they name.
    Exit code 0: nothing is wrong · 1: something is · 2: a file cannot be read as strict YAML.
    """
    from interlock.formats import yaml
    from interlock.tekton.spec import admission

    documents: list[yaml.Document] = []
    unreadable: list[InterlockError] = []
    for file in files(paths):
        try:
            documents += yaml.load_all(_fixed(file, read(file)) if fix else read(file), file=file)
        except InputError as error:
            unreadable.append(error)
    outcome = admission.judge(documents, flags(feature_flag or [], alpha=alpha), tekton_version)
    if output == "sarif":
        print_json(_sarif(outcome, unreadable))
    elif output == "json":
        print_json(_json(outcome, unreadable))
    else:
        _text(outcome, unreadable)
    if unreadable:
        raise typer.Exit(2)
    if any(placed.finding.severity == "error" for placed in outcome.findings):
        raise typer.Exit(1)


def files(paths: Sequence[str]) -> Iterator[str]:
    """Every file that the paths name, once each, folders by name. Raises NotFoundError ``path-missing``."""
    seen: set[str] = set()
    for name in paths:
        path = Path(name)
        if name != "-" and not path.exists():
            raise NotFoundError("path-missing", f"no file or folder {name}")
        found = [name]
        if name != "-" and path.is_dir():
            found = sorted(str(item) for item in path.rglob("*") if item.suffix in _SUFFIXES and item.is_file())
        for file in found:
            if file not in seen:
                seen.add(file)
                yield file


def read(file: str) -> bytes:
    """Raises InputError ``file-unreadable``."""
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InputError("file-unreadable", error.strerror or str(error), where=file) from error


def _fixed(file: str, text: bytes) -> bytes:
    """The text of a file whose scripts were mended in place. Raises InputError ``fix-standard-input``, ``yaml-*``."""
    from interlock.tekton.spec import injection

    if file == "-":
        raise InputError("fix-standard-input", "standard input cannot be rewritten", todo="name a file")
    if not file.endswith((".yaml", ".yml")):
        return text
    fixed = injection.fix(_decoded(text, file), file=file).text.encode()
    if fixed != text:
        Path(file).write_bytes(fixed)
    return fixed


def _decoded(text: bytes, file: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InputError("yaml-encoding", "not UTF-8", got=str(error), where=file) from error


def flags(given: Sequence[str], *, alpha: bool) -> Flags:
    """Feature flags from ``name=value``. Raises InputError ``feature-flag``."""
    from pydantic import ValidationError

    from interlock.tekton.spec.flags import ALPHA, Flags

    known = {name.replace("_", "-") for name in Flags.model_fields}
    values = ALPHA.model_dump(by_alias=True) if alpha else {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or name not in known:
            raise InputError(
                "feature-flag", "no such flag", got=item, expected=f"name=value of {', '.join(sorted(known))}"
            )
        values[name] = value
    try:
        return Flags.model_validate(values)
    except ValidationError as error:
        wrong = error.errors()[0]
        got = f"{wrong['loc'][0]}={wrong['input']}"
        raise InputError("feature-flag", str(wrong["msg"]), got=got) from error


def _text(outcome: Outcome, unreadable: Sequence[InterlockError]) -> None:
    for error in unreadable:
        where = f"{error.where}: " if error.where else ""
        detail = f"; got {error.got}" if error.got else ""
        typer.echo(f"{where}error: {error.message}{detail} [{error.code}]")
        if error.todo:
            typer.echo(f"    {error.todo}")
    for placed in outcome.findings:
        first, *more = placed.finding.message.splitlines()
        typer.echo(f"{placed.where}: {placed.finding.severity}: {_shortened(first)} [{placed.finding.rule}]")
        for line in [*more, *filter(None, [placed.finding.remedy])]:
            typer.echo(f"    {line}")
    typer.echo(_summary(outcome, unreadable))


def _shortened(message: str) -> str:
    """A message quotes the text that it is about, however long: the end tells the place."""
    return message if len(message) <= _LONGEST else f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"


def _summary(outcome: Outcome, unreadable: Sequence[InterlockError]) -> str:
    errors = sum(placed.finding.severity == "error" for placed in outcome.findings)
    parts = [
        _counted(outcome.judged, "object"),
        _counted(errors, "error"),
        _counted(len(outcome.findings) - errors, "warning"),
    ]
    if outcome.passed_over:
        parts.append(f"{_counted(outcome.passed_over, 'other document')} passed over")
    if unreadable:
        parts.append(f"{_counted(len(unreadable), 'file')} unreadable")
    return ", ".join(parts)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _json(outcome: Outcome, unreadable: Sequence[InterlockError]) -> dict[str, object]:
    return {
        "findings": [
            {
                "rule": placed.finding.rule,
                "severity": placed.finding.severity,
                "message": placed.finding.message,
                "remedy": placed.finding.remedy,
                "object": placed.object,
                "path": list(placed.finding.path),
                "file": placed.where.file,
                "line": placed.where.line,
                "column": placed.where.column,
            }
            for placed in outcome.findings
        ],
        "unreadable": [error.as_dict() for error in unreadable],
        "objects": outcome.judged,
        "passedOver": outcome.passed_over,
    }


def _sarif(outcome: Outcome, unreadable: Sequence[InterlockError]) -> dict[str, object]:
    from interlock import __version__
    from interlock.formats import sarif
    from interlock.tekton.spec.admission import RULES

    results = [
        sarif.Result(error.code, "error", error.message, error.where) for error in unreadable if error.where is not None
    ]
    results += [
        sarif.Result(placed.finding.rule, placed.finding.severity, placed.finding.message, placed.where)
        for placed in outcome.findings
    ]
    rules = {name: sarif.Rule(rule.summary, rule.remedy) for name, rule in RULES.items()}
    return sarif.report(results, rules, tool="interlock pipeline validate", version=__version__)
