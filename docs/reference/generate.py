"""Write what the reference says of the code, from the code; ``--check`` fails where they differ (`make check`)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ |= {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}

from pydantic import BaseModel
from typer.main import get_command
from typer.testing import CliRunner

from interlock import cli
from interlock.platform.checks import reasons
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.resolvers import ResolverConfig
from interlock.tekton.spec import images
from interlock.tekton.spec.admission import RULES
from interlock.tekton.spec.flags import Flags

HERE = Path(__file__).resolve().parent
HEADER = "<!-- Written by docs/reference/generate.py (make docs): edit the code, not this page. -->\n\n"


def pages() -> dict[str, str]:
    found = {
        "cli.md": _cli(),
        "reason-codes.md": _reasons(),
        "pipeline-rules.md": _rules(),
        "images.md": _images(),
        "tekton-engine.md": _engine(),
    }
    return {name: HEADER + text for name, text in found.items()}


def _cli() -> str:
    text = "# Commands\n\n" + (cli.__doc__ or "").split("\n\n", 1)[1].strip() + "\n"
    for name in _commands(get_command(cli.app), ()):
        result = CliRunner().invoke(cli.app, [*name, "--help"], prog_name="interlock")
        if result.exit_code:
            raise SystemExit(f"interlock {' '.join(name)} --help failed: {result.output}{result.exception!r}")
        title = " ".join(("interlock", *name))
        lines = "\n".join(line.rstrip() for line in result.output.strip().splitlines())
        text += f"\n## `{title}`\n\n```\n{lines}\n```\n"
    return text


def _commands(command: Any, name: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield name
    if hasattr(command, "list_commands"):
        for child in command.list_commands(None):
            yield from _commands(command.get_command(None, child), (*name, child))


def _reasons() -> str:
    rows = "\n".join(
        f"| `{code}` | {reason.explanation} | {reason.remedy} |" for code, reason in sorted(reasons.REASONS.items())
    )
    return (
        "# Reason codes\n\nWhat a check or a link of the proof answers. Codes are stable: match on them.\n\n"
        f"| code | meaning | what to do |\n|---|---|---|\n{rows}\n"
    )


def _rules() -> str:
    rows = "\n".join(f"| `{name}` | {rule.summary} | {rule.remedy} |" for name, rule in RULES.items())
    return (
        "# Rules of `interlock pipeline validate`\n\nRules are stable: match on them. They are those of Tekton's "
        "webhooks; `call-…` are those of its controllers,\nand `object-size`, `nul-byte`, `path-climbs` and "
        "`script-injection` are what breaks or betrays a run later.\n\n"
        f"| rule | what holds | what to do |\n|---|---|---|\n{rows}\n"
    )


def _images() -> str:
    rows = []
    for name in images.names():
        profile = images.profile(name)
        references, tags = images.references(name)
        written = ", ".join(f"`{item}`" for item in references) + (f" with tag `{tags}`" if tags else "")
        runs = " ".join([*profile.entrypoint, *profile.command])
        programs = len({program for found in profile.programs.values() for program in found})
        rows.append(f"| {name} | {written} | {profile.shell} | {programs} | `{runs}` |")
    return (
        "# The image table\n\n"
        "Images whose steps the local engine runs without having them: with a root that holds the programs that the "
        "image has,\nno others, and its shell as `/bin/sh`. Mirrors (`mirror.gcr.io`, `index.docker.io`, "
        "`public.ecr.aws/docker`,\n`registry.redhat.io`) count as the registry that they copy. The first row that fits "
        "wins. What it means and what it\ndoes not do: [run a step with its image](../how-to/run-with-an-image.md). "
        "The data, with every program's name:\n`src/interlock/tekton/spec/images/images.toml`.\n\n"
        "| profile | images | shell | programs | runs without a command |\n|---|---|---|---:|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _engine() -> str:
    def rows(model: type[BaseModel]) -> str:
        found = ""
        for name, field in model.model_fields.items():
            default = (
                "needed" if field.is_required() else json.dumps(_plain(field.get_default(call_default_factory=True)))
            )
            meaning = " ".join((field.description or "").replace("``", "`").split())
            found += f"| `{field.alias or name}` | {default} | {meaning} |\n"
        return found

    flags = "".join(f"| `{field.alias}` | `{json.dumps(field.default)}` |\n" for field in Flags.model_fields.values())
    return (
        "# The Tekton engine's configuration\n\n"
        "`python -m interlock.tekton.engine --config FILE`, YAML; `interlock local` writes one. A key without a "
        "default\nis needed. Relative paths are relative to the file's folder.\n\n"
        f"| key | default | meaning |\n|---|---|---|\n{rows(Config)}"
        f"\n## `resolvers`\n\n| key | default | meaning |\n|---|---|---|\n{rows(ResolverConfig)}"
        "\n## `flags`\n\nUpstream's names, values and meanings (its ConfigMap `feature-flags`); others are ignored.\n\n"
        f"| flag | default |\n|---|---|\n{flags}"
    )


def _plain(value: Any) -> Any:
    return {} if isinstance(value, BaseModel) else value


def main() -> None:
    check = "--check" in sys.argv
    stale = []
    for name, text in pages().items():
        path = HERE / name
        if check and (not path.is_file() or path.read_text() != text):
            stale.append(name)
        elif not check:
            path.write_text(text)
    if stale:
        raise SystemExit(f"docs/reference is not what the code says: {', '.join(stale)}; run `make docs`")


if __name__ == "__main__":
    main()
