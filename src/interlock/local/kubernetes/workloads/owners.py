"""Owner references as the controllers write and read them."""

from __future__ import annotations

from interlock.local.kubernetes.cluster import Object


def reference(owner: Object) -> Object:
    """The reference of a dependent to its controller."""
    metadata = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Object) -> Object | None:
    """The reference to the object's controller."""
    owners: list[Object] = obj["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)


def adopted(obj: Object, owner: Object) -> Object:
    """``obj`` with one more owner reference."""
    owners = [*(obj["metadata"].get("ownerReferences") or []), owner]
    return {**obj, "metadata": {**obj["metadata"], "ownerReferences": owners}}
