"""Checks of the files' bytes: nothing changes but what the kind of delivery is for."""

from __future__ import annotations

from interlock.errors import InputError
from interlock.platform.checks.check import Check
from interlock.platform.checks.facts import GateFacts
from interlock.platform.domain.change import Change
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate import layout, load_service


class ImageTextDiff(Check):
    """Recomputed, not inspected: the base's file with tag and digest set must be the head's file, byte for byte."""

    id = "image-text-diff"
    claim = "Exactly image.tag and image.digest of the environment's values file change, and no other byte."

    def judge(self, facts: GateFacts) -> Finding:
        if isinstance(facts.change, Unread):
            return self.unread(facts.change)
        change, service = facts.change, facts.classification.service or ""
        path = layout.values(service, facts.environment.name)
        if others := sorted(change.paths - {path}):
            return self.invalid("image-diff-other", f"also changed: {', '.join(others[:3])}")
        if path not in change.before or path not in change.after:
            return self.missing(path)
        try:
            image = layout.image_in(change.after[path], file=path)
            expected = layout.set_image(change.before[path], image.tag, image.digest, file=path)
        except InputError as error:
            return self.invalid("image-file-invalid", str(error))
        if expected != change.after[path]:
            return self.invalid("image-diff-other", _first_difference(path, expected, change.after[path]))
        registered = facts.service
        if registered is not None and image.repository != registered.image:
            return self.invalid("image-wrong-repository", f"{image.repository}, registered {registered.image}")
        return self.valid(f"{path}: {image.tag}@{image.digest[:19]}")


class OnboardingFiles(Check):
    """The golden path is run again; whatever it would not write does not get in."""

    id = "onboarding-files"
    claim = "Every file equals, byte for byte, what the golden path generates for the registered service."

    def judge(self, facts: GateFacts) -> Finding:
        expected = facts.onboarding
        if expected is None:
            return self.missing("output of the golden path")
        for fact in (facts.change, expected):
            if isinstance(fact, Unread):
                return self.unread(fact)
        assert isinstance(facts.change, Change) and not isinstance(expected, Unread)  # noqa: S101 - for the type checker
        foreign = sorted(facts.change.paths - expected.keys())
        if foreign:
            return self.invalid("onboarding-files-differ", f"not of the golden path: {', '.join(foreign[:3])}")
        present = {**facts.change.unchanged, **facts.change.after}
        wrong = sorted(path for path, data in expected.items() if present.get(path) != data)
        if wrong:
            told = wrong[0] if wrong[0] in present else f"{wrong[0]} is missing"
            return self.invalid("onboarding-files-differ", f"{told} ({len(wrong)} of {len(expected)} files)")
        return self.valid(f"{len(expected)} files")


class Registration(Check):
    """Kind onboarding of the platform repo: one new file, canonical, consistent with teams, people and shapes."""

    id = "registration"
    claim = "Exactly one service is registered, consistently with the estate and in canonical form."

    def judge(self, facts: GateFacts) -> Finding:
        if isinstance(facts.change, Unread):
            return self.unread(facts.change)
        path = f"services/{facts.classification.service}.yaml"
        if facts.change.paths != {path} or path not in facts.change.after:
            return self.invalid("registration-invalid", ", ".join(sorted(facts.change.paths)[:3]))
        data = facts.change.after[path]
        try:
            service = load_service(data, file=path, platform=facts.estate.platform, people=facts.estate.people)
        except InputError as error:
            return self.invalid("registration-invalid", str(error))
        if service.file() != data:
            return self.invalid("registration-invalid", _first_difference(path, service.file(), data))
        if others := [item.name for item in facts.estate.services.values() if item.repository == service.repository]:
            return self.invalid("registration-invalid", f"repository {service.repository} is that of {others[0]}")
        return self.valid(f"{service.name}: team {service.team}, owner {service.owner}")


class RevertExact(Check):
    """Exact on trees: what is taken back is one commit's change, whole, or everything since the last seal."""

    id = "revert-exact"
    claim = "The merge gives exactly the inverse of one commit of main, or exactly what is sealed."

    def judge(self, facts: GateFacts) -> Finding:
        found = facts.revert
        if found is None:
            return self.missing("the reverted commit")
        if isinstance(found, Unread):
            return self.unread(found)
        if isinstance(facts.change, Unread):
            return self.unread(facts.change)
        if found.restores:
            return self.valid("restores what is sealed")
        if found.expected is None:
            return self.invalid("revert-not-exact", found.problem)
        if found.expected != facts.change.tree:
            return self.invalid("revert-not-exact", f"tree {facts.change.tree[:12]}, inverse {found.expected[:12]}")
        return self.valid(f"inverse of {(found.commit or '')[:12]}")


class RevertKeepsWorkload(Check):
    """Taking back a first release would delete a workload: deletes are a removal delivery."""

    id = "revert-keeps-workload"
    claim = "The service still has an image afterwards."

    def judge(self, facts: GateFacts) -> Finding:
        if facts.restores:
            return self.valid("restores what is sealed")
        if facts.image is None:
            return self.invalid("revert-removes-workload", str(facts.classification.service))
        if isinstance(facts.image, Unread):
            return self.unread(facts.image)
        return self.valid(str(facts.image.reference))


def _first_difference(path: str, expected: bytes, got: bytes) -> str:
    wanted, found = expected.splitlines(), got.splitlines()
    for number, (one, other) in enumerate(zip(wanted, found, strict=False), 1):
        if one != other:
            return f"{path}:{number}: got {other[:60]!r}, expected {one[:60]!r}"
    return f"{path}: {len(found)} lines, expected {len(wanted)}" if len(wanted) != len(found) else f"{path}: line ends"
