"""How many previews a space may have in a calendar month."""

from datetime import UTC, datetime
from typing import NamedTuple

from ..clock import DAY, SECOND, Clock
from ..records import Key, Records
from ..workspace.rates import Consumed


class Month(NamedTuple):
    """`end` is epoch ms, exclusive."""

    name: str
    end: int


class Exhausted(Exception):
    """A space has had all previews of its month."""

    def __init__(self, consumed: Consumed) -> None:
        super().__init__("no more previews in this month")
        self.consumed = consumed


class Quota:
    """`limit` is previews per month and space; 0 for any number."""

    def __init__(self, work: Records, clock: Clock, limit: int) -> None:
        self._work, self._clock, self._limit = work, clock, limit

    def take(self, space_id: str) -> None:
        """Raises Exhausted."""
        if not self._limit:
            return
        month = month_of(self._clock.now())
        key = Key(f"preview_quota#{space_id}", month.name)
        used = self._work.add(key, {"previews": 1}, expires_at=month.end + DAY)["previews"]
        if used > self._limit:
            raise Exhausted(Consumed(self._limit, used, month.end))


def month_of(instant: int) -> Month:
    """In UTC."""
    start = datetime.fromtimestamp(instant / SECOND, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = divmod(start.year * 12 + start.month, 12)
    end = start.replace(year=year, month=month + 1)
    return Month(start.strftime("%Y-%m"), int(end.timestamp()) * SECOND)
