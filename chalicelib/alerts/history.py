"""How many members audiences had at each hour of the last two days, where an alert asks for it."""

from collections.abc import Mapping

import msgspec

from ..clock import DAY, HOUR, Clock
from ..errors import Conflict
from ..records import Key, Records, every
from ..workspace.ports import Sizes

KEPT = 2 * DAY  # a day to compare with, and another one for hours in which nothing could be noted

_decoder = msgspec.msgpack.Decoder(dict[str, int])


class SizeHistory:
    def __init__(self, work: Records, sizes: Sizes, clock: Clock) -> None:
        self._work, self._sizes, self._clock = work, sizes, clock

    def note(self, space_id: str) -> Mapping[str, int]:
        """The sizes of the present hour: as they were when it was noted first."""
        hour = self._clock.now() // HOUR
        sizes = dict(self._sizes.of(space_id))
        try:
            key = Key(_partition(space_id), f"{hour:07d}")
            self._work.create(key, msgspec.msgpack.encode(sizes), expires_at=hour * HOUR + KEPT + HOUR)
        except Conflict:
            return sizes
        return sizes

    def a_day_ago(self, space_id: str) -> Mapping[str, int] | None:
        """What was noted 24 hours ago, or last before that; None when nothing was. Nobody holds what is absent."""
        latest = f"{(self._clock.now() - DAY) // HOUR:07d}"
        noted = [record for record in every(self._work, _partition(space_id)) if record.key.sort <= latest]
        return _decoder.decode(noted[-1].data) if noted else None


def _partition(space_id: str) -> str:
    return f"size_history#{space_id}"
