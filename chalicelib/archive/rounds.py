"""Once a day the compaction of every space begins."""

from collections.abc import Callable

from ..clock import DAY, HOUR, Clock
from ..deadline import Deadline
from ..profiles.ports import Archive
from ..records import Key, Records
from ..tasks.service import Tasks
from .compaction import COMPACTION
from .layout import TABLES

AFTER_MIDNIGHT = HOUR  # UTC: when day windows end, everybody else has work to do

_LAST = Key("compaction", "round")


class Rounds:
    """The spaces are found in the archive: who has nothing there needs no compaction."""

    def __init__(self, archive: Archive, work: Records, tasks: Callable[[], Tasks], clock: Clock) -> None:
        self._archive, self._work, self._tasks, self._clock = archive, work, tasks, clock
        self._known = ""

    def tick(self, deadline: Deadline) -> dict[str, int]:
        """How many compactions were begun. The same round begun twice makes the same tasks, so that one that does not
        fit into the time is begun again. On all other minutes it costs nothing, but for one read per process."""
        today = str((self._clock.now() - AFTER_MIDNIGHT) // DAY)
        if self._known != today:
            record = self._work.get(_LAST)
            self._known = record.data.decode() if record else ""
        return {"compactions": 0 if self._known == today else self._begin(today, deadline)}

    def _begin(self, today: str, deadline: Deadline) -> int:
        spaces = self._spaces()
        for begun, space_id in enumerate(spaces):
            if deadline.remaining() <= 0:
                return begun
            self._tasks().create(COMPACTION, space_id, today)
        self._work.put(_LAST, today.encode())
        self._known = today
        return len(spaces)

    def _spaces(self) -> list[str]:
        prefixes = [*(f"{table}/landing/" for table in TABLES), "manifests/", "erasures/"]
        return sorted({space_id for prefix in prefixes for space_id in self._archive.folders(prefix)})
