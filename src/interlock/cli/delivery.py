"""Moving a service from environment to environment: promote, approve, reject, revert, and what the gate says."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.options import AsOption, ContextOption, JsonOption, print_json
from interlock.errors import InputError, NotFoundError, UnreachableError

if TYPE_CHECKING:
    from interlock.cli.session import Session
    from interlock.clients.forge import ForgeClient, PullRequest

ServiceArgument = Annotated[str, typer.Argument(help="Name of the service.")]
EnvironmentOption = Annotated[str, typer.Option("--env", help="Environment (`platform` is the platform repo).")]
RECORD = re.compile(r"[A-Z]{2,10}[0-9]+")
_POLL_SECONDS = 0.2


def promote(
    service: ServiceArgument,
    target: Annotated[str, typer.Option("--to", help="Environment to promote to.")],
    identity: AsOption,
    context: ContextOption = None,
) -> None:
    """Open the delivery that copies tag and digest from the environment before."""
    from interlock.cli.session import Session
    from interlock.platform.delivery import promotion
    from interlock.platform.domain.ids import ServiceName
    from interlock.platform.estate import layout

    session = Session(context)
    estate = session.estate(identity)
    estate.service(service)
    environment = estate.environment(target)
    before = estate.previous(environment)
    if before is None:
        raise InputError(
            "promote-first",
            f"{target} is the first environment",
            todo="push to the app repo: its pipeline delivers there",
        )
    source = session.connections.mirror(before.repository, identity)
    path = layout.values(service, before.name)
    held = source.read(before.ref, path)
    if held is None:
        raise NotFoundError("service-not-onboarded", f"{service} is not onboarded in {before.name}", where=path)
    git = session.connections.mirror(environment.repository, identity)
    image = layout.image_in(held, file=path)
    prepared = promotion.promotion(git, ServiceName(service), environment.name, image, source=before.name)
    session.propose(identity, estate, environment, git, prepared)


def revert(
    service: ServiceArgument,
    environment: EnvironmentOption,
    identity: AsOption,
    commit: Annotated[
        str | None, typer.Option(help="Commit of main to take back. Default: the service's newest delivery.")
    ] = None,
    restore: Annotated[
        bool, typer.Option("--restore", help="Take back everything since the last seal: releases a blocked queue.")
    ] = False,
    context: ContextOption = None,
) -> None:
    """Open the delivery that takes back exactly one commit of an environment's main."""
    from interlock.cli.session import Session
    from interlock.platform.delivery import history, promotion
    from interlock.platform.domain.ids import CommitId, ServiceName
    from interlock.platform.facts import revert as reverts

    session = Session(context)
    estate = session.estate(identity)
    found = estate.environment(environment)
    git, certificate = session.connections.mirror(found.repository, identity), session.context.keys.seal.read_text()
    if restore:
        main = history.read_main(git, certificate)
        if not isinstance(main, history.Main) or not main.pending:
            raise NotFoundError("restore-nothing", "main has nothing that is not sealed", where=found.repository)
        prepared = promotion.restore(git, found.name, CommitId(main.pending[0].id), main.sealed.id)
    else:
        chosen = CommitId(git.resolve(commit or reverts.newest(git, ServiceName(service), found.name)))
        prepared = promotion.revert(git, ServiceName(service), found.name, chosen)
        told = promotion.obstacle(git, found, chosen, prepared, certificate=certificate)
        typer.echo(
            f"Judged as what it delivers, with windows and freezes: {told}."
            if told
            else "Judged as a revert, outside windows and in freezes too: back to what was sealed directly before."
        )
    session.propose(identity, estate, found, git, prepared)


def approve(
    what: Annotated[str, typer.Argument(help="Service, or number of a change record.")],
    identity: AsOption,
    environment: Annotated[str | None, typer.Option("--env", help="Environment, when a service is named.")] = None,
    comment: Annotated[str, typer.Option(help="What to say with it.")] = "",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the delivery or its record to appear.")] = 30.0,
    context: ContextOption = None,
) -> None:
    """Approve the open delivery of a service (a review on the forge), or a change record.

    Somebody without an account on the forge, as a change manager has none, approves the delivery's record.
    """
    _answer(what, identity, environment, comment, timeout, context, approved=True)


def reject(
    what: Annotated[str, typer.Argument(help="Service, or number of a change record.")],
    identity: AsOption,
    comment: Annotated[str, typer.Option(help="Why.")],
    environment: Annotated[str | None, typer.Option("--env", help="Environment, when a service is named.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the delivery or its record to appear.")] = 30.0,
    context: ContextOption = None,
) -> None:
    """Ask for changes on the open delivery of a service, or reject a change record."""
    _answer(what, identity, environment, comment, timeout, context, approved=False)


def _answer(
    what: str,
    identity: str,
    environment: str | None,
    comment: str,
    timeout: float,
    context: ContextOption,
    *,
    approved: bool,
) -> None:
    from interlock.cli.session import Session

    session = Session(context)
    known = session.context.identity(identity)
    deadline = time.monotonic() + timeout
    if RECORD.fullmatch(what):
        _answer_record(session, identity, what, comment, approved=approved)
        return
    if environment is None:
        raise InputError("environment-missing", "which environment?", todo="name it with --env")
    if known.forge is not None:
        pull, place, forge = _find(session, identity, what, environment, deadline)
        owner, name = place
        event = "APPROVED" if approved else "REQUEST_CHANGES"
        forge.review(owner, name, pull.number, event=event, commit_id=pull.head_sha, body=comment)  # type: ignore[arg-type]
        verb = "approved" if approved else "asked for changes on"
        typer.echo(f"{identity} {verb} {owner}/{name}#{pull.number} at {pull.head_sha[:12]}: {pull.title}")
        return
    number = _record_number(session, what, environment, deadline)
    _answer_record(session, identity, number, comment, approved=approved)


def _answer_record(session: Session, identity: str, number: str, comment: str, *, approved: bool) -> None:
    tickets = session.connections.tickets(identity)
    if approved:
        tickets.approve(number, comment)
    else:
        tickets.reject(number, comment)
    typer.echo(f"{identity} {'approved' if approved else 'rejected'} {number}")


def _find(
    session: Session, identity: str, service: str, environment: str, deadline: float
) -> tuple[PullRequest, tuple[str, str], ForgeClient]:
    """The open delivery, waited for: the pipeline or another person may be about to open it."""
    estate = session.estate(identity)
    found = estate.environment(environment)
    owner, _, name = estate.repository(found).partition("/")
    forge = session.connections.forge(identity)
    while True:
        try:
            return session.open_pull(forge, estate, found, service), (owner, name), forge
        except NotFoundError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_POLL_SECONDS)


def _record_number(session: Session, service: str, environment: str, deadline: float) -> str:
    """Number of the record in the delivery's title, waited for: the controller opens it."""
    from interlock.clients.connect import PLATFORM

    while True:
        pull, (owner, name), _ = _find(session, PLATFORM, service, environment, deadline)
        first = pull.title.split(" ", 1)[0]
        if RECORD.fullmatch(first):
            return first
        if time.monotonic() > deadline:
            raise NotFoundError(
                "record-missing",
                "the delivery has no change record yet",
                where=f"{owner}/{name}#{pull.number}",
                todo="`interlock local status`: the controller opens it",
            )
        time.sleep(_POLL_SECONDS)


def gate(
    service: ServiceArgument,
    environment: EnvironmentOption,
    identity: Annotated[str, typer.Option("--as", help="Identity of the context file that asks.")] = "interlock",
    until: Annotated[
        str, typer.Option(help="Wait until the gate says this reason code, such as record-rejected.")
    ] = "",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the gate's answer.")] = 30.0,
    json: JsonOption = False,
    context: ContextOption = None,
) -> None:
    """Say what the gate says of a service's open delivery; exit code 1 while it does not hold."""
    from interlock.cli.session import Session

    session = Session(context)
    account = session.estate(identity).platform.accounts.platform
    deadline = time.monotonic() + timeout
    while True:
        pull, place, forge = _find(session, identity, service, environment, deadline)
        said = _judged(session, place, pull) or _told(forge, place, pull, account)
        if said.says(until) or time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    name = f"{'/'.join(place)}#{pull.number}"
    if json:
        print_json(
            {
                "pull": name,
                "head": pull.head_sha,
                "state": said.state,
                "report": said.report,
                "findings": said.findings,
            }
        )
    else:
        typer.echo(f"{name} {pull.title}\n{said.report}")
    if said.state != "success":
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Said:
    """What the gate said of a head; ``findings`` where the read model is on this machine."""

    state: str = "pending"
    report: str = "not judged yet"
    findings: list[dict[str, str]] | None = None
    judged: bool = False

    def says(self, reason: str) -> bool:
        """Whether it said so; of any verdict at all when ``reason`` is empty."""
        if self.findings is not None and reason:
            return any(item["reason"] == reason for item in self.findings)
        return self.judged and re.search(rf"(?<![a-z-]){re.escape(reason)}(?![a-z-])", self.report) is not None


def _judged(session: Session, place: tuple[str, str], pull: PullRequest) -> _Said | None:
    """From the controller's read model; None where it is not on this machine, or says nothing of this head."""
    from interlock.platform.delivery import readmodel, report
    from interlock.platform.domain.verdict import Verdict

    try:
        found = readmodel.Reader(readmodel.path_of(session.context)).pull("/".join(place), pull.number)
    except UnreachableError:
        return None
    if found is None or found.head != pull.head_sha:
        return None
    states = {Verdict.VALID: "success", Verdict.INVALID: "failure", Verdict.UNKNOWN: "pending"}
    names = ("id", "verdict", "reason", "detail", "basis", "remedy")
    return _Said(
        states[found.verdict],
        report.text(found.head, found.verdict, found.standing, found.findings),
        [{name: str(getattr(item, name)) for name in names} for item in found.findings],
        judged=True,
    )


def _told(forge: ForgeClient, place: tuple[str, str], pull: PullRequest, account: str) -> _Said:
    """From the commit status and the last comment of the platform, which is ``account``."""
    from interlock.platform.estate.protection import GATE_STATUS

    every = forge.statuses(*place, pull.head_sha)
    answer = next((item for item in every if item.context == GATE_STATUS and item.creator == account), None)
    if answer is None:
        return _Said()
    own = [item.body for item in forge.comments(*place, pull.number) if item.user == account]
    current = bool(own) and f"Gate of {pull.head_sha[:12]}" in own[-1]
    return _Said(answer.state, own[-1].partition("\n\n<!-- ")[0], judged=True) if current else _Said(answer.state)
