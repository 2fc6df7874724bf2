"""The minute tick of schedules: every slot that has come becomes a task, unless the run before is still under way.

The slot is part of the task's id, so a tick that runs twice makes one task. The next slot is the first one after
now: slots that passed during a long run, or while nothing ticked, do not pile up.
"""

import logging

from msgspec.structs import replace

from ..clock import MINUTE, Clock
from ..deadline import Deadline
from ..errors import VersionConflict, place_of
from .agenda import FORSAKEN, Row
from .cadence import next_slot
from .schedules import Held, Schedule, Schedules
from .service import Tasks
from .task import task_id_of

logger = logging.getLogger(__name__)


class Scheduler:
    def __init__(self, schedules: Schedules, tasks: Tasks, clock: Clock) -> None:
        self._schedules, self._tasks, self._clock = schedules, tasks, clock

    def tick(self, deadline: Deadline) -> int:
        """How many slots became tasks. One schedule that cannot be run does not hold up the others."""
        made = 0
        for row in self._schedules.agenda.due(self._clock.now()):
            if deadline.remaining() <= 0:
                break
            try:
                made += self._look_at(row)
            except VersionConflict:
                logger.info("Schedule %s was changed meanwhile", row.id)  # its row is still there for the next tick
            except Exception as error:
                logger.warning("Schedule %s cannot be run: %s", row.id, place_of(error))
        return made

    def _look_at(self, row: Row) -> bool:
        held = self._schedules.find(row.id)
        if held is None:
            if self._clock.now() - row.at > FORSAKEN:
                self._schedules.agenda.drop(row)
        elif held.schedule.next_at != row.at:
            # It may belong to a save that is under way: touched, the schedule refuses it, and it is done again.
            self._schedules.touch(held)
            self._schedules.agenda.drop(row)
        else:
            return self._run(held, row.at)
        return False

    def _run(self, held: Held, slot: int) -> bool:
        schedule = held.schedule
        free = not self._is_under_way(schedule, slot)
        if free:
            self._tasks.create(
                schedule.kind,
                schedule.space_id,
                _slot(slot),
                computation_id=schedule.computation_id,
                computation_version=schedule.computation_version,
                destination_id=schedule.destination_id,
                input=schedule.input,
                pool=schedule.pool,
            )
        self._schedules.save(held, replace(schedule, next_at=next_slot(schedule.cadence, self._clock.now())))
        return free

    def _is_under_way(self, schedule: Schedule, slot: int) -> bool:
        """An earlier run; that of this very slot may have been made by a tick that died before it moved on."""
        own = task_id_of(
            schedule.kind, schedule.computation_id or schedule.space_id, schedule.destination_id, _slot(slot)
        )
        places = self._tasks.line_of(schedule.kind, schedule.computation_id, schedule.destination_id)
        return any(place.kind == schedule.kind and place.task_id != own for place in places)


def _slot(instant: int) -> str:
    return str(instant // MINUTE)
