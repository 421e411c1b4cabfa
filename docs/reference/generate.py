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
from interlock.platform import kinds as kinds  # every room registers its codes
from interlock.platform import proof as proof
from interlock.platform.books import vocabulary
from interlock.platform.checks import reasons
from interlock.platform.kinds import table as table
from interlock.platform.proof import chain as chain
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
        "books.md": _books(),
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


def _books() -> str:
    def rows(kinds: tuple[type[vocabulary.Body], ...]) -> str:
        found = ""
        for kind in kinds:
            fields = (
                ", ".join(f"`{name}`" for name in vocabulary.schema(kind).get("properties", {}))
                or "as its source gave it"
            )
            meaning = " ".join((kind.__doc__ or "").replace("``", "`").split())
            found += f"| `{kind.KIND}` | {kind.VERSION} | {meaning} | {fields} |\n"
        return found

    return (
        "# The books\n\n"
        "What the controller alone writes, for ever readable: the ledger (`stores.ledger` of the context file, one "
        "entry a line)\nand the evidence store (`stores.evidence`, one fact a file, named by the digest of its bytes). "
        "Why they are so:\n[the ledger as a tree](../explanation/decisions/README.md).\n\n"
        "## An entry\n\n"
        "| field | meaning |\n|---|---|\n"
        "| `format` | 2; entries of release 0.1 have none, and are read as format 1 |\n"
        "| `sequence`, `time` | its number from 1; RFC 3339 in UTC, by the controller's clock |\n"
        "| `kind`, `version`, `body` | what it says, in the form of one of the kinds below |\n"
        "| `subject`, `before` | what it is about; the id of the entry before it of the same subject |\n"
        "| `key` | of the act: a retried act is one entry |\n"
        "| `evidence` | facts of the evidence store, by digest |\n"
        "| `interlock`, `rules`, `epoch` | the version that wrote it, the digest of the rules in force "
        "(of its sealed files, as `sha256sum` lists them), the epoch of the controller's lease |\n"
        "| `previous`, `hash`, `signature` | the id of the entry before; its own id; by the attest key |\n"
        "\nThe lines are the leaves of a Merkle tree (RFC 6962), kept in tiles (C2SP tlog-tiles) beside the ledger; "
        "its checkpoint is\na signed note (C2SP tlog-checkpoint).\n"
        f"\n## Kinds of entries\n\n| kind | version | meaning | body |\n|---|---:|---|---|\n{rows(vocabulary.ENTRIES)}"
        f"\n## Kinds of evidence\n\n| kind | version | meaning | body |\n|---|---:|---|---|\n{rows(vocabulary.FACTS)}"
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
