"""Params of a reference as the resolvers read them: by name, as strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from interlock.errors import InputError
from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution import failure, request

NOT_CONTENT: Final = frozenset(
    {
        "cache",
        "gitToken",
        "gitTokenKey",
        "http-password-secret",
        "http-password-secret-key",
        "http-username",
        "secret",
        "serviceAccount",
        "token",
        "tokenKey",
    }
)
"""Params that say how to get in, not what to get: two references that differ in them alone mean the same content."""


def of(params: Sequence[Param]) -> dict[str, str]:
    """Name -> StringVal: an array or object counts as empty, as in Go."""
    return {param.name: param.value if isinstance(param.value, str) else "" for param in params}


def missing(resolver: str, names: Iterable[str]) -> InputError:
    return failure.invalid(f"missing required {resolver} resolver params: {', '.join(names)}")


def check_cache(given: Mapping[str, str]) -> None:
    """Raise as the framework does before any resolver looks (remoteresolution/resolver/framework/cache)."""
    mode = given.get("cache", "")
    if mode and mode not in request.CACHE_MODES:
        modes = " ".join(request.CACHE_MODES)
        raise failure.invalid(f"invalid cache mode '{mode}', must be one of: [{modes}] (or empty for default)")


def disabled(resolver: str) -> InputError:
    return failure.invalid(
        f"cannot handle resolution request, enable-{resolver}-resolver feature flag not true",
        todo="set it in resolvers-feature-flags of the resolvers' configuration",
    )
