"""Results of a TaskRun: from what steps leave to status.results, within the limits."""

from __future__ import annotations

from typing import Any

from interlock.formats.tekton import model
from interlock.formats.tekton.task import TaskSpec
from interlock.tekton.spec import results
from interlock.tekton.spec.flags import Flags
from interlock.tekton.spec.results import Emission


def spec(**fields: Any) -> TaskSpec:
    return model.parse(TaskSpec, {"steps": [{"name": "s", "image": "x"}], **fields})


def emitted(**texts: str) -> Emission:
    return Emission("s", texts, {})


def values(found: list[results.Result]) -> dict[str, Any]:
    return {item.name: item.value for item in found}


def test_a_message_of_4096_bytes_is_carried_and_one_more_is_not() -> None:
    overhead = len('[{"key":"r","value":"","type":1},{"key":"StartedAt","value":"2006-01-02T15:04:05.000Z","type":3}]')
    room = results.LIMIT - overhead
    assert results.too_large(emitted(r="x" * room), Flags()) is None
    assert results.too_large(emitted(r="x" * (room + 1)), Flags()) == results.TOO_LARGE


def test_gos_json_makes_some_characters_longer() -> None:
    room = results.LIMIT - 97
    assert results.too_large(emitted(r="x" * (room - 6) + "<"), Flags()) is None
    assert results.too_large(emitted(r="x" * (room - 5) + "<"), Flags()) == results.TOO_LARGE


def test_compression_carries_what_repeats_itself() -> None:
    compressing = Flags(enable_termination_message_compression=True)
    assert results.too_large(emitted(r="digest " * 2000), compressing) is None
    assert results.too_large(emitted(r="digest " * 2000), Flags()) == results.TOO_LARGE


def test_through_sidecar_logs_each_result_has_the_limit_to_itself() -> None:
    sidecar = Flags(results_from="sidecar-logs")
    assert results.too_large(emitted(a="x" * 4000, b="y" * 4000), sidecar) is None
    assert results.too_large(emitted(a="x" * 4096), sidecar) == (
        "4133 bytes results size exceeds configured limit of 4096 bytes"
    )
    assert results.too_large(emitted(a="x" * 4096), Flags(results_from="sidecar-logs", max_result_size=8192)) is None


def test_a_string_is_verbatim_and_the_rest_is_json() -> None:
    task = spec(results=[{"name": "s"}, {"name": "a", "type": "array"}, {"name": "o", "properties": {"k": {}}}])
    found, error = results.of_task(task, [emitted(s='["a"]\n', a='["a","b"]\n', o='{"k": "v"}')])
    assert error is None
    assert values(found) == {"s": '["a"]\n', "a": ["a", "b"], "o": {"k": "v"}}


def test_results_stand_in_the_order_in_which_they_appeared_and_the_last_value_counts() -> None:
    task = spec(results=[{"name": "a"}, {"name": "b"}])
    found, _ = results.of_task(task, [emitted(b="1"), emitted(a="2", b="3")])
    assert [(item.name, item.value) for item in found] == [("b", "3"), ("a", "2")]


def test_a_wrong_type_is_left_out_and_named() -> None:
    task = spec(results=[{"name": "a", "type": "array"}, {"name": "n", "type": "array"}, {"name": "s"}])
    found, error = results.of_task(task, [emitted(a="not json", n="[1, 2]", s="kept")])
    assert values(found) == {"s": "kept"}
    assert error == (
        "Provided results don't match declared results; may be invalid JSON or missing result declaration:  "
        '"a": task result is expected to be "array" type but was initialized to a different type "string", '
        '"n": task result is expected to be "array" type but was initialized to a different type "string"'
    )


def test_an_object_result_must_hold_its_keys() -> None:
    task = spec(results=[{"name": "o", "properties": {"a": {}, "b": {}}}])
    _, error = results.of_task(task, [emitted(o='{"a": "x"}')])
    assert error == "missing keys for these results which are required in TaskResult's properties map[o:[b]]"


def test_a_task_result_may_be_a_steps() -> None:
    task = spec(
        steps=[{"name": "build", "image": "x", "results": [{"name": "bar"}, {"name": "list", "type": "array"}]}],
        results=[
            {"name": "archive", "value": "$(steps.build.results.bar)"},
            {"name": "parts", "type": "array", "value": "$(steps.build.results.list)"},
        ],
    )
    found, error = results.of_task(task, [Emission("build", {}, {"bar": "payments.bar", "list": '["a"]'})])
    assert error is None
    assert values(found) == {"archive": "payments.bar", "parts": ["a"]}
