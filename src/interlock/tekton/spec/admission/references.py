"""References to Tasks, Pipelines and StepActions by name or resolver (v1/container_validation.go validateRef)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, both, disallowed, invalid, key, missing, neither, via
from interlock.tekton.spec.admission.names import qualified_problems

# RefNameLikeUrl. Go's \w is ASCII.
_URL = re.compile(r"[0-9A-Za-z_-]+://*")


def check(context: Context, reference: Object, *, bundles: bool = False) -> Faults:
    """``bundles``: a v1beta1 taskRef or pipelineRef, which may still hold the field of that name."""
    name, resolver, params = text(reference, "name"), text(reference, "resolver"), reference.get("params")
    if bundles and context.beta1 and context.creating and text(reference, "bundle"):
        yield disallowed("reference-bundle", "bundle")
    if resolver or params is not None:
        if params is not None:
            yield from via(context.needs("resolver params", "beta"), "params")
            if name:
                yield both("reference-name-and-params", "name", "params")
            if not resolver:
                yield missing("reference-resolver", "resolver")
            yield from parameters(params)
        if resolver:
            yield from via(context.needs("resolver", "beta"), "resolver")
            if name and not _URL.search(name):
                yield invalid("reference-name", "invalid URI for request", "name")
            elif name:
                yield from _concise(context)
    elif not name:
        yield missing("reference-name", "name")
    elif _URL.search(name):
        yield from _concise(context)
        yield missing("reference-resolver", "resolver")
    elif problems := qualified_problems(name):
        yield invalid("reference-name", ",".join(problems), "name")


def or_embedded(context: Context, spec: Object, noun: str, embedded: Callable[[Context, Any], Faults]) -> Faults:
    """Of a run of a ``noun`` (task, pipeline): a reference to one or one that is ``embedded``, and not both."""
    reference, own = f"{noun}Ref", f"{noun}Spec"
    if reference not in spec and own not in spec:
        yield neither("run-reference-or-spec", reference, own)
    if reference in spec and own in spec:
        yield both("run-reference-or-spec", reference, own)
    if reference in spec:
        yield from via(check(context, spec[reference], bundles=True), reference)
    if own in spec:
        if context.inline_forbidden(f"{noun}run"):
            yield disallowed("inline-spec-disabled", own)
        yield from via(embedded(context, spec[own]), own)


def _concise(context: Context) -> Faults:
    if not context.flags.enable_concise_resolver_syntax:
        text = "feature flag enable-concise-resolver-syntax should be set to true to use concise resolver syntax"
        yield Fault("feature-flag", text)


def parameters(params: Sequence[Any]) -> Faults:
    """ValidateParameters: names differ, whatever their case."""
    yield from unique((text(item, "name") for item in params), by_index=False)


def unique(names: Iterable[str], *, by_index: bool) -> Faults:
    """validateNoDuplicateNames."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name.lower() in seen:
            yield from via([both("duplicate-name", "name")], index if by_index else key(name))
        seen.add(name.lower())
