"""JSON text byte for byte as JavaScript's JSON.stringify writes it.

Receivers verify signatures over the body they parsed and serialised again, most of them in JavaScript.
"""

import json
import math
import re
from typing import Any

_ARRAY_INDEX = re.compile(r"0|[1-9]\d{0,9}")
_LAST_ARRAY_INDEX = 2**32 - 2
_SURROGATE = re.compile("[\ud800-\udfff]")
_FIXED_BELOW = 21  # JavaScript writes numbers below 1e21 without an exponent


def stringify(value: Any) -> str:
    """Text of a value made of dict, list, tuple, str, int, float, bool and None; dict keys are strings.

    Numbers are doubles as in JavaScript: integers beyond 2**53 are rounded, what is not finite becomes null.
    """
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_string(key)}:{stringify(value[key])}" for key in _key_order(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(stringify, value)) + "]"
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _string(text: str) -> str:
    if _SURROGATE.search(text):
        # Two halves that found each other are one character; a lone half has only an escaped form.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", json.dumps(text, ensure_ascii=False))


def _key_order(mapping: dict[str, Any]) -> list[str]:
    """Insertion order, but array indexes come first in ascending order: no JavaScript object keeps them elsewhere."""
    indexes = [key for key in mapping if _ARRAY_INDEX.fullmatch(key) and int(key) <= _LAST_ARRAY_INDEX]
    if not indexes:
        return list(mapping)
    return sorted(indexes, key=int) + [key for key in mapping if key not in set(indexes)]


def _number(value: int | float) -> str:
    if isinstance(value, int) and abs(value) <= 2**53:
        return str(int(value))
    try:
        double = float(value)
    except OverflowError:
        return "null"
    if not math.isfinite(double):
        return "null"
    if double == 0:
        return "0"  # also for -0
    sign = "-" if double < 0 else ""
    return sign + _positive(abs(double))


def _positive(double: float) -> str:
    """ECMAScript's Number::toString: `digits` are the shortest that read back as the same double, and the value is
    0.digits times ten to the power `point`."""
    mantissa, _, exponent = f"{double!r}e0".partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent.removesuffix("e0"))
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return _layout(stripped.rstrip("0"), point)


def _layout(digits: str, point: int) -> str:
    if len(digits) <= point <= _FIXED_BELOW:
        return digits.ljust(point, "0")
    if 0 < point <= _FIXED_BELOW:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
