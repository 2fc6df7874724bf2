"""Exact sums and extremes of the numbers in a column of cells."""

from .cells import size
from .columns import Columns
from .comparisons import no_number

PLACES = 6  # decimal places that are added up exactly; a value with more is left to the evaluator
LARGEST = 10**18  # sums below are kept as an integer by the reducers too
_BELOW = 9e9  # so many units of 10**-6 still are whole numbers as double, and the quotient is the nearest to the value
_WHOLE = 2**53


def units(cell: str, derived: Columns) -> str:
    """The alias of the number in units of 10**-6; NULL where there is none that can be added up exactly."""
    whole = f"round({size(cell)} * 1e6)"
    exact = f"abs({size(cell)}) < {_BELOW} and {whole} / 1e6 = {size(cell)}"
    return derived.named(f"case when {exact} then {whole}::bigint end")


def extreme(cell: str, derived: Columns) -> str:
    """The alias of the number; NULL where there is none that a double stands for."""
    return derived.named(f"case when abs({size(cell)}) < {_WHOLE} then {size(cell)} end")


def unknown(cell: str, found: str) -> str:
    """Whether the value may be a number though none was `found`."""
    # CASE looks closer only at the few rows where it must; AND would at all of them.
    return f"case when {cell} is null or {found} is not null then false else not coalesce({no_number(cell)}, false) end"


def places(units: str) -> str:
    """The decimal places that so many units need."""
    steps = " ".join(f"when {units} % {10 ** (PLACES - count)} = 0 then {count}" for count in range(PLACES))
    return f"case when {units} is null then null {steps} else {PLACES} end"
