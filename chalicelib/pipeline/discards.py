"""How many messages were thrown away, by source, code and UTC day."""

from collections import Counter
from collections.abc import Mapping

from ..clock import DAY, Clock
from ..instants import to_iso
from ..records import Key, Records

UNKNOWN = "unknown"  # the scope of requests whose write key is nobody's; the key itself is not kept
DAYS_KEPT = 30


class Discards:
    """A scope is a source id or UNKNOWN."""

    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock

    def count(self, scope: str, codes: Mapping[str, int]) -> None:
        """One atomic write, none when there is nothing to count."""
        if codes:
            today = self._today()
            self._work.add(_key(scope, today), codes, expires_at=(today + DAYS_KEPT) * DAY)

    def of(self, scope: str, days: int = DAYS_KEPT) -> dict[str, int]:
        """Totals by code of the last `days` UTC days, today included."""
        total: Counter[str] = Counter()
        today = self._today()
        for day in range(today, today - min(days, DAYS_KEPT), -1):
            total.update(self._work.counters(_key(scope, day)))
        return dict(total)

    def _today(self) -> int:
        return self._clock.now() // DAY


def _key(scope: str, day: int) -> Key:
    return Key(f"discards/{scope}", to_iso(day * DAY)[:10])
