"""Running parsed templates: Go's text/template/exec.go with Helm's ``missingkey=zero`` and ``include``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.errors import InputError, InterlockError, UnsupportedError
from interlock.formats.helm import functions, gofmt
from interlock.formats.helm.nodes import (
    Action,
    Branch,
    Call,
    Chain,
    Command,
    Dot,
    Function,
    Jump,
    Literal,
    Node,
    Operand,
    Pipeline,
    Template,
    Text,
    Variable,
)
from interlock.formats.helm.tokens import Source

MAX_DEPTH = 100
MAX_STEPS = 200_000
_MISSING = object()


class Struct(dict[str, Any]):
    """A Go struct: asking for a field that it does not have is an error, unlike for a map."""


class Unsupported:
    """Stands for a built-in object (``.Files``) whose use is refused by name."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Jump(Exception):
    def __init__(self, keyword: str, at: int) -> None:
        self.keyword = keyword
        self.at = at


class Interpreter:
    """Holds every template by name; `run` executes one. Later templates of a name replace earlier ones, as in Go."""

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self.templates = templates
        self.steps = 0
        self.depth = 0

    def run(self, name: str, data: Any) -> str:
        """The text of template ``name`` on ``data``. Raises InputError ``helm-*``, UnsupportedError."""
        if name not in self.templates:
            raise InputError("helm-template", f"no template {name!r} is defined")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InputError("helm-recursion", f"templates include each other more than {MAX_DEPTH} levels deep")
        try:
            return _Run(self, self.templates[name].source, data).body(self.templates[name].body, data)
        finally:
            self.depth -= 1


class _Run:
    """One execution of one template: its own variables, ``$`` bound to the data."""

    def __init__(self, interpreter: Interpreter, source: Source, data: Any) -> None:
        self.interpreter = interpreter
        self.source = source
        self.variables: list[tuple[str, Any]] = [("$", data)]

    def body(self, nodes: tuple[Node, ...], dot: Any) -> str:
        out: list[str] = []
        try:
            self.nodes(nodes, dot, out)
        except _Jump as jump:
            raise self.error(jump.at, f"{jump.keyword} outside range") from None
        return "".join(out)

    def nodes(self, nodes: tuple[Node, ...], dot: Any, out: list[str]) -> None:
        for node in nodes:
            self.step(node.at)
            match node:
                case Text():
                    out.append(node.text)
                case Action():
                    value = self.pipeline(node.pipeline, dot)
                    if not node.pipeline.variables:
                        out.append(gofmt.text(self.printable(value, node.at)))
                case Branch():
                    mark = len(self.variables)
                    try:
                        self.branch(node, dot, out)
                    finally:
                        del self.variables[mark:]
                case Call():
                    value = None if node.pipeline is None else self.pipeline(node.pipeline, dot)
                    try:
                        out.append(self.interpreter.run(node.name, value))
                    except InterlockError as error:
                        self.locate(error, node.at)
                        raise
                case Jump():
                    raise _Jump(node.keyword, node.at)

    def branch(self, node: Branch, dot: Any, out: list[str]) -> None:
        if node.keyword == "range":
            self.range(node, dot, out)
            return
        value = self.pipeline(node.pipeline, dot)
        if gofmt.truth(value):
            self.nodes(node.body, value if node.keyword == "with" else dot, out)
        else:
            self.nodes(node.otherwise, dot, out)

    def range(self, node: Branch, dot: Any, out: list[str]) -> None:
        pipeline = node.pipeline
        value = self.pipeline(Pipeline(pipeline.at, pipeline.commands), dot)
        pairs: list[tuple[Any, Any]]
        match value:
            case None:
                pairs = []
            case list():
                pairs = list(enumerate(value))
            case dict():
                pairs = [(key, value[key]) for key in sorted(value)]
            case int() if not isinstance(value, bool) and value <= MAX_STEPS:
                pairs = [(index, index) for index in range(value)]
            case _:
                raise self.error(node.at, f"range cannot iterate over {gofmt.kind(value)}")
        if not pairs:
            self.nodes(node.otherwise, dot, out)
        for key, item in pairs:
            self.step(node.at)
            mark = len(self.variables)
            bound = (item,) if len(pipeline.variables) == 1 else (key, item)
            for name, thing in zip(pipeline.variables, bound, strict=False):
                self.bind(name, thing, pipeline.declare, node.at)
            try:
                self.nodes(node.body, item, out)
            except _Jump as jump:
                if jump.keyword == "break":
                    return
            finally:
                del self.variables[mark:]

    # -- values

    def pipeline(self, pipeline: Pipeline, dot: Any) -> Any:
        value: Any = _MISSING
        for command in pipeline.commands:
            value = self.command(command, dot, value)
        for name in pipeline.variables:
            self.bind(name, value, pipeline.declare, pipeline.at)
        return value

    def bind(self, name: str, value: Any, declare: bool, at: int) -> None:
        if declare:
            self.variables.append((name, value))
            return
        for index in range(len(self.variables) - 1, -1, -1):
            if self.variables[index][0] == name:
                self.variables[index] = (name, value)
                return
        raise self.error(at, f"undefined variable {name}")

    def command(self, command: Command, dot: Any, final: Any) -> Any:
        self.step(command.at)
        first, rest = command.operands[0], command.operands[1:]
        if isinstance(first, Function):
            return self.call(first, rest, dot, final)
        value = self.operand(first, dot)
        if rest or final is not _MISSING:
            raise self.error(command.at, "arguments were given to something that is not a function")
        if isinstance(first, Literal) and first.value is None:
            raise self.error(command.at, "nil is not a command")
        return value

    def operand(self, operand: Operand, dot: Any) -> Any:
        match operand:
            case Literal():
                return operand.value
            case Dot():
                return dot
            case Variable():
                for name, value in reversed(self.variables):
                    if name == operand.name:
                        return value
                raise self.error(operand.at, f"undefined variable {operand.name}")
            case Function():
                return self.call(operand, (), dot, _MISSING)
            case Pipeline():
                mark = len(self.variables)
                try:
                    return self.pipeline(operand, dot)
                finally:
                    del self.variables[mark:]
            case Chain():
                value = self.operand(operand.operand, dot)
                for name in operand.fields:
                    value = self.field(value, name, operand.at)
                return value

    def field(self, value: Any, name: str, at: int) -> Any:
        match value:
            case Unsupported():
                raise self.unsupported(at, value.name)
            case Struct():
                if name not in value:
                    raise self.unsupported(at, f"built-in field {name}")
                return value[name]
            case dict():
                return value.get(name)
            case None:
                raise self.error(at, f"nil pointer evaluating interface {{}}.{name}")
            case _:
                raise self.error(at, f"can't evaluate field {name} in type {gofmt.kind(value)}")

    def call(self, function: Function, operands: tuple[Operand, ...], dot: Any, final: Any) -> Any:
        name, at = function.name, function.at
        if name in ("and", "or"):
            return self.logic(name, operands, dot, final, at)
        arguments = [self.printable(self.operand(operand, dot), operand.at) for operand in operands]
        if final is not _MISSING:
            arguments.append(final)
        try:
            if name == "include":
                functions.check(name, ("string", "any"), arguments)
                return self.interpreter.run(*arguments)
            found = functions.FUNCTIONS.get(name)
            if found is None:
                raise self.unsupported(at, f"function {name}")
            functions.check(name, found.parameters, arguments)
            return found.run(*arguments)
        except InterlockError as error:
            self.locate(error, at)
            raise

    def logic(self, name: str, operands: tuple[Operand, ...], dot: Any, final: Any, at: int) -> Any:
        """``and`` and ``or`` stop at the first operand that decides."""
        value: Any = _MISSING
        for operand in operands:
            value = self.operand(operand, dot)
            if gofmt.truth(value) is (name == "or"):
                return value
        value = final if final is not _MISSING else value
        if value is _MISSING:
            raise self.error(at, f"{name} needs an argument")
        return value

    # -- errors

    def printable(self, value: Any, at: int) -> Any:
        if isinstance(value, Unsupported):
            raise self.unsupported(at, value.name)
        return value

    def step(self, at: int) -> None:
        self.interpreter.steps += 1
        if self.interpreter.steps > MAX_STEPS:
            raise self.error(at, f"more than {MAX_STEPS} steps")

    def error(self, at: int, message: str) -> InputError:
        return self.source.error(at, message)

    def unsupported(self, at: int, construct: str) -> UnsupportedError:
        return UnsupportedError(
            "helm-unsupported", f"template construct {construct!r} is not supported", where=self.source.where(at)
        )

    def locate(self, error: InterlockError, at: int) -> None:
        """Give an error that has no place yet this one: the innermost place wins."""
        if error.where is None:
            error.where = self.source.where(at)
