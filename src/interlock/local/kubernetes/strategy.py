"""What a kind does beyond the common rules: one `Strategy` a resource, collected in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from interlock.formats.kubernetes.validation import Cause
from interlock.local.kubernetes.cluster import Call, Cluster, Object


def _as_it_is(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Object:
    return new


def _no_faults(cluster: Cluster, call: Call, new: Object, old: Object | None) -> Iterator[Cause]:
    return iter(())


def _nothing(cluster: Cluster, call: Call, new: Object, old: Object | None) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Strategy:
    """``old`` is None on creation.

    ``prepare`` completes the object before validation, ``faults`` names what is wrong, ``written`` runs inside the
    transaction after the write. ``generation``: changes outside of metadata and status count up metadata.generation.
    """

    prepare: Callable[[Cluster, Call, Object, Object | None], Object] = _as_it_is
    faults: Callable[[Cluster, Call, Object, Object | None], Iterable[Cause]] = _no_faults
    written: Callable[[Cluster, Call, Object, Object | None], None] = _nothing
    generation: bool = False
