"""Matrix: which runs a task becomes, what they are given, and what is made of what they emit."""

from __future__ import annotations

from typing import Any

STEP = "steps: [{name: s, image: i, script: 'true'}]"


def test_the_first_param_varies_fastest_and_names_are_sorted(driver: Any) -> None:
    run = driver.start(f"""
        tasks:
        - name: m
          params: [{{name: fixed, value: f}}]
          matrix: {{params: [{{name: z, value: ["1", "2"]}}, {{name: b, value: [u, v, w]}}]}}
          taskSpec: {{params: [{{name: z}}, {{name: b}}, {{name: fixed}}], {STEP}}}
    """)
    assert driver.names() == [f"pr-m-{index}" for index in range(6)]
    given = [list(driver.params(name).items()) for name in driver.names()]
    assert given[0] == [("b", "u"), ("z", "1"), ("fixed", "f")]
    assert [dict(items)["b"] + dict(items)["z"] for items in given] == ["u1", "u2", "v1", "v2", "w1", "w2"]
    assert [item["name"] for item in run["status"]["childReferences"]] == driver.names()
    message = "Tasks Completed: 0 (Failed: 0, Cancelled 0), Incomplete: 1, Skipped: 0"
    assert driver.condition(run) == ("Unknown", "Running", message)
    driver.fail("pr-m-1")
    run = driver.end(*(f"pr-m-{index}" for index in (0, 2, 3, 4)))
    assert driver.condition(run)[0] == "Unknown"
    assert driver.condition(driver.end("pr-m-5")) == (
        "False",
        "Failed",
        "Tasks Completed: 1 (Failed: 1, Cancelled 0), Skipped: 0",
    )
