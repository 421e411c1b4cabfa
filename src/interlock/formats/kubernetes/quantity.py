"""Quantities: ``100m``, ``1.5Gi``, ``12e6`` (apimachinery pkg/api/resource)."""

from __future__ import annotations

import re
from decimal import ROUND_UP, Decimal

from interlock.errors import InputError

_TEXT = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?")
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_LARGEST_BINARY = Decimal(2**63 - 1)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def parse(text: str | int | float) -> Decimal:
    """The exact value. Raises InputError ``quantity-invalid``."""
    match = _TEXT.fullmatch(str(text))
    if not match:
        raise InputError("quantity-invalid", "not a quantity", got=repr(text), expected="e.g. 100m, 1.5Gi, 12e6")
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix in _BINARY:
        return number * Decimal(2 ** _BINARY[suffix])
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:]))


def canonical(text: str | int | float) -> str:
    """The one way in which the API writes this quantity: the largest suffix with an integral mantissa.

    Finer than a nano is rounded away from zero. A binary suffix stays binary while the value is at least 1 Ki and
    integral, and ends at 2^63 - 1.
    """
    value = parse(text)
    if value == 0:
        return "0"
    suffix = (_TEXT.fullmatch(str(text)) or [None] * 3)[2] or ""
    if suffix in _BINARY:
        value = max(min(value, _LARGEST_BINARY), -_LARGEST_BINARY)
    if suffix in _BINARY and abs(value) >= 1024 and value == value.to_integral_value():
        left, step = int(value), 0
        while left % 1024 == 0 and step < 6:
            left, step = left // 1024, step + 1
        return f"{left}{('', *_BINARY)[step]}"
    exponent = -9
    mantissa = int(value.scaleb(9).to_integral_value(ROUND_UP))
    scientific = suffix[:1] in ("e", "E") and suffix not in ("E", "Ei")
    while mantissa % 1000 == 0 and (exponent < 18 or scientific):
        mantissa, exponent = mantissa // 1000, exponent + 3
    if scientific:
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{next(name for name, power in _DECIMAL.items() if power == exponent)}"
