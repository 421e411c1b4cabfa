"""docs/reference/files.md lists the fields that the models have: no more, no fewer, with their defaults."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from datetime import tzinfo
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from interlock.clients.context import Context
from interlock.errors import RefusedError
from interlock.formats import yaml
from interlock.platform.controller import push_file
from interlock.platform.estate import CheckTable
from interlock.platform.estate.people import PeopleFile
from interlock.platform.estate.platform import Platform
from interlock.platform.estate.removal import RemovalFile
from interlock.platform.estate.service import Service
from interlock.platform.goldenpaths.path import Description

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "files.md").read_text()
SECTION = re.compile(r"<!-- model: (?P<model>[\w.:]+) -->\n\n(?P<table>(?:\|[^\n]*\n)+)")
TABLES = {match["model"]: match["table"] for match in SECTION.finditer(PAGE)}
FILES: tuple[type[BaseModel], ...] = (Context, Platform, PeopleFile, CheckTable, Service, RemovalFile, Description)


def models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """``root`` and every model that its fields lead to."""
    yield root
    for field in root.model_fields.values():
        pending = [field.annotation]
        while pending:
            item = pending.pop()
            if isinstance(item, type) and issubclass(item, BaseModel):
                yield from models(item)
            pending += getattr(item, "__args__", ())


def name(model: type[BaseModel]) -> str:
    return f"{model.__module__}:{model.__name__}"


def loaded(path: str) -> type[BaseModel]:
    module, _, attribute = path.partition(":")
    found: type[BaseModel] = getattr(importlib.import_module(module), attribute)
    return found


def rows(table: str) -> dict[str, str]:
    """Field -> what the column `default` says."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {row[0].strip("`"): row[1] for row in cells}


def default(field: FieldInfo) -> str:
    """How the page writes a field's default."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see below"
    return "none" if value is None else f"`{written(value)}`"


def written(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(written(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tzinfo):
        return str(value)
    text = str(value.value) if isinstance(value, Enum) else str(value)
    return text or '""'


def test_every_model_of_a_file_is_described() -> None:
    assert {name(model) for root in FILES for model in models(root)} == set(TABLES)


@pytest.mark.parametrize("path", TABLES)
def test_a_table_has_the_fields_of_its_model(path: str) -> None:
    fields = {field.alias or key: default(field) for key, field in loaded(path).model_fields.items()}
    assert rows(TABLES[path]) == fields


SERVICE = Service(
    name="payments",
    shape="ace-flow",
    team="payments",
    owner="sam",
    repository="payments",
    image="registry.acme.test/integration/payments",
    configuration_item="payments",
)
ESTATE: Any = SimpleNamespace(url=lambda repository: f"https://git/acme/{repository}", pipeline=lambda _: "build")
PARAMS = {"git-url": "{{ repo_url }}", "git-revision": "{{ revision }}", "image": "{{ image }}"}


def run(**more: Any) -> dict[str, Any]:
    spec = {
        "pipelineRef": {"name": "build"},
        "params": [{"name": key, "value": value} for key, value in PARAMS.items()],
        **more,
    }
    document = {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"name": "x"}, "spec": spec}
    return push_file.pipeline_run(ESTATE, SERVICE, "a" * 40, yaml.dump(document).encode())


def test_the_build_file_takes_the_fields_that_are_listed() -> None:
    listed = set(re.findall(r"^\| `spec\.([a-zA-Z]+)` \|", PAGE, re.M))
    made = run(timeouts={"pipeline": "10m"})
    assert set(made["spec"]) == listed | {"workspaces"}
    for key, value in PARAMS.items():
        assert f'`{key}: "{value}"`' in PAGE


@pytest.mark.parametrize("field", ["workspaces", "taskRunTemplate", "taskRunSpecs", "pipelineSpec", "managedBy"])
def test_the_build_file_takes_no_other_field(field: str) -> None:
    with pytest.raises(RefusedError, match="a build may set"):
        run(**{field: {}})
