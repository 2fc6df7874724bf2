"""The times of events, for counting them in a window."""

from bisect import bisect_left, bisect_right, insort
from typing import Any

from ..comparators import NEVER
from ..occurrence import Occurrence
from ..windows import Window
from . import coalescing

MOST_ENOUGH = 256  # a greater number is counted like any other window, with its bound


class Tally:
    """State: [times] in order, or [times, weights] once old events were coalesced (see `coalescing`).

    `enough`: a comparison that only asks for so many events needs no more than the newest of them, if the window
    reaches up to now.
    """

    def __init__(self, window: Window, enough: int | None = None) -> None:
        self._near, self.far = window.near, window.far or 0
        self.enough = enough if window.near == 0 and enough is not None and enough <= MOST_ENOUGH else None

    @property
    def shape(self) -> str:
        return f"tally {self.far} {self.enough}"

    def empty(self) -> list[Any]:
        return [[]]

    def add(self, state: list[Any], occurrence: Occurrence) -> list[Any]:
        at = occurrence.timestamp
        if at < occurrence.received_at - self.far:
            return state
        if self.enough is not None:
            return self._with_newest(state, at, occurrence.received_at)
        return _bounded(_weighted(state, at) if len(state) > 1 else [_inserted(state[0], at)])

    def _with_newest(self, state: list[Any], at: int, now: int) -> list[Any]:
        times = _inserted(state[0], at)
        surplus = bisect_right(times, now) - (self.enough or 0)
        if surplus <= 0:
            return [times]
        return state if at < times[surplus] else [times[surplus:]]

    def merge(self, a: list[Any], b: list[Any]) -> list[Any]:
        if len(a) == len(b) == 1:
            times = sorted([*a[0], *b[0]])
            return [times] if self.enough is not None else _bounded([times], always=True)
        rows = sorted([*zip(a[0], _weights(a), strict=True), *zip(b[0], _weights(b), strict=True)])
        return _bounded([[row[0] for row in rows], [row[1] for row in rows]], always=True)

    def trim(self, state: list[Any], now: int) -> list[Any]:
        gone = bisect_left(state[0], now - self.far)
        if self.enough is not None:
            gone = max(gone, bisect_right(state[0], now) - self.enough)
        return [column[gone:] for column in state] if gone else state

    def count(self, state: list[Any], now: int) -> tuple[int, int]:
        """The number of events in the window, and when the next one enters or leaves."""
        low, high = self._range(state[0], now)
        edge = state[0][low] + self.far + 1 if low < high else NEVER
        if high < len(state[0]):
            edge = min(edge, state[0][high] + self._near)
        return (sum(state[1][low:high]) if len(state) > 1 else high - low), edge

    def reaches(self, state: list[Any], now: int, wanted: int) -> tuple[bool, int]:
        """Whether at least `wanted` events are in the window, and when that may change."""
        if wanted <= 0:
            return True, NEVER
        if len(state) > 1:
            return self._reaches_weighted(state, now, wanted)
        times = state[0]
        low, high = self._range(times, now)
        if high - low >= wanted:
            return True, times[high - wanted] + self.far + 1
        last = low + wanted - 1
        return False, times[last] + self._near if last < len(times) else NEVER

    def _reaches_weighted(self, state: list[Any], now: int, wanted: int) -> tuple[bool, int]:
        times, weights = state
        low, high = self._range(times, now)
        for place in range(high - 1, low - 1, -1):
            wanted -= weights[place]
            if wanted <= 0:
                return True, times[place] + self.far + 1
        for place in range(high, len(times)):
            wanted -= weights[place]
            if wanted <= 0:
                return False, times[place] + self._near
        return False, NEVER

    def times(self, state: list[Any], now: int) -> list[int]:
        low, high = self._range(state[0], now)
        kept: list[int] = state[0][low:high]
        return kept

    def _range(self, times: list[int], now: int) -> tuple[int, int]:
        high = bisect_right(times, now - self._near)
        return bisect_left(times, now - self.far, 0, high), high


def _inserted(times: list[int], at: int) -> list[int]:
    times = times.copy()
    if times and at < times[-1]:
        insort(times, at)
    else:
        times.append(at)
    return times


def _weights(state: list[Any]) -> Any:
    return state[1] if len(state) > 1 else [1] * len(state[0])


def _weighted(state: list[Any], at: int) -> list[Any]:
    place = bisect_right(state[0], at)
    return [[*state[0][:place], at, *state[0][place:]], [*state[1][:place], 1, *state[1][place:]]]


def _bounded(state: list[Any], always: bool = False) -> list[Any]:
    size = len(state[0])
    if not (coalescing.is_due(size) or (always and size > coalescing.EXACT_ROWS)):
        return state
    rows = coalescing.coalesced([[at, weight] for at, weight in zip(state[0], _weights(state), strict=True)], sum)
    return [[row[0] for row in rows], [row[1] for row in rows]]
