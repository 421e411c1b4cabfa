"""A shell script with values put into its text, rewritten so that the shell reads them from variables.

What a value may do is decided by where it stands (POSIX.1-2024 XCU 2.2, 2.6; bash(1) for ``[[``): in double quotes a
variable is a variable; in single quotes it must break out; an unquoted word is quoted, unless several words or none are
meant. Where the value itself is code (a command's name, arithmetic, text for another interpreter) a variable would not
make it harmless: such places stay, with the reason.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from interlock.formats.tekton import shell
from interlock.formats.tekton.shell import Command
from interlock.formats.tekton.shell_words import PRIVATE
from interlock.tekton.spec.injection_names import Reference

MOST: Final = 4000
"""References in one script: as many marks as Unicode's private area holds, and then some to spare."""

_SHELLS: Final = frozenset(["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"])
_CODE: Final = re.compile(r"^(python|pypy)[0-9.]*$|^(node|nodejs|perl|ruby|php|awk|gawk|mawk|nawk|lua|pwsh|osascript)$")
_EVALUATES: Final = frozenset(["eval", "let", "ssh", "su", "trap", "parallel", "watch"])
_RUNS: Final = frozenset(["command", "exec", "env", "sudo", "nohup", "time", "timeout", "xargs"])
_NEAR: Final = 200
_ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*\+?=")
_NUMERIC = re.compile(r"\s-(eq|ne|lt|le|gt|ge)\s")
_DELIMITER = re.compile(r"""(?:'(?P<single>\w+)'|"(?P<double>\w+)"|\\(?P<escaped>\w+))""")


@dataclass(frozen=True, slots=True)
class Left:
    """A reference that was not rewritten, at ``line`` of the script, and why."""

    reference: str
    line: int
    reason: str


@dataclass(frozen=True)
class Rewritten:
    """``used``: the references that variables replaced."""

    text: str
    used: frozenset[str]
    left: tuple[Left, ...]


def rewrite(
    script: str, references: Collection[Reference], variables: Mapping[str, str], *, several: Collection[str] = ()
) -> Rewritten:
    """``script`` with each reference replaced by its variable; ``several``: those that may mean no or many words."""
    ordered = sorted(references, key=lambda item: item.start)
    if len(ordered) > MOST or any(char >= PRIVATE and char <= "\uf8ff" for char in script):
        reason = "the script holds too many references, or characters of the private use area"
        return Rewritten(script, frozenset(), tuple(_left(script, item, reason) for item in ordered))
    parts: list[str] = []
    at = 0
    for number, item in enumerate(ordered):
        parts += [script[at : item.start], chr(ord(PRIVATE) + number)]
        at = item.end
    marked = "".join([*parts, script[at:]])
    names = [variables[item.text] for item in ordered]
    plan = _Plan(names, [item.text in several for item in ordered])
    try:
        reader = _Marks(marked, 1, 0)
        reader.plan = plan
        reader.read("")
    except shell.TooDeepError:
        plan.edits.clear()
        plan.said.clear()
        plan.other = "nested too deeply to be read"
    text, left, used = _applied(marked, plan, ordered, script)
    return Rewritten(text, used, left)


class _Plan:
    """Number of a reference -> what takes its place, or why nothing does; and edits beside them."""

    def __init__(self, names: list[str], several: list[bool]) -> None:
        self.names = names
        self.several = several
        self.edits: dict[int, str] = {}
        self.said: dict[int, str] = {}
        self.around: list[tuple[int, int, str]] = []
        self.other = "not in a place that was understood"
        self.mentions: set[int] = set()
        """References in comments, which need no variable."""


class _Marks(shell.Reader):
    """Decides for each mark when the reader comes by it."""

    plan: _Plan

    def nested(self, script: str, line: int) -> list[Command]:
        # The text in backticks is another one, with its own escapes: its marks were refused as a whole.
        return shell.commands(script, line=line, depth=self.depth + 1)

    def mark(self, start: int, end: int, context: str) -> None:
        for at in range(start, min(end, len(self.text))):  # what is not closed may claim to go on
            if PRIVATE <= self.text[at] <= "\uf8ff":
                self._decide(ord(self.text[at]) - ord(PRIVATE), at, context, (start, end))

    def _decide(self, number: int, at: int, context: str, region: tuple[int, int]) -> None:
        plan = self.plan
        if number in plan.edits or number in plan.said or number in plan.mentions:
            return
        variable = f"${{{plan.names[number]}}}"
        if context == "comment":
            if at < self.text.find("\n") and self.text.startswith("#!"):
                plan.said[number] = "it chooses the interpreter"
            else:
                plan.mentions.add(number)
            return
        if reason := self._refused(at, context, number):
            plan.said[number] = reason
        elif context in ("double", "document"):
            plan.edits[number] = variable
        elif context == "single":
            self._in_single_quotes(number, region, variable)
        elif context == "ansi-c":
            plan.edits[number] = f"'\"{variable}\"$'"
        elif context == "brace":
            plan.edits[number] = f'"{variable}"'
        else:
            plan.edits[number] = variable if self._loose(number, at) else f'"{variable}"'

    def _refused(self, at: int, context: str, number: int) -> str:
        """Why a variable in this place would not be safe, or not the same."""
        if context == "arithmetic":
            return "arithmetic evaluates the value"
        if context == "backticks":
            return "in backticks: write $(…)"
        if at and self.text[at - 1] == "\\" and context not in ("single", "ansi-c"):
            return "after a backslash"
        inside = self.inside[-1] if self.inside else None
        if inside == "[[" and _NUMERIC.search(self.text[self.text.rfind("[[", 0, at) : self._closing(at)]):
            return "[[ … ]] evaluates the value as arithmetic: write [ … ]"
        if not isinstance(inside, Command):
            return ""
        words = [word.text for word in inside.words]
        while words and _ASSIGNMENT.match(words[0]):
            words.pop(0)
        if not words and context == "word" and not self._assigned(at) and not self._redirects(at):
            return "the value is run as a command"
        if not words:
            return ""
        name = posixpath.basename(words[0])
        if name in _RUNS and len(words) == 1 and context == "word" and not self._assigned(at):
            return f"{name} runs the value as a command"
        if context == "document" and (name in _SHELLS or _CODE.match(name)):
            return f"{name} reads the here-document as code"
        if name in _EVALUATES and context != "document":
            return f"{name} evaluates the value as code"
        if self._shell_code() and context != "single":
            return f"{name} -c reads the value as code"
        if _CODE.match(name) and (context != "word" or self._after_code_option(words)):
            return f"{name} reads the value as code"
        return ""

    def _after_code_option(self, words: list[str]) -> bool:
        return len(words) > 1 and bool(re.match(r"^-(c|e|E|p|pe|ne|-eval|-print)$", words[-1]))

    def _shell_code(self) -> bool:
        """Whether the word that is being read is the script of ``sh -c``."""
        inside = self.inside[-1] if self.inside else None
        if not isinstance(inside, Command) or len(inside.words) < 2:
            return False
        name = posixpath.basename(inside.words[0].text)
        return name in _SHELLS and bool(re.match(r"^-[a-z]*c$", inside.words[-1].text))

    def _in_single_quotes(self, number: int, region: tuple[int, int], variable: str) -> None:
        plan, (start, end) = self.plan, region
        if self._shell_code():
            if found := self._in_code(region, number):
                plan.edits[number] = found
            else:
                plan.said[number] = "in the text of another shell, where its place was not understood"
        elif end - start == 1:
            plan.around.append((start - 1, end + 1, f'"{self.text[start]}"'))
            plan.edits[number] = variable
        else:
            plan.edits[number] = f"'\"{variable}\"'"

    def _in_code(self, region: tuple[int, int], number: int) -> str:
        """What replaces the mark in the single-quoted script of ``sh -c``: that script is read on its own."""
        start, end = region
        inner = _Marks(self.text[start:end], 1, self.depth + 1)
        inner.plan = _Plan(self.plan.names, self.plan.several)
        try:
            inner.read("")
        except shell.TooDeepError:
            return ""
        found = inner.plan.edits.get(number, "")
        # A variable in the inner script's single quotes would end the outer ones.
        return "" if "'" in found or inner.plan.around else found

    def _closing(self, at: int) -> int:
        end = self.text.find("]]", at)
        return len(self.text) if end < 0 else end

    def _start(self, at: int) -> int:
        """Where the unquoted run of characters before ``at`` begins."""
        start = at
        while start and self.text[start - 1] not in " \t\n;&|()":
            start -= 1
        return start

    def _assigned(self, at: int) -> bool:
        return bool(_ASSIGNMENT.match(self.text[self._start(at) : at]))

    def _redirects(self, at: int) -> bool:
        start = self._start(at)
        before = self.text[max(0, start - _NEAR) : start].rstrip(" \t")
        return before.endswith(("<", ">")) or "<" in self.text[start:at] or ">" in self.text[start:at]

    def _loose(self, number: int, at: int) -> bool:
        """Whether the variable stays unquoted: where shells do not split, or splitting is what is meant."""
        inside = self.inside[-1] if self.inside else None
        if inside == "[[" or inside in ("for", "select", "array"):
            return True
        if inside == "case" or not isinstance(inside, Command):
            return False
        return self.plan.several[number] and not self._assigned(at) and not self._redirects(at)

    def document(self, command: Command, start: int, end: int, delimiter: int, expands: bool) -> None:
        if not expands:
            self._quoted_document(command, start, end, delimiter)
            return
        inner = _Marks(self.text[start:end], self.first_line, self.depth + 1)
        inner.plan = self.plan
        inner.base = self.base + start
        inner.inside = [command]
        around = len(self.plan.around)
        inner.expansions("")
        self.plan.around[around:] = [(a + start, b + start, text) for a, b, text in self.plan.around[around:]]

    def _quoted_document(self, command: Command, start: int, end: int, delimiter: int) -> None:
        """A here-document without expansions: its delimiter loses the quotes, and what would now expand is escaped."""
        numbers = [ord(char) - ord(PRIVATE) for char in self.text[start:end] if PRIVATE <= char <= "\uf8ff"]
        if not numbers:
            return
        name = posixpath.basename(command.words[0].text) if command.words else ""
        match = _DELIMITER.match(self.text, delimiter)
        if name in _SHELLS or _CODE.match(name):
            self.plan.said.update(dict.fromkeys(numbers, f"{name} reads the here-document as code"))
            return
        if match is None:
            self.plan.said.update(dict.fromkeys(numbers, "in a here-document whose delimiter is quoted in parts"))
            return
        bare = match["single"] or match["double"] or match["escaped"]
        self.plan.around.append((match.start(), match.end(), bare))
        for at in range(start, end):
            char = self.text[at]
            if char in "\\$`":
                self.plan.around.append((at, at + 1, "\\" + char))
            elif PRIVATE <= char <= "\uf8ff":
                self.plan.edits[ord(char) - ord(PRIVATE)] = f"${{{self.plan.names[ord(char) - ord(PRIVATE)]}}}"


def _applied(
    marked: str, plan: _Plan, ordered: list[Reference], script: str
) -> tuple[str, tuple[Left, ...], frozenset[str]]:
    left: list[Left] = []
    used: set[str] = set()

    def unmarked(text: str) -> str:
        parts: list[str] = []
        for char in text:
            number = ord(char) - ord(PRIVATE)
            if not PRIVATE <= char <= "\uf8ff":
                parts.append(char)
            elif number in plan.mentions:
                parts.append(ordered[number].text[2:-1])
            elif number in plan.edits:
                parts.append(plan.edits[number])
                used.add(ordered[number].text)
            else:
                parts.append(ordered[number].text)
                left.append(_left(script, ordered[number], plan.said.get(number, plan.other)))
        return "".join(parts)

    parts: list[str] = []
    at = 0
    for start, end, text in sorted(plan.around):
        parts += [unmarked(marked[at:start]), unmarked(text)]
        at = end
    parts.append(unmarked(marked[at:]))
    return "".join(parts), tuple(left), frozenset(used)


def _left(script: str, reference: Reference, reason: str) -> Left:
    return Left(reference.text, script.count("\n", 0, reference.start) + 1, reason)
