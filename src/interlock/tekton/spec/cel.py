"""The Common Expression Language, as upstream uses it through cel-go: parsed, type-checked, then evaluated.

`cel-expr-python` is Google's own C++ implementation; it checks types before evaluation as cel-go does and words its
errors alike. It is imported when the first expression is compiled, and not before.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from interlock.errors import InputError

Type = Literal["bool", "int", "double", "string", "list", "map", "dyn"]

# What the C++ library adds to an error's text, and the words in which cel-go says the same.
_PREFIXES = ("INVALID_ARGUMENT: ", "OUT_OF_RANGE: ", "NOT_FOUND: ", "UNKNOWN: ", "INTERNAL: ")
_WORDS = (
    (re.compile(r"\bdivide by zero"), "division by zero"),
    (re.compile(r'Key not found in map : "?(.*?)"?$'), r"no such key: \1"),
    (re.compile(r"No matching overloads found\b.*"), "no such overload"),
)


_QUALIFIED = re.compile(
    r"ERROR: <input>:(\d+):(\d+): undeclared reference to '([^'.]+)\.([^']+)'(.*)\n \| (.*)\n \| \.*\^"
)


@dataclass(frozen=True, slots=True)
class Function:
    """A function that expressions may call: ``name(…)``, or with ``member`` ``value.name(…)``."""

    name: str
    parameters: tuple[Type, ...]
    result: Type
    call: Callable[..., Any]
    member: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """A checked expression."""

    text: str
    _expression: Any

    def evaluate(self, data: Mapping[str, Any] | None = None) -> Any:
        """The value, as plain Python. Raises InputError ``cel-invalid``, in cel-go's words."""
        try:
            value = self._expression.eval(data=dict(data or {}))
        except RuntimeError as error:
            raise _invalid(self.text, str(error)) from error
        if value.type().name() == "ERROR":
            raise _invalid(self.text, str(value.value()))
        return value.plain_value()


def compile(  # named as cel-go's Env.Compile
    expression: str, variables: Mapping[str, Type] | None = None, functions: Sequence[Function] = ()
) -> Program:
    """``expression``, parsed and checked. Raises InputError ``cel-invalid``, in cel-go's words."""
    library = _library()
    try:
        return Program(expression, _environment(library, variables or {}, functions).compile(expression))
    except RuntimeError as error:
        raise _invalid(expression, str(error)) from error


def evaluate(
    expression: str,
    data: Mapping[str, Any],
    *,
    types: Mapping[str, Type] | None = None,
    functions: Sequence[Function] = (),
) -> Any:
    """The value of an expression over ``data``; a variable is ``dyn`` unless ``types`` says more."""
    variables: dict[str, Type] = {**dict.fromkeys(data, "dyn"), **(types or {})}
    return compile(expression, variables, functions).evaluate(data)


@functools.lru_cache(maxsize=4096)
def holds(expression: str) -> bool:
    """Whether a ``when`` expression holds: no variables, since references were replaced as text before.

    Raises InputError ``cel-invalid`` (pipelinerunresolution.go EvaluateCEL: reason CELEvaluationFailed).
    """
    value = compile(expression).evaluate()
    if not isinstance(value, bool):
        raise InputError("cel-invalid", f"The CEL expression {expression} is not evaluated to a boolean")
    return value


def _library() -> ModuleType:
    return importlib.import_module("cel_expr_python.cel")


def _environment(library: Any, variables: Mapping[str, Type], functions: Sequence[Function]) -> Any:
    if not variables and not functions:
        return _plain_environment()
    overloads: dict[str, list[Any]] = {}
    for function in functions:
        overloads.setdefault(function.name, []).append(
            library.Overload(
                id="_".join((function.name, "member" if function.member else "global", *function.parameters)),
                return_type=_type(library, function.result),
                parameters=[_type(library, name) for name in function.parameters],
                is_member=function.member,
                impl=function.call,
            )
        )
    return library.NewEnv(
        variables={name: _type(library, kind) for name, kind in variables.items()},
        functions=[library.FunctionDecl(name, items) for name, items in overloads.items()],
    )


@functools.cache
def _plain_environment() -> Any:
    return _library().NewEnv()


def _type(library: Any, name: Type) -> Any:
    return getattr(library.Type, name.upper())


def _invalid(expression: str, text: str) -> InputError:
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
        text = text.removesuffix(f" [{prefix.removesuffix(': ')}]")
    for pattern, theirs in _WORDS:
        text = pattern.sub(theirs, text)
    return InputError("cel-invalid", _QUALIFIED.sub(_unqualified, text), got=expression)


def _unqualified(found: re.Match[str]) -> str:
    """cel-go names the first part of an unknown ``a.b.c`` and points at it; the C++ library, the last dot."""
    line, column, name, rest, tail, source = found.groups()
    start = int(column) - len(f"{name}.{rest}".rpartition(".")[0])
    return (
        f"ERROR: <input>:{line}:{start}: undeclared reference to '{name}'{tail}\n | {source}\n | {'.' * (start - 1)}^"
    )
