"""The checks of a removal: the step's files and no others, in order, exactly what was named, and nobody left behind."""

from __future__ import annotations

from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.platform.checks import Check
from interlock.platform.checks.reasons import Reason, table
from interlock.platform.domain import workload
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate import layout
from interlock.platform.facts import Facts, case, change, ground, removal, rendering, revert
from interlock.platform.kinds.removal.steps import step

_AGAIN = "prepare it again with `interlock service remove`"
REASONS = table(
    {
        "removal-files-other": Reason("The files are not those of exactly one step of a removal.", _AGAIN),
        "removal-file-form": Reason("The list of what is deleted is not as it is generated.", _AGAIN),
        "removal-renders": Reason("The service's chart would still render objects.", _AGAIN),
        "removal-not-taken-back": Reason(
            "The change is not the exact inverse of the removal that is under way.",
            "prepare it with `interlock revert`",
        ),
        "removal-middleware-left": Reason(
            "The service still has middleware in this environment.", "remove its middleware first"
        ),
        "removal-workload-up": Reason(
            "The service still has replicas: objects are deleted when nothing runs.",
            "deliver `replicas: 0` as a change of configuration first",
        ),
        "removal-object-unnamed": Reason("An object is live that the removal does not name.", _AGAIN),
        "removal-object-changed": Reason(
            "The removal names an object that is not live any more, or another one of its name is.", _AGAIN
        ),
        "removal-objects-left": Reason(
            "Objects that the removal names are still live: the Application goes last.",
            "wait until the platform has deleted them (`interlock status`)",
        ),
        "removal-in-use": Reason(
            "Another service's manifests use the service that would be removed.",
            "take the use out of that service first",
        ),
        "registration-in-use": Reason(
            "An environment still has the service: the registration goes last.",
            "remove the service from that environment first",
        ),
    }
)


class RemovalFiles(Check):
    id = "removal-files"
    claim = "The files change as one step of a removal does, and no others."

    def judge(self, facts: Facts) -> Finding:
        found, service = facts.get(change.read), facts.get(ground.named)
        taken = step(found, service)
        if taken is None:
            return self.invalid("removal-files-other", ", ".join(sorted(found.paths)[:3]))
        if taken == "back":
            return self._back(facts)
        if taken == "objects":
            listed = facts.look(removal.after)
            if isinstance(listed, Unread) and listed.code.startswith(("removal-", "estate-", "yaml-")):
                return self.invalid("removal-file-form", listed.detail)
            left = facts.get(rendering.read).after
            if left:
                return self.invalid("removal-renders", str(left[0].get("kind")))
            return self.valid("objects named")
        if facts.get(removal.before) is None:
            return self.invalid("removal-files-other", f"{layout.removal(service)} names nothing yet")
        git = facts.get(ground.repository)
        left_ids = git.object_ids(found.tree, (layout.application(service), layout.chart(service)))
        if any(left_ids.values()):
            return self.invalid("removal-files-other", f"still there: {', '.join(k for k, v in left_ids.items() if v)}")
        if git.object_id(found.tree, f"middleware/{service}"):
            return self.invalid("removal-middleware-left", f"middleware/{service}")
        return self.valid("Application and files")

    def _back(self, facts: Facts) -> Finding:
        """Back to running is the exact inverse, and of the newest delivery: what the service is was approved then."""
        found, git = facts.get(change.read), facts.get(ground.repository)
        try:
            last = revert.newest(git, facts.get(ground.named), facts.get(ground.environment).name)
            expected = revert.inverse(git, last, found.base)
        except (ConflictError, InputError, NotFoundError) as error:
            return self.invalid("removal-not-taken-back", str(error))
        if expected != found.tree:
            return self.invalid("removal-not-taken-back", f"{last[:12]} is the newest delivery")
        return self.valid(f"takes back {last[:12]}")


class RemovalStopped(Check):
    """By the manifests that are in force: an autoscaler of 0 replicas scales nothing."""

    id = "removal-stopped"
    claim = "No workload of the service has replicas."

    def judge(self, facts: Facts) -> Finding:
        if step(facts.get(change.read), facts.get(ground.named)) != "objects":
            return self.valid("no step that stops anything")
        for item in facts.get(rendering.read).before:
            if any(True for _ in workload.images(item)) and (item.get("spec") or {}).get("replicas", 1) != 0:
                return self.invalid("removal-workload-up", f"{item.get('kind')} {item['metadata'].get('name')}")
        return self.valid("0 replicas")


class RemovalNamed(Check):
    """What is approved is a list of identities; what the platform deletes is that list."""

    id = "removal-named"
    claim = "Exactly the live objects are named, each by its uid; before the Application goes, none is left."

    def judge(self, facts: Facts) -> Finding:
        taken, held = step(facts.get(change.read), facts.get(ground.named)), facts.get(removal.held)
        if taken == "back":
            return self.valid("nothing is deleted")
        listed = facts.get(removal.before if taken == "application" else removal.after)
        if listed is None:
            return self.invalid("removal-files-other", str(facts.get(case.read).service))
        if held.application not in (listed.application, *((None,) if taken == "application" else ())):
            return self.invalid("removal-object-changed", f"Application ({held.application or 'not live'})")
        if taken == "application":
            if held.objects:
                return self.invalid("removal-objects-left", ", ".join(map(str, held.objects[:3])))
            return self.valid("none is left")
        if unnamed := sorted(set(held.objects) - set(listed.objects)):
            return self.invalid("removal-object-unnamed", ", ".join(map(str, unnamed[:3])))
        if other := sorted(set(listed.objects) - set(held.objects)):
            return self.invalid("removal-object-changed", ", ".join(map(str, other[:3])))
        return self.valid(f"{len(listed.objects)} objects")


class RemovalUnused(Check):
    id = "removal-unused"
    claim = "No other service's manifests in the environment use it."

    def judge(self, facts: Facts) -> Finding:
        if step(facts.get(change.read), facts.get(ground.named)) == "back":
            return self.valid("it stays")
        if found := facts.get(removal.users):
            return self.invalid("removal-in-use", ", ".join(found[:3]))
        return self.valid()


class RegistrationUnused(Check):
    id = "registration-unused"
    claim = "Exactly one registration goes, of a service that no environment has."

    def judge(self, facts: Facts) -> Finding:
        found, service = facts.get(change.read), facts.get(ground.named)
        path = f"services/{service}.yaml"
        if found.paths != {path} or path in found.after:
            return self.invalid("removal-files-other", ", ".join(sorted(found.paths)[:3]))
        if places := facts.get(removal.places):
            return self.invalid("registration-in-use", ", ".join(places))
        return self.valid(path)
