"""Link 12: the run itself, as it was read when it had ended."""

from __future__ import annotations

import json
from collections.abc import Mapping

from interlock.errors import InterlockError, NotFoundError
from interlock.platform.books import canonical
from interlock.platform.books.vocabulary import PipelineRunFact, RunRead, TaskRunFact
from interlock.platform.checks import image
from interlock.platform.checks.link import Draft, Link
from interlock.platform.domain.image import StatementKind
from interlock.platform.domain.verdict import Basis, Finding
from interlock.platform.estate.argocd import CI_NAMESPACE
from interlock.platform.facts import Facts, build, ground, running
from interlock.platform.facts import image as images
from interlock.platform.proof import back
from interlock.platform.statements import PREDICATES, provenance
from interlock.platform.statements.run import FinishedRun

TESTS = "TESTS"
"""The pipeline result that says how the tests were obtained: JSON with ``basis``."""


class PipelineRunLink(Link):
    """Provenance is made again from the captured run and must equal the signed one."""

    id = "pipeline-run"
    claim = "A successful run of the golden path made this digest; the run is kept as it was read."

    def look(self, facts: Facts, draft: Draft) -> Finding:
        facts = facts.get(back.origin)
        try:
            entry = facts.get(build.run)
        except NotFoundError:
            if not back.demanded(facts, image.ProvenanceSigned):
                return back.nothing(facts, draft)
            raise
        draft.cite("run as recorded", "ledger", entry.id)
        for name, digest in sorted(entry.evidence.items()):
            draft.cite(f"{name} as read", "evidence store", digest)
        named = entry.evidence.get("run")
        if named is None:
            return draft.invalid("capture-contradicts", "the recorded run names no evidence")
        tasks = [digest for name, digest in entry.evidence.items() if name.startswith("task/")]
        run = FinishedRun(
            facts.get(ground.books).fact(PipelineRunFact, named).value,
            [facts.get(ground.books).fact(TaskRunFact, digest).value for digest in tasks],
        )
        problem = self._problem(facts, entry.said, run)
        if problem:
            return draft.invalid(*problem)
        draft.basis, tests = _tests(run)
        return self._live(facts, draft, run) or draft.valid(f"{run.name}: {tests}")

    def _problem(self, facts: Facts, recorded: RunRead, run: FinishedRun) -> tuple[str, str] | None:
        if run.uid != recorded.uid:
            return "capture-contradicts", f"recorded run {recorded.uid}, read {run.uid}"
        if not run.succeeded:
            return "run-failed", f"{run.name} did not succeed"
        made = (run.image, run.digest("IMAGE_DIGEST"))
        if made != (facts.get(running.image).repository, facts.get(running.image).digest):
            return "run-other-image", f"the run made {made[0]}@{made[1]}"
        if not _same(facts, run):
            return "run-contradicts-provenance", "the signed provenance is not what the captured run gives"
        return None

    def _live(self, facts: Facts, draft: Draft, run: FinishedRun) -> Finding | None:
        """What the cluster says now; None when it agrees, has deleted the run, or does not answer."""
        draft.cite("PipelineRun", f"{CI_NAMESPACE}/pipelineruns/{run.name}")
        try:
            live = draft.live("the hub", lambda: facts.get(build.pipeline_run))
        except NotFoundError:
            draft.note("the cluster has deleted the run since")
            return None
        if live is None:
            return None
        now = FinishedRun(live, [])
        if now.uid != run.uid:
            draft.note("the cluster has another run of this name now")
        elif (now.results, now.succeeded) != (run.results, run.succeeded):
            return draft.invalid("live-differs", f"the cluster tells the results of {run.name} differently")
        return None


def _tests(run: FinishedRun) -> tuple[Basis, str]:
    """How the tests were obtained, and in words. No statement about tests means that none was executed."""
    value = next((item["value"] for item in run.results if item["name"] == TESTS), None)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, Mapping) or not value.get("basis"):
        return Basis.STATIC, "no statement about tests"
    executed, declared = value.get("testsExecuted", "unknown"), value.get("testsDeclared", "unknown")
    basis = Basis.EXECUTED if value["basis"] == Basis.EXECUTED.value else Basis.STATIC
    told = f"tests {value['basis']}, {executed} of {declared} executed, {value.get('errors', 'unknown')} errors"
    return basis, told


def _same(facts: Facts, run: FinishedRun) -> bool:
    """Whether a signed statement of this run says what the captured run gives; True when none can be read, since the
    link ``provenance`` tells that.

    The engine's record was verified when the statement was signed. Here it is made again with what the run tells of
    its engine, or without where nobody could vouch for that.
    """
    try:
        registry, name = facts.get(ground.sources).registry(), facts.get(running.image_name)
        digest, key = facts.get(running.image).digest, facts.get(images.attest_key)
        _, bundles = images.verified(
            registry, name, digest, key=key, predicate_type=PREDICATES[StatementKind.PROVENANCE]
        )
    except InterlockError:
        return True
    signed = [item.statement.predicate for item in bundles]
    of_run = [item for item in signed if item.get("runDetails", {}).get("metadata", {}).get("invocationId") == run.uid]
    options = (provenance.Options(facts.get(ground.estate).platform.builder, told=told) for told in (False, True))
    made = (canonical.encode(provenance.provenance(run, item)["predicate"]) for item in options)
    known = {canonical.encode(item) for item in of_run}
    return not of_run or any(item in known for item in made)
