"""What follows when a task of a computation of accounts has ended.

Its streams are complete: a run is due at once, and its schedule begins. A run has ended: that decides how its
computation does. It was called off: there is nothing to run until it is switched on again, and never for what was
deleted.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from ..clock import Clock
from ..computations.computation import ACCOUNTS, COMPUTING, FAILED, LIVE, Computation
from ..computations.editions import BATCH_RUN, COMPUTE
from ..errors import NotFound
from ..records import Records
from ..tasks import task as tasks
from ..tasks.ports import Completions
from ..tasks.service import Tasks
from ..tasks.task import CANCELLED, SUCCEEDED, Task
from ..workspace.storage import Storage, computation_key
from .timetable import Timetable


class Chain:
    """`Completions` of tasks. Repeating a report changes nothing: a run is named by the task that it follows, and how a
    computation does is told from all of its runs."""

    def __init__(self, workspace: Records, tasks: Tasks, timetable: Timetable, clock: Clock) -> None:
        self._storage = Storage(workspace, clock)
        self._tasks, self._timetable = tasks, timetable

    def report(self, task: Task) -> None:
        if task.kind == BATCH_RUN:
            self._ended(task)
        elif task.kind == COMPUTE and task.status == SUCCEEDED:
            computation = self._find(task)
            if computation is not None and computation.scope == ACCOUNTS and computation.enabled:
                self._begin(computation, task)

    def _begin(self, computation: Computation, after: Task) -> None:
        self._timetable.wake(computation)
        self._tasks.create(
            BATCH_RUN,
            computation.space_id,
            slot_after(after.slot),
            computation_id=computation.id,
            computation_version=computation.version,
        )

    def _ended(self, task: Task) -> None:
        computation = self._find(task)
        if computation is None:
            self._timetable.forget(task.computation_id)
        elif computation.enabled:
            self._judge(task)
        elif task.status == CANCELLED:
            self._timetable.sleep(task.computation_id)

    def _judge(self, task: Task) -> None:
        found = self._tasks.of_computation(task.space_id, task.computation_id)
        decided = next(
            (one for one in found if one.kind == BATCH_RUN and one.status in (SUCCEEDED, tasks.FAILED)), None
        )

        def judged(present: Computation) -> Computation:
            if decided is None:
                return replace(present, stage=FAILED) if present.stage == COMPUTING else present
            succeeded = decided.status == SUCCEEDED
            present = replace(present, counted=present.counted or succeeded)
            stage = LIVE if succeeded else FAILED
            return replace(present, stage=stage) if present.stage in (COMPUTING, LIVE, FAILED) else present

        key = computation_key(task.space_id, task.computation_id)
        present = self._storage.computations.find(key)
        if present is None or judged(present) == present:
            return
        try:
            self._storage.computations.amend(key, judged)
        except NotFound:  # deleted just now
            return
        self._storage.bump(task.space_id)

    def _find(self, task: Task) -> Computation | None:
        return self._storage.computations.find(computation_key(task.space_id, task.computation_id))


def slot_after(slot: str) -> str:
    """Of the run that follows the task of this slot, by which a computation got its streams."""
    return f"after-{slot}"


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
