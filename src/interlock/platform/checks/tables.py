"""Which rules hold for which kind of delivery in which environment."""

from __future__ import annotations

from interlock.platform.checks import approvals, files, image, people, pull, record, rendered
from interlock.platform.checks.check import Check
from interlock.platform.domain.delivery import DeliveryKind
from interlock.platform.estate import PLATFORM, Environment


def rules(
    kind: DeliveryKind | None, environment: Environment, *, first: bool = False, restores: bool = False
) -> tuple[Check, ...]:
    """The checks of one delivery. ``first``: the environment is the first of the estate. ``restores``: see
    ``GateFacts.restores``; such a revert changes nothing that runs, so nothing is asked about image and record.

    Kinds that are not supported get the checks that refuse them.
    """
    found: list[Check] = [
        pull.KindRecognised(),
        pull.PullBase(),
        pull.MergesCleanly(),
        pull.QueueOpen(),
        pull.WindowOpen(),
        pull.NoFreeze(),
    ]
    if not restores:
        found += _of_kind(kind, environment, first=first)
    else:
        found.append(files.RevertExact())
    demanded = environment.rules
    if demanded.signed_commits:
        found.append(people.SignedCommits())
    if demanded.approvals:
        found += [people.InitiatorKnown(), approvals.NobodyAgainst()]
        found += [approvals.ApprovalBy(who) for who in _wanted(environment, restores=restores)]
    if demanded.change_record and not restores:
        found += _record()
    return tuple(found)


def _of_kind(kind: DeliveryKind | None, environment: Environment, *, first: bool) -> list[Check]:
    match kind:
        case DeliveryKind.ONBOARDING if environment.name == PLATFORM:
            return [files.Registration()]
        case DeliveryKind.ONBOARDING:
            return [pull.ServiceRegistered(), files.OnboardingFiles()]
        case DeliveryKind.IMAGE:
            found: list[Check] = [pull.ServiceRegistered(), files.ImageTextDiff(), rendered.RenderedDiff()]
            found += _image(environment, aged=True)
            if not first:
                found.append(image.Promoted())
            if not first and environment.rules.healthy_before:
                found.append(image.HealthyBefore())
            if environment.rules.approvals:
                found.append(people.SourceAuthorsKnown())
            return found
        case DeliveryKind.REVERT:
            found = [pull.ServiceRegistered(), files.RevertExact(), files.RevertKeepsWorkload()]
            return found + _image(environment, aged=False)
        case _:
            return []


def _image(environment: Environment, *, aged: bool) -> list[Check]:
    found: list[Check] = [image.ImagePinned(), image.ImageExists(), image.TagUnmoved()]
    if environment.rules.image in ("signed", "attested"):
        found.append(image.ImageSigned())
    if environment.rules.image == "attested":
        found += [
            image.SbomSigned(),
            image.ScanPassed(aged=aged),
            image.ProvenanceSigned(),
            image.BuiltByPlatform(),
            image.BuildIsolated(),
        ]
    return found


def _wanted(environment: Environment, *, restores: bool) -> list[str]:
    asked = ["anyone"] if restores else [item.who for item in environment.rules.approvals]
    return list(dict.fromkeys(asked))


def _record() -> list[Check]:
    return [
        record.RecordNamed(),
        record.RecordExists(),
        record.RecordType(),
        record.RecordInState(),
        record.RecordApproved(),
        record.RecordWindow(),
        record.RecordItem(),
        record.RecordUnhindered(),
        record.RecordOwn(),
        record.RecordText(),
        record.RecordUnchanged(),
    ]
