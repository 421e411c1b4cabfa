"""Expressions in templates: cases of templating_test.go, and the functions on strings."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.errors import InputError
from interlock.tekton.spec.pac import expressions, templates

WORLD: dict[str, Any] = {"body": {"hello": "world", "count": 42, "enabled": True}, "headers": {"X-Hello": "World"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello: {{ body.hello }}", "hello: world"),
        ("Is this {{ body.hello == 'world' }}", "Is this true"),
        ('header: {{ headers["X-Hello"] }}', "header: World"),
        ("changed: {{ files.all[0] }}", "changed: a.txt"),
        ("count: {{ body.count }}", "count: 42"),
        ("enabled: {{ body.enabled }}", "enabled: true"),
        ("invalid: {{ body.nonexistent }}", "invalid: {{ body.nonexistent }}"),
        ("cel: {{ cel: body.nonexistent }}", "cel: "),
        ('all files: {{ files.all.join(", ") }}', "all files: a.txt, b.txt"),
        ('{{ cel: trigger_comment.replace("bad", "good") }}', "a good comment!"),
        ('{{ cel: "HELLOWORLD".substring(0, 5) }}', "HELLO"),
        ("{{ cel: pac.revision + revision }}", "mainmain"),
        ("{{ cel: pac.custom }}", "own"),
    ],
)
def test_templates(text: str, expected: str) -> None:
    values = {"revision": "main", "trigger_comment": "a bad comment!", "custom": "own"}
    evaluate = expressions.evaluator(values, files={"all": ["a.txt", "b.txt"]}, **WORLD)
    assert templates.substituted(text, values, evaluate) == expected


# From cel-go's ext/strings_test.go.
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'tacocat'.charAt(3)", "o"),
        ("'tacocat'.charAt(7)", ""),
        ("'tacocat'.indexOf('ac')", 1),
        ("'tacocat'.indexOf('a', 3)", 5),
        ("'tacocat'.indexOf('none')", -1),
        ("'tacocat'.lastIndexOf('at')", 5),
        ("'TacoCÆt'.lowerAscii()", "tacocÆt"),
        ("'tacoCξt'.upperAscii()", "TACOCξT"),
        ("'12 days 12 hours'.replace('{0}', '2')", "12 days 12 hours"),
        ("'{0} days {0} hours'.replace('{0}', '2', 1)", "2 days {0} hours"),
        ("'hello world'.split(' ')", ["hello", "world"]),
        ("'hello world events!'.split(' ', 0)", []),
        ("'hello world events!'.split(' ', 1)", ["hello world events!"]),
        ("'o©o©o©o'.split('©', -1)", ["o", "o", "o", "o"]),
        ("'tacocat'.substring(4)", "cat"),
        ("'tacocat'.substring(7)", ""),
        ("'tacocat'.substring(0, 4)", "taco"),
        ("' text '.trim()", "text"),
        ("['x', 'y'].join()", "xy"),
        ("['x', 'y'].join('-')", "x-y"),
        ("'gums'.reverse()", "smug"),
    ],
)
def test_functions_on_strings(expression: str, expected: Any) -> None:
    assert expressions.evaluator({})(expression) == expected


@pytest.mark.parametrize("expression", ["'tacocat'.substring(40)", "'tacocat'.charAt(30)", "[1, 2].flatten()", "x"])
def test_failures(expression: str) -> None:
    with pytest.raises(InputError):
        expressions.evaluator({})(expression)
