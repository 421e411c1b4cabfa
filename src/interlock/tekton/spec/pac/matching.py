"""Whether an event starts a PipelineRun, by its annotations, and why (pkg/matcher/annotation_matcher.go)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from interlock.errors import InputError, InterlockError
from interlock.tekton.spec import cel
from interlock.tekton.spec.pac import glob, keys
from interlock.tekton.spec.resolution.request import go_quoted

Evaluate = Callable[[str, Mapping[str, Any]], Any]
"""(CEL expression, its variables) -> its value. Raises InterlockError for an expression that has none."""

LABELED: Final = "pull_request_labeled"


@dataclass(frozen=True)
class Event:
    """What happened on the forge, in the words of upstream's info.Event.

    ``trigger`` is ``push``, ``pull_request`` …; ``type`` says it closer (``pull_request_labeled``, ``on-comment``,
    ``no-ops-comment``, ``incoming``), the same as ``trigger`` where there is nothing closer. ``files`` by how they
    changed: ``added``, ``deleted``, ``modified``, ``renamed``.
    """

    trigger: str
    target_branch: str
    source_branch: str = ""
    type: str = ""
    title: str = ""
    target_url: str = ""
    source_url: str = ""
    labels: Sequence[str] = ()
    comment: str = ""
    target_run: str = ""
    """Name of the one run that an incoming webhook asks for."""
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    """Custom params of the Repository; one with the name of a variable is ignored."""

    @property
    def kind(self) -> str:
        return self.type or self.trigger

    @property
    def changed(self) -> list[str]:
        """Every changed path, each once."""
        order = ("added", "deleted", "modified", "renamed")
        return list(dict.fromkeys(path for key in order for path in self.files.get(key, ())))

    def variables(self) -> dict[str, Any]:
        """What CEL sees (pkg/matcher/cel.go)."""
        named = {key: list(self.files.get(key, ())) for key in ("added", "deleted", "modified", "renamed")}
        return {
            **self.params,
            "event": self.trigger,
            "event_type": self.kind,
            "event_title": self.title,
            "target_branch": self.target_branch,
            "source_branch": self.source_branch,
            "target_url": self.target_url,
            "source_url": self.source_url,
            "body": dict(self.body),
            "headers": {key.lower(): value for key, value in self.headers.items()},
            "files": {"all": self.changed, **named},
        }


@dataclass(frozen=True, slots=True)
class Match:
    """``explain``: one line a decision, the last is the one that counted."""

    run: str
    matched: bool
    explain: tuple[str, ...]


def match(run: Mapping[str, Any], event: Event, evaluate: Evaluate | None = None) -> Match:
    """Raises InputError ``pac-annotation`` for annotations that upstream refuses.

    ``evaluate`` is `evaluate_cel` unless given. A CEL expression that fails does not match and says so.
    """
    metadata = run.get("metadata") or {}
    name = metadata.get("generateName") or metadata.get("name") or ""
    held: Mapping[str, str] = metadata.get("annotations") or {}
    steps: list[str] = []

    def answer(matched: bool, why: str) -> Match:
        return Match(name, matched, (*steps, why))

    if event.target_run and event.target_run == name.removesuffix("-"):
        return answer(True, f"the event asks for {event.target_run}")
    if (wanted := held.get(keys.ON_COMMENT)) is not None:
        try:
            found = re.search(wanted, event.comment.removesuffix("\r\n").removeprefix("\r\n").strip())
        except re.error:
            return answer(False, f"could not compile regexp {wanted} from on-comment annotation in pipelineRun {name}")
        if found:
            return answer(True, f"on-comment {wanted!r} matches the comment")
        steps.append(f"on-comment {wanted!r} does not match the comment")
    if event.kind in ("no-ops-comment", "on-comment"):
        return answer(False, f"the event is a comment ({event.kind}) and no on-comment matched")
    if (expression := held.get(keys.ON_CEL)) is not None:
        ignored = [key for key in ("on-event", "on-target-branch") if held.get(f"{keys.GROUP}/{key}")]
        if ignored:
            steps.append(f"on-cel-expression takes precedence; ignored: {', '.join(ignored)}")
        return answer(*_cel(expression, event, evaluate or evaluate_cel))
    return answer(*_by_annotations(held, event, steps))


def _by_annotations(held: Mapping[str, str], event: Event, steps: list[str]) -> tuple[bool, str]:
    if event.trigger == "pull_request" and event.kind == LABELED and keys.ON_LABEL not in held:
        return False, f"label update event, no on-label for any of those labels: {'|'.join(event.labels)}"
    kinds = ["incoming", "push"] if event.kind == "incoming" else [event.trigger]
    for key, candidates, branches in (
        (keys.ON_EVENT, kinds, False),
        (keys.ON_TARGET_BRANCH, [event.target_branch], True),
    ):
        text, short = held.get(key), key.rpartition("/")[2]
        if text == "[]":
            raise InputError(keys.INVALID, f"annotation {key} is empty")
        if not text:
            return False, f"no {short}"
        if not _any(text, candidates, branches=branches):
            return False, f"{short} {text} does not match {', '.join(candidates)}"
        steps.append(f"{short} {text} matches {', '.join(candidates)}")
    for key, candidates, branches, wanted in (
        (keys.ON_PATH_CHANGE, event.changed, True, True),
        (keys.ON_LABEL, list(event.labels), False, True),
        (keys.ON_PATH_CHANGE_IGNORE, event.changed, True, False),
    ):
        text, short = held.get(key), key.rpartition("/")[2]
        if text is None:
            continue
        if _any(text, candidates, branches=branches) != wanted:
            return False, f"{short} {text} {'does not match' if wanted else 'matches'} {', '.join(candidates) or '-'}"
        steps.append(f"{short} {text} {'matches' if wanted else 'does not match'} {', '.join(candidates) or '-'}")
    return True, "every annotation matches"


def _any(text: str, candidates: Sequence[str], *, branches: bool) -> bool:
    return any(
        value == candidate or (branches and branch_matches(value, candidate))
        for value in keys.values(text)
        for candidate in candidates
    )


def branch_matches(wanted: str, branch: str) -> bool:
    """A pattern against a branch, both with or without ``refs/heads/`` (branchMatch)."""
    heads, tags = "refs/heads/", "refs/tags/"
    if wanted.startswith(tags):
        return glob.matches(wanted, branch)
    full = branch if branch.startswith((heads, tags)) else heads + branch
    return glob.matches(wanted if wanted.startswith(heads) else heads + wanted, full)


_NAME = re.compile(r"\b(?:event_type|labels|pull_request_labels)\b")


def _cel(expression: str, event: Event, evaluate: Evaluate) -> tuple[bool, str]:
    """Upstream walks the syntax tree for the names below; text outside of literals says the same."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", lambda found: found[0] if "labels" in found[0] else "''", expression)
    if event.trigger == "pull_request" and event.kind == LABELED and not _NAME.search(bare):
        return False, "label update event, the expression names neither event_type nor labels"
    variables = event.variables()
    if event.trigger == "push" and "refs/heads/" not in expression:
        for key in ("target_branch", "source_branch"):
            variables[key] = variables[key].removeprefix("refs/heads/")
    try:
        value = evaluate(expression, variables)
    except InterlockError as error:
        text = error.message.replace("\n", " ").replace("\r", " ")
        return False, f"CEL expression evaluation error: {text}"
    return value is True, f"on-cel-expression {expression} is {str(value).lower() if value in (True, False) else value}"


def evaluate_cel(expression: str, variables: Mapping[str, Any]) -> Any:
    """An expression as upstream evaluates it: variables typed, and ``"docs/**".pathChanged()`` (pkg/matcher/cel.go)."""
    changed: Sequence[str] = variables["files"]["all"]
    path_changed = cel.Function(
        "pathChanged", ("string",), "bool", lambda pattern: any(glob.matches(pattern, path) for path in changed), True
    )
    types: dict[str, cel.Type] = {name: "map" if name in _MAPS else "string" for name in variables}
    quoted = go_quoted(expression)
    try:
        program = cel.compile(expression, types, [path_changed])
    except InputError as error:
        syntax = "Syntax error" in error.message
        prefix = f"failed to parse expression {quoted}: " if syntax else f"expression {quoted} check failed: "
        raise InputError(error.code, prefix + error.message) from error
    try:
        return program.evaluate(variables)
    except InputError as error:
        raise InputError(error.code, f"expression {quoted} failed to evaluate: {error.message}") from error


_MAPS: Final = ("body", "headers", "files")


def explanation(runs: Sequence[Mapping[str, Any]], event: Event) -> str:
    """What upstream says where nothing matches (buildAvailableMatchingAnnotationErr), annotations in order."""
    parts = []
    for run in runs:
        metadata = run.get("metadata") or {}
        name = metadata.get("generateName") or metadata.get("name") or ""
        prefix = f"{keys.GROUP}/on-"
        held = {
            key: item for key, item in sorted((metadata.get("annotations") or {}).items()) if key.startswith(prefix)
        }
        listed = ", ".join(
            f"{key.rpartition('/')[2]}: {'celexpression' if key == keys.ON_CEL else item}" for key, item in held.items()
        )
        parts.append(f" [PipelineRun: {name}, annotations:{' ' if listed else ''}{listed}]")
    target = "" if event.kind == "no-ops-comment" else f" payload target event is {event.kind} with"
    return (
        f"cannot match the event to any pipelineruns in the .tekton/ directory,{target} "
        f"source branch {event.source_branch} and target branch {event.target_branch}. "
        f"available annotations of the PipelineRuns annotations in .tekton/ dir:{','.join(parts)}"
    )
