"""What follows when a task of a computation of accounts has ended.

Its streams are complete: a run is due at once, and its schedule begins. It was called off: there is nothing to run
until it is switched on again, and never for what was deleted.
"""

from collections.abc import Sequence

from ..computations.computation import ACCOUNTS, Computation
from ..records import Records
from ..tasks.ports import Completions
from ..tasks.service import Tasks
from ..tasks.task import CANCELLED, SUCCEEDED, Task
from ..workspace.storage import Shelf, computation_key
from .run import BATCH_RUN
from .timetable import Timetable

COMPUTE = "compute"  # the task by which a computation gets its first values, or new ones when it is switched on


class Chain:
    """`Completions` of tasks: repeating a report changes nothing, for a run is named by the task that it follows."""

    def __init__(self, workspace: Records, tasks: Tasks, timetable: Timetable) -> None:
        self._computations = Shelf(workspace, Computation)
        self._tasks, self._timetable = tasks, timetable

    def report(self, task: Task) -> None:
        if task.kind == COMPUTE and task.status == SUCCEEDED:
            computation = self._find(task)
            if computation is not None and computation.scope == ACCOUNTS and computation.enabled:
                self._begin(computation, task)
        elif task.kind == BATCH_RUN and task.status == CANCELLED:
            self._end(task)

    def _begin(self, computation: Computation, after: Task) -> None:
        self._timetable.wake(computation)
        self._tasks.create(
            BATCH_RUN,
            computation.space_id,
            f"after-{after.slot}",
            computation_id=computation.id,
            computation_version=computation.version,
        )

    def _end(self, task: Task) -> None:
        computation = self._find(task)
        if computation is None:
            self._timetable.forget(task.computation_id)
        elif not computation.enabled:
            self._timetable.sleep(task.computation_id)

    def _find(self, task: Task) -> Computation | None:
        return self._computations.find(computation_key(task.space_id, task.computation_id))


class InTurn:
    """Several who want to hear of the ends of tasks. Should one raise, all are told again."""

    def __init__(self, hearers: Sequence[Completions]) -> None:
        self._hearers = list(hearers)

    def add(self, hearer: Completions) -> None:
        """One that is made after the tasks are."""
        self._hearers.append(hearer)

    def report(self, task: Task) -> None:
        for hearer in self._hearers:
            hearer.report(task)
