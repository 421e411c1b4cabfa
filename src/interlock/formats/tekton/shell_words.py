"""Words of a shell script: quotes taken off, expansions as holes. `shell` reads the commands around them."""

from __future__ import annotations

from dataclasses import dataclass, field

HOLE = "\0"
"""Stands in a word's text where an expansion would put something unknown."""

PRIVATE = "\ue000"
"""From here on characters are marks (Unicode's private use area): `WordReader.mark` is told where each stands."""

MAX_DEPTH = 60
BLANK = " \t"
META = " \t\n;&|<>()"


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


class WordReader:
    """Reads words from ``text``; commands inside expansions go to ``found``. Subclasses read commands."""

    def __init__(self, text: str, line: int, depth: int) -> None:
        self.text = text
        self.at = 0
        self.first_line = line
        self.depth = depth
        self.found: list[Command] = []
        self.base = 0
        """Where ``text`` begins in the script that is read."""
        self.double = 0
        """In how many double quotes or here-documents the place is, since the last ``$(``."""
        self.inside: list[Command | str] = []
        """The commands and compound commands around the place, outermost first."""
        if depth > MAX_DEPTH:
            raise TooDeepError

    def read(self, closer: str) -> None:
        """Commands up to ``closer``, which is left unread."""
        raise NotImplementedError

    def space(self) -> None:
        """Blanks, comments and newlines."""
        raise NotImplementedError

    def nested(self, script: str, line: int) -> list[Command]:
        """Commands of a script inside this one."""
        raise NotImplementedError

    def mark(self, start: int, end: int, context: str) -> None:
        """Text from ``start`` to ``end`` may hold marks, in this context: ``word``, ``double``, ``single``, ``ansi-c``,
        ``brace``, ``arithmetic``, ``backticks``, ``comment``, ``document``, ``quoted-document``. For subclasses.
        """

    def line(self) -> int:
        return self.first_line + self.text.count("\n", 0, self.at)

    def peek(self, size: int = 1) -> str:
        return self.text[self.at : self.at + size]

    def blanks(self) -> None:
        """Skip blanks, continued lines and a comment."""
        while self.at < len(self.text):
            if self.text[self.at] in BLANK + "\r":
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                self.mark(self.at, end, "comment")
                self.at = end
            else:
                return

    def word_is(self, name: str) -> bool:
        end = self.at + len(name)
        return self.text.startswith(name, self.at) and (end >= len(self.text) or self.text[end] in META)

    def skip(self) -> None:
        self.at += 1

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
                    self.mark(self.at, position, "arithmetic")
                    self.at = position + 1
                    return True
            elif char == "\n" and level < 2:
                return False
            position += 1
        return False

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
                self.mark(self.at + 1, end, "single")
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
                self.substituted()
                parts.append(HOLE)
            elif char == "(" and parts and parts[-1].endswith("=") and not quoted:
                self.array()
                parts.append(HOLE)
            elif char in META:
                break
            else:
                if char >= PRIVATE:
                    self.mark(self.at, self.at + 1, "word")
                parts.append(char)
                self.at += 1
        if self.at == start:
            self.at += 1
        return Word("".join(parts), quoted)

    def array(self) -> None:
        """``name=(a b c)``: words, whose substitutions count."""
        self.at += 1
        self.inside.append("array")
        while self.at < len(self.text):
            self.space()
            if self.peek() == ")":
                self.at += 1
                break
            self.word() if self.peek() not in "();&|<>" else self.skip()
        self.inside.pop()

    def expansions(self, closer: str) -> str:
        """Text up to ``closer`` (or the end), with a hole for each expansion."""
        parts: list[str] = []
        self.double += 1
        while self.at < len(self.text) and (not closer or self.text[self.at] != closer):
            char = self.text[self.at]
            if char == "\\" and self.peek(2)[1:] in ("$", "`", '"', "\\", "\n"):
                parts.append("" if self.peek(2) == "\\\n" else self.text[self.at + 1 : self.at + 2])
                self.at += 2
            elif char in "$`":
                parts.append(self.expansion())
            else:
                if char >= PRIVATE:
                    self.mark(self.at, self.at + 1, "double" if closer else "document")
                parts.append(char)
                self.at += 1
        self.double -= 1
        return "".join(parts)

    def substituted(self) -> None:
        """The commands of a ``$(``, and its ``)``."""
        double, self.double = self.double, 0
        self.read(")")
        self.at += 1
        self.double = double

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
            self.substituted()
        elif following == "{":
            self.at += 2
            self.braces()
        elif following == "'" and not self.double:
            end = self.at + 2
            while end < len(self.text) and self.text[end] != "'":
                end += 2 if self.text[end] == "\\" else 1
            text = self.text[self.at + 2 : end]
            self.mark(self.at + 2, end, "ansi-c")
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
                if char >= PRIVATE:
                    self.mark(self.at, self.at + 1, "double" if self.double else "brace")
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
        self.mark(start, end, "backticks")
        self.at = end + 1
        self.found += self.nested(inner, line)
        return HOLE
