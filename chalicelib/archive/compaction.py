"""Compaction as a task of one space.

    gather ─► events ─► profiles ─► forget ─► clear

Each portion of work ends in one swap of the manifest, and every step looks at the manifest to see what is left. So a
step may be killed anywhere and begun again, and two compactions at once only get in each other's way.
"""

from collections.abc import Callable

from ..deadline import Deadline
from ..errors import VersionConflict
from ..tasks.kind import Cursor, Done, Kind
from ..tasks.task import Step, Task
from .clearing import Clearing
from .event_files import EventFiles
from .forgetting import Forgetting
from .layout import TABLES
from .profile_files import ProfileFiles
from .workshop import Workshops
from .young_files import YoungFiles

COMPACTION = "compaction"

Portion = Callable[[str], bool]


class Compaction:
    def __init__(self, workshops: Workshops) -> None:
        self._clock = workshops.clock
        self._young = YoungFiles(workshops)
        self._events, self._profiles = EventFiles(workshops), ProfileFiles(workshops)
        self._forgetting = Forgetting(workshops)
        self._clearing = Clearing(workshops.archive, workshops.clock)

    def kind(self) -> Kind:
        return Kind(
            name=COMPACTION,
            steps={
                "gather": lambda task, step, deadline: self._portions(self._gather, task, deadline),
                "events": lambda task, step, deadline: self._portions(self._events.compact, task, deadline),
                "profiles": lambda task, step, deadline: self._portions(self._profiles.compact, task, deadline),
                "forget": self._forget,
                "clear": self._clear,
            },
        )

    def compact(self, space_id: str) -> None:
        """All of it, at once and here."""
        for portions in (self._gather, self._events.compact, self._profiles.compact):
            while _attempt(portions, space_id):
                pass
        now, cursor = self._clock.now(), None
        while (cursor := self._forgetting.forget(space_id, now, cursor)) is not None:
            pass
        self._clearing.clear(space_id)

    def _gather(self, space_id: str) -> bool:
        """Including what everybody else overlooks."""
        looks = [self._young.gather(space_id, table) for table in TABLES]
        return any(look.more for look in looks) or any(self._young.rescue(space_id, table) for table in TABLES)

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


def _attempt(portion: Portion, space_id: str) -> bool:
    """Whether there may be more to do."""
    try:
        return portion(space_id)
    except VersionConflict:
        return True
