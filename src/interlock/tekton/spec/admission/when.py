"""Guards of pipeline tasks and steps (v1/when_validation.go)."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.errors import InputError
from interlock.tekton.spec import cel
from interlock.tekton.spec.admission import params, variables
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.faults import Fault, Faults, invalid, missing, via
from interlock.tekton.spec.admission.params import Declared
from interlock.tekton.spec.admission.wording import listed, quoted


def check(context: Context, expressions: Sequence[Object]) -> Faults:
    for index, expression in enumerate(expressions):
        yield from via(_expression(context, expression), "when", index)


def _expression(context: Context, when: Object) -> Faults:
    operator, values, expression = text(when, "operator"), when.get("values") or [], text(when, "cel")
    if expression:
        yield from _cel(context, when, expression)
    elif not (text(when, "input") or operator or values):
        yield missing("when-empty", "")
    elif operator not in ("in", "notin"):
        yield invalid("when-operator", f"operator {quoted(operator)} is not recognized. valid operators: in,notin")
    elif not values:
        yield invalid("when-values", "expecting non-empty values field")


def _cel(context: Context, when: Object, expression: str) -> Faults:
    operator, values, compared = text(when, "operator"), when.get("values") or [], text(when, "input")
    if not context.flags.enable_cel_in_whenexpression:
        flag = "feature flag enable-cel-in-whenexpression should be set to true to use CEL"
        yield Fault("feature-flag", f"{flag}: {expression} in WhenExpression")
    elif compared or operator or values:
        printed = f"&{{{compared} {operator} {listed(values)} {expression}}}"
        words = f"cel and input+operator+values cannot be set in one WhenExpression: {printed}"
        yield Fault("when-cel-and-operator", words, ())
    else:
        try:
            cel.compile(expression)
        except InputError as error:
            # Upstream hands its format string through as it is, and the values as paths.
            yield Fault("when-cel", "invalid cel expression: %s with err: %s", (expression, error.message))


def usage(expressions: Sequence[Object], known: Declared) -> Faults:
    """References to the pipeline's params (validatePipelineParametersVariables)."""
    for index, when in enumerate(expressions):
        yield from via(params.string(text(when, "input"), known), "when", index, "input")
        for value in when.get("values") or []:
            name = value.removeprefix("$(params.").removesuffix("[*])")
            rule = params.array if name in known.arrays else params.string
            yield from via(rule(value, known), "when", index, "values")


def references(when: Object) -> list[str]:
    """The references in a guard, without ``$(`` and ``)`` (GetVarSubstitutionExpressions)."""
    texts = [text(when, "input"), text(when, "cel"), *(when.get("values") or [])]
    return [found for item in texts for found in variables.all_expressions(item)]
