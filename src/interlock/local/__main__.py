"""The supervisor's process: ``python -m interlock.local DATA_FOLDER`` (started by `interlock local up`)."""

import sys
from pathlib import Path

from interlock.local import lifecycle

lifecycle.serve(Path(sys.argv[1]))
