"""Which event starts which run: cases of annotation_matcher_test.go, and that the reason is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.tekton.spec.pac import Event, keys, matching, templates
from interlock.tekton.spec.pac import glob as globs


def run(**annotations: str) -> dict[str, Any]:
    """``on_event`` is ``pipelinesascode.tekton.dev/on-event``."""
    held = {f"pipelinesascode.tekton.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {"metadata": {"name": "the-run", "annotations": held}}


PUSH = Event("push", "refs/heads/main", files={"modified": ["docs/a.md", "src/x/y.py"]})
PULL = Event("pull_request", "main", "feature", labels=["bug"], files={"added": ["src/a.py"]})


@pytest.mark.parametrize(
    ("annotations", "event", "expected", "why"),
    [
        ({"on_event": "[push]", "on_target_branch": "[main]"}, PUSH, True, "every annotation matches"),
        ({"on_event": "push", "on_target_branch": "main"}, PUSH, True, "every annotation matches"),
        ({"on_event": "[pull_request]", "on_target_branch": "[main]"}, PUSH, False, "on-event [pull_request] does not"),
        ({"on_event": "[push]"}, PUSH, False, "no on-target-branch"),
        ({"on_target_branch": "[main]"}, PUSH, False, "no on-event"),
        ({"on_event": "[push]", "on_target_branch": "[release-*, other]"}, PUSH, False, "on-target-branch"),
        ({"on_event": "[push]", "on_target_branch": "[refs/heads/*]"}, PUSH, True, "every"),
        (
            {"on_event": "[push]", "on_target_branch": "[main]", "on_path_change": "[docs/**]"},
            PUSH,
            True,
            "every annotation matches",
        ),
        ({"on_event": "[push]", "on_target_branch": "[main]", "on_path_change": "[test/*]"}, PUSH, False, "does not"),
        (
            {"on_event": "[push]", "on_target_branch": "[main]", "on_path_change_ignore": "[src/**]"},
            PUSH,
            False,
            "on-path-change-ignore [src/**] matches docs/a.md, src/x/y.py",
        ),
        (
            {"on_event": "[pull_request]", "on_target_branch": "[main]", "on_label": "[bug, feature]"},
            PULL,
            True,
            "every annotation matches",
        ),
        ({"on_event": "[pull_request]", "on_target_branch": "[main]", "on_label": "[x]"}, PULL, False, "on-label [x]"),
        (
            {"on_event": "[pull_request]", "on_target_branch": "[main]"},
            Event("pull_request", "main", type="pull_request_labeled", labels=["bug"]),
            False,
            "label update event",
        ),
        ({"on_event": "[push]", "on_target_branch": "[main]"}, Event("push", "main", type="incoming"), True, "every"),
        (
            {"on_comment": "^/hello"},
            Event("pull_request", "main", type="no-ops-comment", comment="/hello world\r\n"),
            True,
            "on-comment '^/hello' matches the comment",
        ),
        (
            {"on_comment": "^/hello", "on_event": "[pull_request]", "on_target_branch": "[main]"},
            Event("pull_request", "main", type="no-ops-comment", comment="thanks"),
            False,
            "no on-comment matched",
        ),
        ({"on_comment": "("}, Event("pull_request", "main", comment="("), False, "could not compile regexp ("),
        ({}, Event("incoming", "main", target_run="the-run"), True, "the event asks for the-run"),
        ({"on_cel_expression": 'event == "push" && target_branch == "main"'}, PUSH, True, "is true"),
        ({"on_cel_expression": 'target_branch == "refs/heads/main"'}, PUSH, True, "is true"),
        ({"on_cel_expression": 'event == "pull_request"'}, PUSH, False, "is false"),
        ({"on_cel_expression": '"docs/*.md".pathChanged()'}, PUSH, True, "is true"),
        ({"on_cel_expression": '"test/*.md".pathChanged()'}, PUSH, False, "is false"),
        ({"on_cel_expression": 'files.modified.exists(x, x.matches("y.py"))'}, PUSH, True, "is true"),
        ({"on_cel_expression": 'body.foo == "bar"'}, Event("push", "main", body={"foo": "bar"}), True, "is true"),
        ({"on_cel_expression": "headers['foo'] == 'bar'"}, Event("push", "main", headers={"Foo": "bar"}), True, "true"),
        ({"on_cel_expression": 'event == "push" |'}, PUSH, False, "CEL expression evaluation error"),
        ({"on_cel_expression": 'unknown == "x"'}, PUSH, False, "CEL expression evaluation error"),
        (
            {"on_cel_expression": 'deploy == "yes"'},
            Event("push", "main", params={"deploy": "yes", "event": "ignored"}),
            True,
            "is true",
        ),
        (
            {"on_cel_expression": 'event == "pull_request"'},
            Event("pull_request", "main", type="pull_request_labeled"),
            False,
            "names neither event_type nor labels",
        ),
        (
            {"on_cel_expression": 'event_type == "pull_request_labeled"'},
            Event("pull_request", "main", type="pull_request_labeled"),
            True,
            "is true",
        ),
    ],
)
def test_matching(annotations: dict[str, str], event: Event, expected: bool, why: str) -> None:
    found = matching.match(run(**annotations), event)
    assert found.matched is expected
    assert why in found.explain[-1], found.explain


def test_what_cel_overrides_is_said() -> None:
    found = matching.match(run(on_event="[pull_request]", on_cel_expression='event == "push"'), PUSH)
    assert found.matched and found.explain[0] == "on-cel-expression takes precedence; ignored: on-event"


def test_an_empty_annotation_is_an_error() -> None:
    with pytest.raises(InputError, match=r"annotation pipelinesascode\.tekton\.dev/on-event is empty"):
        matching.match(run(on_event="[]", on_target_branch="[main]"), PUSH)


# TestBranchMatch: base branch, pattern, whether they match.
BRANCHES = [
    ("main", "main", True),
    ("refs/heads/main", "main", True),
    ("main", "refs/heads/main", True),
    ("refs/heads/main", "refs/heads/main", True),
    ("refs/tags/v0.20.0", "main", False),
    ("main", "refs/tags/*", False),
    ("refs/tags/v0.20.0", "refs/heads/main", False),
    ("refs/heads/main", "refs/tags/*", False),
    ("refs/tags/v0.20.0", "refs/tags/*", True),
    ("main", "test", False),
    ("refs/heads/foo/test", "test", False),
    ("test", "refs/heads/foo/test", False),
    ("refs/heads/bar/test", "refs/heads/foo/test", False),
    ("refs/tags/v0.20.0", "refs/tags/v0.19.0", False),
    ("refs/heads/main", "refs/heads/mains", False),
]


@pytest.mark.parametrize(("base", "pattern", "expected"), BRANCHES)
def test_branches(base: str, pattern: str, expected: bool) -> None:
    assert matching.branch_matches(pattern, base) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[foo, bar]", ["foo", "bar"]),
        ("[foo]", ["foo"]),
        ("foo", ["foo"]),
        (" [ a , b ] ", ["a", "b"]),
        ("[a&#44;b, c]", ["a,b", "c"]),
        ("[[a]]", ["[a]"]),
    ],
)
def test_values(text: str, expected: list[str]) -> None:
    assert keys.values(text) == expected


@pytest.mark.parametrize("text", ["[foo", "foo]", "foo bar", "[]", "[ ]", "[,a]"])
def test_values_that_are_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        keys.values(text)
    assert caught.value.code == "pac-annotation"


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a*c", "a/b/c", True),
        ("**/x", "a/b/x", True),
        ("?at", "cat", True),
        ("?at", "at", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[abc]x", "cx", True),
        ("{main,release-*}", "release-1", True),
        ("{a,{b,c}}d", "cd", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("a.c", "abc", False),
    ],
)
def test_globs(pattern: str, text: str, expected: bool) -> None:
    assert globs.matches(pattern, text) is expected


@pytest.mark.parametrize("pattern", ["{a", "[a", "a\\", "[c-a]"])
def test_globs_that_are_none(pattern: str) -> None:
    with pytest.raises(InputError, match="pac-glob"):
        globs.compiled(pattern)


@given(st.text("ab/.-*?", max_size=12))
def test_a_quoted_pattern_matches_only_itself(text: str) -> None:
    quoted = "".join(f"\\{char}" for char in text)
    assert globs.matches(quoted, text)
    assert not globs.matches(quoted, text + "x")


def test_explanation() -> None:
    text = matching.explanation([run(on_event="[push]", on_cel_expression="x", task="t")], PULL)
    assert text == (
        "cannot match the event to any pipelineruns in the .tekton/ directory, payload target event is pull_request "
        "with source branch feature and target branch main. available annotations of the PipelineRuns annotations in "
        ".tekton/ dir: [PipelineRun: the-run, annotations: on-cel-expression: celexpression, on-event: [push]]"
    )


# -- templates: TestReplacePlaceHoldersVariables -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        (
            "revision: {{ revision }}} url: {{ url }} bar: {{ bar}} tag: {{ git_tag }}",
            {"revision": "master", "url": "https://chmouel.com", "git_tag": "v1.0"},
            "revision: master} url: https://chmouel.com bar: {{ bar}} tag: v1.0",
        ),
        ("missing: {{ missing_key }}", {"existing_key": "value"}, "missing: {{ missing_key }}"),
        ("body: {{ body.hello }}", {}, "body: {{ body.hello }}"),
        ("{{x}} {{xy}}", {"x": "1", "xy": "2"}, "{{x}} 2"),
        ("{{ a }}", {"a": "{{ b }}", "b": "2"}, "{{ b }}"),
    ],
)
def test_templates(text: str, values: dict[str, str], expected: str) -> None:
    assert templates.substituted(text, values) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("world", "world"), (42, "42"), (42.0, "42"), (True, "true"), (["a"], '["a"]')]
)
def test_values_of_expressions(value: Any, expected: str) -> None:
    assert templates.substituted("{{ body.x }}", {}, lambda expression: value) == expected


def test_expressions_that_fail() -> None:
    def failing(expression: str) -> Any:
        raise InputError("cel-invalid", expression)

    assert templates.substituted("{{ body.x }}|{{ cel: x }}", {}, failing) == "{{ body.x }}|"
    assert templates.placeholders("{{ a }} {{ b }} {{ a }}") == ["a", "b"]
