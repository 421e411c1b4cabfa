"""One service rendered by the library chart, each time with another digest, as a queue of deliveries does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from estate import Estate
from figures import Table, median, ms, ratio, repeated

from interlock.formats import helm
from interlock.platform import catalog
from interlock.platform.estate.library import Library
from interlock.platform.facts import rendering as renderings

_TIMES = 40
_VALUES = """owner: payments
shape: ace-flow
config: {LOG_LEVEL: info, SIZE: 1048576}
resources: {requests: {cpu: 250m, memory: 512Mi}}
podDisruptionBudget: {minAvailable: 1}
"""


def measure(estate: Estate) -> list[Table]:
    files, made = _files(), iter(range(10**6))

    def ours() -> None:
        image = f"image: {{repository: registry.acme.test/payments, tag: main-1, digest: sha256:{next(made):064x}}}\n"
        files["apps/payments/values.prod.yaml"] = image.encode()
        _objects(files)

    found = median(repeated(ours, _TIMES))
    rows = [["in process", ms(found), "1.0 ×"]]
    notes = [f"{_TIMES} renderings each, every one of ours with a digest that was not seen before."]

    def difference() -> None:
        sides = []
        for replicas in (1, 3):
            values = files["apps/payments/values.prod.yaml"] + f"replicas: {replicas}\n".encode()
            sides.append(_objects({**files, "apps/payments/values.prod.yaml": values}))
        assert renderings.text(renderings.moved(renderings.Rendering(*sides)))

    diff = median(repeated(difference, _TIMES // 4))
    rows.append(["the rendered diff of a delivery: both sides, compared, as text", ms(diff), ratio(diff, found)])
    program = shutil.which("helm", path=os.pathsep.join([os.environ.get("INTERLOCK_REAL_CLIENTS", ""), os.defpath]))
    if program is None:
        notes.append("`helm template` was not measured: no helm here (`INTERLOCK_REAL_CLIENTS` names its folder).")
    else:
        theirs = median(repeated(_helm(program, files, estate.folder / "rendering"), _TIMES))
        rows.append(["`helm template`", ms(theirs), ratio(theirs, found)])
    return [Table("A service rendered", ("how", "median", "against ours"), rows, notes)]


def _objects(files: dict[str, bytes]) -> renderings.Objects:
    made = helm.render(
        files, "apps/payments", value_files=["values.prod.yaml"], release_name="payments", namespace="payments"
    )
    return tuple(item.object for item in made)


def _files() -> dict[str, bytes]:
    chart = Library.of(catalog.chart())
    own = (
        f"apiVersion: v2\nname: payments\nversion: 0.1.0\ndependencies:\n  - name: service\n"
        f'    version: {chart.version}\n    repository: "file://../../{chart.folder}"\n'
    )
    return {
        **chart.placed,
        "apps/payments/Chart.yaml": own.encode(),
        "apps/payments/templates/service.yaml": b'{{ include "service.all" . }}\n',
        "apps/payments/values.yaml": _VALUES.encode(),
    }


def _helm(program: str, files: dict[str, bytes], folder: Path) -> Callable[[], object]:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    chart = folder / "apps" / "payments"
    command = [program, "template", "payments", ".", "-n", "payments", "-f", "values.prod.yaml"]
    subprocess.run([program, "dependency", "build", "."], cwd=chart, check=True, capture_output=True)
    return lambda: subprocess.run(command, cwd=chart, check=True, capture_output=True)
