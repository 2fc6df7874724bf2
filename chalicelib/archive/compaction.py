"""Compaction as a task, once a day for every space that has something in the archive.

    events ─► profiles ─► forget ─► clear

Each portion of work ends in one swap of the manifest, and every step looks at the manifest to see what is left. So a
step may be killed anywhere and begun again, and two compactions at once only get in each other's way.
"""

from collections.abc import Callable

from ..clock import DAY, Clock
from ..deadline import Deadline
from ..errors import VersionConflict
from ..profiles.ports import Archive
from ..tasks.cadence import Every
from ..tasks.engine import Engine
from ..tasks.kind import Cursor, Done, Kind
from ..tasks.schedules import Schedule
from ..tasks.service import Tasks
from ..tasks.task import Step, Task
from .clearing import Clearing
from .event_files import EventFiles
from .forgetting import Forgetting
from .layout import TABLES
from .profile_files import ProfileFiles
from .workshop import Workshops

COMPACTION = "compaction"
ROUND = "compaction_round"
NO_SPACE = "all"  # of the round, which is about every space

Portion = Callable[[str], bool]


class Compaction:
    """`root` is the URL of the archive, `s3://…/`."""

    def __init__(self, workshops: Workshops, root: str) -> None:
        self._archive, self._clock = workshops.archive, workshops.clock
        self._events, self._profiles = EventFiles(workshops), ProfileFiles(workshops)
        self._forgetting = Forgetting(workshops)
        self._clearing = Clearing(workshops.archive, workshops.clock, root)

    def kind(self) -> Kind:
        return Kind(
            name=COMPACTION,
            steps={
                "events": lambda task, step, deadline: self._portions(self._events.compact, task, deadline),
                "profiles": lambda task, step, deadline: self._portions(self._profiles.compact, task, deadline),
                "forget": self._forget,
                "clear": self._clear,
            },
        )

    def compact(self, space_id: str) -> None:
        """All of it, at once and here."""
        for portions in (self._events.compact, self._profiles.compact):
            while _attempt(portions, space_id):
                pass
        now, cursor = self._clock.now(), None
        while (cursor := self._forgetting.forget(space_id, now, cursor)) is not None:
            pass
        self._clearing.clear(space_id)

    def _portions(self, portion: Portion, task: Task, deadline: Deadline) -> Done | Cursor:
        """One at a time: the step's time counts from its last cursor."""
        return Cursor(str(self._clock.now())) if _attempt(portion, task.space_id) else Done()

    def _forget(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        try:
            cursor = self._forgetting.forget(task.space_id, task.created_at, step.cursor)
        except VersionConflict:
            return Cursor(step.cursor or "")
        return Done() if cursor is None else Cursor(cursor)

    def _clear(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        try:
            self._clearing.clear(task.space_id)
        except VersionConflict:
            return Cursor(str(self._clock.now()))
        return Done()


class Round:
    """Begins the compaction of every space. It finds them in the archive: who has landed nothing needs none."""

    def __init__(self, archive: Archive, clock: Clock, tasks: Callable[[], Tasks]) -> None:
        self._archive, self._clock, self._tasks = archive, clock, tasks

    def kind(self) -> Kind:
        return Kind(name=ROUND, steps={"begin": self._begin})

    def _begin(self, task: Task, step: Step, deadline: Deadline) -> Done:
        for space_id in self._spaces():
            self._tasks().create(COMPACTION, space_id, task.slot)
        return Done()

    def _spaces(self) -> list[str]:
        prefixes = [*(f"{table}/landing/" for table in TABLES), "manifests/", "erasures/"]
        return sorted({space_id for prefix in prefixes for space_id in self._archive.folders(prefix)})


class Rounds:
    """Keeps the round on its schedule."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_set = False

    def tick(self, deadline: Deadline) -> dict[str, int]:
        """One read in the life of a process."""
        if not self._is_set:
            if self._engine.schedules.find(ROUND) is None:
                self._engine.schedules.set(Schedule(id=ROUND, kind=ROUND, space_id=NO_SPACE, cadence=Every(DAY)))
            self._is_set = True
        return {}


def _attempt(portion: Portion, space_id: str) -> bool:
    """Whether there may be more to do."""
    try:
        return portion(space_id)
    except VersionConflict:
        return True
