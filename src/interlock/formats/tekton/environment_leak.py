"""Whether a step would print its environment: such a task is refused before it runs (code ``task-prints-environment``).

Read, not grepped: `shell` finds the commands, so ``env VAR=x cmd``, ``set -e``, comments, here-document text and
quoted prose are no findings (research/supplychain.md section 5). What a program fetched at run time does is beyond
this rule; there the masking of the log stands.
"""

from __future__ import annotations

import ast
import itertools
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from interlock.errors import RefusedError
from interlock.formats.tekton import shell
from interlock.formats.tekton.shell import HOLE, Command, Word
from interlock.formats.tekton.task import Step, TaskSpec, step_name

CODE = "task-prints-environment"
_SHELLS = frozenset(["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "rbash"])
_ENVIRON = re.compile(r"/proc/(?:[^/\s'\"]+/)+environ\b")
_PROSE = frozenset(("echo", "printf", ":", "true", "log", "logger"))
_PYTHON = re.compile(r"^(python|pypy)[0-9.]*$")
_STDOUT = re.compile(r"^(/dev/(stdout|stderr|tty|fd/[12])|/proc/[^/]+/fd/[12])$")
# Options of the wrappers that take a value in the next word.
_WITH_VALUE = {
    "sudo": "ugpCrtTUDRh",
    "doas": "uC",
    "xargs": "InPdLsaE",
    "timeout": "ks",
    "nice": "n",
    "ionice": "cnp",
    "exec": "a",
    "stdbuf": "ioe",
    "env": "uCS",
}
_WRAPPERS = frozenset((*_WITH_VALUE, "command", "builtin", "nohup", "setsid", "busybox", "toybox", "time"))


@dataclass(frozen=True, slots=True)
class Finding:
    """A place that prints the environment (``error``), or shows commands as they run (``warning``: ``set -x``)."""

    line: int
    text: str
    severity: Literal["error", "warning"] = "error"


def refuse(spec: TaskSpec) -> None:
    """Raise RefusedError ``task-prints-environment`` for the first step that prints its environment."""
    for index, step in enumerate(spec.steps or []):
        for finding in of_step(step):
            if finding.severity == "error":
                place = f"line {finding.line} of its script" if step.script else "its command"
                raise RefusedError(
                    CODE,
                    f'step "{step_name(step, index)}" prints its environment: {finding.text} ({place})',
                    todo="print the variables that are needed by name",
                )


def of_step(step: Step) -> list[Finding]:
    """Findings in a step's script, or in its command and args."""
    if step.script:
        return of_script(step.script)
    words = [Word(text) for text in (*(step.command or []), *(step.args or []))]
    return _sorted(_of_words(words, Command(1, words), 0))


def of_script(script: str) -> list[Finding]:
    """Findings in a script, by its shebang: a shell (also without one), Python or Node; others are not read."""
    first, _, rest = script.lstrip().partition("\n")
    name = "sh"
    if first.startswith("#!"):
        words = first[2:].split()
        name = posixpath.basename(words[0]) if words else "sh"
        if name == "env":
            operands = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
            name = posixpath.basename(operands[0]) if operands else "sh"
    if name in _SHELLS or name == "busybox":
        found = _of_shell(script, 1, 0)
        if first.startswith("#!") and re.search(r"\s-[a-z]*x", first):
            found.append(Finding(1, first, "warning"))
        return _sorted(found)
    return _sorted(_of_code(name, rest, 2))


def _sorted(found: list[Finding]) -> list[Finding]:
    return sorted(dict.fromkeys(found), key=lambda item: (item.line, item.text))


def _of_shell(script: str, line: int, depth: int) -> list[Finding]:
    found: list[Finding] = []
    try:
        read = shell.commands(script, line=line, depth=depth)
    except shell.TooDeepError:
        return [Finding(line, "nested too deeply to be read")]
    for command in read:
        found += _of_command(command, depth)
    return found


def _of_command(command: Command, depth: int) -> list[Finding]:
    words = list(command.words)
    while words and re.match(r"^[A-Za-z_][A-Za-z0-9_]*(\[[^]]*\])?\+?=", words[0].text):
        words.pop(0)
    found = [
        Finding(command.line, f"< {_shown(item.target)}")
        for item in command.redirects
        if item.body is None and _ENVIRON.search(item.target.text)
    ]
    if words:
        found += _of_words(words, command, depth)
    return found


def _of_words(words: Sequence[Word], command: Command, depth: int) -> list[Finding]:
    """Findings of a command given as words; wrappers are taken off."""
    if not words or not words[0].known:
        return _environ_files(words, command)
    name, operands = posixpath.basename(words[0].text), words[1:]
    here = Finding(command.line, " ".join(_shown(word) for word in words))
    if name in _WRAPPERS:
        return _of_wrapper(name, operands, command, depth, here)
    if name in _SHELLS:
        return _of_shell_call(operands, command, depth)
    if name == "eval":
        return _of_shell(" ".join(word.text for word in operands), command.line, depth + 1)
    if name == "trap" and operands and operands[0].text not in ("", "-", "-l", "-p"):
        return _of_shell(operands[0].text, command.line, depth + 1)
    if name == "su":
        return _of_option(operands, "c", lambda code: _of_shell(code, command.line, depth + 1))
    if _PYTHON.match(name) or name in ("node", "nodejs", "perl", "ruby", "awk", "gawk", "mawk"):
        return _of_interpreter(name, operands, command) + _environ_files(operands, command)
    if (name == "set" and any(re.match(r"^-[a-z]*x", word.text) for word in operands)) or _xtrace(name, operands):
        return [Finding(command.line, here.text, "warning")]
    if name in ("printenv", "set", "export", "declare", "typeset", "readonly") and _whole(name, operands):
        return [here] if _printed(command) else []
    if name == "compgen" and any(re.match(r"^-[a-z]*[ve]", word.text) for word in operands):
        return [here] if _printed(command) else []
    return [] if name in _PROSE else _environ_files(operands, command)


def _xtrace(name: str, operands: Sequence[Word]) -> bool:
    texts = [word.text for word in operands]
    return name == "set" and any(pair == ("-o", "xtrace") for pair in itertools.pairwise(texts))


def _whole(name: str, operands: Sequence[Word]) -> bool:
    """No operand, or only -p, -x and -0 among the options: everything is listed."""
    allowed = {"printenv": "0", "set": ""}.get(name, "px")
    return all(
        word.text in ("--null",) or re.match(rf"^-[{allowed}]+$" if allowed else r"^$", word.text) for word in operands
    )


def _printed(command: Command) -> bool:
    """Whether the command's output can reach the log: not into a file, nor into something that only counts or tests."""
    for item in command.redirects:
        if (
            item.fd in ("", "1")
            and item.operator in (">", ">>", ">|", "&>", "&>>")
            and not _STDOUT.match(item.target.text)
        ):
            return False
    following = command.pipe
    if following is None:
        return True
    texts = [word.text for word in following.words]
    if not texts:
        return True
    name = posixpath.basename(texts[0])
    if name == "wc" or (
        name in ("grep", "egrep", "fgrep", "rg")
        and any(re.match(r"^-[a-zA-Z]*[qc]|^--(quiet|count|silent)", text) for text in texts[1:])
    ):
        return False
    if name == "cut" or name == "true" or name == ":":
        # `env | cut -d= -f1` shows names alone.
        return (name == "cut" and not ("-d=" in texts or ("-d" in texts and "=" in texts))) or (
            name == "cut" and "-f1" not in texts
        )
    return _printed(following)


def _environ_files(words: Sequence[Word], command: Command) -> list[Finding]:
    if any(_ENVIRON.search(word.text) for word in words):
        return [Finding(command.line, " ".join(_shown(word) for word in command.words))]
    return []


def _shown(word: Word) -> str:
    return word.text.replace(HOLE, "$…").strip()[:80] or "''"


def _of_wrapper(name: str, operands: Sequence[Word], command: Command, depth: int, here: Finding) -> list[Finding]:
    rest = list(operands)
    if name == "env":
        return _of_env(rest, command, depth, here)
    while rest and rest[0].text.startswith("-") and rest[0].text != "-":
        option = rest.pop(0).text
        if option == "--":
            break
        if name == "command" and re.match(r"^-[a-zA-Z]*[vV]", option):
            return []
        if not option.startswith("--") and option[-1] in _WITH_VALUE.get(name, "") and rest:
            rest.pop(0)
    if name == "timeout" and rest:
        rest.pop(0)
    while name == "sudo" and rest and re.match(r"^[A-Za-z_][A-Za-z0-9_]*=", rest[0].text):
        rest.pop(0)
    return _of_words(rest, command, depth) if rest else []


def _of_env(rest: list[Word], command: Command, depth: int, here: Finding) -> list[Finding]:
    """env(1): prints everything when no command is left, unless it starts empty."""
    empty = False
    while rest and rest[0].text.startswith("-"):
        option = rest.pop(0).text
        if option in ("-", "--ignore-environment") or re.match(r"^-[a-zA-Z0]*i", option):
            empty = True
        if option in ("-S", "--split-string") and rest:
            return _of_shell(rest[0].text, command.line, depth + 1)
        if option in ("-u", "-C", "--unset", "--chdir") and rest:
            rest.pop(0)
        if option in ("--help", "--version"):
            return []
        if option == "--":
            break
    while rest and re.match(r"^[A-Za-z_][A-Za-z0-9_]*=", rest[0].text):
        rest.pop(0)
    if rest:
        return _of_words(rest, command, depth)
    return [here] if not empty and _printed(command) else []


def _of_shell_call(operands: Sequence[Word], command: Command, depth: int) -> list[Finding]:
    """``sh -c SCRIPT``, ``sh <<EOF`` and ``bash -x``."""
    found: list[Finding] = []
    rest = list(operands)
    while rest and re.match(r"^[-+][a-zA-Z]", rest[0].text):
        option = rest.pop(0).text
        if "x" in option and option.startswith("-"):
            found.append(Finding(command.line, f"sh {option}", "warning"))
        if "c" in option and not option.startswith("--"):
            while rest and re.match(r"^[-+][a-zA-Z]", rest[0].text):
                rest.pop(0)
            return found + (_of_shell(rest[0].text, command.line, depth + 1) if rest else [])
        if option in ("-o", "+o", "-O") and rest:
            rest.pop(0)
    for item in command.redirects:
        if item.body is not None and not rest:
            found += _of_shell(item.body, command.line + 1, depth + 1)
        elif item.operator == "<<<" and not rest:
            found += _of_shell(item.target.text, command.line, depth + 1)
    return found + _environ_files(rest, command)


def _of_option(operands: Sequence[Word], letter: str, read: object) -> list[Finding]:
    for option, value in itertools.pairwise(operands):
        if re.match(rf"^-[a-zA-Z]*{letter}$", option.text) and callable(read):
            found: list[Finding] = read(value.text)
            return found
    return []


def _of_interpreter(name: str, operands: Sequence[Word], command: Command) -> list[Finding]:
    """Code on the command line, or from a here-document."""
    texts = [word.text for word in operands]
    if name in ("awk", "gawk", "mawk"):
        return _of_code(name, "\n".join(texts), command.line)
    flags = {"node": ("-e", "-p", "-pe", "--eval", "--print"), "nodejs": ("-e", "-p", "-pe", "--eval", "--print")}.get(
        name, ("-c",) if _PYTHON.match(name) else ("-e", "-E", "-ne", "-pe", "-le", "-lne")
    )
    for option, code in itertools.pairwise(texts):
        if option in flags or (_PYTHON.match(name) and re.match(r"^-[a-zA-Z]*c$", option)):
            shown = option in ("-p", "-pe", "--print") and name.startswith("node")
            return _of_code(name, f"console.log({code})" if shown else code, command.line)
    bodies = [item.body for item in command.redirects if item.body is not None]
    return [finding for body in bodies for finding in _of_code(name, body, command.line + 1)]


_NODE = re.compile(r"(console\.\w+|process\.stdout\.write)\s*\((?:[^;]*?[\s(,{.])?process\.env\s*(?![\w.\[\s])")
_OTHERS = {
    "perl": re.compile(r"%ENV\b|%\{?\$?ENV\b"),
    "ruby": re.compile(
        r"\b(p|pp|puts|print)\b[^;\n]*\bENV\b(?!\s*[\[.])|\bENV\.(each|each_pair|to_h|to_a|inspect|map)\b"
    ),
    "awk": re.compile(r"\bin\s+ENVIRON\b"),
}


def _of_code(name: str, code: str, line: int) -> list[Finding]:
    if _PYTHON.match(name):
        return _of_python(code, line)
    if name in ("node", "nodejs"):
        pattern: re.Pattern[str] | None = _NODE
    else:
        pattern = _OTHERS.get("awk" if name.endswith("awk") else name)
    match = pattern.search(code) if pattern is not None else None
    return [Finding(line + code.count("\n", 0, match.start()), f"{name}: {match[0].strip()[:80]}")] if match else []


_PRINTS = frozenset(
    ["print", "pprint", "pp", "write", "writelines", "dump", "info", "debug", "warning", "error", "log"]
)


def _of_python(code: str, line: int) -> list[Finding]:
    """``os.environ`` as a whole, its items or its values, inside a call that prints, or looped over with one."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        match = re.search(r"print\s*\(?[^\n]*\bos\.environ\b(?!\s*[\[.])", code)
        return [Finding(line + code.count("\n", 0, match.start()), match[0].strip()[:80])] if match else []
    found: list[Finding] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _prints(node):
            whole = any(_holds_environment(part) for part in (*node.args, *(item.value for item in node.keywords)))
        elif isinstance(node, ast.For) and _holds_environment(node.iter):
            whole = any(
                isinstance(inner, ast.Call) and _prints(inner) for part in node.body for inner in ast.walk(part)
            )
        else:
            continue
        if whole:
            text = (ast.get_source_segment(code, node) or "os.environ").split("\n")[0]
            found.append(Finding(line + node.lineno - 1, text[:80]))
    return found


def _prints(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in _PRINTS


def _holds_environment(node: ast.AST) -> bool:
    """Whether the environment's values are in the expression whole: no single key, no names, no membership test."""
    if isinstance(node, ast.Attribute) and _is_environment(node.value):
        return node.attr in ("items", "values", "copy", "__dict__", "_data")
    if isinstance(node, ast.Subscript) and _is_environment(node.value):
        return False
    if isinstance(node, ast.Compare) and any(_is_environment(item) for item in node.comparators):
        return False
    if _is_environment(node):
        return True
    return any(_holds_environment(child) for child in ast.iter_child_nodes(node))


def _is_environment(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb")) or (
        isinstance(node, ast.Name) and node.id in ("environ", "environb")
    )
