"""Small charts as mappings of paths to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from interlock.formats import helm

CHART = "apiVersion: v2\nname: demo\nversion: 0.1.0\n"


@pytest.fixture
def render() -> Callable[..., list[helm.Rendered]]:
    """``render({"templates/a.yaml": ...}, values="...")``: the objects of a chart ``demo`` at ``chart``."""

    def run(files: Mapping[str, str], *, values: str = "", **options: Any) -> list[helm.Rendered]:
        texts = {"Chart.yaml": CHART, "values.yaml": values, **files}
        content = {
            (path if path.startswith("/") else f"chart/{path}").lstrip("/"): text for path, text in texts.items()
        }
        settings = {"release_name": "demo-prod", "namespace": "demo", **options}
        return helm.render({path: text.encode() for path, text in content.items()}, "chart", **settings)

    return run


@pytest.fixture
def evaluate(render: Callable[..., list[helm.Rendered]]) -> Callable[..., str]:
    """``evaluate("{{ .Values.x }}", values="x: 1")``: the text that a template makes."""

    def run(template: str, *, values: str = "", helpers: str = "", **options: Any) -> str:
        wrapped = '{{- define "it" }}' + template + "{{ end -}}"
        document = (
            wrapped
            + "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n"
            + '  text: {{ include "it" . | toJson }}\n'
        )
        (made,) = render({"templates/it.yaml": document, "templates/_helpers.tpl": helpers}, values=values, **options)
        return str(made.object["data"]["text"])

    return run


@pytest.fixture
def service_chart() -> dict[str, bytes]:
    """The platform's library chart at ``charts/service``."""
    root = Path(str(resources.files("interlock.platform.catalog"))) / "charts" / "service" / "1.2.0"
    return {f"charts/service/{path.relative_to(root)}": path.read_bytes() for path in root.rglob("*") if path.is_file()}
