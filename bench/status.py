"""`interlock status` of a hundred services in three environments, by an estate that answers on loopback."""

from __future__ import annotations

import subprocess
import sys

from estate import INTERLOCK, ROOT, Estate
from figures import Table, median, ms, ratio, repeated

_SERVICES, _TIMES = 100, 9


def measure(estate: Estate) -> list[Table]:
    sys.path.insert(0, str(ROOT))
    from tests.cli.many_services import answering

    with answering(estate.folder / "many", services=_SERVICES, deliveries=150) as many:

        def run(*command: str) -> None:
            subprocess.run(command, check=True, capture_output=True)

        bare = median(repeated(lambda: run(sys.executable, "-c", "pass"), _TIMES))
        found = median(repeated(lambda: run(str(INTERLOCK), "status", "--context", str(many.context)), _TIMES))
    rows = [["`python -c pass`", ms(bare), "1.0 ×"], ["`interlock status`", ms(found), ratio(found, bare)]]
    note = f"{_SERVICES} services in three environments, nothing moved since the run before: two git processes."
    return [Table("What is where", ("command", "median", "against bare Python"), rows, [note])]
