"""Exact sums and extremes of the numbers in a column of cells."""

from .columns import Columns
from .comparisons import no_number

PLACES = 6  # decimal places that are added up exactly; a value with more is left to the evaluator
LARGEST = 10**18  # sums below are kept as an integer by the reducers too
_BELOW = 9e9  # so many units of 10**-6 still are whole numbers as double, and the quotient is the nearest to the value
_WHOLE = 2**53


def total(cell: str, derived: Columns) -> list[str]:
    """How many numbers, their sum in units of 10**-6, the decimal places it needs, the greatest of them in units, and
    whether some value may be a number that is not among them."""
    unit = f"round(try_cast({cell} as double) * 1e6)"
    exact = f"abs(try_cast({cell} as double)) < {_BELOW} and {unit} / 1e6 = try_cast({cell} as double)"
    units = derived.named(f"case when {exact} then {unit}::bigint end")
    unknown = derived.named(_unknown(cell, exact))
    return [f"count({units})", f"sum({units})", f"max({_places(units)})", f"max(abs({units}))", f"bool_or({unknown})"]


def extreme(cell: str, choose: str, derived: Columns) -> list[str]:
    """The number, and whether some value may be a number that was not looked at."""
    exact = f"abs(try_cast({cell} as double)) < {_WHOLE}"
    size = derived.named(f"case when {exact} then try_cast({cell} as double) end")
    return [f"{choose}({size})", f"bool_or({derived.named(_unknown(cell, exact))})"]


def _unknown(cell: str, exact: str) -> str:
    return f"{cell} is not null and not coalesce({exact}, {no_number(cell)}, false)"


def _places(units: str) -> str:
    steps = " ".join(f"when {units} % {10 ** (PLACES - places)} = 0 then {places}" for places in range(PLACES))
    return f"case when {units} is null then null {steps} else {PLACES} end"
