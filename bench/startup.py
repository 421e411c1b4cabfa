"""How long a command takes to begin."""

from __future__ import annotations

import subprocess
import sys

from estate import INTERLOCK, Estate
from figures import Table, median, ms, ratio, repeated

_TIMES = 15


def measure(estate: Estate) -> list[Table]:
    def run(*command: str) -> list[float]:
        def once() -> None:
            subprocess.run(
                command, env=estate.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
            )

        return repeated(once, _TIMES)

    bare = median(run(sys.executable, "-c", "pass"))
    rows = [["`python -c pass`", ms(bare), "1.0 ×"]]
    for arguments in (("--help",), ("local", "status"), ("promote", "--help"), ("trace", "--help")):
        found = median(run(str(INTERLOCK), *arguments))
        rows.append([f"`interlock {' '.join(arguments)}`", ms(found), ratio(found, bare)])
    return [
        Table("Start-up of a command", ("command", "median", "against bare Python"), rows, [f"{_TIMES} runs each."])
    ]
