"""Gathering as a task of one space: for an hour it looks for what lands, the more often the more that is.

Each portion of work ends in one swap of the manifest, and every look begins at the manifest. So a look may be killed
anywhere and begun again, and two at once, or one beside a compaction, only get in each other's way.
"""

from ..clock import HOUR, MINUTE
from ..deadline import Deadline
from ..errors import VersionConflict
from ..tasks.kind import Cursor, Done, Kind, Later
from ..tasks.task import Step, Task
from .layout import TABLES
from .workshop import Workshops
from .young_files import LONGEST_LANDING, Look, YoungFiles

GATHERING = "gathering"

EVERY = HOUR
# Objects that may wait before the next look: a reader fetches them within a few seconds.
WAITING = 1_000
# However many there are: every look leaves entries in the manifest for days, and everybody reads the manifest.
SHORTEST_PAUSE = 5 * MINUTE


class Gathering:
    def __init__(self, workshops: Workshops) -> None:
        self._clock, self._files = workshops.clock, YoungFiles(workshops)

    def kind(self) -> Kind:
        return Kind(name=GATHERING, steps={"gather": self._step})

    def gather(self, space_id: str) -> Look:
        """A portion of what landed, or else of what is better in fewer files. Raises VersionConflict: then look
        again."""
        looks = [self._files.gather(space_id, table) for table in TABLES]
        more = any(look.more for look in looks) or any(self._files.merge(space_id, table) for table in TABLES)
        return Look(more, sum(look.recent for look in looks))

    def _step(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor | Later:
        """The cursor is the moment of the next look."""
        now, due = self._clock.now(), int(step.cursor or 0)
        if now < due:
            return Later(str(due), due)
        try:
            look = self.gather(task.space_id)
        except VersionConflict:
            return Cursor(str(now))
        if look.more:
            return Cursor(str(now))
        due = now + pause(look.recent)
        return Later(str(due), due) if due < task.created_at + EVERY else Done()


def pause(recent: int) -> int:
    """Milliseconds until WAITING objects have landed, if so many landed within LONGEST_LANDING."""
    return max(SHORTEST_PAUSE, LONGEST_LANDING * WAITING // recent) if recent else EVERY
