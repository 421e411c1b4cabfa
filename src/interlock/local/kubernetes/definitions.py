"""Custom resource definitions: checked when written, served from then on."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.errors import InputError
from interlock.formats.kubernetes import names
from interlock.formats.kubernetes.structural import custom_resource
from interlock.formats.kubernetes.validation import Cause
from interlock.local.kubernetes.cluster import Call, Cluster, Object
from interlock.local.kubernetes.kinds import BUILTIN, VERBS, Column, Kind
from interlock.local.kubernetes.strategy import Strategy

RESOURCE = "apiextensions.k8s.io/customresourcedefinitions"


def kinds_of(definition: Object) -> Iterator[Kind]:
    """The kinds that a definition serves, one a version. Raises InputError ``schema-not-structural``."""
    spec = definition["spec"]
    called = spec["names"]
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        subresources = version.get("subresources") or {}
        scale = subresources.get("scale")
        yield Kind(
            group=spec["group"],
            version=version["name"],
            name=called["kind"],
            plural=called["plural"],
            namespaced=spec["scope"] == "Namespaced",
            schema=custom_resource((version.get("schema") or {}).get("openAPIV3Schema") or {}),
            short_names=tuple(called.get("shortNames") or ()),
            categories=tuple(called.get("categories") or ()),
            subresources=tuple(name for name in ("status", "scale") if name in subresources),
            verbs=VERBS,
            columns=tuple(
                Column(
                    item["name"],
                    item["type"],
                    item["jsonPath"],
                    item.get("priority", 0),
                    item.get("format", ""),
                    item.get("description", ""),
                )
                for item in version.get("additionalPrinterColumns") or ()
            ),
            custom=True,
            storage=bool(version.get("storage")),
            singular_name=called.get("singular", ""),
            list_name=called.get("listKind", ""),
            field_labels=tuple(item["jsonPath"].lstrip(".") for item in version.get("selectableFields") or ()),
            scale=dict(scale) if isinstance(scale, dict) else None,
        )


def load(cluster: Cluster) -> None:
    """Serve what the stored definitions say."""
    cluster.kinds.serve_custom(kind for item in cluster.store.objects(RESOURCE) for kind in kinds_of(item))


def _faults(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Iterator[Cause]:
    spec, name = new["spec"], new["metadata"]["name"]
    expected = f"{spec['names']['plural']}.{spec['group']}"
    if name != expected:
        text = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
        yield Cause("FieldValueInvalid", "metadata.name", text)
    if not names.is_subdomain(spec["group"]) or "." not in spec["group"]:
        yield Cause("FieldValueInvalid", "spec.group", "Invalid value: should be a domain with at least one dot")
    elif any(kind.group == spec["group"] for kind in BUILTIN):
        yield Cause("FieldValueInvalid", "spec.group", "Invalid value: this group is built in")
    if spec["scope"] not in ("Namespaced", "Cluster"):
        yield Cause(
            "FieldValueNotSupported", "spec.scope", 'Unsupported value: supported values: "Cluster", "Namespaced"'
        )
    if sum(1 for version in spec["versions"] if version.get("storage")) != 1:
        yield Cause(
            "FieldValueInvalid",
            "spec.versions",
            "Invalid value: must have exactly one version marked as storage version",
        )
    if (spec.get("conversion") or {}).get("strategy") != "None":
        text = 'Unsupported value: this server converts with strategy "None" only'
        yield Cause("FieldValueNotSupported", "spec.conversion.strategy", text)
    if old is not None and old["spec"]["scope"] != spec["scope"]:
        yield Cause("FieldValueInvalid", "spec.scope", "Invalid value: field is immutable")
    for index, version in enumerate(spec["versions"]):
        place = f"spec.versions[{index}].schema.openAPIV3Schema"
        document = (version.get("schema") or {}).get("openAPIV3Schema")
        if document is None:
            yield Cause("FieldValueRequired", place, "Required value: schemas are required")
            continue
        try:
            custom_resource(document)
        except InputError as error:
            yield Cause("FieldValueInvalid", f"{place} {error.where}", f"Invalid value: {error.message}")


def _prepare(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    """Here every definition that is well-formed is established at once."""
    if call.subresource == "status":
        return new
    now = cluster.timestamp()
    spec = new["spec"]
    before = {item["type"]: item for item in ((old or {}).get("status") or {}).get("conditions") or []}
    established = [
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]
    new["status"] = {
        "acceptedNames": spec.get("names"),
        "conditions": [
            before.get(kind)
            or {"type": kind, "status": "True", "reason": reason, "message": text, "lastTransitionTime": now}
            for kind, reason, text in established
        ],
        "storedVersions": [item["name"] for item in spec.get("versions") or [] if item.get("storage")],
    }
    return new


STRATEGY = Strategy(prepare=_prepare, faults=_faults, generation=True)
