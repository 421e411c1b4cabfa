"""The real helm agrees with what is rendered in process."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from interlock.formats import helm, yaml

CHART = """apiVersion: v2
name: payments
version: 0.1.0
dependencies:
  - name: service
    version: 1.2.0
    repository: file://../../charts/service/1.2.0
"""
VALUES = """owner: payments
shape: ace-flow
config:
  LOG_LEVEL: info
  FLAG: "true"
  SIZE: 1048576
  TEXT: "a: b # c"
  LONG: "a rather long text, longer than eighty characters, so that a writer that folds lines would fold this one"
resources:
  requests: {cpu: 250m, memory: 512Mi}
"""
PROD = f"""image:
  repository: registry.acme.test/integration/payments
  tag: main-0123456789ab
  digest: sha256:{"a" * 64}
replicas: 3
podDisruptionBudget:
  minAvailable: 1
"""
LANGUAGE = """{{- $x := dict "b" (list 1 "two" true nil) "a10" 1.5 "a9" 1000000 "t" "yes" "e" "" "m" "l1\\nl2" }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: language
data:
  yaml: {{ toYaml $x | quote }}
  json: {{ toJson $x | quote }}
  values: {{ toYaml .Values.sample | sha256sum }}
  numbers: "{{ .Values.sample.int }} {{ .Values.sample.big }} {{ .Values.sample.float }} {{ int .Values.sample.big }}"
  kinds: "{{ kindOf .Values.sample.int }} {{ kindOf 1 }} {{ kindOf (len "abc") }}"
  text: {{ printf "%s-%v-%d-%q" "a" .Values.sample.list 7 "q" | quote }}
  trim: {{ "  x-" | trim | trimSuffix "-" | upper | quote }}
  merge: {{ merge (dict "a" (dict "x" 1) "z" "") (dict "a" (dict "x" 2 "y" 3) "z" "filled") | toJson | quote }}
  over: {{ mergeOverwrite (dict "a" 1 "b" 2) (dict "a" 0 "b" 3) | toJson | quote }}
  range: "{{ range $i, $v := .Values.sample.list }}{{ if $i }},{{ end }}{{ $v }}{{ end }}"
"""
SAMPLE = """sample:
  int: 7800
  big: 1000000
  float: 0.25
  list: [b, a]
  strings: {bool: "true", number: "1", date: "2024-01-01", tilde: "~", colon: "a: b", dash: "- x", hash: "a #b",
    quote: "it's", star: "*a", empty: "", spaces: " a ", percent: "%a", at: "@a", brace: "{a}", exp: "1e3", oct: "0o7"}
"""


@pytest.fixture
def estate(tmp_path: Path) -> dict[str, bytes]:
    """An env repo with the library chart, as files and on disk."""
    root = Path(str(resources.files("interlock.platform.catalog"))) / "charts" / "service" / "1.2.0"
    files = {
        f"charts/service/1.2.0/{path.relative_to(root)}": path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
    files |= {
        "apps/payments/Chart.yaml": CHART.encode(),
        "apps/payments/templates/service.yaml": b'{{ include "service.all" . }}\n',
        "apps/payments/values.yaml": VALUES.encode(),
        "apps/payments/values.prod.yaml": PROD.encode(),
        "language/Chart.yaml": b"apiVersion: v2\nname: language\nversion: 0.1.0\n",
        "language/templates/a.yaml": LANGUAGE.encode(),
        "language/values.yaml": SAMPLE.encode(),
    }
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    return files


def real(program: str, folder: Path, *arguments: str) -> list[Any]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "HELM_CACHE_HOME": str(folder / ".cache")}
    run = {"cwd": folder, "env": environment, "check": True, "capture_output": True, "timeout": 60}
    subprocess.run([program, "dependency", "build", "."], **run)  # type: ignore[call-overload]
    done = subprocess.run([program, "template", "payments-prod", ".", "-n", "payments", *arguments], **run)  # type: ignore[call-overload]
    return [document.value for document in yaml.load_all(done.stdout, file="helm") if document.value]


def by_name(objects: list[Any]) -> list[Any]:
    return sorted(objects, key=lambda item: (item["kind"], item["metadata"]["name"]))


@pytest.mark.real("helm")
@pytest.mark.parametrize("files", [[], ["values.prod.yaml"]])
def test_the_service_chart_renders_as_helm_renders_it(
    client: Callable[[str], str], estate: dict[str, bytes], tmp_path: Path, files: list[str]
) -> None:
    ours = helm.render(estate, "apps/payments", value_files=files, release_name="payments-prod", namespace="payments")
    flags = [word for file in files for word in ("-f", file)]
    theirs = real(client("helm"), tmp_path / "apps" / "payments", *flags)
    assert by_name([item.object for item in ours]) == by_name(theirs)


@pytest.mark.real("helm")
def test_the_language_means_what_it_means_to_helm(
    client: Callable[[str], str], estate: dict[str, bytes], tmp_path: Path
) -> None:
    ours = helm.render(estate, "language", release_name="payments-prod", namespace="payments")
    theirs = real(client("helm"), tmp_path / "language")
    assert [item.object for item in ours] == theirs
