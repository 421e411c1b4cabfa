"""Matrix: combinations, their number, their names, and what may be fanned out."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.tekton import model, names
from interlock.tekton.spec import matrix
from interlock.tekton.spec.pipeline import Matrix, PipelineTask


def read(params: dict[str, Any] | None = None, *includes: dict[str, str]) -> Matrix:
    value: dict[str, Any] = {}
    if params:
        value["params"] = [{"name": name, "value": item} for name, item in params.items()]
    if includes:
        value["include"] = [
            {"name": f"i{index}", "params": [{"name": name, "value": item} for name, item in include.items()]}
            for index, include in enumerate(includes)
        ]
    return model.parse(Matrix, value)


PLATFORMS = {"platform": ["linux", "mac", "windows"], "browser": ["chrome", "safari", "firefox"]}
GOARCH = {"GOARCH": ["linux/amd64", "linux/ppc64le", "linux/s390x"], "version": ["go1.17", "go1.18.1"]}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (read({"platform": ["linux"]}), [{"platform": "linux"}]),
        (
            read(PLATFORMS),
            [
                {"browser": browser, "platform": platform}
                for browser in ("chrome", "safari", "firefox")
                for platform in ("linux", "mac", "windows")
            ],
        ),
        (
            read(None, {"IMAGE": "image-1", "DOCKERFILE": "path/1"}, {"IMAGE": "image-2", "DOCKERFILE": "path/2"}),
            [{"DOCKERFILE": "path/1", "IMAGE": "image-1"}, {"DOCKERFILE": "path/2", "IMAGE": "image-2"}],
        ),
        # An include is folded into every combination that it does not contradict.
        (
            read(GOARCH, {"package": "path/to/common/package/"}, {"GOARCH": "linux/s390x", "flags": "-cover -v"}),
            [
                {
                    "GOARCH": arch,
                    **({"flags": "-cover -v"} if arch == "linux/s390x" else {}),
                    "package": "path/to/common/package/",
                    "version": version,
                }
                for version in ("go1.17", "go1.18.1")
                for arch in ("linux/amd64", "linux/ppc64le", "linux/s390x")
            ],
        ),
        # One whose value no combination has becomes a combination of its own.
        (
            read({"a": ["1", "2"]}, {"a": "3", "b": "new"}),
            [{"a": "1"}, {"a": "2"}, {"a": "3", "b": "new"}],
        ),
        # Includes are folded in turn: the second sees what the first put there.
        (
            read({"a": ["1", "2"]}, {"b": "x"}, {"b": "y", "a": "1"}),
            [{"a": "1", "b": "x"}, {"a": "2", "b": "x"}],
        ),
        # One that adds a name only is folded into all.
        (read({"a": ["1"]}, {"b": "x"}), [{"a": "1", "b": "x"}]),
        (read({"a": ["1"]}, {}), [{"a": "1"}]),
    ],
)
def test_combinations(found: Matrix, expected: list[dict[str, str]]) -> None:
    assert [list(item.items()) for item in matrix.combinations(found)] == [sorted(item.items()) for item in expected]


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (read({"a": ["1", "2", "3"]}), 3),
        (read(PLATFORMS), 9),
        (read(None, {"a": "1"}, {"b": "2"}), 2),
        (read(GOARCH, {"package": "p"}, {"GOARCH": "I-do-not-exist"}), 7),
        (read({"a": []}), 1),
        (read({"a": ["1", "2"], "b": []}), 2),
        (read({"a": "$(tasks.x.results.y[*])"}), 1),
    ],
)
def test_how_many(found: Matrix, count: int) -> None:
    assert matrix.count(found) == count


def test_more_than_a_machine_could_hold_is_still_counted() -> None:
    assert matrix.count(read({f"p{i}": [str(n) for n in range(100)] for i in range(30)})) == 100**30


fanned = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.text("xyz", min_size=1, max_size=2), min_size=1, max_size=4, unique=True),
    min_size=1, max_size=4,
)  # fmt: skip


@given(fanned)
def test_the_combinations_are_the_product_and_the_first_param_varies_fastest(params: dict[str, list[str]]) -> None:
    found = matrix.combinations(read(params))
    assert len(found) == matrix.count(read(params))
    reversed_names = list(params)[::-1]
    product = [
        dict(zip(reversed_names, values, strict=True))
        for values in itertools.product(*(params[name] for name in reversed_names))
    ]
    assert found == product
    assert all(list(item) == sorted(item) for item in found)


@given(fanned, st.dictionaries(st.sampled_from("abcdef"), st.text("xyz", min_size=1, max_size=2), min_size=1))
def test_an_include_never_changes_what_the_params_say(params: dict[str, list[str]], include: dict[str, str]) -> None:
    plain = matrix.combinations(read(params))
    found = matrix.combinations(read(params, include))
    for before, after in zip(plain, found, strict=False):
        assert before.items() <= after.items()
    assert found[len(plain) :] in ([], [{name: include[name] for name in sorted(include)}])
    for combination in found:
        contradicts = any(combination.get(name, value) != value for name, value in include.items())
        assert contradicts or include.items() <= combination.items()


@given(st.text("abc-", min_size=1, max_size=70), st.text("xyz", min_size=1, max_size=63), st.integers(2, 300))
def test_every_run_has_a_name_of_its_own_that_kubernetes_takes(run: str, task: str, count: int) -> None:
    found = names.runs(run, task, count)
    assert len(set(found)) == count
    assert all(len(name) <= 63 for name in found)
    assert sorted(found, key=names.position) == found


def test_names_past_63_characters_keep_the_number() -> None:
    found = names.runs("pipeline-run-with-a-long-name", "platforms-and-browsers-with-a-really-really-long-name", 12)
    assert found[3].endswith("-3") and len(found[11]) == 63
    assert names.runs("pr", "m", 3) == ["pr-m-0", "pr-m-1", "pr-m-2"]
    assert names.runs("pr", "m", 1) == ["pr-m"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"params": [{"name": "p", "value": "text"}]},
            'parameters of type array only are allowed, but param "p" has type "string" in pipelineTask "m"',
        ),
        (
            {"params": [{"name": "p", "value": {"k": "v"}}]},
            'parameters of type array only are allowed, but param "p" has type "object" in pipelineTask "m"',
        ),
        (
            {"include": [{"params": [{"name": "p", "value": ["a"]}]}]},
            'parameters of type string only are allowed, but param "p" has type "array" in pipelineTask "m"',
        ),
    ],
)
def test_what_cannot_be_fanned_out(value: dict[str, Any], message: str) -> None:
    task = model.parse(PipelineTask, {"name": "m", "taskRef": {"name": "t"}, "matrix": value})
    with pytest.raises(InputError) as caught:
        matrix.check_types([task])
    assert caught.value.message == message


def test_a_result_that_is_still_to_come_may_be_fanned_out() -> None:
    value = {"params": [{"name": "p", "value": "$(tasks.a.results.r[*])"}]}
    matrix.check_types([model.parse(PipelineTask, {"name": "m", "taskRef": {"name": "t"}, "matrix": value})])
