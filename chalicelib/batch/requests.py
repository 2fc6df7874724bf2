"""Runs that somebody asks for."""

from ..computations.computation import FAILED, Computation
from ..computations.editions import BATCH_RUN
from ..errors import Conflict, Invalid, Problem
from ..ids import Ids
from ..tasks.service import Tasks
from ..tasks.task import QUEUED, Task
from .linked import LINKED_RUN
from .timetable import Timetable


class RunRequests:
    def __init__(self, tasks: Tasks, timetable: Timetable, ids: Ids) -> None:
        self._tasks, self._timetable, self._ids = tasks, timetable, ids

    def force(self, computation: Computation) -> str:
        """The id of a run to come: of the one that is waiting already, or of a new one.

        Raises Invalid for what has no runs or is switched off, and Conflict while one is under way or cannot be.
        Those of linked audiences are taken in any case, and fail.
        """
        self._timetable.check(computation)
        if computation.is_computed:
            _check_possible(computation)
        open_runs = self._open(computation)
        if any(task.status != QUEUED for task in open_runs):
            raise Conflict("a run is under way: ask again when it has ended", {"taskId": open_runs[0].task_id})
        return _id(open_runs[0] if open_runs else self._made(computation))

    def _open(self, computation: Computation) -> list[Task]:
        kind = _kind(computation)
        line = self._tasks.line_of(kind, computation.id)
        ids = [place.task_id for place in line if place.kind == kind]
        found = self._tasks.find_many(ids)
        return [found[id] for id in ids if id in found and found[id].is_open]

    def _made(self, computation: Computation) -> Task:
        run_id = self._ids.ksuid("run_")
        return self._tasks.create(
            _kind(computation),
            computation.space_id,
            run_id,
            computation_id=computation.id,
            computation_version=computation.version,
            run_id=run_id,
        )


def _kind(computation: Computation) -> str:
    return BATCH_RUN if computation.is_computed else LINKED_RUN


def _check_possible(computation: Computation) -> None:
    if not computation.enabled:
        raise Invalid(Problem("it is switched off: switch it on and it runs by itself", "enabled"))
    if computation.stage == FAILED and not computation.ready:
        raise Conflict("the events that it reads could not be read back in: switch it on again to have that retried")


def _id(run: Task) -> str:
    """Those of a schedule have no id of their own."""
    return run.run_id or run.task_id
