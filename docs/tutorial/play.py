"""Play the tutorial: run the commands of its pages in order, and nothing else.

    python3 docs/tutorial/play.py [--home FOLDER] [--stop] [--after COMMAND] [PAGE...]

A block that begins with ```sh is run by bash; ```sh exit=4 is expected to end with that code; ```sh needs=kubectl is
left out, visibly, where that program is absent. All blocks share one working folder. On a terminal headings stand out;
elsewhere everything is printed plainly. Standard library only: what a person types is what is run.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGES = ("1-to-production.md", "2-refusals.md", "3-an-estate-that-changes.md")
BLOCK = re.compile(r"^```sh(?P<options>[^\n]*)\n(?P<script>.*?)^```$|^## (?P<title>[^\n]+)$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    title: str
    script: str
    exit_code: int
    needs: str
    """A program of the field without which the block is left out; empty when it needs none."""


def blocks(page: Path) -> Iterator[Block]:
    """The page's runnable blocks, each with the heading that it stands under."""
    title = page.stem
    for match in BLOCK.finditer(page.read_text()):
        if match["title"]:
            title = match["title"]
            continue
        code = re.search(r"exit=(\d+)", match["options"])
        needs = re.search(r"needs=([a-z]+)", match["options"])
        yield Block(title, match["script"], int(code[1]) if code else 0, needs[1] if needs else "")


class Screen:
    """What the person sees: on a terminal also a line that says how far it is; elsewhere plain text."""

    def __init__(self, total: int) -> None:
        self.live = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._total, self._number, self._title = total, 0, ""
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._idle = threading.Event()
        if self.live:
            threading.Thread(target=self._tick, daemon=True).start()

    def begin(self, block: Block) -> None:
        self._number += 1
        if block.title != self._title:
            self._title = block.title
            self._print(self._style("1", f"\n{block.title}"))
        for line in block.script.strip().splitlines():
            self._print(self._style("36", f"  $ {line}"))

    def output(self, line: str) -> None:
        self._print(f"    {line}")

    def done(self, seconds: float, code: int) -> None:
        note = f"exit code {code}, as it should be; " if code else ""
        self._print(self._style("2", f"    {note}{seconds:.1f} s"))

    def close(self) -> None:
        self._idle.set()
        self._print("", end="")

    def _tick(self) -> None:
        while not self._idle.wait(0.2):
            bar = "█" * (20 * self._number // max(1, self._total))
            text = f"{bar:░<20} {self._number}/{self._total}  {time.monotonic() - self._started:.0f} s  {self._title}"
            with self._lock:
                print(f"\r\033[K\033[2m{text}\033[0m", end="", flush=True)

    def _print(self, text: str, end: str = "\n") -> None:
        with self._lock:
            print(("\r\033[K" if self.live else "") + text, end=end, flush=True)

    def _style(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.live else text


def run(block: Block, *, folder: Path, environment: dict[str, str], screen: Screen) -> None:
    started = time.monotonic()
    screen.begin(block)
    if block.needs and shutil.which(block.needs, path=environment["PATH"]) is None:
        screen.output(f"left out: {block.needs} is not on this machine")
        return
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", block.script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        screen.output(line.rstrip())
    if process.wait() != block.exit_code:
        screen.close()
        sys.exit(f"\nThis ended with exit code {process.returncode}, expected {block.exit_code}:\n{block.script}")
    screen.done(time.monotonic() - started, block.exit_code)


def main() -> None:
    parser = argparse.ArgumentParser(description="Play the tutorial.")
    parser.add_argument("--home", type=Path, default=ROOT / ".interlock", help="folder of the demo; emptied at start")
    parser.add_argument("--stop", action="store_true", help="stop the engines at the end")
    parser.add_argument("--after", metavar="COMMAND", help="run by bash after every block (tests of the pages)")
    parser.add_argument("pages", nargs="*", default=PAGES)
    options = parser.parse_args()

    folder: Path = options.home.absolute()
    environment = os.environ | {"INTERLOCK_HOME": str(folder / "home"), "NO_COLOR": "1", "COLUMNS": "120"}
    if (folder / "home" / "context.yaml").exists():
        subprocess.run(["interlock", "local", "reset", "--yes"], env=environment, check=True)
    shutil.rmtree(folder, ignore_errors=True)
    work = folder / "work"
    work.mkdir(parents=True)

    started = time.monotonic()
    every = [block for name in options.pages for block in blocks(HERE / name)]
    screen = Screen(len(every))
    try:
        for block in every:
            run(block, folder=work, environment=environment, screen=screen)
            if options.after:
                subprocess.run(["bash", "-c", options.after], cwd=work, env=environment, check=True)
    finally:
        screen.close()
        if options.stop:
            subprocess.run(["interlock", "local", "down"], env=environment, check=False)
    print(f"\nPlayed in {time.monotonic() - started:.0f} s.")
    if not options.stop:
        print(
            f"""
The engines are still running. Look around:
    export INTERLOCK_HOME={folder / "home"} PATH="{ROOT / ".venv" / "bin"}:$PATH"
    interlock trace prod/payments
    kubectl --kubeconfig "$INTERLOCK_HOME/kubeconfig" --context dana@hub get applications -n argocd
Change {work / "payments"}, push, and follow it with `interlock status`.
Stop them with `interlock local down`; delete everything with `interlock local reset`."""
        )


if __name__ == "__main__":
    main()
