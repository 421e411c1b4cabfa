"""`interlock pipeline validate` and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from estate import Estate
from figures import Table, median, ms, repeated

from interlock.formats import yaml
from interlock.tekton.spec import admission
from interlock.tekton.spec.flags import Flags

CATALOG = Path(__file__).resolve().parents[2] / "shared/conformance/tekton-catalog"
_TIMES = 5
_SMALL = {
    "apiVersion": "tekton.dev/v1",
    "kind": "TaskRun",
    "metadata": {"name": "run"},
    "spec": {"taskSpec": {"steps": [{"image": "alpine", "script": "true"}]}},
}


def measure(_estate: Estate) -> list[Table]:
    return [table()]


def table() -> Table:
    rows = [["one small TaskRun", "1", ms(_per(_SMALL, 100)), ""], _chain(900)]
    if CATALOG.is_dir():
        rows.append(_catalog())
    note = (
        f"Inside one process, median of {_TIMES}. Read: strict YAML with positions. Judged: types, defaults, the rules "
        "of the webhooks, scripts, and objects against one another. The catalog is that of ../shared, if it is there."
    )
    return Table("Validation of Tekton objects", ("what", "objects", "judged", "read"), rows, [note])


def _per(value: Mapping[str, object], times: int) -> float:
    return median(repeated(lambda: [admission.check(value) for _ in range(times)], _TIMES)) / times


def _chain(count: int) -> list[str]:
    """A pipeline in which each task follows another."""
    tasks = [
        {"name": f"t{number}", "taskRef": {"name": "x"}, "runAfter": [f"t{number - 1}"] if number else []}
        for number in range(count)
    ]
    value = {"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": {"name": "p"}, "spec": {"tasks": tasks}}
    return [f"a Pipeline of {count} tasks, one after the other", "1", ms(_per(value, 1)), ""]


def _catalog() -> list[str]:
    texts = [(path.name, path.read_bytes()) for path in sorted(CATALOG.rglob("*.yaml"))]

    def read() -> list[yaml.Document]:
        return [document for name, text in texts for document in yaml.load_all(text, file=name)]

    documents = read()
    judged = median(repeated(lambda: admission.judge(documents, Flags()), _TIMES))
    return ["the catalog", str(len(documents)), ms(judged), ms(median(repeated(read, _TIMES)))]
