"""Once an hour the gathering, and once a day the compaction, of every space that has something to gather or compact."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..clock import DAY, HOUR, MINUTE, Clock
from ..deadline import Deadline
from ..profiles.landing_place import minute_of
from ..profiles.ports import Archive
from ..records import Key, Records
from ..tasks.service import Tasks
from .compaction import COMPACTION
from .gathering import EVERY, GATHERING
from .layout import TABLES, landed, landed_from

AFTER_MIDNIGHT = HOUR  # UTC: when day windows end, everybody else has work to do
AFTER_THE_HOUR = 7 * MINUTE  # the same for hours
# What landed that long before a round may not have been there yet when the gathering before it looked last.
OVERLAP = 20 * MINUTE


class Round(NamedTuple):
    """A task of this kind for all spaces, begun at each multiple of `every` and `after` that."""

    kind: str
    every: int
    after: int
    counted_as: str

    @property
    def key(self) -> Key:
        return Key(self.kind, "round")

    def number(self, now: int) -> int:
        return (now - self.after) // self.every


COMPACTIONS = Round(COMPACTION, DAY, AFTER_MIDNIGHT, "compactions")
GATHERINGS = Round(GATHERING, EVERY, AFTER_THE_HOUR, "gatherings")


class Rounds:
    """The spaces are found in the archive: who has nothing there needs no compaction."""

    def __init__(self, archive: Archive, work: Records, tasks: Callable[[], Tasks], clock: Clock) -> None:
        self._archive, self._work, self._tasks, self._clock = archive, work, tasks, clock
        self._known: dict[str, str] = {}

    def tick(self, deadline: Deadline) -> dict[str, int]:
        """How many tasks were begun. The same round begun twice makes the same tasks, so that one that does not fit
        into the time is begun again. On all other minutes it costs nothing, but for two reads per process."""
        return {
            GATHERINGS.counted_as: self._look(GATHERINGS, self._stirred, deadline),
            COMPACTIONS.counted_as: self._look(COMPACTIONS, self._spaces, deadline),
        }

    def _look(self, round: Round, spaces: Callable[[str], Iterable[str]], deadline: Deadline) -> int:
        present = str(round.number(self._clock.now()))
        if self._known.get(round.kind) != present:
            record = self._work.get(round.key)
            self._known[round.kind] = record.data.decode() if record else ""
        last = self._known[round.kind]
        return 0 if last == present else self._begin(round, present, spaces(last), deadline)

    def _begin(self, round: Round, present: str, spaces: Iterable[str], deadline: Deadline) -> int:
        begun = 0
        for space_id in spaces:
            if deadline.remaining() <= 0:
                return begun
            self._tasks().create(round.kind, space_id, present)
            begun += 1
        self._work.put(round.key, present.encode())
        self._known[round.kind] = present
        return begun

    def _stirred(self, last: str) -> Iterable[str]:
        """Spaces in which something landed since the last round. Where nothing did for some days there is no landing
        object left, and nobody asks about the space."""
        since = minute_of(int(last) * EVERY + AFTER_THE_HOUR - OVERLAP) if last else ""
        for space_id in self._folders(f"{table}/landing/" for table in TABLES):
            after = {table: landed_from(table, space_id, since) for table in TABLES}
            if any(self._archive.stat(landed(table, space_id), after[table], most=1) for table in TABLES):
                yield space_id

    def _spaces(self, last: str) -> Iterable[str]:
        return self._folders([*(f"{table}/landing/" for table in TABLES), "manifests/", "erasures/"])

    def _folders(self, prefixes: Iterable[str]) -> list[str]:
        return sorted({space_id for prefix in prefixes for space_id in self._archive.folders(prefix)})
