"""What `interlock configure --set` means, by the schema of the chart that the values are for."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.cli.configure import changes_of, configure, path_of
from interlock.errors import InputError
from interlock.platform import catalog
from interlock.platform.estate import values

KEYS = values.keys(catalog.chart()["values.schema.json"], file="values.schema.json")


@pytest.mark.parametrize(
    ("item", "path", "value"),
    [
        ("replicas=3", ("replicas",), 3),
        ("config.PORT=8080", ("config", "PORT"), "8080"),
        ("config.ON=true", ("config", "ON"), "true"),
        ("config.QUERY=a=b", ("config", "QUERY"), "a=b"),
        ("config.EMPTY=", ("config", "EMPTY"), ""),
        (r"config.a\.b=x", ("config", "a.b"), "x"),
        ("resources.limits.cpu=0.5", ("resources", "limits", "cpu"), 0.5),
        ("resources.limits.memory=1Gi", ("resources", "limits", "memory"), "1Gi"),
        ("probes.liveness.periodSeconds=5", ("probes", "liveness", "periodSeconds"), 5),
        ("debug=true", ("debug",), True),
        ("debug=null", ("debug",), None),
        ("debug=yes", ("debug",), "yes"),
    ],
)
def test_values_are_typed_as_yaml_unless_the_schema_takes_text_alone(item: str, path: Any, value: Any) -> None:
    (found,) = changes_of([item], KEYS).items()
    assert found == (path, value) and type(found[1]) is type(value)
    (text,) = changes_of([item], None).values()
    assert isinstance(text, str), "--set-string"


@pytest.mark.parametrize("item", ["replicas", "=3", "a..b=1", ".a=1"])
def test_what_is_no_assignment_is_refused(item: str) -> None:
    with pytest.raises(InputError) as caught:
        changes_of([item], KEYS)
    assert caught.value.code == "configure-set"


def test_a_key_is_named_by_dots() -> None:
    assert path_of("config.LOG_LEVEL") == ("config", "LOG_LEVEL")


def test_something_must_be_asked_for_and_one_way() -> None:
    for options in ({}, {"file": "x", "assign": ["a=1"]}):
        with pytest.raises(InputError) as caught:
            configure("payments", "prod", "dana", **options)  # type: ignore[arg-type]
        assert caught.value.code == "configure-what"
