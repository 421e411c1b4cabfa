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
from interlock.platform.goldenpaths import library

_TIMES = 40
_VALUES = """owner: payments
shape: ace-flow
config: {LOG_LEVEL: info, SIZE: 1048576}
resources: {requests: {cpu: 250m, memory: 512Mi}}
replicas: 3
podDisruptionBudget: {minAvailable: 1}
"""


def measure(estate: Estate) -> list[Table]:
    files, made = _files(), iter(range(10**6))

    def ours() -> None:
        image = f"image: {{repository: registry.acme.test/payments, tag: main-1, digest: sha256:{next(made):064x}}}\n"
        files["apps/payments/values.prod.yaml"] = image.encode()
        helm.render(
            files, "apps/payments", value_files=["values.prod.yaml"], release_name="payments", namespace="payments"
        )

    found = median(repeated(ours, _TIMES))
    rows = [["in process", ms(found), "1.0 ×"]]
    notes = [f"{_TIMES} renderings each, every one of ours with a digest that was not seen before."]
    program = shutil.which("helm", path=os.pathsep.join([os.environ.get("INTERLOCK_REAL_CLIENTS", ""), os.defpath]))
    if program is None:
        notes.append("`helm template` was not measured: no helm here (`INTERLOCK_REAL_CLIENTS` names its folder).")
    else:
        theirs = median(repeated(_helm(program, files, estate.folder / "rendering"), _TIMES))
        rows.append(["`helm template`", ms(theirs), ratio(theirs, found)])
    return [Table("A service rendered", ("how", "median", "against ours"), rows, notes)]


def _files() -> dict[str, bytes]:
    chart = catalog.chart()
    own = (
        f"apiVersion: v2\nname: payments\nversion: 0.1.0\ndependencies:\n  - name: service\n"
        f'    version: {library.version(chart)}\n    repository: "file://../../charts/service"\n'
    )
    return {
        **{f"charts/service/{path}": data for path, data in chart.items()},
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
