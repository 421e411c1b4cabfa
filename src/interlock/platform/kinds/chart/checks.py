"""The checks of a chart delivery: what comes is in force; who moves finds it there, and runs what it ran."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.platform.checks import Check
from interlock.platform.checks.files import first_difference
from interlock.platform.checks.reasons import PUSH, Reason, table
from interlock.platform.domain import workload
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.verdict import Finding
from interlock.platform.domain.workload import Path
from interlock.platform.estate import layout
from interlock.platform.estate.library import Library
from interlock.platform.facts import Facts, case, change, ground, library, missing, rendering

_ADD = "prepare it with `interlock chart add`"
_MOVE = "prepare it with `interlock chart move`"
REASONS = table(
    {
        "chart-adds-and-moves": Reason(
            "A delivery that changes the library chart touches no service.", "split it in two"
        ),
        "chart-versions-several": Reason("One version of the library chart comes at a time.", "split it"),
        "chart-version-misnamed": Reason("The folder is not named after the version that its chart states.", _ADD),
        "chart-version-foreign": Reason(
            "The files are not, byte for byte, a version that is in force, nor the repository's flat chart.", _ADD
        ),
        "chart-flat-used": Reason("A service still renders with the flat library chart.", "move it to a version first"),
        "chart-file-invalid": Reason("Chart.yaml is not strict YAML.", _MOVE),
        "chart-dependency-foreign": Reason("Chart.yaml would not depend on a version of the library chart.", _MOVE),
        "chart-diff-other": Reason("More than version and folder of the library chart would change.", PUSH),
        "chart-version-absent": Reason(
            "The repository does not have that version of the library chart.", "deliver it first: `interlock chart add`"
        ),
        "chart-version-old": Reason(
            "The service's golden path cannot be rendered with so old a library chart.", "move to a newer one"
        ),
        "chart-object-leaves": Reason(
            "An object would leave the cluster: removal is a delivery of its own.", "mend the chart in another version"
        ),
        "chart-image-altered": Reason("The service would run other images.", "mend the chart in another version"),
    }
)


class LibraryVersion(Check):
    """Bytes are compared with what is in force, never judged by themselves."""

    id = "chart-version"
    claim = (
        "A version of the library chart comes as it is in force, or the flat one leaves that nobody uses, or neither."
    )

    def judge(self, facts: Facts) -> Finding:
        paths = facts.get(change.read).paths
        files = {path for path in paths if layout.is_library_chart(path)}
        if not files:
            return self.valid("no version comes")
        if others := sorted(paths - files):
            return self.invalid("chart-adds-and-moves", ", ".join(others[:3]))
        touched = {layout.library_version(path) for path in files}
        if len(touched) > 1:
            return self.invalid("chart-versions-several", ", ".join(sorted(item or "flat" for item in touched)))
        version = touched.pop()
        return self._leaves(facts) if version is None else self._comes(facts, version)

    def _comes(self, facts: Facts, version: str) -> Finding:
        brought = facts.get(library.added)
        if version in facts.get(library.there):
            return self.invalid("library-chart-altered", layout.library(version))
        if brought is None:
            raise missing("files of the library chart")
        try:
            stated = brought.version
        except InputError as error:
            return self.invalid("chart-version-misnamed", str(error))
        if stated != version:
            return self.invalid("chart-version-misnamed", f"{brought.folder} states {stated}")
        allowed = facts.get(library.allowed)
        if brought not in allowed:
            told = _difference(allowed[-1], brought) if allowed else f"{version} is not in force"
            return self.invalid("chart-version-foreign", told)
        return self.valid(brought.folder)

    def _leaves(self, facts: Facts) -> Finding:
        if left := facts.get(library.left):
            return self.invalid("library-chart-altered", f"{left[0]} would stay")
        if users := facts.get(library.users):
            return self.invalid("chart-flat-used", ", ".join(users[:3]))
        return self.valid("the flat chart leaves")


class ServiceChart(Check):
    """Recomputed, not inspected: the base's file with version and folder set must be the head's file, byte for byte."""

    id = "chart-text-diff"
    claim = (
        "Exactly version and folder of the library chart change in Chart.yaml, to one that fits and that the base has."
    )

    def judge(self, facts: Facts) -> Finding:
        service = facts.get(case.read).service
        if service is None:
            return self.valid("no service moves")
        if facts.get(ground.service) is None:
            return self.invalid("service-unregistered", service)
        found, path = facts.get(change.read), f"{layout.chart(service)}/Chart.yaml"
        if others := sorted(found.paths - {path}):
            return self.invalid("chart-diff-other", f"also changed: {', '.join(others[:3])}")
        if path not in found.before or path not in found.after:
            raise missing(path)
        try:
            yaml.load(found.after[path], file=path)
            version = layout.library_version(f"{layout.library_chart(found.after[path], file=path)}/Chart.yaml")
            if version is None:
                return self.invalid("chart-dependency-foreign", path)
            expected = layout.set_library(found.before[path], version, file=path)
        except InputError as error:
            return self.invalid("chart-file-invalid", str(error))
        if expected != found.after[path]:
            return self.invalid("chart-diff-other", first_difference(path, expected, found.after[path]))
        if facts.get(library.target) is None:
            return self.invalid("chart-version-absent", layout.library(version))
        fits = facts.look(library.generated)
        if isinstance(fits, Unread):
            old = fits.code == "chart-too-old"
            return self.invalid("chart-version-old", fits.detail) if old else self.unread(fits)
        return self.valid(layout.library(version))


class ChartRendered(Check):
    """A move may change how a service runs, which its owner approves; never what it runs, and nothing leaves by it."""

    id = "chart-rendered-diff"
    claim = "The service renders with the library chart, runs the images that it ran, and no object leaves."

    def judge(self, facts: Facts) -> Finding:
        if facts.get(case.read).service is None:
            return self.valid("no service renders with it")
        found = facts.look(rendering.read)
        if isinstance(found, Unread):
            # Because of the files, or because they could not be read.
            fault = found.code.startswith(("helm-", "yaml-"))
            return self.invalid("render-failed", found.detail) if fault else self.unread(found)
        moved = rendering.moved(found)
        for item in moved:
            if item.after is None:
                return self.invalid("chart-object-leaves", rendering.name(item.key))
            ran, runs = (dict(workload.images(side or {})) for side in (item.before, item.after))
            if ran != runs:
                told = f"{rendering.name(item.key)}: {_named(runs)}, was {_named(ran)}"
                return self.invalid("chart-image-altered", told)
        return self.valid(rendering.summary(moved))


def _named(images: Mapping[Path, str]) -> str:
    return ", ".join(images.values()) or "no image"


def _difference(expected: Library, brought: Library) -> str:
    """Where a version that comes first differs from what is in force."""
    wanted, got = expected.files, brought.files
    path = min(path for path in wanted.keys() | got.keys() if wanted.get(path) != got.get(path))
    if path not in wanted or path not in got:
        return f"{brought.folder}/{path} {'is missing' if path in wanted else 'is not of it'}"
    return first_difference(f"{brought.folder}/{path}", wanted[path], got[path])
