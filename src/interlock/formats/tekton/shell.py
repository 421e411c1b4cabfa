"""A reader of POSIX shell (with bash's usual additions) that finds the commands a script would run.

It expands nothing and runs nothing. Every simple command comes out with its words, quotes removed, its redirections
and what follows it in its pipeline; commands inside ``$(...)``, backticks, process substitutions, groups and
functions come out like any other. Comments, here-document text, case patterns, ``for`` lists and array values are not
commands. Where a script is malformed, what stands before is reported: a shell would have run that too.

Grammar: POSIX.1-2024 XCU 2.3 (token recognition) and 2.9; bash(1) for ``[[``, ``((``, ``<(``, ``<<<``, ``&>``,
``$'...'``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HOLE = "\0"
"""Stands in a word's text where an expansion would put something unknown."""

MAX_DEPTH = 60
_BLANK = " \t"
_META = " \t\n;&|<>()"
_RESERVED = frozenset(
    ["if", "then", "elif", "else", "fi", "while", "until", "do", "done", "{", "}", "!", "time", "coproc"]
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word. ``quoted``: some of it stood in quotes."""

    text: str
    quoted: bool = False

    @property
    def known(self) -> bool:
        return HOLE not in self.text


@dataclass(frozen=True, slots=True)
class Redirect:
    """``fd operator target``; ``body`` is a here-document's text."""

    operator: str
    target: Word
    fd: str = ""
    body: str | None = None


@dataclass(slots=True)
class Command:
    """A simple command at ``line`` (from 1). ``pipe`` is the next command of its pipeline."""

    line: int
    words: list[Word] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    pipe: Command | None = None


class TooDeepError(ValueError):
    """Nested beyond `MAX_DEPTH`: not read."""


def commands(script: str, *, line: int = 1, depth: int = 0) -> list[Command]:
    """Every simple command of ``script``, in order of appearance. Raises TooDeepError."""
    reader = _Reader(script, line, depth)
    reader.read("")
    return reader.found


class _Reader:
    def __init__(self, text: str, line: int, depth: int) -> None:
        self.text = text
        self.at = 0
        self.first_line = line
        self.depth = depth
        self.found: list[Command] = []
        self.pending: list[tuple[Command, int, str, bool, bool]] = []
        """Here-documents announced on this line: command, index of its redirect, delimiter, ``<<-``, expands."""
        if depth > MAX_DEPTH:
            raise TooDeepError

    def line(self) -> int:
        return self.first_line + self.text.count("\n", 0, self.at)

    def peek(self, size: int = 1) -> str:
        return self.text[self.at : self.at + size]

    def blanks(self) -> None:
        """Skip blanks, continued lines and a comment."""
        while self.at < len(self.text):
            if self.text[self.at] in _BLANK + "\r":
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def newline(self) -> None:
        """Step over a newline, and over the here-documents that were waiting for it."""
        self.at += 1
        waiting, self.pending = self.pending, []
        for command, index, delimiter, strip, expands in waiting:
            start = self.at
            lines: list[str] = []
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                row = self.text[self.at : end]
                self.at = min(end + 1, len(self.text))
                if (row.lstrip("\t") if strip else row) == delimiter:
                    break
                lines.append(row)
            body = "\n".join(lines) + ("\n" if lines else "")
            old = command.redirects[index]
            command.redirects[index] = Redirect(old.operator, old.target, old.fd, body)
            if expands:
                inner = _Reader(body, self.first_line + self.text.count("\n", 0, start), self.depth + 1)
                inner.expansions("")
                self.found += inner.found

    def read(self, closer: str) -> None:
        """Commands up to ``closer`` (``)``, ``esac``, ``;;`` or the end), which is left unread."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeepError
        previous: Command | None = None
        while True:
            self.blanks()
            if self.at >= len(self.text):
                break
            char = self.peek()
            if char == "\n":
                self.newline()
                continue
            if closer == ")" and char == ")":
                break
            if closer == ";;" and (self.peek(2) == ";;" or self.peek(2) == ";&"):
                break
            if (char in ";&)" or self.peek(2) == "||") and self.peek(2) != "&>":
                self.at += 2 if self.peek(2) in ("&&", "||", ";;") else 1
                previous = None
                continue
            if char == "|":
                self.at += 2 if self.peek(2) == "|&" else 1
                continue
            start = len(self.found)
            if closer == ";;" and self.word_is("esac"):
                break
            head = self.command()
            if previous is not None and head is not None:
                previous.pipe = head
            self.blanks()
            piped = self.peek() == "|" and self.peek(2) != "||"
            previous = head if piped else None
            if piped and head is None:
                # The output of a group goes on into the pipeline as its commands' output does.
                group = self.found[start:]
                before = len(self.found)
                self.at += 2 if self.peek(2) == "|&" else 1
                self.blanks()
                following = self.command()
                target = following or (self.found[before] if len(self.found) > before else None)
                for inner in group:
                    last = inner
                    while last.pipe is not None:
                        last = last.pipe
                    if last is not target:
                        last.pipe = target
                previous = following
        self.depth -= 1

    def word_is(self, name: str) -> bool:
        end = self.at + len(name)
        return self.text.startswith(name, self.at) and (end >= len(self.text) or self.text[end] in _META)

    def command(self) -> Command | None:
        """One command; None for a compound one, whose inner commands are found on their own."""
        if self.peek(2) == "((" and self.arithmetic():
            return None
        if self.peek() == "(":
            self.at += 1
            self.read(")")
            self.at += 1
            return None
        for name in ("[[", "case", "for", "select", "function"):
            if self.word_is(name):
                self.at += len(name)
                self.compound(name)
                return None
        for name in _RESERVED:
            if self.word_is(name):
                self.at += len(name)
                return None
        return self.simple()

    def compound(self, name: str) -> None:
        if name == "[[":
            while self.at < len(self.text):
                self.blanks()
                if self.word_is("]]"):
                    self.at += 2
                    return
                if self.peek() in "\n;&|<>()":
                    self.at += 1
                elif self.peek():
                    self.word()
            return
        if name == "function":
            self.blanks()
            self.word()
            self.blanks()
            if self.peek() == "(":
                self.at = self.text.find(")", self.at) + 1 or len(self.text)
            return
        self.blanks()
        if name in ("for", "select"):
            if self.peek(2) == "((" and self.arithmetic():
                return
            self.word()
            while self.at < len(self.text) and self.peek() not in ";\n":
                if self.word_is("do"):
                    return
                self.word() if self.peek() not in "&|<>()" else self.skip()
                self.blanks()
            return
        self.case()

    def skip(self) -> None:
        self.at += 1

    def case(self) -> None:
        self.word()
        self.space()
        if self.word_is("in"):
            self.at += 2
        while self.at < len(self.text):
            self.space()
            if self.word_is("esac"):
                self.at += 4
                return
            if self.peek() == "(":
                self.at += 1
            while self.at < len(self.text) and self.peek() != ")":
                self.word() if self.peek() not in _META else self.skip()
            self.at += 1
            self.read(";;")
            if self.peek() == ";":
                while self.peek() in (";", "&") and self.peek():
                    self.at += 1
            elif not self.word_is("esac"):
                return

    def space(self) -> None:
        self.blanks()
        while self.peek() == "\n":
            self.newline()
            self.blanks()

    def arithmetic(self) -> bool:
        """``((...))``; False, and nothing read, when it is two subshells."""
        level, position = 0, self.at
        while position < len(self.text):
            char = self.text[position]
            if char == "(":
                level += 1
            elif char == ")":
                level -= 1
                if level == 0:
                    if self.text[position - 1] != ")":
                        return False
                    self.at = position + 1
                    return True
            elif char == "\n" and level < 2:
                return False
            position += 1
        return False

    def simple(self) -> Command | None:
        command = Command(self.line())
        self.found.append(command)
        while self.at < len(self.text):
            self.blanks()
            char = self.peek()
            if not char or char in "\n;)" or char == "|":
                break
            if char == "&" and self.peek(2) != "&>":
                break
            if char == "(":
                if len(command.words) == 1 and self.text[self.at :].replace(" ", "").startswith("()"):
                    # A function definition: its name is no command, its body is read next.
                    self.at = self.text.index(")", self.at) + 1
                    self.found.remove(command)
                    return None
                break
            if not self.redirect(command):
                command.words.append(self.word())
        if not command.words and not command.redirects:
            self.found.remove(command)
            return None
        return command

    def redirect(self, command: Command) -> bool:
        start = self.at
        digits = ""
        while self.peek().isdigit():
            digits += self.peek()
            self.at += 1
        for operator in ("<<<", "<<-", "&>>", "<<", ">>", "&>", ">|", "<>", ">&", "<&", ">", "<"):
            if self.text.startswith(operator, self.at):
                break
        else:
            self.at = start
            return False
        if operator in ("<", ">") and self.peek(2) in ("<(", ">("):
            self.at = start
            return False
        self.at += len(operator)
        self.blanks()
        raw = self.at
        target = self.word()
        command.redirects.append(Redirect(operator, target, digits))
        if operator in ("<<", "<<-"):
            quoted = any(char in "'\"\\" for char in self.text[raw : self.at])
            entry = (command, len(command.redirects) - 1, target.text, operator == "<<-", not quoted)
            self.pending.append(entry)
        return True

    def word(self) -> Word:
        """A word from here on; at least one character is read."""
        parts: list[str] = []
        quoted = False
        start = self.at
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\":
                if self.peek(2) != "\\\n":
                    parts.append(self.text[self.at + 1 : self.at + 2])
                self.at += 2
            elif char == "'":
                quoted = True
                end = self.text.find("'", self.at + 1)
                end = len(self.text) if end < 0 else end
                parts.append(self.text[self.at + 1 : end])
                self.at = end + 1
            elif char == '"':
                quoted = True
                self.at += 1
                parts.append(self.expansions('"'))
                self.at += 1
            elif char in "$`":
                parts.append(self.expansion())
            elif char in "<>" and self.text.startswith("(", self.at + 1):
                self.at += 2
                self.read(")")
                self.at += 1
                parts.append(HOLE)
            elif char == "(" and parts and parts[-1].endswith("=") and not quoted:
                self.array()
                parts.append(HOLE)
            elif char in _META:
                break
            else:
                parts.append(char)
                self.at += 1
        if self.at == start:
            self.at += 1
        return Word("".join(parts), quoted)

    def array(self) -> None:
        """``name=(a b c)``: words, whose substitutions count."""
        self.at += 1
        while self.at < len(self.text):
            self.space()
            if self.peek() == ")":
                self.at += 1
                return
            self.word() if self.peek() not in "();&|<>" else self.skip()

    def expansions(self, closer: str) -> str:
        """Text up to ``closer`` (or the end), with a hole for each expansion."""
        parts: list[str] = []
        while self.at < len(self.text) and (not closer or self.text[self.at] != closer):
            char = self.text[self.at]
            if char == "\\" and self.peek(2)[1:] in ("$", "`", '"', "\\", "\n"):
                parts.append("" if self.peek(2) == "\\\n" else self.text[self.at + 1 : self.at + 2])
                self.at += 2
            elif char in "$`":
                parts.append(self.expansion())
            else:
                parts.append(char)
                self.at += 1
        return "".join(parts)

    def expansion(self) -> str:
        """What starts with ``$`` or a backtick, as text: a hole, or a lone ``$``."""
        if self.peek() == "`":
            return self.backticks()
        following = self.text[self.at + 1 : self.at + 2]
        if following == "(":
            self.at += 1
            if self.peek(2) == "((" and self.arithmetic():
                return HOLE
            self.at += 1
            self.read(")")
            self.at += 1
        elif following == "{":
            self.at += 2
            self.braces()
        elif following == "'":
            end = self.at + 2
            while end < len(self.text) and self.text[end] != "'":
                end += 2 if self.text[end] == "\\" else 1
            text = self.text[self.at + 2 : end]
            self.at = end + 1
            return text.replace("\\n", "\n").replace("\\t", "\t").replace("\\'", "'")
        elif following.isalnum() or following == "_":
            self.at += 2
            while following.isalpha() or following == "_":
                if not (self.peek().isalnum() or self.peek() == "_"):
                    break
                self.at += 1
        elif following and following in "@*#?-$!":
            self.at += 2
        else:
            self.at += 1
            return "$"
        return HOLE

    def braces(self) -> None:
        """The rest of ``${...}``."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeepError
        while self.at < len(self.text) and self.peek() != "}":
            char = self.peek()
            if char == "\\":
                self.at += 2
            elif char == '"':
                self.at += 1
                self.expansions('"')
                self.at += 1
            elif char in "$`":
                self.expansion()
            else:
                self.at += 1
        self.at += 1
        self.depth -= 1

    def backticks(self) -> str:
        start = self.at + 1
        end = start
        while end < len(self.text) and self.text[end] != "`":
            end += 2 if self.text[end] == "\\" else 1
        inner = self.text[start:end].replace("\\`", "`").replace("\\\\", "\\").replace("\\$", "$")
        line = self.line()
        self.at = end + 1
        self.found += commands(inner, line=line, depth=self.depth + 1)
        return HOLE
