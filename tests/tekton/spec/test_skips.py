"""Why a task is skipped: every reason, which of two counts, and that each task ends in exactly one way."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interlock.formats.tekton import model
from interlock.formats.tekton.conditions import Condition
from interlock.tekton.spec import graph, verdict
from interlock.tekton.spec.pipeline import PipelineTask
from interlock.tekton.spec.progress import Child, Children, Timeouts
from interlock.tekton.spec.scheduling import Schedule

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
STATES = {
    "done": Child(Condition("True", "Succeeded", ""), {"r": "v", "none": []}),
    "quiet": Child(Condition("True", "Succeeded", "")),
    "bad": Child(Condition("False", "StepFailed", "")),
    "gone": Child(Condition("False", "TaskRunCancelled", "")),
    "late": Child(
        Condition("False", "TaskRunCancelled", ""),
        {},
        "TaskRun cancelled as the PipelineRun it belongs to has timed out.",
    ),
    "runs": Child(Condition("Unknown", "Running", "")),
    "new": Child(None),
}
NEVER = {"when": [{"input": "x", "operator": "in", "values": ["y"]}]}
ALWAYS = {"when": [{"input": "x", "operator": "notin", "values": ["y"]}]}
STOPPING = "PipelineRun was stopping"
CANCELLED = "PipelineRun was gracefully cancelled"
STOPPED = "PipelineRun was gracefully stopped"
WHEN = "When Expressions evaluated to false"
PARENT = "Parent Tasks were skipped"
MISSING = "Results were missing"
PIPELINE = "PipelineRun timeout has been reached"
TASKS = "PipelineRun Tasks timeout has been reached"
FINALLY = "PipelineRun Finally timeout has been reached"
EMPTY = "Matrix Parameters have an empty array"


def task(name: str, **fields: Any) -> PipelineTask:
    return model.parse(PipelineTask, {"name": name, "taskRef": {"name": "t"}, **fields})


def uses(*references: str) -> dict[str, Any]:
    return {"params": [{"name": f"p{index}", "value": f"$({item})"} for index, item in enumerate(references)]}


def judged(
    tasks: list[PipelineTask], children: dict[str, str], finals: list[PipelineTask] | None = None, **facts: Any
) -> Schedule:
    return Schedule(
        run="pr",
        graph=graph.build(tasks, finals or []),
        children={name: Children((STATES[state],)) for name, state in children.items()},
        **{
            "spec_status": "",
            "timeouts": Timeouts(HOUR, None, None),
            "start": START,
            "finally_start": None,
            "now": START,
            **facts,
        },
    )


OVER_PIPELINE: dict[str, Any] = {"now": START + 2 * HOUR}
OVER_TASKS: dict[str, Any] = {"now": START + HOUR / 2, "timeouts": Timeouts(HOUR, HOUR / 4, None)}
OVER_ALL: dict[str, Any] = {"now": START + 2 * HOUR, "timeouts": Timeouts(HOUR, HOUR / 4, None)}
EMPTY_MATRIX = {"matrix": {"params": [{"name": "m", "value": []}]}}
EMPTY_RESULT = {"matrix": {"params": [{"name": "m", "value": "$(tasks.a.results.none[*])"}]}}

# Task ``t`` waits for ``a``: its fields, a's fields and state ("" is: not started), the facts, why t is skipped.
CASES: list[tuple[dict[str, Any], dict[str, Any], str, dict[str, Any], str | None]] = [
    ({"runAfter": ["a"]}, {}, "done", {}, None),
    ({"runAfter": ["a"]}, {}, "runs", {}, None),
    ({"runAfter": ["a"]}, {}, "new", {}, None),
    ({"runAfter": ["a"]}, {}, "bad", {}, STOPPING),
    ({"runAfter": ["a"]}, {}, "gone", {}, STOPPING),
    ({"runAfter": ["a"]}, {}, "late", {}, STOPPING),
    ({"runAfter": ["a"]}, {"onError": "continue"}, "bad", {}, None),
    ({"runAfter": ["a"]}, {"onError": "continue"}, "gone", {}, None),
    ({"runAfter": ["a"], **NEVER}, {}, "done", {}, WHEN),
    ({"runAfter": ["a"], **NEVER}, {}, "runs", {}, None),
    ({"runAfter": ["a"], **ALWAYS}, {}, "done", {}, None),
    ({"runAfter": ["a"], **NEVER}, {}, "bad", {}, STOPPING),
    ({"runAfter": ["a"], **NEVER}, {}, "done", {"spec_status": "CancelledRunFinally"}, CANCELLED),
    ({"runAfter": ["a"], **NEVER}, {}, "done", {"spec_status": "StoppedRunFinally"}, STOPPED),
    ({"runAfter": ["a"]}, {}, "runs", {"spec_status": "StoppedRunFinally"}, STOPPED),
    ({"runAfter": ["a"]}, {}, "bad", {"spec_status": "StoppedRunFinally"}, STOPPING),
    ({"runAfter": ["a"]}, {}, "bad", {"spec_status": "CancelledRunFinally"}, STOPPING),
    ({"runAfter": ["a"]}, NEVER, "", {}, None),
    (uses("tasks.a.results.r"), NEVER, "", {}, MISSING),
    ({**uses("tasks.a.results.r"), **NEVER}, NEVER, "", {}, WHEN),
    (uses("tasks.a.results.r"), {}, "done", {}, None),
    (uses("tasks.a.results.r"), {}, "runs", {}, None),
    ({**uses("tasks.a.results.r"), "onError": "continue"}, {}, "quiet", {}, MISSING),
    ({**uses("tasks.a.results.r"), "onError": "continue"}, {"onError": "continue"}, "bad", {}, MISSING),
    ({"when": [{"input": "$(tasks.a.results.r)", "operator": "in", "values": ["v"]}]}, {}, "done", {}, None),
    ({"when": [{"input": "$(tasks.a.results.r)", "operator": "in", "values": ["w"]}]}, {}, "done", {}, WHEN),
    # A reference that nothing fills in is compared as it stands.
    ({"when": [{"input": "$(tasks.a.results.r)", "operator": "in", "values": ["v"]}]}, NEVER, "", {}, WHEN),
    ({"when": [{"input": "$(tasks.a.results.r)", "operator": "notin", "values": ["v"]}]}, NEVER, "", {}, MISSING),
    ({"when": [{"cel": "'$(tasks.a.results.r)' == 'v'"}]}, {}, "done", {}, None),
    ({"when": [{"cel": "'$(tasks.a.results.r)' == 'w'"}]}, {}, "done", {}, WHEN),
    ({"when": [{"cel": "'$(tasks.a.results.r)' == 'w'"}]}, {}, "runs", {}, None),
    ({"runAfter": ["a"]}, {}, "done", OVER_PIPELINE, PIPELINE),
    ({"runAfter": ["a"]}, {}, "runs", OVER_PIPELINE, None),
    ({"runAfter": ["a"]}, {}, "done", OVER_TASKS, TASKS),
    ({"runAfter": ["a"]}, {}, "done", OVER_ALL, PIPELINE),
    ({"runAfter": ["a"], **NEVER}, {}, "done", OVER_ALL, WHEN),
    ({"runAfter": ["a"], **EMPTY_MATRIX}, {}, "done", {}, EMPTY),
    ({"runAfter": ["a"], **EMPTY_MATRIX}, {}, "runs", {}, None),
    ({"runAfter": ["a"], **EMPTY_MATRIX}, {}, "done", OVER_TASKS, TASKS),
    ({"runAfter": ["a"], **EMPTY_MATRIX, **NEVER}, {}, "done", {}, WHEN),
    (EMPTY_RESULT, {}, "done", {}, EMPTY),
]


@pytest.mark.parametrize(("fields", "parent", "state", "facts", "reason"), CASES)
def test_why_a_task_is_skipped(
    fields: dict[str, Any], parent: dict[str, Any], state: str, facts: dict[str, Any], reason: str | None
) -> None:
    found = judged([task("t", **fields), task("a", **parent)], {"a": state} if state else {}, **facts)
    assert {skip.name: skip.reason for skip in found.skipped()}.get("t") == reason


@pytest.mark.parametrize("why", ["results", "parent", "empty", "timeout"])
def test_what_is_skipped_for_another_reason_than_when_takes_its_children_along(why: str) -> None:
    first: dict[str, Any] = {
        "results": uses("tasks.root.results.r"),
        "parent": {"runAfter": ["lost"]},
        "empty": {"runAfter": ["root"], **EMPTY_MATRIX},
        "timeout": {"runAfter": ["done"]},
    }[why]
    tasks = [
        task("root", **NEVER),
        task("done"),
        task("lost", **uses("tasks.root.results.r")),
        task("a", **first),
        task("b", runAfter=["a"]),
        task("c", runAfter=["b", "done"]),
    ]
    found = judged(tasks, {"done": "done"}, **(OVER_TASKS if why == "timeout" else {}))
    reasons = {skip.name: skip.reason for skip in found.skipped()}
    assert (reasons["b"], reasons["c"]) == (PARENT, PARENT)


# Finally task ``f``: its fields, the states of task ``a`` and of ``f``, the facts, why f is skipped.
FINAL_CASES: list[tuple[dict[str, Any], str, str, dict[str, Any], str | None]] = [
    ({}, "done", "", {}, None),
    ({}, "bad", "", {}, None),
    ({}, "runs", "", {}, None),
    (NEVER, "done", "", {}, WHEN),
    (NEVER, "runs", "", {}, None),
    (uses("tasks.a.results.r"), "done", "", {}, None),
    (uses("tasks.a.results.r"), "quiet", "", {}, MISSING),
    (uses("tasks.a.results.r"), "bad", "", {}, MISSING),
    ({**uses("tasks.a.results.r"), **NEVER}, "bad", "", {}, MISSING),
    ({"when": [{"input": "$(tasks.status)", "operator": "in", "values": ["Failed"]}]}, "bad", "", {}, None),
    ({"when": [{"input": "$(tasks.status)", "operator": "in", "values": ["Failed"]}]}, "done", "", {}, WHEN),
    ({"when": [{"input": "$(tasks.a.reason)", "operator": "in", "values": ["StepFailed"]}]}, "bad", "", {}, None),
    ({"when": [{"cel": "'$(tasks.a.status)' == 'None'"}]}, "done", "", {}, WHEN),
    ({}, "done", "", OVER_PIPELINE, PIPELINE),
    (
        {},
        "done",
        "",
        {
            "now": START + HOUR / 2,
            "finally_start": START + HOUR / 4,
            "timeouts": Timeouts(HOUR, None, timedelta(minutes=5)),
        },
        FINALLY,
    ),
    (EMPTY_MATRIX, "done", "", {}, EMPTY),
    (EMPTY_RESULT, "done", "", {}, EMPTY),
    (EMPTY_RESULT, "quiet", "", {}, MISSING),
    (NEVER, "done", "runs", {}, None),
    ({}, "gone", "", {"spec_status": "CancelledRunFinally"}, None),
    ({}, "done", "", {"spec_status": "StoppedRunFinally"}, None),
]


@pytest.mark.parametrize(("fields", "state", "own", "facts", "reason"), FINAL_CASES)
def test_why_a_finally_task_is_skipped(
    fields: dict[str, Any], state: str, own: str, facts: dict[str, Any], reason: str | None
) -> None:
    children = {"a": state} | ({"f": own} if own else {})
    found = judged([task("a")], children, [task("f", **fields)], **facts)
    assert {skip.name: skip.reason for skip in found.skipped()}.get("f") == reason


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["done"], "Succeeded"),
        (["done", "quiet"], "Succeeded"),
        (["done", "bad"], "Failed"),
        (["runs", "bad"], "Failed"),
        (["runs", "done"], "None"),
        (["gone"], "Failed"),
        ([], "None"),
    ],
)
def test_the_state_of_a_task_is_that_of_its_runs(states: list[str], expected: str) -> None:
    found = judged([task("a")], {})
    held = {"a": Children(tuple(STATES[state] for state in states), matrixed=True)} if states else {}
    found = Schedule(**{**found.__dict__, "children": held})
    assert found.state("a") == expected


@st.composite
def moments(draw: st.DrawFn) -> Schedule:
    """A pipeline at any moment: tasks in any state that their parents allow or not."""
    count = draw(st.integers(1, 7))
    tasks = []
    for index in range(count):
        parents = sorted(draw(st.sets(st.integers(0, index - 1), max_size=3))) if index else []
        fields: dict[str, Any] = draw(st.sampled_from([{}, NEVER, {"onError": "continue"}, EMPTY_MATRIX]))
        if draw(st.booleans()):
            fields = {**fields, **uses(*(f"tasks.t{parent}.results.r" for parent in parents))}
        tasks.append(task(f"t{index}", runAfter=[f"t{parent}" for parent in parents], **fields))
    finals = [task(f"f{index}") for index in range(draw(st.integers(0, 2)))]
    names = st.sampled_from([item.name for item in (*tasks, *finals)])
    children = draw(st.dictionaries(names, st.sampled_from(sorted(STATES))))
    status = draw(st.sampled_from(["", "CancelledRunFinally", "StoppedRunFinally"]))
    facts = draw(st.sampled_from([{}, OVER_TASKS]))
    return judged(draw(st.permutations(tasks)), children, finals, spec_status=status, **facts)


RESULTLESS = [task("a", onError="continue"), task("b", **uses("tasks.a.results.r"))]
"""``b`` cannot start: the failure of ``a`` is ignored, but the result is missing."""


@given(moments())
@example(judged(RESULTLESS, {"a": "bad"}, [task("f")]))
@example(judged(RESULTLESS, {"a": "bad", "f": "done"}, [task("f")]))
def test_every_task_is_counted_once_and_what_starts_was_not_skipped(found: Schedule) -> None:
    total = len(found.graph.all)
    condition = verdict.condition(found)
    skipped = {skip.name for skip in found.skipped()}
    assert not skipped & set(found.next())
    assert not skipped & set(found.children)
    if match := re.match(
        r"Tasks Completed: (\d+) .*?(?:Incomplete: (\d+), )?Skipped: (\d+)(?:, Failed Validation: (\d+))?",
        condition.message,
    ):
        # As upstream's, the message of a run that goes on leaves out the tasks that failed validation.
        unsaid = 0 if condition.done else len(found.invalid)
        assert sum(int(number or 0) for number in match.groups()) == total - unsaid
        assert int(match[3]) == len(skipped)


@given(moments())
def test_a_run_that_is_over_starts_nothing_and_one_that_is_not_goes_on(found: Schedule) -> None:
    condition = verdict.condition(found)
    running = [name for name, children in found.children.items() if not children.done]
    if condition.done:
        assert found.next() == [] or condition.reason == "PipelineRunTimeout"
    else:
        assert running or found.next()
