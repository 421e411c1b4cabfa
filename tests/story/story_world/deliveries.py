"""Deliveries made by hand: a commit with git, a pull request and reviews with the forge's API, the gate's answer."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from interlock.clients.forge import PullRequest
from interlock.errors import InterlockError

from .estate import ORGANISATION, Estate
from .waiting import eventually

GATE = "interlock/gate"
_STANDING = re.compile(r"^- ([a-z0-9-]+) \[([a-z0-9-]+)\]", re.M)


@dataclass(frozen=True)
class Gate:
    """What the gate said of one head. ``standing``: check -> reason code of everything that is in the way."""

    state: str
    description: str
    report: str
    standing: Mapping[str, str]


@dataclass
class Proposal:
    """An open pull request, and a clone to push to its branch from."""

    estate: Estate
    repository: str
    number: int
    branch: str
    clone: Path | None = None

    @property
    def pull(self) -> PullRequest:
        return self.estate.pull(self.repository, self.number)

    @property
    def record(self) -> str | None:
        """The number of the change record that the platform put into the title."""
        first = self.pull.title.split(" ", 1)[0]
        return first if re.fullmatch(r"CHG[0-9]+", first) else None

    def gate(self) -> Gate:
        """What the gate says of the head now. Fails while it has not said anything of it."""
        pull, forge = self.pull, self.estate.forge()
        statuses = forge.statuses(ORGANISATION, self.repository, pull.head_sha)
        status = next((item for item in statuses if item.context == GATE), None)
        comments = forge.comments(ORGANISATION, self.repository, self.number)
        own = [item.body for item in comments if item.user == "interlock"]
        report = own[-1] if own and f"Gate of {pull.head_sha[:12]}" in own[-1] else ""
        assert status and report, "not told yet"
        return Gate(status.state, status.description, report, dict(_STANDING.findall(report)))

    def says(self, timeout: float = 60.0, **checks: str) -> Gate:
        """The gate, as soon as it gives these reason codes (``image_signature="signature-missing"``)."""
        wanted = {name.replace("_", "-"): code for name, code in checks.items()}
        return self._until(lambda gate: wanted.items() <= gate.standing.items(), wanted, timeout)

    def stands(self, *checks: str, timeout: float = 60.0) -> Gate:
        """The gate, as soon as exactly these checks are in the way."""
        return self._until(lambda gate: gate.standing.keys() == set(checks), checks, timeout)

    def _until(self, holds: Callable[[Gate], bool], wanted: object, timeout: float) -> Gate:
        def said() -> Gate | None:
            answer = self.gate()
            return answer if holds(answer) else None

        def seen() -> object:
            with contextlib.suppress(AssertionError, InterlockError):
                return self.gate().report
            return "nothing"

        return eventually(said, timeout=timeout, what=f"gate of {self.repository}#{self.number}: {wanted}", seen=seen)

    def approve(self, identity: str, *, commit: str | None = None) -> None:
        """A review through the forge's API."""
        self.estate.forge(identity).review(
            ORGANISATION, self.repository, self.number, event="APPROVED", commit_id=commit or self.pull.head_sha
        )

    def push(self, identity: str, message: str, change: Callable[[Path], None]) -> str:
        """Another signed commit on the branch."""
        if self.clone is None:
            self.clone = fresh_clone(self.estate, identity, self.repository)
            self.estate.git(identity, "switch", "--quiet", self.branch, cwd=self.clone)
        head = commit(self.estate, identity, self.clone, message, change)
        self.estate.git(identity, "push", "--quiet", "origin", self.branch, cwd=self.clone)
        return head

    def close(self) -> None:
        """Withdraw it, and its record."""
        forge, pull = self.estate.forge("interlock"), self.pull
        if pull.state == "open":
            forge.edit_pull(ORGANISATION, self.repository, self.number, state="closed")
        with contextlib.suppress(InterlockError):
            forge.delete_branch(ORGANISATION, self.repository, self.branch)
        if (number := self.record) and not pull.merged:
            tickets = self.estate.tickets()
            with contextlib.suppress(InterlockError):
                tickets.cancel(tickets.get(number).sys_id, reason="withdrawn")


def fresh_clone(estate: Estate, identity: str, repository: str) -> Path:
    """Beside the others of this estate."""
    return estate.clone(identity, repository, estate.work / f"{repository}-{uuid.uuid4().hex[:8]}")


def commit(
    estate: Estate,
    identity: str,
    clone: Path,
    message: str,
    change: Callable[[Path], object],
    *,
    sign: bool = True,
) -> str:
    """Change files in a clone and commit everything, signed by ``identity``. Returns the commit's id."""
    change(clone)
    estate.git(identity, "add", "--all", cwd=clone)
    how = ("--quiet", "--allow-empty", *([] if sign else ["--no-gpg-sign"]))
    estate.git(identity, "commit", *how, "--message", message, cwd=clone)
    return estate.git(identity, "rev-parse", "HEAD", cwd=clone).out.strip()


@contextlib.contextmanager
def proposed(
    estate: Estate,
    repository: str,
    change: Callable[[Path], None],
    *,
    identity: str = "dana",
    opens: str | None = None,
    branch: str = "promote/payments/by-hand",
    title: str = "payments: by hand",
    sign: bool = True,
) -> Iterator[Proposal]:
    """A pull request with one commit of somebody's own making, withdrawn in the end. ``opens``: another account."""
    clone = fresh_clone(estate, identity, repository)
    branch = f"{branch}-{clone.name.rpartition('-')[2]}"
    estate.git(identity, "switch", "--quiet", "--create", branch, cwd=clone)
    commit(estate, identity, clone, title, change, sign=sign)
    estate.git(identity, "push", "--quiet", "origin", branch, cwd=clone)
    pull = estate.forge(opens or identity).create_pull(ORGANISATION, repository, head=branch, base="main", title=title)
    proposal = Proposal(estate, repository, pull.number, branch, clone)
    try:
        yield proposal
    finally:
        proposal.close()


def set_image(service: str, environment: str, tag: str, digest: str) -> Callable[[Path], None]:
    """What an image delivery changes, by the most literal means: two lines of text."""

    def change(clone: Path) -> None:
        path = clone / "apps" / service / f"values.{environment}.yaml"
        text = path.read_text()
        text, tags = re.subn(r"^(  tag:).*$", rf'\1 "{tag}"', text, count=1, flags=re.M)
        text, digests = re.subn(r"^(  digest:).*$", rf'\1 "{digest}"', text, count=1, flags=re.M)
        assert (tags, digests) == (1, 1)
        path.write_text(text)

    return change
