"""Which programs a step's script or command names, and which interpreter reads it. Nothing is run or expanded."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from interlock.formats.tekton import shell
from interlock.formats.tekton.shell import Command, Word

SHELLS: Final = frozenset(["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"])
DEFAULT: Final = ("/bin/sh",)
"""The interpreter of a script without a ``#!`` line (pkg/pod/script.go)."""

_BUILTINS: Final = frozenset((
    ".", ":", "alias", "bg", "break", "builtin", "caller", "case", "cd", "command", "compgen", "complete",
    "continue", "declare", "dirs", "disown", "enable", "eval", "exec", "exit", "export", "fc", "fg", "getopts",
    "hash", "help", "history", "jobs", "let", "local", "logout", "mapfile", "popd", "pushd", "read", "readarray",
    "readonly", "return", "set", "shift", "shopt", "source", "suspend", "times", "trap", "type", "typeset",
    "ulimit", "umask", "unalias", "unset", "wait",
))  # fmt: skip
_ALSO_BUILTIN: Final = frozenset(["echo", "printf", "test", "[", "true", "false", "pwd", "kill"])
"""Programs that every shell also has within itself."""
_ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*(\[[^]]*\])?\+?=")
_FUNCTION = re.compile(
    r"(?m)^[ \t]*(?:function[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*\([ \t]*\)|\bfunction[ \t]+([A-Za-z_][\w.-]*)"
)
_WITH_VALUE: Final = {
    "xargs": "InPdLsaE",
    "timeout": "ks",
    "nice": "n",
    "ionice": "cnp",
    "exec": "a",
    "stdbuf": "ioe",
    "env": "uC",
    "sudo": "ugpCrtTUDRh",
}
_WRAPPERS: Final = frozenset((*_WITH_VALUE, "command", "builtin", "nohup", "setsid", "time", "busybox"))
_LOOKUPS: Final = frozenset(["which", "type", "hash"])


def interpreter(script: str) -> tuple[str, ...]:
    """The words of the ``#!`` line, `DEFAULT` without one. Leading white space does not count (pkg/pod/script.go)."""
    first = script.lstrip().partition("\n")[0]
    if not first.startswith("#!"):
        return DEFAULT
    # Linux hands everything after the first blank over as one argument (execve(2)).
    path, _, rest = first[2:].strip().partition(" ")
    return (path, rest.strip()) if rest.strip() else (path,) if path else DEFAULT


def interpreter_program(script: str) -> str:
    """What the interpreter is in the end: a path, or the name that ``/usr/bin/env`` looks up."""
    words = interpreter(script)
    if posixpath.basename(words[0]) != "env" or len(words) < 2:
        return words[0]
    operands = [word for word in words[1].split() if not word.startswith("-") and "=" not in word]
    return operands[0] if operands else words[0]


def is_shell(script: str) -> bool:
    """Whether a shell reads the script."""
    return posixpath.basename(interpreter_program(script)) in SHELLS


def programs(script: str, command: Sequence[str] = ()) -> list[str]:
    """The programs that a step names, in order: names and absolute paths, without builtins and the script's functions.

    With a script the command is not looked at (upstream refuses both together).
    """
    return list(_programs(script, tuple(command)))


@lru_cache(maxsize=512)
def _programs(script: str, command: tuple[str, ...]) -> tuple[str, ...]:
    """Read once: a run names its scripts again and again."""
    found: list[str] = []
    if script:
        found += dict.fromkeys((interpreter(script)[0], interpreter_program(script)))
        if is_shell(script):
            found += _of_shell(script)
    elif command:
        found += _of_words([Word(text) for text in command])
    return tuple(name for name in dict.fromkeys(found) if name and name not in _BUILTINS)


def _of_shell(script: str, depth: int = 0) -> list[str]:
    try:
        read = shell.commands(script, depth=depth)
    except shell.TooDeepError:
        return []
    functions = {name for match in _FUNCTION.finditer(script) for name in match.groups() if name}
    return [name for command in read for name in _of_command(command) if name not in functions]


def _of_command(command: Command) -> Iterator[str]:
    words = list(command.words)
    while words and _ASSIGNMENT.match(words[0].text):
        words.pop(0)
    if words and words[0].text not in _ALSO_BUILTIN:
        yield from _of_words(words)


def _of_words(words: Sequence[Word]) -> Iterator[str]:
    if not words or not words[0].known or not words[0].text:
        return
    text, rest = words[0].text, list(words[1:])
    if "/" in text and not text.startswith("/"):
        return
    yield text
    name = posixpath.basename(text)
    if name in SHELLS and len(rest) > 1 and re.fullmatch(r"-[a-z]*c", rest[0].text):
        yield from _of_shell(rest[1].text)
    elif name in _LOOKUPS or (name == "command" and rest and re.fullmatch(r"-[vV]", rest[0].text)):
        yield from (word.text for word in rest if word.known and re.fullmatch(r"[\w.+][\w.+-]*", word.text))
    elif name in _WRAPPERS:
        yield from _of_words(_unwrapped(name, rest))


def _unwrapped(name: str, rest: list[Word]) -> list[Word]:
    while rest and rest[0].text.startswith("-"):
        option = rest.pop(0).text
        if option == "--":
            break
        if not option.startswith("--") and option[-1] in _WITH_VALUE.get(name, "") and rest:
            rest.pop(0)
    if name == "timeout" and rest:
        rest.pop(0)
    while rest and _ASSIGNMENT.match(rest[0].text):
        rest.pop(0)
    return rest
