"""`interlock status` and `interlock changes`: what is where, and what changed lately."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from interlock.cli.options import ContextOption, JsonOption, print_json
from interlock.errors import InputError

IdentityOption = Annotated[str, typer.Option("--as", help="Identity of the context file that looks.")]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def status(identity: IdentityOption = "interlock", json: JsonOption = False, context: ContextOption = None) -> None:
    """Show every service in every environment: image, age, sync, health."""
    from interlock.cli import places, tables
    from interlock.cli.session import Session, now

    found = places.everything(Session(context), identity)
    if json:
        print_json([place.as_dict() for place in found])
        return
    moment = now()
    rows = [
        (
            item.service,
            item.environment,
            item.tag or "-",
            item.digest[7:19] or "-",
            _age(moment, item.since),
            item.sync,
            item.health,
        )
        for item in found
    ]
    tables.print_table(("service", "env", "tag", "digest", "age", "sync", "health"), rows)


def changes(
    environment: Annotated[str, typer.Argument(help="Environment.")],
    since: Annotated[str, typer.Option(help="How far back: 30m, 2h, 7d.")] = "2h",
    identity: IdentityOption = "interlock",
    json: JsonOption = False,
    context: ContextOption = None,
) -> None:
    """List what changed in an environment: every commit of the branch that it follows, with who and why."""
    from interlock.cli import tables
    from interlock.cli.session import Session, now

    session = Session(context)
    estate = session.estate(identity)
    found = estate.environment(environment)
    start = now() - span(since)
    git = session.connections.mirror(found.repository, identity)
    rows = []
    for commit in git.log(found.ref, first_parent=True):
        if commit.committer.when < start:
            break
        merge = git.commit(commit.parents[-1]) if found.sealed and commit.parents else commit
        trailers = dict(
            line.split(": ", 1) for line in commit.message.splitlines() if re.match(r"^[A-Z][A-Za-z -]+: ", line)
        )
        rows.append(
            {
                "at": commit.committer.when.isoformat(),
                "commit": commit.id,
                "merge": merge.id,
                "what": trailers.get("Delivery", merge.subject),
                "kind": trailers.get("Kind", ""),
                "record": trailers.get("Change record", ""),
                "by": merge.author.name,
            }
        )
    if json:
        print_json(rows)
        return
    table = [(str(r["at"])[:19], str(r["commit"])[:12], str(r["kind"]), str(r["record"]), str(r["what"])) for r in rows]
    tables.print_table(("at (UTC)", "commit", "kind", "record", "what"), table)


def span(text: str) -> timedelta:
    """``30m``, ``2h``, ``7d`` as a time span. Raises InputError ``span-invalid``."""
    match = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    if match is None:
        raise InputError("span-invalid", "no time span", got=text, expected="a number and m, h or d, such as 2h")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _age(now: datetime, since: datetime | None) -> str:
    if since is None:
        return "-"
    minutes = int((now - since).total_seconds() // 60)
    if minutes < 60:
        return f"{minutes}m"
    return f"{minutes // 60}h" if minutes < 48 * 60 else f"{minutes // 1440}d"
