"""CEL as Tekton uses it: checked like cel-go, without variables in `when`, with them for triggers."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from interlock.errors import InputError
from interlock.tekton.spec import cel

TRUE = [
    "'foo' in ['foo', 'bar']",
    "!('duh' in ['foo', 'bar'])",
    "'release/v1'.matches('release/.*')",
    "'abc'.startsWith('a') && 'abc'.endsWith('c') && 'abc'.contains('b')",
    "'foo'=='foo'&&true",
    "'foo'=='bar'||true",
    "'0.95'>'0.9'",
    "0.95 > 0.9",
    "1 + 2 * 3 == 7",
    "-7 / 2 == -3 && -7 % 3 == -1",
    "size('abc') == 3 && '\u00e9\U0001f600'.size() == 2",
    "('a' == 'a' ? 'x' : 'y') == 'x'",
    "[1, 2, 3].all(x, x > 0) && [1, 2].exists_one(x, x == 2) && [1, 2].map(x, x * 2) == [2, 4]",
    "{'blue': '0x000080'}['blue'] == '0x000080' && has({'a': 1}.a)",
    "duration('1h') > duration('1m')",
    "timestamp('2024-01-01T00:00:00Z') < timestamp('2025-01-01T00:00:00Z')",
    "int('5') + 1 == 6 && string(5) == '5'",
    "!(false && 1 / 0 == 0)",
]
FALSE = ["'foo'!='foo'", "'monday'=='friday'", "'xxx' in []", "dyn('x') == 1"]


@pytest.mark.parametrize("expression", TRUE)
def test_what_holds(expression: str) -> None:
    assert cel.holds(expression) is True


@pytest.mark.parametrize("expression", FALSE)
def test_what_does_not_hold(expression: str) -> None:
    assert cel.holds(expression) is False


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'foo'", "The CEL expression 'foo' is not evaluated to a boolean"),
        (
            "{'blue': '0x000080', 'red': '0xFF0000'}['red']",
            "The CEL expression {'blue': '0x000080', 'red': '0xFF0000'}['red'] is not evaluated to a boolean",
        ),
        ("foo", "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo\n | ^"),
        (
            "'x' > 0.9",
            "ERROR: <input>:1:5: found no matching overload for '_>_' applied to '(string, double)'\n"
            " | 'x' > 0.9\n | ....^",
        ),
        (
            "true && params.foo.bar == 'foo'",
            "ERROR: <input>:1:9: undeclared reference to 'params' (in container '')\n"
            " | true && params.foo.bar == 'foo'\n | ........^",
        ),
        ("1 / 0 == 1", "division by zero"),
        ("{'a': 1}['b'] == 1", "no such key: b"),
    ],
)
def test_what_cannot_be_judged_says_so_in_the_words_of_cel_go(expression: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        cel.holds(expression)
    assert (caught.value.code, caught.value.message) == ("cel-invalid", message)


def test_text_is_not_evaluated_twice() -> None:
    # A param that holds an expression is text between quotes: it cannot inject one.
    assert cel.holds("'true || x' == 'true'") is False


def test_variables_and_functions_serve_triggers() -> None:
    data: dict[str, Any] = {"event": "push", "body": {"ref": "refs/heads/main", "files": ["a", "b"]}}
    changed = cel.Function("pathChanged", ("string",), "bool", lambda path: path == "docs", member=True)
    assert cel.evaluate("event == 'push' && body.ref.endsWith('/main') && body.files[1] == 'b'", data) is True
    assert cel.evaluate("'docs'.pathChanged() && !'src'.pathChanged()", {}, functions=[changed]) is True
    assert cel.evaluate("body.files", data) == ["a", "b"]
    with pytest.raises(InputError, match="undeclared reference to 'nobody'"):
        cel.evaluate("nobody == 1", data)
    with pytest.raises(InputError, match="no such key: gone"):
        cel.evaluate("body.gone == 1", data)


def test_the_library_is_loaded_only_when_an_expression_is() -> None:
    code = "import sys; from interlock.tekton.spec import cel; sys.exit('cel_expr_python' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
