"""One aggregate over all events, however many there were."""

from collections.abc import Callable, Sequence
from typing import Any

from ..comparators import NEVER
from ..occurrence import Occurrence
from ..reducers import Reducer
from ..values import Cell
from .memory import MAX_PENDING, due, inserted, joined

Entries = Callable[[Occurrence], Sequence[Cell]]


class Aggregate:
    """State: [aggregate or None, pending].

    An event counts at once when it was received after its own timestamp. One from the future waits among
    `pending`, rows of [timestamp, its aggregate]. So a value is right for every `now` from the latest arrival on.
    """

    def __init__(self, reducer: Reducer, entries: Entries) -> None:
        self._reducer, self._entries = reducer, entries

    def empty(self) -> list[Any]:
        return [None, []]

    def add(self, state: list[Any], occurrence: Occurrence) -> list[Any]:
        at = occurrence.timestamp
        lifted = self._reducer.lift(self._entries(occurrence), (at, occurrence.received_at, occurrence.message_id))
        if lifted is None:
            return state
        past, pending = state
        if at > occurrence.received_at:
            return [past, inserted(pending, [at, lifted])[:MAX_PENDING]]
        return [lifted if past is None else self._reducer.merge((past, lifted)), pending]

    def merge(self, a: list[Any], b: list[Any]) -> list[Any]:
        return [self._merged([a[0], b[0]]), joined(a[1], b[1])[:MAX_PENDING]]

    def trim(self, state: list[Any], now: int) -> list[Any]:
        arrived = due(state[1], now)
        return [self._at(state, arrived), state[1][arrived:]] if arrived else state

    def value(self, state: list[Any], now: int) -> tuple[Any, int]:
        """The result, and when the next event comes due."""
        past, pending = state
        if not pending:
            return self._reducer.read(past), NEVER
        arrived = due(pending, now)
        edge = pending[arrived][0] if arrived < len(pending) else NEVER
        return self._reducer.read(self._at(state, arrived)), edge

    def _at(self, state: list[Any], arrived: int) -> Any:
        return self._merged([state[0], *(row[1] for row in state[1][:arrived])])

    def _merged(self, aggregates: list[Any]) -> Any:
        known = [aggregate for aggregate in aggregates if aggregate is not None]
        return self._reducer.merge(known) if len(known) > 1 else (known[0] if known else None)
