"""What the pages say of the command line and of each other exists: commands, options, reason codes, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from interlock import cli
from interlock.platform import kinds as kinds  # every room registers its codes
from interlock.platform.checks import reasons
from interlock.platform.proof import links as links
from interlock.tekton.spec.admission import RULES

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "bench" / "README.md"])
GENERATED = {"cli.md", "images.md", "reason-codes.md"}
WRITTEN = [page for page in PAGES if page.name not in GENERATED]
BLOCK = re.compile(r"^```sh[^\n]*\n(.*?)^```$", re.M | re.S)
CALL = re.compile(r"(?:^|[|;(&]|\$\()\s*interlock((?: +[^\s|;()&\"'$]+)*)", re.M)
"""A call up to its first quoted or computed word."""
ROOT_COMMAND: Any = get_command(cli.app)


def identify(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def calls(text: str) -> Iterator[list[str]]:
    """The words of each call of `interlock` in the page's runnable blocks."""
    for block in BLOCK.findall(text):
        for match in CALL.finditer(block):
            yield match[1].split()


def fault(words: list[str]) -> str | None:
    """Why a call cannot be: a command or an option that does not exist."""
    command, path = ROOT_COMMAND, "interlock"
    rest = list(words)
    while rest and hasattr(command, "list_commands"):
        word = rest.pop(0)
        if word.startswith("-"):
            continue
        found = command.get_command(None, word)
        if found is None:
            return f"{path} has no command {word}"
        command, path = found, f"{path} {word}"
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    wrong = [word for word in rest if word.startswith("-") and word.partition("=")[0] not in known]
    return f"{path} has no option {wrong[0]}" if wrong else None


@pytest.mark.parametrize("page", WRITTEN, ids=identify)
def test_commands_and_options_exist(page: Path) -> None:
    faults = {" ".join(words): why for words in calls(page.read_text()) if (why := fault(words))}
    assert not faults


def test_a_wrong_call_is_found() -> None:
    assert fault(["promote", "payments", "--too", "test"]) == "interlock promote has no option --too"
    assert fault(["local", "upp"]) == "interlock local has no command upp"
    assert list(calls('```sh\nx="$(interlock trace prod/payments --json | head)"\n```\n')) == [
        ["trace", "prod/payments", "--json"]
    ]


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.M)
            slugs = {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{target}: no such heading"


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "how-to").glob("*.md")), ids=identify)
def test_reason_codes_in_brackets_exist(page: Path) -> None:
    for code in re.findall(r"\[([a-z]+(?:-[a-z]+)+)\](?!\()", page.read_text()):
        assert code in reasons.REASONS or code in RULES
