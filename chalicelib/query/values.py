"""How a JSON value is read as text, as a number and as an instant.

A *cell* is a value small enough to be kept: null, boolean, number or text. Arrays and objects become their text,
which is all that a comparator can see of them.
"""

import math
import re
from collections.abc import Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from json.encoder import encode_basestring
from typing import Any

from .. import instants
from .syntax import Moment

Cell = None | bool | int | float | str
Number = int | Decimal

ARITHMETIC = Context(prec=38, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
# Sums are kept exact and rounded when read: otherwise they would depend on the order of arrival.
EXACT = Context(prec=1_000_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MIN_PACKED, _MAX_PACKED = -(1 << 63), (1 << 64) - 1  # the integers msgpack can carry
_EXACT_FLOAT = 1 << 53  # integers up to here are the same as float and as decimal
_SHORT = 18  # digits that certainly fit a machine integer


def cell(value: Any) -> Cell:
    """The part of a JSON value that comparators can see."""
    kind = type(value)
    if kind is str or kind is float or kind is bool or value is None:
        return value  # type: ignore[no-any-return]
    if kind is int and _MIN_PACKED <= value <= _MAX_PACKED:
        return value  # type: ignore[no-any-return]
    return text(value)


def text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return _number_text(value)
    if isinstance(value, Moment):
        return value.text
    return _flattened(value)


def _number_text(value: int | float | Decimal) -> str:
    """Plain decimal digits: no exponent, no zeros at the end of the fraction."""
    if isinstance(value, int) and abs(value) <= _MAX_PACKED:
        return str(value)
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        return str(exact)
    if not exact:
        return "0"
    digits = format(exact, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


class _Mark(str):
    """A piece of JSON punctuation waiting to be written."""

    __slots__ = ()


def _flattened(value: Any) -> str:
    """Compact JSON with sorted keys; a loop, since data may be nested deeper than Python's stack."""
    written: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is _Mark:
            written.append(item)
        elif isinstance(item, Mapping):
            waiting.extend(reversed(_object(item)))
        elif isinstance(item, list | tuple):
            waiting.extend(reversed(_array(item)))
        else:
            written.append(_atom(item))
    return "".join(written)


def _object(item: Mapping[Any, Any]) -> list[Any]:
    pieces: list[Any] = [_Mark("{")]
    for place, key in enumerate(sorted(item, key=str)):
        pieces += [_Mark(("," if place else "") + encode_basestring(str(key)) + ":"), item[key]]
    return [*pieces, _Mark("}")]


def _array(item: list[Any] | tuple[Any, ...]) -> list[Any]:
    pieces: list[Any] = [_Mark("[")]
    for place, entry in enumerate(item):
        pieces += [_Mark(","), entry] if place else [entry]
    return [*pieces, _Mark("]")]


def _atom(item: Any) -> str:
    if item is None:
        return "null"
    if isinstance(item, bool | int | float):
        return text(item)
    return encode_basestring(str(item))


def is_number(value: Any) -> bool:
    kind = type(value)
    return kind is int or kind is float or kind is Decimal


def number(value: Any) -> Number | None:
    """The number a value can be read as; booleans are none."""
    kind = type(value)
    if kind is int or kind is Decimal:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return _parsed(value)
    return _from_float(value) if kind is float else None


def _parsed(value: str) -> Number | None:
    trimmed = value.strip()
    if _NUMBER.fullmatch(trimmed) is None:
        return None
    return int(trimmed) if len(trimmed) <= _SHORT and "." not in trimmed else Decimal(trimmed)


def _from_float(value: float) -> Number | None:
    if not math.isfinite(value):
        return None
    if value.is_integer() and abs(value) <= _EXACT_FLOAT:
        return int(value)
    return Decimal(repr(value))


def instant(value: Any) -> int | None:
    """The instant (epoch ms) an ISO 8601 text means; numbers are no dates."""
    if isinstance(value, Moment):
        return value.instant
    return instants.parse_iso(value) if isinstance(value, str) else None


def is_date_only(value: Any) -> bool:
    return isinstance(value, str) and _DATE.fullmatch(value.strip()) is not None


def packed_number(value: Number) -> int | str:
    """A number as a cell that loses nothing."""
    if isinstance(value, int) and _MIN_PACKED <= value <= _MAX_PACKED:
        return value
    return str(Decimal(value))


def plain(value: Any) -> Any:
    """A computed value as JSON has it: whole numbers as int, others as the nearest float."""
    if isinstance(value, Decimal):
        value = _shortest(value)
    if isinstance(value, int) and not _MIN_PACKED <= value <= _MAX_PACKED:
        value = _as_float(Decimal(value))
    return value


def _shortest(value: Decimal) -> int | float | str:
    if not value.is_finite():
        return str(value)
    if value.adjusted() < _SHORT and value == value.to_integral_value():
        return int(value)
    return _as_float(value)


def _as_float(value: Decimal) -> float | str:
    nearest = float(value)
    return nearest if math.isfinite(nearest) else _number_text(value)
