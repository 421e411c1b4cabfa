"""What a PipelineRun does next: graph, skips, conditions, as upstream's reconciler decides them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.tekton import durations, model, names
from interlock.formats.tekton.conditions import Condition
from interlock.formats.tekton.model import ParamValue
from interlock.tekton.spec import graph, results, verdict
from interlock.tekton.spec.pipeline import PipelineResult, PipelineTask
from interlock.tekton.spec.progress import Child, Children, Timeouts
from interlock.tekton.spec.runs import CANCELLED_BY_TIMEOUT
from interlock.tekton.spec.scheduling import Schedule

START = datetime(2026, 1, 1, tzinfo=UTC)
DONE = Child(Condition("True", "Succeeded", ""))
BAD = Child(Condition("False", "StepFailed", ""))
RUNNING = Child(Condition("Unknown", "Running", ""))
CANCELLED = Child(Condition("False", "TaskRunCancelled", ""))


def task(name: str, after: str = "", **fields: Any) -> PipelineTask:
    value = {"name": name, "taskRef": {"name": "t"}, **({"runAfter": after.split()} if after else {}), **fields}
    return model.parse(PipelineTask, value)


def using(name: str, *references: str, **fields: Any) -> PipelineTask:
    return task(name, params=[{"name": f"p{i}", "value": f"$({item})"} for i, item in enumerate(references)], **fields)


def schedule(tasks: list[PipelineTask], finals: list[PipelineTask] | None = None, **options: Any) -> Schedule:
    children = {
        name: found if isinstance(found, Children) else Children((found,))
        for name, found in options.pop("children", {}).items()
    }
    values = {
        "spec_status": "",
        "timeouts": Timeouts(timedelta(hours=1), None, None),
        "start": START,
        "finally_start": None,
        "now": START,
        **options,
    }
    return Schedule(run="pr", graph=graph.build(tasks, finals or []), children=children, **values)


def started(found: Schedule) -> list[str]:
    return found.next()


def ready(found: Schedule) -> PipelineTask:
    """The one task that starts now, as its runs are made from it."""
    [name] = found.next()
    return found.starting(name)


def skipped(found: Schedule) -> dict[str, str]:
    return {item.name: item.reason for item in found.skipped()}


def test_roots_start_and_the_others_wait_for_all_their_parents() -> None:
    tasks = [task("a"), task("b"), task("c", "a b"), task("d", "c")]
    assert started(schedule(tasks)) == ["a", "b"]
    assert started(schedule(tasks, children={"a": DONE, "b": RUNNING})) == []
    assert started(schedule(tasks, children={"a": DONE, "b": DONE})) == ["c"]


def test_a_result_reference_orders_and_fills_in() -> None:
    tasks = [using("b", "tasks.a.results.r"), task("a")]
    assert started(schedule(tasks)) == ["a"]
    found = ready(schedule(tasks, children={"a": Child(DONE.condition, {"r": "value"})}))
    assert (found.params or [])[0].value == "value"


def test_after_a_failure_nothing_new_starts_and_finally_runs() -> None:
    tasks, finals = [task("a"), task("b", "a"), task("c")], [task("f")]
    found = schedule(tasks, finals, children={"a": BAD, "c": RUNNING})
    assert (started(found), skipped(found)) == ([], {"b": "PipelineRun was stopping"})
    found = schedule(tasks, finals, children={"a": BAD, "c": DONE})
    assert started(found) == ["f"]
    found = schedule(tasks, finals, children={"a": BAD, "c": DONE, "f": DONE})
    assert verdict.condition(found) == Condition(
        "False", "Failed", "Tasks Completed: 3 (Failed: 1, Cancelled 0), Skipped: 1"
    )


NEVER = [{"input": "x", "operator": "in", "values": ["y"]}]


def test_when_skips_pass_by_ordering_but_not_by_results() -> None:
    tasks = [task("a", when=NEVER), task("b", "a"), using("c", "tasks.a.results.r"), task("d", "c")]
    found = schedule(tasks)
    assert started(found) == ["b"]
    assert skipped(found) == {
        "a": "When Expressions evaluated to false",
        "c": "Results were missing",
        "d": "Parent Tasks were skipped",
    }


def test_when_waits_for_the_parents() -> None:
    condition = [{"input": "$(tasks.a.results.r)", "operator": "in", "values": ["go"]}]
    tasks = [task("a"), task("b", when=condition)]
    assert skipped(schedule(tasks, children={"a": RUNNING})) == {}
    assert started(schedule(tasks, children={"a": Child(DONE.condition, {"r": "go"})})) == ["b"]
    assert skipped(schedule(tasks, children={"a": Child(DONE.condition, {"r": "no"})})) == {
        "b": "When Expressions evaluated to false"
    }


def test_a_finally_task_without_its_result_is_skipped_and_does_not_fail_the_run() -> None:
    found = schedule([task("a")], [using("f", "tasks.a.results.r"), task("g")], children={"a": DONE, "g": DONE})
    assert skipped(found) == {"f": "Results were missing"}
    assert verdict.condition(found).reason == "Completed"


def test_status_variables_are_for_finally_tasks() -> None:
    tasks = [task("a"), task("b", when=NEVER)]
    final = using("f", "tasks.a.status", "tasks.b.status", "tasks.status", "tasks.a.reason")
    found = ready(schedule(tasks, [final], children={"a": DONE}))
    assert [item.value for item in found.params or []] == ["Succeeded", "None", "Completed", "Succeeded"]
    found = ready(schedule(tasks, [final], children={"a": BAD}))
    assert [item.value for item in found.params or []] == ["Failed", "None", "Failed", "StepFailed"]


@pytest.mark.parametrize(
    ("children", "options", "condition"),
    [
        (
            {"a": RUNNING},
            {},
            Condition("Unknown", "Running", "Tasks Completed: 0 (Failed: 0, Cancelled 0), Incomplete: 2, Skipped: 0"),
        ),
        (
            {"a": DONE, "b": DONE},
            {},
            Condition("True", "Succeeded", "Tasks Completed: 2 (Failed: 0, Cancelled 0), Skipped: 0"),
        ),
        (
            {"a": DONE, "b": BAD},
            {},
            Condition("False", "Failed", "Tasks Completed: 2 (Failed: 1, Cancelled 0), Skipped: 0"),
        ),
        (
            {"a": CANCELLED, "b": RUNNING},
            {},
            Condition(
                "Unknown",
                "PipelineRunStopping",
                "Tasks Completed: 1 (Failed: 0, Cancelled 1), Incomplete: 1, Skipped: 0",
            ),
        ),
        (
            {"a": DONE, "b": CANCELLED},
            {},
            Condition("False", "Cancelled", "Tasks Completed: 2 (Failed: 0, Cancelled 1), Skipped: 0"),
        ),
        (
            {"a": DONE, "b": Child(CANCELLED.condition, {}, CANCELLED_BY_TIMEOUT)},
            {},
            Condition("False", "Failed", "Tasks Completed: 2 (Failed: 1, Cancelled 0), Skipped: 0"),
        ),
        (
            {"a": RUNNING},
            {"now": START + timedelta(hours=2)},
            Condition("False", "PipelineRunTimeout", 'PipelineRun "pr" failed to finish within "1h0m0s"'),
        ),
        (
            {"a": RUNNING},
            {"spec_status": "StoppedRunFinally"},
            Condition(
                "Unknown",
                "StoppedRunningFinally",
                "Tasks Completed: 0 (Failed: 0, Cancelled 0), Incomplete: 1, Skipped: 1",
            ),
        ),
        (
            {"a": DONE},
            {"spec_status": "StoppedRunFinally"},
            Condition("False", "Cancelled", 'PipelineRun "pr" was cancelled'),
        ),
    ],
)
def test_the_condition_of_a_run(children: dict[str, Child], options: dict[str, Any], condition: Condition) -> None:
    assert verdict.condition(schedule([task("a"), task("b")], children=children, **options)) == condition


def test_a_failure_that_may_be_ignored_counts_apart() -> None:
    tasks = [task("a", onError="continue"), task("b", "a")]
    assert started(schedule(tasks, children={"a": BAD})) == ["b"]
    found = verdict.condition(schedule(tasks, children={"a": BAD, "b": DONE}))
    assert found == Condition(
        "True", "Succeeded", "Tasks Completed: 2 (Failed: 1 (Ignored: 1), Cancelled 0), Skipped: 0"
    )


def test_a_missing_result_of_a_successful_task_stops_the_run() -> None:
    tasks = [task("a"), using("b", "tasks.a.results.r"), task("c", "b"), task("d")]
    found = schedule(tasks, children={"a": DONE, "d": DONE})
    assert started(found) == []
    assert skipped(found) == {"c": "PipelineRun was stopping"}
    assert verdict.condition(found) == Condition(
        "False",
        "PipelineValidationFailed",
        "Tasks Completed: 2 (Failed: 0, Cancelled 0), Skipped: 1, Failed Validation: 1 "
        '(task "a" completed successfully but did not emit the result "r", which is referenced by task "b")',
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, None), (3600, None, None)),
        (("10m", None, None), (600, None, None)),
        (("10m", "4m", None), (600, 240, 360)),
        (("10m", None, "1m"), (600, 540, 60)),
        (("0", "4m", None), (0, 240, None)),
    ],
)
def test_a_missing_limit_is_what_the_others_leave(
    given: tuple[str | None, str | None, str | None], expected: tuple[float | None, ...]
) -> None:
    found = Timeouts.of(*given, timedelta(hours=1))
    limits = (found.pipeline, found.tasks, found.finally_)
    assert tuple(None if item is None else item.total_seconds() for item in limits) == expected


def test_tasks_over_their_limit_are_named_and_finally_goes_on() -> None:
    limits = Timeouts(timedelta(minutes=10), timedelta(minutes=1), timedelta(minutes=9))
    late = {"timeouts": limits, "now": START + timedelta(minutes=2)}
    found = schedule([task("a"), task("b", "a")], [task("f")], children={"a": RUNNING}, **late)
    assert found.to_time_out() == ["a"]
    assert verdict.condition(found).reason == "PipelineRunTimeoutRunningFinally"
    found = schedule([task("a"), task("b", "a")], [task("f")], children={"a": CANCELLED}, **late)
    assert started(found) == ["f"]


@st.composite
def pipelines(draw: st.DrawFn) -> list[PipelineTask]:
    """Tasks that only run after earlier ones, in a drawn order."""
    count = draw(st.integers(1, 8))
    tasks = []
    for index in range(count):
        parents = draw(st.sets(st.integers(0, index - 1))) if index else set()
        tasks.append(task(f"t{index}", " ".join(f"t{parent}" for parent in parents)))
    return draw(st.permutations(tasks))


@given(pipelines(), st.data())
def test_every_task_runs_once_after_its_parents_whatever_ends_first(
    tasks: list[PipelineTask], data: st.DataObject
) -> None:
    children: dict[str, Child] = {}
    while True:
        found = schedule(tasks, children=children)
        for name in found.next():
            assert name not in children
            assert all(children[parent].succeeded for parent in found.graph.parents[name])
            children[name] = RUNNING
        running = [name for name, child in children.items() if not child.done]
        if not running:
            break
        children[data.draw(st.sampled_from(running))] = DONE
    assert len(children) == len(tasks)
    assert verdict.condition(schedule(tasks, children=children)).status == "True"


@given(pipelines(), st.data())
def test_a_cycle_is_always_found(tasks: list[PipelineTask], data: st.DataObject) -> None:
    names_ = [item.name for item in tasks]
    ring = data.draw(st.lists(st.sampled_from(names_), min_size=1, unique=True))
    after = dict(zip(ring, [*ring[1:], ring[0]], strict=True))
    looped = [
        item.model_copy(update={"run_after": [*(item.run_after or []), after[item.name]]})
        if item.name in after
        else item
        for item in tasks
    ]
    with pytest.raises(InputError, match="cycle detected"):
        graph.build(looped)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([task("a", "b"), task("b", "c"), task("c", "a")], 'cycle detected; task "a" depends on "b"'),
        ([task("b", "b")], 'cycle detected; task "b" depends on "b"'),
        (
            [task("a", "z")],
            "couldn't add link between a and z: task a depends on z but z wasn't present in Pipeline",
        ),
        ([task("a"), task("a")], "task a is already present in Graph, can't add it again: duplicate pipeline task"),
    ],
)
def test_graphs_that_cannot_be(tasks: list[PipelineTask], message: str) -> None:
    with pytest.raises(InputError) as caught:
        graph.build(tasks)
    assert caught.value.message == message


def test_ten_thousand_tasks_are_ordered_within_a_second() -> None:
    tasks = [task("t0"), *(task(f"t{index}", f"t{index - 1}") for index in range(1, 10_000))]
    assert graph.build(tasks).ready({"t0"}) == ["t1"]


def test_results_of_a_pipeline() -> None:
    declared = [
        model.parse(PipelineResult, {"name": name, "value": value})
        for name, value in {
            "text": "<$(tasks.a.results.r)>",
            "element": "$(tasks.a.results.l[1])",
            "all": "$(tasks.a.results.l[*])",
            "key": "$(tasks.a.results.o.k)",
            "final": "$(finally.f.results.r)",
            "skipped": "$(tasks.b.results.r)",
        }.items()
    ]
    have: dict[str, dict[str, ParamValue]] = {"a": {"r": "x", "l": ["1", "2"], "o": {"k": "v"}}, "f": {"r": "end"}}
    found = results.of_pipeline(declared, have, {"a": True, "b": False, "f": True})
    assert {item["name"]: item["value"] for item in found} == {
        "text": "<x>",
        "element": "2",
        "all": ["1", "2"],
        "key": "v",
        "final": "end",
    }
    with pytest.raises(InputError) as caught:
        results.of_pipeline(declared[:1], {"a": {}}, {"a": True})
    assert caught.value.message == "invalid pipelineresults [text], the referenced results don't exist"


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [("1h", 3600, "1h0m0s"), ("90s", 90, "1m30s"), ("1.5s", 1.5, "1.5s"), ("250ms", 0.25, "250ms"), ("0", 0, "0s")],
)
def test_durations_are_gos(text: str, seconds: float, shown: str) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)
    assert durations.text(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize("text", ["", "5", "1d", "h", "1h 2m", "s1"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InputError):
        durations.parse(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)))
def test_a_duration_reads_back(duration: timedelta) -> None:
    assert abs(durations.parse(durations.text(duration)) - duration) <= timedelta(microseconds=1)


def task_run(run: str, task: str) -> str:
    [name] = names.runs(run, task, 1)
    return name


def test_names_of_task_runs() -> None:
    assert task_run("payments-0123456789ab", "clone") == "payments-0123456789ab-clone"
    # knative.dev/pkg/kmeta: past 63 characters the parent is cut and its MD5 follows.
    digest = hashlib.md5(b"p" * 60, usedforsecurity=False).hexdigest()
    assert task_run("p" * 60, "unit-test") == "p" * 21 + digest + "-unit-test"
    whole = hashlib.md5(b"p" * 60 + b"-" + b"t" * 40, usedforsecurity=False).hexdigest()
    assert task_run("p" * 60, "t" * 40) == "p" * 31 + whole
    assert (
        task_run("pr", "t" * 62) == f"pr{hashlib.md5(b'pr-' + b't' * 62, usedforsecurity=False).hexdigest()}-{'t' * 28}"
    )
