"""Shell constructs that a dialect does not have, found by reading; used where the dialect's own shell is missing.

Only what fails for certain in the dialect is reported (measured with BusyBox 1.35 ash and dash 0.5.12): both read
``$RANDOM`` or ``{1..3}`` as other text, which is no error of theirs and none here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from interlock.formats.tekton import shell
from interlock.formats.tekton.shell import HOLE, TooDeepError

Dialect = Literal["ash", "dash"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A construct at ``line`` (from 1) of the script that ``dialect`` refuses."""

    line: int
    construct: str
    dialect: Dialect


_SYNTAX: Final[tuple[tuple[str, str, frozenset[str]], ...]] = (
    (r"(?<![<])<<<(?![<])", "here string <<<", frozenset(["ash", "dash"])),
    (r"(?<![|])\|&", "pipe of both streams |&", frozenset(["ash", "dash"])),
    (r"(?:^|[\s;])[A-Za-z_]\w*\+?=\((?!\()", "array", frozenset(["ash", "dash"])),
    (r"\$\{[A-Za-z_]\w*(?:\^\^?|,,?)[^}]*\}", "change of case ${x^^}", frozenset(["ash", "dash"])),
    (r"\$\{![A-Za-z_]\w*", "indirect expansion ${!x}", frozenset(["ash", "dash"])),
    (r"\$\{#?[A-Za-z_]\w*\[", "array element ${x[i]}", frozenset(["ash", "dash"])),
    (r"\$\{[A-Za-z_]\w*@[A-Za-z]\}", "transformation ${x@Q}", frozenset(["ash", "dash"])),
    (r"\bfor\s*\(\(", "arithmetic for", frozenset(["ash", "dash"])),
    (r"(?:^|[;&|]\s*|\b(?:if|while|until|then|do|else|!)\s+)\(\((?!.*\)\s+\))", "arithmetic command ((…))",
     frozenset(["ash", "dash"])),
    (r"(?:^|[;&|]\s*)select\s+\w+\s+in\b", "select", frozenset(["ash", "dash"])),
    (r"(?<![<>&$])<\(", "process substitution <(…)", frozenset(["dash"])),
    (r"(?:^|[;&|]\s*)function\s+\w+", "function NAME", frozenset(["dash"])),
    (r"\$\{[A-Za-z_]\w*:[0-9]", "substring ${x:0:1}", frozenset(["dash"])),
    (r"\$\{[A-Za-z_]\w*//?[^}]", "replacement ${x/a/b}", frozenset(["dash"])),
    (r"(?:^|[;&|]\s*|\b(?:if|while|until|then|do|else|!)\s+)\[\[\s", "test [[ … ]]", frozenset(["dash"])),
)  # fmt: skip
_COMMANDS: Final = {
    **dict.fromkeys(["declare", "typeset", "shopt", "mapfile", "readarray", "pushd", "popd", "compgen", "caller"],
                    frozenset(["ash", "dash"])),
    **dict.fromkeys(["source", "let"], frozenset(["dash"])),
}  # fmt: skip
_PATTERNS = [(re.compile(pattern, re.MULTILINE), construct, lacking) for pattern, construct, lacking in _SYNTAX]


def findings(script: str, dialect: Dialect) -> list[Finding]:
    """What ``dialect`` would refuse in ``script``, by line."""
    code = _code(script)
    found = [
        Finding(code.count("\n", 0, match.start()) + 1 + match[0].startswith("\n"), construct, dialect)
        for pattern, construct, lacking in _PATTERNS
        if dialect in lacking
        for match in pattern.finditer(code)
    ]
    try:
        read = shell.commands(script)
    except TooDeepError:
        read = []
    for command in read:
        words = [word.text for word in command.words]
        if not words or HOLE in words[0]:
            continue
        if dialect in _COMMANDS.get(words[0], ()):
            found.append(Finding(command.line, f"command {words[0]}", dialect))
        elif dialect == "dash" and words[0] == "[" and "==" in words:
            found.append(Finding(command.line, "test with ==", dialect))
        elif dialect == "dash" and words[:3] == ["set", "-o", "pipefail"]:
            found.append(Finding(command.line, "set -o pipefail", dialect))
    return sorted(set(found), key=lambda item: (item.line, item.construct))


def _code(script: str) -> str:
    """``script`` with comments, single-quoted text and here-documents blanked; lines stay where they are."""
    parts: list[str] = []
    at, size, double = 0, len(script), False
    waiting: list[tuple[str, bool]] = []
    while at < size:
        char = script[at]
        if char == "\\":
            parts.append(script[at : at + 2] if script[at : at + 2] == "\\\n" else "  ")
            at += 2
        elif char == '"':
            double = not double
            parts.append(char)
            at += 1
        elif double:
            parts.append(char if char in "${}[]@!^,/:#\n" or char.isalnum() or char == "_" else " ")
            at += 1
        elif char == "'":
            end = script.find("'", at + 1)
            end = size if end < 0 else end + 1
            parts.append(_blank(script[at:end]))
            at = end
        elif char == "#" and (at == 0 or script[at - 1] in " \t\n;&|()"):
            end = script.find("\n", at)
            end = size if end < 0 else end
            parts.append(" " * (end - at))
            at = end
        elif match := _HEREDOC.match(script, at):
            waiting.append((match["word"], bool(match["strip"])))
            parts.append(_blank(match[0]))
            at = match.end()
        elif char == "\n" and waiting:
            parts.append(char)
            at += 1
            for delimiter, strip in waiting:
                start = at
                while at < size:
                    end = script.find("\n", at)
                    end = size if end < 0 else end
                    row, at = script[at:end], min(end + 1, size)
                    if (row.lstrip("\t") if strip else row) == delimiter:
                        break
                parts.append(_blank(script[start:at]))
            waiting = []
        else:
            parts.append(char)
            at += 1
    return "".join(parts)


_HEREDOC = re.compile(r"(?<!<)<<(?!<)(?P<strip>-?)[ \t]*(?P<quote>['\"\\]?)(?P<word>\w+)['\"]?")


def _blank(text: str) -> str:
    return "".join("\n" if char == "\n" else " " for char in text)
