"""From tokens to nodes: Go's text/template/parse/parse.go."""

from __future__ import annotations

import re

from interlock.errors import InputError, UnsupportedError
from interlock.formats.helm.cache import Cache
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
from interlock.formats.helm.tokens import Source, Token, tokens

_END = Token("text", "", -1)
_MAX_DEPTH = 200
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"'}


def parse(source: Source) -> tuple[Template, ...]:
    """The templates of one file: the file itself first, then everything it defines. A file is parsed once (`Cache`).

    Raises InputError ``helm-template``, UnsupportedError ``helm-unsupported``.
    """
    return _parsed(source)


def _parse(source: Source) -> tuple[Template, ...]:
    parser = _Parser(source)
    body, stop = parser.nodes(top=True)
    if stop is not None:
        raise source.error(stop.offset, f"unexpected {stop.text}")
    return (Template(source.name, source, body), *parser.defined)


_parsed = Cache(_parse, lambda source: len(source.text))


class _Parser:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens = list(tokens(source))
        self.position = 0
        self.depth = 0
        self.defined: list[Template] = []

    # -- the stream

    def peek(self) -> Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else _END

    def take(self) -> Token:
        token = self.peek()
        if token is _END:
            raise self.error(len(self.source.text), "unexpected end of the template")
        self.position += 1
        return token

    def solid(self) -> Token:
        """The next token that is no space, not taken."""
        while self.peek().kind == "space":
            self.position += 1
        return self.peek()

    def expect(self, kind: str, text: str | None = None) -> Token:
        token = self.solid()
        if token.kind != kind or (text is not None and token.text != text):
            raise self.error(max(token.offset, 0), f"expected {text or kind}", got=token.text or "the end")
        return self.take()

    def error(self, offset: int, message: str, got: object = None) -> InputError:
        return self.source.error(offset, message, got=got)

    # -- nodes

    def nodes(self, *, top: bool = False) -> tuple[tuple[Node, ...], Token | None]:
        """Nodes up to ``end`` or ``else`` (which is returned, its action still open) or the end of the file."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error(self.peek().offset, "nested too deeply")
        result: list[Node] = []
        stop = None
        while self.position < len(self.tokens):
            token = self.take()
            if token.kind == "text":
                result.append(Text(token.offset, token.text))
                continue
            word = self.solid()
            if word.kind == "word" and word.text in ("end", "else"):
                stop = self.take()
                break
            if word.kind == "word" and word.text == "define":
                if not top:
                    raise self.error(word.offset, "unexpected define inside another block")
                self.define()
                continue
            result.append(self.action(token.offset))
        self.depth -= 1
        return tuple(result), stop

    def define(self) -> None:
        start = self.take()
        name = self.string(self.expect("string"))
        self.expect("close")
        body, stop = self.nodes()
        if stop is None or stop.text != "end":
            raise self.error(start.offset, "define without end")
        self.expect("close")
        self.defined.append(Template(name, self.source, body))

    def action(self, at: int) -> Node:
        word = self.solid()
        if word.kind == "word":
            if word.text in ("if", "with", "range"):
                self.take()
                return self.branch(at, word.text)
            if word.text == "template":
                self.take()
                name = self.string(self.expect("string"))
                pipeline = None if self.solid().kind == "close" else self.pipeline()
                self.expect("close")
                return Call(at, name, pipeline)
            if word.text in ("break", "continue"):
                self.take()
                self.expect("close")
                return Jump(at, word.text)
            if word.text == "block":
                raise self.unsupported(word, "block")
        pipeline = self.pipeline()
        self.expect("close")
        return Action(at, pipeline)

    def branch(self, at: int, keyword: str) -> Branch:
        pipeline = self.pipeline(ranging=keyword == "range")
        self.expect("close")
        body, stop = self.nodes()
        if stop is None:
            raise self.error(at, f"{keyword} without end")
        otherwise: tuple[Node, ...] = ()
        if stop.text == "else":
            follower = self.solid()
            if follower.kind == "word" and follower.text in ("if", "with") and keyword != "range":
                # "else if" shares the end of the whole statement.
                self.take()
                return Branch(at, keyword, pipeline, body, (self.branch(stop.offset, follower.text),))
            self.expect("close")
            otherwise, stop = self.nodes()
            if stop is None or stop.text != "end":
                raise self.error(at, f"{keyword} without end")
        self.expect("close")
        return Branch(at, keyword, pipeline, body, otherwise)

    # -- pipelines

    def pipeline(self, *, ranging: bool = False) -> Pipeline:
        start = self.solid()
        variables, declare = self.declaration(ranging=ranging)
        commands = [self.command()]
        while self.solid().text == "|" and self.peek().kind == "symbol":
            self.take()
            commands.append(self.command())
        for command in commands[1:]:
            if isinstance(command.operands[0], Literal | Dot):
                raise self.error(command.at, "non executable command in pipeline")
        return Pipeline(start.offset, tuple(commands), variables, declare)

    def declaration(self, *, ranging: bool) -> tuple[tuple[str, ...], bool]:
        begin = self.position
        names: list[str] = []
        while self.solid().kind == "variable":
            names.append(self.take().text)
            sign = self.solid()
            if sign.text in (":=", "="):
                self.take()
                return tuple(names), sign.text == ":="
            if sign.text == "," and ranging and len(names) == 1:
                self.take()
                continue
            break
        self.position = begin
        return (), True

    def command(self) -> Command:
        start = self.solid()
        operands: list[Operand] = []
        while True:
            token = self.solid()
            if token.kind == "close" or (token.kind == "symbol" and token.text in ("|", ")")):
                break
            operands.append(self.operand())
        if not operands:
            raise self.error(max(start.offset, 0), "missing value for command")
        return Command(start.offset, tuple(operands))

    def operand(self) -> Operand:
        token = self.take()
        at = token.offset
        operand: Operand
        match token.kind:
            case "string":
                operand = Literal(at, self.string(token))
            case "number":
                operand = Literal(at, self.number(token))
            case "variable":
                operand = Variable(at, token.text)
            case "field":
                operand = Chain(at, Dot(at), (token.text[1:],))
            case "dot":
                operand = Dot(at)
            case "word" if token.text in ("true", "false", "nil"):
                operand = Literal(at, {"true": True, "false": False, "nil": None}[token.text])
            case "word":
                operand = Function(at, token.text)
            case "symbol" if token.text == "(":
                operand = self.pipeline()
                self.expect("symbol", ")")
            case "char":
                raise self.unsupported(token, "character constant")
            case _:
                raise self.error(at, "unexpected token in operand", got=token.text)
        fields: list[str] = []
        while self.peek().kind == "field":
            fields.append(self.take().text[1:])
        if not fields:
            return operand
        if isinstance(operand, Literal):
            raise self.error(at, "unexpected . after a constant")
        if isinstance(operand, Chain):
            return Chain(at, operand.operand, (*operand.fields, *fields))
        return Chain(at, operand, tuple(fields))

    def string(self, token: Token) -> str:
        if token.text.startswith("`"):
            return token.text[1:-1]

        def unescape(match: re.Match[str]) -> str:
            written = match.group(1)
            if written[0] in "xu":
                return chr(int(written[1:], 16))
            if written not in _ESCAPES:
                raise self.unsupported(token, f"string escape \\{written}")
            return _ESCAPES[written]

        return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", unescape, token.text[1:-1])

    def number(self, token: Token) -> int | float:
        text = token.text
        try:
            if re.fullmatch(r"[+-]?[0-9][0-9_]*", text) and not re.match(r"[+-]?0[0-9_]", text):
                return int(text)
            if "_" not in text and not re.match(r"[+-]?0[xXbBoO0-9_]", text):
                return float(text)
        except (ValueError, OverflowError):
            pass
        raise self.unsupported(token, f"number {text}")

    def unsupported(self, token: Token, construct: str) -> UnsupportedError:
        return UnsupportedError(
            "helm-unsupported",
            f"template construct {construct!r} is not supported",
            where=self.source.where(token.offset),
            todo="write it with if, with, range, define and include",
        )
