"""Kind ``chart``: a version of the library chart comes to an env repo, or one service moves to a version that is there.

What comes touches no service: it is about the repository. A version that is there never changes; the flat chart of
before there were versions leaves when nobody renders with it any more. A service's own templates are generated: they
are no delivery of this kind (``chart-file-altered``).
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.platform.checks import Check
from interlock.platform.domain.change import REGULAR_FILE, Change, FileChange
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import DeliveryKind, ServiceName
from interlock.platform.domain.result import CHART, service_paths
from interlock.platform.estate import PLATFORM, Requirement, layout, rules
from interlock.platform.facts import Facts, case, change, ground, library, rendering
from interlock.platform.facts.rendering import Moved
from interlock.platform.kinds.chart.checks import ChartRendered, LibraryVersion, ServiceChart
from interlock.platform.kinds.kind import Kind, Need, Position
from interlock.platform.kinds.record import Told

NAME = DeliveryKind("chart")
_OWNER = Requirement(who="service-owner")


class Chart(Kind):
    name = NAME
    needs = (
        Need(change.read, "git"),
        Need(rendering.read, "git"),
        Need(library.there, "git"),
        Need(library.left, "git"),
        Need(library.users, "git"),
        Need(library.added, "git"),
        Need(library.target, "git"),
        Need(library.allowed, "estate"),
        Need(library.generated, "estate"),
    )

    def claims(self, file: FileChange, change: Change, environment: str) -> bool:
        """New files of a version, files of the flat chart that leave, and a service's ``Chart.yaml`` whose dependencies
        change, or which cannot be read: the check of the text says what is wrong with it."""
        if environment == PLATFORM or file.new_mode not in (REGULAR_FILE, _ABSENT):
            return False
        if layout.library_version(file.path):
            return file.status == "added"
        if layout.is_library_chart(file.path):
            return file.status == "deleted" and file.path.startswith(f"{CHART}/")
        sides = [side[file.path] for side in (change.before, change.after) if file.path in side]
        if layout.in_app(file.path) != "Chart.yaml" or file.status != "modified" or len(sides) < 2:
            return False
        try:
            before, after = (yaml.load(data, file=file.path).value for data in sides)
        except InputError:
            return True
        both = isinstance(before, dict) and isinstance(after, dict)
        return not both or before.get("dependencies") != after.get("dependencies")

    def checks(self, position: Position) -> tuple[Check, ...]:
        return LibraryVersion(), ServiceChart(), ChartRendered()

    def paths(self, service: ServiceName | None, environment: str, chart: str) -> tuple[str, ...] | None:
        return service_paths(service, chart) if service else ("charts",)

    def asks(self, facts: Facts, own: rules.Demand) -> rules.Demand:
        """Where the design's table holds, a platform reviewer; the service's owner too when the cluster would get more
        than other labels and annotations, and while nobody can tell."""
        least = rules.least(facts.get(ground.environment), self.name)
        if facts.get(case.read).service is None:
            return rules.raised(rules.repositorys(own), least)
        found = facts.look(rendering.read)
        if least and (isinstance(found, Unread) or _beyond_metadata(rendering.moved(found))):
            least = (*least, _OWNER)
        return rules.raised(own, least)

    def record(self, facts: Facts) -> Told | None:
        found, service, where = facts.get(change.read), facts.get(case.read).service, facts.get(ground.environment).name
        if service is None:
            brought = facts.get(library.added)
            what = brought.folder if brought else CHART
            before, after = ("nothing", what) if brought else (what, "nothing")
            return Told(f"chart {what}", before, after, ("No service renders with it.",), "It stays: nothing uses it.")
        file = f"{layout.chart(service)}/Chart.yaml"
        before, after = (layout.library_chart(side.get(file, b""), file=file) for side in (found.before, found.after))
        back = f"Revert pull request: `interlock revert {service} --env {where}` goes back to {before}."
        moved = rendering.moved(facts.get(rendering.read))
        tests = (f"Rendered before and after: {rendering.summary(moved)}",)
        return Told(f"chart {after}", before, after, tests, back, rendering.text(moved))


def _beyond_metadata(moved: Sequence[Moved]) -> bool:
    """Whether more differs than labels and annotations of objects. Those of a pod template are more: they restart
    pods."""
    differing = (item.differences or (None,) for item in moved)
    return any(one is None or one.path[:2] not in _METADATA for every in differing for one in every)


_METADATA = (("metadata", "labels"), ("metadata", "annotations"))
_ABSENT = "000000"
"""Git's mode of a file that leaves."""
