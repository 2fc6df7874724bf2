"""A state as SQL over the columns of one profile's group."""

from collections.abc import Callable
from typing import Any, NamedTuple

Finish = Callable[[Any], Any]


class Form(NamedTuple):
    """`state` is JSON, and NULL where no event left a trace; `finish` makes the state of what that decodes to, None if
    it is the state. Only the events themselves can tell where one of the conditions in `open` holds.

    All of them are written in aliases of aggregates.
    """

    state: str
    open: list[str] = []  # noqa: RUF012 - never changed
    finish: Finish | None = None
