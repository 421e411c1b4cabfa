"""A reader of POSIX shell (with bash's usual additions) that finds the commands a script would run.

It expands nothing and runs nothing. Every simple command comes out with its words, quotes removed, its redirections
and what follows it in its pipeline; commands inside ``$(...)``, backticks, process substitutions, groups and
functions come out like any other. Comments, here-document text, case patterns, ``for`` lists and array values are not
commands. Where a script is malformed, what stands before is reported: a shell would have run that too.

Grammar: POSIX.1-2024 XCU 2.3 (token recognition) and 2.9; bash(1) for ``[[``, ``((``, ``<(``, ``<<<``, ``&>``,
``$'...'``.
"""

from __future__ import annotations

from interlock.formats.tekton.shell_words import (
    HOLE,
    MAX_DEPTH,
    META,
    Command,
    Redirect,
    TooDeepError,
    Word,
    WordReader,
)

__all__ = ["HOLE", "Command", "Reader", "Redirect", "TooDeepError", "Word", "commands"]

_RESERVED = frozenset(
    ["if", "then", "elif", "else", "fi", "while", "until", "do", "done", "{", "}", "!", "time", "coproc"]
)


def commands(script: str, *, line: int = 1, depth: int = 0) -> list[Command]:
    """Every simple command of ``script``, in order of appearance. Raises TooDeepError."""
    reader = Reader(script, line, depth)
    reader.read("")
    return reader.found


class Reader(WordReader):
    """Reads a script; `found` holds its commands. Subclasses are told of marks."""

    def __init__(self, text: str, line: int, depth: int) -> None:
        super().__init__(text, line, depth)
        self.pending: list[tuple[Command, int, str, bool, bool, int]] = []
        """Here-documents announced on this line: command, index of its redirect, delimiter, ``<<-``, expands, where the
        delimiter stands."""

    def document(self, command: Command, start: int, end: int, delimiter: int, expands: bool) -> None:
        """The text from ``start`` to ``end`` is a here-document of ``command``, announced at ``delimiter``."""
        if expands:
            inner = type(self)(self.text[start:end], self.first_line + self.text.count("\n", 0, start), self.depth + 1)
            inner.base = self.base + start
            inner.inside = [command]
            inner.expansions("")
            self.found += inner.found

    def nested(self, script: str, line: int) -> list[Command]:
        return commands(script, line=line, depth=self.depth + 1)

    def newline(self) -> None:
        """Step over a newline, and over the here-documents that were waiting for it."""
        self.at += 1
        waiting, self.pending = self.pending, []
        for command, index, delimiter, strip, expands, announced in waiting:
            start = end = self.at
            lines: list[str] = []
            while self.at < len(self.text):
                stop = self.text.find("\n", self.at)
                stop = len(self.text) if stop < 0 else stop
                row = self.text[self.at : stop]
                end, self.at = self.at, min(stop + 1, len(self.text))
                if (row.lstrip("\t") if strip else row) == delimiter:
                    break
                lines.append(row)
                end = self.at
            body = "\n".join(lines) + ("\n" if lines else "")
            old = command.redirects[index]
            command.redirects[index] = Redirect(old.operator, old.target, old.fd, body)
            self.document(command, start, end, announced, expands)

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
                self.inside.append(name)
                self.compound(name)
                self.inside.pop()
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
                self.word() if self.peek() not in META else self.skip()
            self.at += 1
            self.inside.append("case-body")
            self.read(";;")
            self.inside.pop()
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

    def simple(self) -> Command | None:
        command = Command(self.line())
        self.found.append(command)
        self.inside.append(command)
        try:
            return self.words(command)
        finally:
            self.inside.pop()

    def words(self, command: Command) -> Command | None:
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
            entry = (command, len(command.redirects) - 1, target.text, operator == "<<-", not quoted, raw)
            self.pending.append(entry)
        return True
