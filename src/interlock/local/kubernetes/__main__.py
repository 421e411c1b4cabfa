"""``python -m interlock.local.kubernetes --config FILE``: serve one cluster until SIGTERM."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from interlock.errors import InterlockError
from interlock.local.kubernetes.config import load_config
from interlock.local.kubernetes.serve import serve


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m interlock.local.kubernetes", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="YAML; see config.py")
    arguments = parser.parse_args()
    try:
        serve(load_config(arguments.config))
    except InterlockError as error:
        print("\n".join(f"{label}: {text}" for label, text in error.lines()), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
