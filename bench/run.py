"""Measure Interlock on this machine: `make bench`, or `python bench/run.py [NAME...]`; see bench/README.md."""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import machine  # noqa: E402
from estate import Estate  # noqa: E402
from figures import Table  # noqa: E402

BENCHES = (
    "startup",
    "engines",
    "story",
    "memory",
    "traces",
    "syncs",
    "tekton_engine",
    "masking",
    "validation",
    "rendering",
    "status",
    "books",
    "rounds",
)
"""In this order: `memory` looks at what the story left, before the others make more."""
PORT_BASE = 28480


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure Interlock on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--list", action="store_true", help="say which benches there are")
    parser.add_argument("--home", type=Path, help="folder to work in; it must not exist (default: a temporary one)")
    parser.add_argument("--port-base", type=int, default=PORT_BASE, help="first of the ports, all on 127.0.0.1")
    parser.add_argument("--keep", action="store_true", help="leave engines and folder as they are at the end")
    parser.add_argument("--write", type=Path, help="write the results here (default: bench/results.md, if all ran)")
    options = parser.parse_args()
    if options.list:
        print("\n".join(BENCHES))
        return
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    if options.home is not None and options.home.exists():
        parser.error(f"{options.home} exists")
    names = [name for name in BENCHES if name in (options.names or BENCHES)]
    load, started = os.getloadavg()[0], time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="interlock-bench-")) if options.home is None else options.home.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    estate = Estate(folder, options.port_base)
    tables: list[Table] = []
    try:
        for name in names:
            print(f"-- {name}", flush=True)
            for table in importlib.import_module(name).measure(estate):
                print("\n" + table.markdown(), flush=True)
                tables.append(table)
    finally:
        if options.keep:
            print(f"kept: export INTERLOCK_HOME={estate.home}")
        else:
            estate.down()
            shutil.rmtree(folder, ignore_errors=True)
    target = options.write or (HERE / "results.md" if names == list(BENCHES) else None)
    if target is not None:
        target.write_text(report(tables, load, time.monotonic() - started))
        print(f"written: {target}")


def report(tables: list[Table], load: float, seconds: float) -> str:
    head = "\n".join(
        [
            "# Results",
            "",
            "Written by `make bench`; what each figure means is said in [README.md](README.md).",
            "",
            *machine.lines(load),
            f"- the whole run took {seconds:.0f} s",
        ]
    )
    return "\n".join([head + "\n", *(table.markdown() for table in tables)])


if __name__ == "__main__":
    main()
