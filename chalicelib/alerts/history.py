"""How many profiles held each computation at every hour of two weeks and at every midnight of a year.

What has not changed is not written again within a day: each hour has what was noted last.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from ..clock import DAY, HOUR, Clock
from ..delivery.sizes import sized_spaces
from ..errors import Conflict
from ..records import Key, Records
from ..workspace.ports import Sizes

KEPT = 15 * DAY  # of hours: two weeks to show, and a day before them in which nothing may have changed
DAYS_KEPT = 400 * DAY
STALE = 2 * DAY  # what was noted longer ago says nothing about yesterday

_decoder = msgspec.msgpack.Decoder(dict[str, int])


class Point(NamedTuple):
    """What held at an instant (epoch ms)."""

    at: int
    sizes: Mapping[str, int]


class SizeHistory:
    def __init__(self, work: Records, sizes: Sizes, clock: Clock) -> None:
        self._work, self._sizes, self._clock = work, sizes, clock

    def spaces(self) -> list[str]:
        """Those in which anybody was ever counted."""
        return sized_spaces(self._work)

    def note(self, space_id: str) -> Mapping[str, int]:
        """The sizes of the present hour: as they were when it was noted first."""
        hour = self._clock.now() // HOUR
        sizes = dict(self._sizes.of(space_id))
        day = hour // 24
        data = msgspec.msgpack.encode(dict(sorted(sizes.items())))
        fresh = self._create(Key(_days(space_id), f"{day:05d}"), data, day * DAY + DAYS_KEPT)
        if fresh or self._last(space_id) != data:
            self._create(Key(_hours(space_id), f"{hour:07d}"), data, hour * HOUR + KEPT + HOUR)
            self._work.put(Key(_last(space_id), "last"), data, expires_at=hour * HOUR + KEPT)
        return sizes

    def a_day_ago(self, space_id: str) -> Mapping[str, int] | None:
        """What was noted 24 hours ago, or last before that; None when nothing was. Nobody holds what is absent."""
        then = (self._clock.now() - DAY) // HOUR
        noted = [point for point in self._noted(space_id) if point.at // HOUR <= then]
        return noted[-1].sizes if noted and noted[-1].at > self._clock.now() - STALE - HOUR else None

    def hours(self, space_id: str, start: int, end: int) -> list[Point]:
        """Of every full hour from `start` to before `end` (epoch ms) of which anything is known."""
        return list(_filled(self._noted(space_id), start, min(end, self._clock.now() + 1), HOUR))

    def days(self, space_id: str, start: int, end: int) -> list[Point]:
        """The same of every midnight, UTC."""
        records = self._pages(_days(space_id))
        noted = [Point(int(sort) * DAY, sizes) for sort, sizes in records]
        return list(_filled(noted, start, min(end, self._clock.now() + 1), DAY))

    def _noted(self, space_id: str) -> list[Point]:
        return [Point(int(sort) * HOUR, sizes) for sort, sizes in self._pages(_hours(space_id))]

    def _pages(self, partition: str) -> Iterator[tuple[str, Mapping[str, int]]]:
        cursor: str | None = None
        while True:
            page = self._work.page(partition, cursor=cursor)
            yield from ((record.key.sort, _decoder.decode(record.data)) for record in page.records)
            if page.cursor is None:
                return
            cursor = page.cursor

    def _last(self, space_id: str) -> bytes | None:
        record = self._work.get(Key(_last(space_id), "last"))
        return None if record is None else record.data

    def _create(self, key: Key, data: bytes, expires_at: int) -> bool:
        """Whether it was not there."""
        try:
            self._work.create(key, data, expires_at=expires_at)
        except Conflict:
            return False
        return True


def _filled(noted: list[Point], start: int, end: int, every: int) -> Iterator[Point]:
    """What holds at each full `every` milliseconds: what was noted last."""
    known = iter([*noted, Point(1 << 62, {})])
    following, present = next(known), None
    for at in range(-(-start // every) * every, end, every):
        while following.at <= at:
            present, following = following, next(known)
        if present is not None:
            yield Point(at, present.sizes)


def _hours(space_id: str) -> str:
    return f"size_history#{space_id}"


def _days(space_id: str) -> str:
    return f"size_days#{space_id}"


def _last(space_id: str) -> str:
    return f"size_last#{space_id}"
