"""A state as aggregated columns."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

NOTHING = None  # no event left a trace
UNDECIDED = object()  # the events have to be looked at one by one

Read = Callable[[Sequence[Any]], Any]


class Form(NamedTuple):
    """`aggregates` are SQL, with their filter; `read` makes the state, or one of the above, from their values."""

    aggregates: list[str]
    read: Read
