"""The checks of a configuration: keys by the chart's schema, objects by an allow-list, and no secret."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.platform.checks import Check
from interlock.platform.checks.reasons import PUSH, Reason, table
from interlock.platform.domain import workload
from interlock.platform.domain.difference import Difference, listed
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.verdict import Finding
from interlock.platform.domain.workload import Path
from interlock.platform.estate.values import LOADER
from interlock.platform.facts import Facts, configuration, rendering
from interlock.platform.facts.rendering import Moved, name

REASONS = table(
    {
        "configuration-file-invalid": Reason("A values file is not strict YAML with one mapping.", PUSH),
        "configuration-schema-invalid": Reason(
            "The library chart's values.schema.json cannot be read.", "deliver a chart whose schema is JSON Schema"
        ),
        "configuration-key-refused": Reason(
            "A key would change that is no configuration.",
            "leave it out; the image changes by `interlock promote`, the rest with the chart or the golden path",
        ),
        "configuration-key-loader": Reason(
            "An environment variable would change that tells a loader, shell or runtime which code to run.",
            "leave it out: what runs is decided by the image",
        ),
        "configuration-value-refused": Reason(
            "A value is none that the chart's schema or Kubernetes takes.", "mend the value: the chart's README says it"
        ),
        "configuration-moves-image": Reason(
            "With these values another image would run, or another version be told.",
            "promote the image with `interlock promote`",
        ),
        "configuration-rendered-other": Reason(
            "The rendered objects would differ in what configuration never decides.",
            "leave it out: what a workload is comes from image and chart",
        ),
        "configuration-secret": Reason(
            "A secret would stand in git as text.",
            "take it out, rewrite the branch, replace the secret wherever it is in use, and name it in a secret store",
        ),
    }
)
MAX_CONFIG = 1024 * 1024
"""Bytes that a ConfigMap holds at most (kubernetes/pkg/apis/core/validation)."""
ADDED = frozenset({"ConfigMap", "PodDisruptionBudget"})
"""Kinds of objects that come and go with their values."""

_ANY = "*"
_POD: tuple[Path, ...] = (
    ("metadata", "annotations", "checksum/"),
    ("spec", "terminationGracePeriodSeconds"),
    *(
        ("spec", containers, _ANY, *field)
        for containers in ("containers", "initContainers")
        for field in (
            ("envFrom", _ANY, "configMapRef", "name"),
            ("resources", "requests"),
            ("resources", "limits"),
            *(
                (f"{when}Probe", how)
                for when in ("startup", "liveness", "readiness")
                for how in (
                    "httpGet", "tcpSocket", "grpc", "initialDelaySeconds", "periodSeconds", "timeoutSeconds",
                    "successThreshold", "failureThreshold", "terminationGracePeriodSeconds",
                )
            ),
        )
    ),
)  # fmt: skip
_WORKLOAD: tuple[Path, ...] = tuple(
    ("spec", field) for field in ("replicas", "revisionHistoryLimit", "progressDeadlineSeconds", "minReadySeconds")
)
ALLOWED: Mapping[str, tuple[Path, ...]] = {
    "ConfigMap": (("data",),),
    "PodDisruptionBudget": tuple(
        ("spec", field) for field in ("minAvailable", "maxUnavailable", "unhealthyPodEvictionPolicy")
    ),
    **{kind: (*_WORKLOAD, *((*item.template, *path) for path in _POD)) for kind, item in workload.KINDS.items()},
}
"""Kind of object -> the fields below which configuration may change it. No other kind changes: none that grants rights,
opens a way in or holds secrets; no command, security context, selector, volume, service account or host namespace."""


class ConfigurationKeys(Check):
    """Which keys is said by the chart at the base: what the head brings decides nothing."""

    id = "configuration-keys"
    claim = "Only keys change that the library chart's schema names as configuration, to values that it takes."

    def judge(self, facts: Facts) -> Finding:
        found = facts.look(configuration.read)
        if isinstance(found, Unread):
            fault = found.code.startswith(("yaml-", "values-"))
            return self.invalid("configuration-file-invalid", found.detail) if fault else self.unread(found)
        keys = facts.look(configuration.keys)
        if isinstance(keys, Unread):
            fault = keys.code.startswith("helm-")
            return self.invalid("configuration-schema-invalid", keys.detail) if fault else self.unread(keys)
        differing = [item for every in found.values() for item in every]
        refused = [item for item in differing if not keys.configuration(item.path)]
        if loader := [item for item in refused if _loads(item)]:
            return self.invalid("configuration-key-loader", _places(loader))
        if refused:
            known = listed(keys.names, limit=300, between=", ")
            return self.invalid("configuration-key-refused", f"{_places(refused)}; configuration is: {known}")
        for path, problem in keys.schema.faults(facts.get(configuration.merged)):
            if path and any(_touches(item.path, path) for item in differing):
                return self.invalid("configuration-value-refused", f"{'.'.join(map(str, path))}: {problem}")
        return self.valid(_places(differing) or "no value changes")


class ConfigurationRendered(Check):
    """What the cluster would get: keys alone do not say what a chart makes of them."""

    id = "configuration-rendered"
    claim = "The rendered objects differ only in what configuration decides; image and version stay."

    def judge(self, facts: Facts) -> Finding:
        found = facts.look(rendering.read)
        if isinstance(found, Unread):
            fault = found.code.startswith(("helm-", "yaml-"))
            return self.invalid("render-failed", found.detail) if fault else self.unread(found)
        moved = rendering.moved(found)
        for item in moved:
            if (item.before is None or item.after is None) and item.key[1] not in ADDED:
                return self.invalid("configuration-rendered-other", str(item))
            if images := _images(item):
                return self.invalid("configuration-moves-image", f"{name(item.key)}: {images}")
            for one in item.differences:
                if not _allowed(item.key[1], one.path):
                    return self.invalid("configuration-rendered-other", f"{name(item.key)}: {one.place}")
            if item.key[1] == "ConfigMap" and _large(item):
                return self.invalid("configuration-value-refused", f"{name(item.key)}: more than {MAX_CONFIG} bytes")
        secret = facts.look(configuration.secrets)
        return self.valid(rendering.summary(moved, values=secret == ()))


class NoSecretInText(Check):
    """Found by form and by name; what is found is never repeated."""

    id = "no-secret-in-text"
    claim = "Nothing that looks like a password, key or token comes into git."

    def judge(self, facts: Facts) -> Finding:
        found = facts.look(configuration.secrets)
        if isinstance(found, Unread):
            return self.unread(found)
        return self.invalid("configuration-secret", listed(found, limit=300)) if found else self.valid()


def _places(differences: list[Difference]) -> str:
    return listed((item.place for item in differences), limit=300, between=", ")


def _loads(item: Difference) -> bool:
    return item.path[0] != "image" and any(isinstance(step, str) and LOADER.fullmatch(step) for step in item.path[1:])


def _touches(changed: Path, place: Path) -> bool:
    """Whether one of the two is at or above the other."""
    length = min(len(changed), len(place))
    return changed[:length] == place[:length]


def _images(item: Moved) -> str:
    """Where an image, or the version that labels tell, would change; "" where none would."""
    sides = [{path for path, _ in workload.images(side or {})} for side in (item.before, item.after)]
    named = sides[0] | sides[1]
    told = (one for one in item.differences if one.path in named or one.path[-1] == "app.kubernetes.io/version")
    return next((one.place for one in told), "")


def _allowed(kind: str, path: Path) -> bool:
    return any(_below(path, start) for start in ALLOWED.get(kind, ()))


def _below(path: Path, start: Path) -> bool:
    """Whether ``path`` is at or below ``start``, in which the name of an annotation may be a beginning."""
    if len(path) < len(start):
        return False
    return all(
        want in (_ANY, got) or (isinstance(want, str) and want.endswith("/") and str(got).startswith(want))
        for want, got in zip(start, path, strict=False)
    )


def _large(item: Moved) -> bool:
    data = (item.after or {}).get("data") or {}
    return sum(len(str(key).encode()) + len(str(value).encode()) for key, value in data.items()) > MAX_CONFIG
