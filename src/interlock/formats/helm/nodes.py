"""The parsed template: Go's text/template/parse/node.go. ``at`` is an offset into the source."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.formats.helm.tokens import Source


@dataclass(frozen=True, slots=True)
class Literal:
    at: int
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Dot:
    at: int


@dataclass(frozen=True, slots=True)
class Variable:
    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Function:
    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """``operand.A.B``; ``.A.B`` is a chain on Dot."""

    at: int
    operand: Operand
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    at: int
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """``$a, $b := command | command``; ``declare`` is False for ``=``."""

    at: int
    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    declare: bool = True


Operand = Literal | Dot | Variable | Function | Chain | Pipeline


@dataclass(frozen=True, slots=True)
class Text:
    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    at: int
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """``if``, ``with`` or ``range``."""

    at: int
    keyword: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """``template "name" pipeline``."""

    at: int
    name: str
    pipeline: Pipeline | None


@dataclass(frozen=True, slots=True)
class Jump:
    """``break`` or ``continue``."""

    at: int
    keyword: str


Node = Text | Action | Branch | Call | Jump


@dataclass(frozen=True, slots=True)
class Template:
    name: str
    source: Source
    body: tuple[Node, ...]
