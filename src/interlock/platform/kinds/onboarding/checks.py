"""The checks of an onboarding: the golden path is run again; whatever it would not write does not get in."""

from __future__ import annotations

from interlock.errors import InputError
from interlock.platform.checks import Check
from interlock.platform.checks.files import first_difference
from interlock.platform.checks.reasons import Reason, table
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate import load_service
from interlock.platform.facts import Facts, case, change, ground, onboarding

_AGAIN = "run `interlock service create` again and do not edit its output"
REASONS = table(
    {
        "onboarding-files-differ": Reason("The files are not, byte for byte, what the golden path generates.", _AGAIN),
        "registration-invalid": Reason(
            "The registration contradicts the estate or is not in its canonical form.", _AGAIN
        ),
    }
)


class OnboardingFiles(Check):
    id = "onboarding-files"
    claim = "Every file equals, byte for byte, what the golden path generates for the registered service."

    def judge(self, facts: Facts) -> Finding:
        found = facts.get(onboarding.read)
        expected, present = found.expected, found.present
        foreign = sorted(facts.get(change.read).paths - expected.keys())
        if foreign:
            return self.invalid("onboarding-files-differ", f"not of the golden path: {', '.join(foreign[:3])}")
        wrong = sorted(path for path, data in expected.items() if present.get(path) != data)
        if wrong:
            told = wrong[0] if wrong[0] in present else f"{wrong[0]} is missing"
            return self.invalid("onboarding-files-differ", f"{told} ({len(wrong)} of {len(expected)} files)")
        return self.valid(f"{len(expected)} files")


class Registration(Check):
    """In the platform repo: one new file, canonical, consistent with teams, people and shapes."""

    id = "registration"
    claim = "Exactly one service is registered, consistently with the estate and in canonical form."

    def judge(self, facts: Facts) -> Finding:
        found, estate = facts.get(change.read), facts.get(ground.estate)
        path = f"services/{facts.get(case.read).service}.yaml"
        if found.paths != {path} or path not in found.after:
            return self.invalid("registration-invalid", ", ".join(sorted(found.paths)[:3]))
        data = found.after[path]
        try:
            service = load_service(data, file=path, platform=estate.platform, people=estate.people)
        except InputError as error:
            return self.invalid("registration-invalid", str(error))
        if service.file() != data:
            return self.invalid("registration-invalid", first_difference(path, service.file(), data))
        if others := [item.name for item in estate.services.values() if item.repository == service.repository]:
            return self.invalid("registration-invalid", f"repository {service.repository} is that of {others[0]}")
        return self.valid(f"{service.name}: team {service.team}, owner {service.owner}")
