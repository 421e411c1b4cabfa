"""Which kind of delivery a change is, read from what it changes and never from what it says of itself.

A kind claims an allow-list of paths, and inside values of keys. What no kind claims is refused, and the refusal says
what the file is. A revert's branch claims nothing: `reading` says when it is judged as one.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.platform.checks.reasons import Reason, table
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.ids import ReasonCode, ServiceName
from interlock.platform.estate import PLATFORM, layout
from interlock.platform.facts.case import Case
from interlock.platform.kinds.kind import Kind

_SPLIT = "change it by a delivery of its own, of a kind that may (docs/reference: kinds)"
_GENERATED = "leave generated files as they are: they change by a new version of what generates them"
REASONS = table(
    {
        "nothing-changed": Reason("The base branch already has everything that the pull request changes.", "close it"),
        "path-outside-layout": Reason(
            "A changed file belongs to no service and no known part of the repository.",
            "change only files of one service (docs/reference: layout of env repos)",
        ),
        "several-services": Reason("A delivery moves one service.", "open one pull request a service"),
        "several-kinds": Reason("A delivery is of one kind.", "split the pull request by kind"),
        "file-deleted": Reason("A file is deleted, which no kind of delivery claims yet.", "keep the file"),
        "application-file-altered": Reason("A service's Application is generated, and would differ.", _GENERATED),
        "chart-file-altered": Reason(
            "Chart.yaml or a template of a service is generated, and would differ.", _GENERATED
        ),
        "library-chart-altered": Reason(
            "A version of the library chart that is there would change or leave.", "add another version beside it"
        ),
        "values-not-claimed": Reason(
            "A values file would change that is neither the service's values.yaml nor this environment's, or the image "
            "in one that cannot be read.",
            "change values.yaml or this environment's values: `interlock configure`",
        ),
        "middleware-not-claimed": Reason("Files of middleware would change, which no kind claims yet.", _SPLIT),
        "file-foreign": Reason(
            "A file in a service's folder is none that its golden path knows.", "leave it out of the pull request"
        ),
        "platform-file-altered": Reason(
            "A file of the platform repo would change that no kind of delivery claims yet.", _SPLIT
        ),
    }
)


def classify(kinds: Sequence[Kind], change: Change, environment: str) -> Case:
    """The kind and service of a change of an env repo, or of the platform repo for environment ``platform``."""
    files = {item.path: item for item in (*change.proposed, *change.effect)}
    if not change.effect:
        return _no("nothing-changed", "the base has all of it already")
    own = layout.registered_service if environment == PLATFORM else layout.service_of
    services = sorted({name for path in files if (name := own(path))})
    service = services[0] if len(services) == 1 else None
    outside = sorted(path for path in files if environment != PLATFORM and _outside(path))
    if outside:
        return _no("path-outside-layout", ", ".join(outside[:3]), service)
    claimed = {kind: {path for path in files if kind.claims(files[path], change, environment)} for kind in kinds}
    whole = [kind for kind, paths in claimed.items() if paths == files.keys()]
    if len(services) > 1 and not (whole and whole[0].several):
        return _no("several-services", ", ".join(services))
    if len(whole) == 1:
        about = None if whole[0].several and environment == PLATFORM else service
        return Case(whole[0].name, about, brings_source=whole[0].brings_source)
    nobodys = sorted(files.keys() - set().union(*claimed.values()))
    if nobodys:
        return _no(_refusal(files[nobodys[0]], environment), ", ".join(nobodys[:3]), service)
    return _no("several-kinds", ", ".join(sorted(kind.name for kind, paths in claimed.items() if paths)), service)


def _no(reason: str, detail: str, service: ServiceName | None = None) -> Case:
    assert reason in REASONS  # noqa: S101 - every code is in the room's table
    return Case(None, service, ReasonCode(reason), detail)


def _outside(path: str) -> bool:
    return layout.service_of(path) is None and not layout.is_library_chart(path)


def _refusal(file: FileChange, environment: str) -> str:
    """What a file that no kind claims is."""
    inside = layout.in_app(file.path) or ""
    if environment == PLATFORM:
        return "platform-file-altered"
    if layout.is_library_chart(file.path):
        return "library-chart-altered"
    if file.status == "deleted":
        return "file-deleted"
    if layout.application_of(file.path):
        return "application-file-altered"
    if layout.is_middleware(file.path):
        return "middleware-not-claimed"
    if inside == "Chart.yaml" or inside.startswith("templates/"):
        return "chart-file-altered"
    return "values-not-claimed" if layout.is_values(inside) else "file-foreign"
