"""Values that are put into the text of a script: found, and moved into the environment.

Tekton replaces ``$(params.x)`` in a script before the shell reads it, so that whoever sets the param writes shell code
(TEP-0146; research/tekton.md section 7.8). A step's ``env`` is safe: the value never becomes text of the script.

    findings(task)                 # a warning each; an error where the value comes from a webhook
    fixed(text)                    # the YAML text with every script that can be, rewritten; comments stay
    fix(text)                      # the same, and what was left, with the reason

Kubernetes expands ``$(NAME)`` and ``$$`` in the values of ``env`` once more: a value with ``$$`` loses one of them, and
one with ``$(NAME)`` shows another variable of the step. Neither runs anything.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import yaml as pyyaml

from interlock.errors import InputError, Location
from interlock.formats import yaml
from interlock.formats.tekton.names import ANNOTATION_WEBHOOK_PARAMS
from interlock.tekton.spec import injection_code, injection_shell
from interlock.tekton.spec.images import interpreter_program, is_shell
from interlock.tekton.spec.injection_names import Reference, references
from interlock.tekton.spec.injection_shell import Left, Rewritten

RULE: Final = "script-injection"
_TRIGGERS: Final = "triggers.tekton.dev/"
_CONTAINERS: Final = frozenset(["steps", "sidecars"])
_EVENT = re.compile(r"^\$\((body|header|extensions|tt\.params)\b")
_PYTHON = re.compile(r"^(platform-)?python[0-9.]*$")


@dataclass(frozen=True)
class Finding:
    """``$(…)`` in the script at ``path``; what `interlock.tekton.spec.admission.Finding` says of other rules."""

    rule: str
    message: str
    path: yaml.Path
    severity: Literal["error", "warning"]
    remedy: str = ""


@dataclass(frozen=True)
class Kept:
    """A reference that `fix` left in the script at ``path``."""

    path: yaml.Path
    reference: str
    where: Location
    reason: str


@dataclass(frozen=True)
class Fixed:
    """``text`` with what was left in it."""

    text: str
    left: tuple[Kept, ...] = ()


def findings(value: object, *, tainted: Collection[str] = ()) -> list[Finding]:
    """Of any object with scripts, or a bare spec, as read. ``tainted``: names of params whose values a webhook sets.

    Runs that Tekton Triggers made (labels ``triggers.tekton.dev/*``) and params that the annotation
    ``interlock.dev/webhook-params`` names count as tainted by themselves.
    """
    return list(_findings(value, (), frozenset(tainted) | webhook_params(_mapping(value))))


def refuse(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Raises InputError ``script-injection`` for the first value from a webhook in a script of a run.

    ``spec`` is the run's with everything that it names embedded (``taskSpec``, ``pipelineSpec``).
    """
    run = {"metadata": metadata, "spec": spec}
    if not webhook_params(run):
        return
    found = next((item for item in findings(run) if item.severity == "error"), None)
    if found is not None:
        raise InputError(RULE, f"{yaml.dotted(found.path)}: {found.message}", todo=found.remedy)


def webhook_params(value: Mapping[str, Any]) -> frozenset[str]:
    """Params whose values come from a webhook, as the object says."""
    metadata = _mapping(value.get("metadata"))
    annotations, labels = _mapping(metadata.get("annotations")), _mapping(metadata.get("labels"))
    named = frozenset(str(annotations.get(ANNOTATION_WEBHOOK_PARAMS) or "").replace(",", " ").split())
    if any(str(key).startswith(_TRIGGERS) for key in (*annotations, *labels)):
        given = _mapping(value.get("spec")).get("params")
        named |= {str(item.get("name")) for item in given or [] if isinstance(item, Mapping)}
    return named


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _findings(value: object, path: yaml.Path, tainted: frozenset[str]) -> Iterator[Finding]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _findings(item, (*path, index), tainted)
    if not isinstance(value, Mapping):
        return
    inside = tainted
    if len(path) > 1 and path[-2] in ("tasks", "finally"):
        matrix = _mapping(value.get("matrix"))
        sources = [value, matrix, *(matrix.get("include") or [])]
        inside = _passed([item for source in sources for item in _mapping(source).get("params") or []], tainted)
    script = value.get("script")
    if isinstance(script, str) and (_is_container(path) or value.get("image") or path == ("spec",)):
        for reference in references(script):
            yield _finding(script, reference, (*path, "script"), inside)
    for key, item in value.items():
        yield from _findings(item, (*path, key), inside)


def _is_container(path: yaml.Path) -> bool:
    return len(path) > 1 and path[-2] in _CONTAINERS


def _passed(params: list[Any], tainted: frozenset[str]) -> frozenset[str]:
    """The tainted params inside an embedded task: those given tainted values, and those propagated."""
    given = {str(item.get("name")): json.dumps(item.get("value")) for item in params if isinstance(item, Mapping)}
    bad = {
        name
        for name, text in given.items()
        if any(item.param in tainted or _EVENT.match(item.text) for item in references(text.replace('\\"', '"')))
    }
    return frozenset(bad | (tainted - set(given)))


def _finding(script: str, reference: Reference, path: yaml.Path, tainted: frozenset[str]) -> Finding:
    line = script.count("\n", 0, reference.start) + 1
    event = reference.param in tainted or _EVENT.match(reference.text) is not None
    source = ", which comes from a webhook," if event else ""
    return Finding(
        rule=RULE,
        message=f"{reference.text}{source} is put into the text of the script (line {line}): its value is run as code",
        path=path,
        severity="error" if event else "warning",
        remedy=f"env: [{{name: {reference.variable}, value: {reference.text}}}] and ${{{reference.variable}}} in the "
        "script; --fix does it",
    )


def fixed(text: str) -> str:
    """``text`` (YAML, one document or several) with values moved from scripts into ``env``, where that is safe.

    Every byte that does not change stays; what `fix` leaves stays in the script. Fixing twice changes nothing more.
    Raises InputError ``yaml-*`` for what is not strict YAML.
    """
    return fix(text).text


def fix(text: str, *, file: str = "-") -> Fixed:
    """As `fixed`, with what was left."""
    list(yaml.load_all(text, file=file))
    edits = _Edits(text, file)
    for node in pyyaml.compose_all(text, Loader=pyyaml.SafeLoader):
        if node is not None:
            edits.walk(node, (), {})
    done = edits.applied()
    try:
        list(yaml.load_all(done, file=file))
    except InputError as error:
        raise InputError("injection-fix", "the text could not be rewritten", got=error.message, where=file) from error
    return Fixed(done, tuple(edits.left))


@dataclass
class _Edits:
    text: str
    file: str
    splices: list[tuple[int, int, str]] = field(default_factory=list)
    left: list[Kept] = field(default_factory=list)

    def applied(self) -> str:
        text = self.text
        for start, end, new in sorted(self.splices, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def walk(self, node: pyyaml.Node, path: yaml.Path, defaults: Mapping[str, object]) -> None:
        """``defaults``: param -> its declared default (None without one, a list for arrays) in the specs around."""
        if isinstance(node, pyyaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.walk(item, (*path, index), defaults)
        if not isinstance(node, pyyaml.MappingNode):
            return
        defaults = {**defaults, **_declared(node)}
        entries = {key.value: (key, value) for key, value in node.value}
        script = entries.get("script")
        container = _is_container(path) or "image" in entries or path == ("spec",)
        if container and script is not None and isinstance(script[1], pyyaml.ScalarNode):
            self.script(node, script[1], (*path, "script"), defaults)
        for name, (_, value) in entries.items():
            self.walk(value, (*path, name), defaults)

    def script(
        self,
        step: pyyaml.MappingNode,
        scalar: pyyaml.ScalarNode,
        path: yaml.Path,
        defaults: Mapping[str, object],
    ) -> None:
        entries = {key.value: (key, value) for key, value in step.value}
        value = str(scalar.value)
        found = list(references(value))
        if not found:
            return
        env = entries.get("env")
        known = _environment(env[1]) if env is not None else {}
        variables = _variables(found, known)
        problem = _unusable(step, entries)
        good = [item for item in found if not (problem or _no_variable(item, defaults))]
        stays = [
            Left(item.text, value.count("\n", 0, item.start) + 1, problem or _no_variable(item, defaults))
            for item in found
            if item not in good
        ]
        several = {item.text for item in good if _several(defaults.get(item.param))}
        done = _rewritten(value, good, variables, several)
        first = scalar.start_mark.line + 1
        self.left += [
            Kept(
                path,
                item.reference,
                Location(self.file, first + item.line if scalar.style == "|" else first),
                item.reason,
            )
            for item in sorted([*stays, *done.left], key=lambda item: item.line)
        ]
        if done.text == value:
            return
        self.splices.append(_script_splice(self.text, scalar, done.text))
        added = {
            variables[item.text]: item.text
            for item in good
            if item.text in done.used and variables[item.text] not in known
        }
        if added:
            self.splices.append(_env_splice(self.text, step, entries["script"][0], env, added))


def _declared(node: pyyaml.MappingNode) -> dict[str, object]:
    """The params that a spec declares, with their defaults; [] for arrays."""
    found: dict[str, object] = {}
    params = next((value for key, value in node.value if key.value == "params"), None)
    if not isinstance(params, pyyaml.SequenceNode):
        return found
    for item in params.value:
        if not isinstance(item, pyyaml.MappingNode):
            continue
        fields = {key.value: value for key, value in item.value}
        if "name" not in fields or "value" in fields:
            continue
        default = fields.get("default")
        kind = str(fields["type"].value) if "type" in fields else ""
        if kind == "array" or isinstance(default, pyyaml.SequenceNode):
            found[str(fields["name"].value)] = []
        elif isinstance(default, pyyaml.ScalarNode):
            found[str(fields["name"].value)] = str(default.value)
        else:
            found[str(fields["name"].value)] = None
    return found


def _several(default: object) -> bool:
    """Whether a param whose default this is may mean no word or several."""
    return isinstance(default, str) and (not default or re.search(r"\s", default.strip()) is not None)


def _no_variable(reference: Reference, defaults: Mapping[str, object]) -> str:
    if reference.text.endswith("[*])") or (
        isinstance(defaults.get(reference.param), list) and reference.text == f"$(params.{reference.param})"
    ):
        return "an array has no variable: pass it in args"
    if re.match(r"^\$\((body|header|extensions)\b", reference.text):
        return "only a TriggerBinding knows it: bind it to a param"
    return ""


def _unusable(step: pyyaml.MappingNode, entries: Mapping[str, tuple[pyyaml.Node, pyyaml.Node]]) -> str:
    env = entries.get("env")
    if "ref" in entries:
        return "a step with ref has no env"
    if env is not None and not isinstance(env[1], pyyaml.SequenceNode):
        return "env is no list"
    return ""


def _environment(node: pyyaml.Node) -> dict[str, str | None]:
    """Variable -> value (None from elsewhere) of a step's ``env``."""
    found: dict[str, str | None] = {}
    for item in node.value if isinstance(node, pyyaml.SequenceNode) else ():
        if isinstance(item, pyyaml.MappingNode):
            fields = {key.value: value for key, value in item.value}
            if "name" in fields:
                value = fields.get("value")
                found[str(fields["name"].value)] = str(value.value) if isinstance(value, pyyaml.ScalarNode) else None
    return found


def _variables(found: Collection[Reference], known: Mapping[str, str | None]) -> dict[str, str]:
    """Reference -> variable: one that has the value already, else a name that nothing else has."""
    chosen: dict[str, str] = {}
    for item in found:
        if item.text in chosen:
            continue
        same = next((name for name, value in known.items() if value == item.text), None)
        name, number = item.variable, 1
        while same is None and (name in known or name in chosen.values()):
            number += 1
            name = f"{item.variable}_{number}"
        chosen[item.text] = same or name
    return chosen


def _rewritten(
    script: str, found: Collection[Reference], variables: Mapping[str, str], several: Collection[str]
) -> Rewritten:
    head = script.lstrip()
    first = len(script) - len(head) + len(head.partition("\n")[0])
    if head.startswith("#!") and any(item.start < first for item in found):
        return _all_left(script, found, "the #! line, and so the language, is a value")
    name = posixpath.basename(interpreter_program(script))
    if is_shell(script):
        return injection_shell.rewrite(script, found, variables, several=several)
    if _PYTHON.match(name):
        return injection_code.python(script, found, variables)
    if name in ("node", "nodejs"):
        return injection_code.node(script, found, variables)
    return _all_left(script, found, f"scripts of {name} are not rewritten")


def _all_left(script: str, found: Collection[Reference], reason: str) -> Rewritten:
    left = [Left(item.text, script.count("\n", 0, item.start) + 1, reason) for item in found]
    return Rewritten(script, frozenset(), tuple(left))


def _script_splice(text: str, node: pyyaml.ScalarNode, new: str) -> tuple[int, int, str]:
    """The scalar with another value: a literal block line by line, others double-quoted."""
    start, end = node.start_mark.index, node.end_mark.index
    region = text[start:end]
    if node.style not in ("|", ">"):
        return start, end, json.dumps(new, ensure_ascii=False)
    header, _, body = region.partition("\n")
    rows = body.split("\n")
    tail: list[str] = []
    while rows and not rows[-1].strip():
        tail.insert(0, rows.pop())
    ending = "".join(f"\n{row}" for row in tail)
    if node.style == ">":
        return start, end, json.dumps(new, ensure_ascii=False) + ending
    old = str(node.value).split("\n")
    content = next(number for number, row in enumerate(rows) if row.strip())
    indent = rows[content][: len(rows[content]) - len(old[content])]
    lines = new.rstrip("\n").split("\n")
    return start, end, "\n".join([header, *(indent + line if line else "" for line in lines)]) + ending


def _env_splice(
    text: str,
    step: pyyaml.MappingNode,
    script: pyyaml.Node,
    env: tuple[pyyaml.Node, pyyaml.Node] | None,
    added: Mapping[str, str],
) -> tuple[int, int, str]:
    """The new variables: at the head of ``env``, or as an ``env`` before the script."""
    flow = ", ".join(f"{{name: {name}, value: {json.dumps(value)}}}" for name, value in added.items())
    if env is not None and isinstance(env[1], pyyaml.SequenceNode) and env[1].flow_style:
        at = env[1].start_mark.index + 1
        return at, at, flow + (", " if env[1].value else "")
    if step.flow_style:
        at = script.start_mark.index
        return at, at, f"env: [{flow}], "
    if env is not None:
        column = env[1].start_mark.column
        at = text.find("\n", env[0].end_mark.index)
        return at, at, "".join(_entry(name, value, column) for name, value in added.items())
    column, at = script.start_mark.column, script.start_mark.index
    entries = "".join(_entry(name, value, column + 2) for name, value in added.items())
    return at, at, f"env:{entries}\n{' ' * column}"


def _entry(name: str, value: str, column: int) -> str:
    written = value if not re.search(r"""["'#:]""", value) else json.dumps(value)
    return f"\n{' ' * column}- name: {name}\n{' ' * column}  value: {written}"
