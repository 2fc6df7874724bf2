"""Whether a run is still wanted, and what becomes of a definition whose run was given up."""

from ..computations.computation import Computation
from ..computations.editions import COMPUTE, EDIT, given_up, run_of
from ..errors import NotFound
from ..profiles.ports import Archive
from ..tasks.ports import Purpose
from ..tasks.task import CANCELLED, FAILED, Task
from ..workspace.storage import Storage, computation_key
from .results import Results

KINDS = (COMPUTE, EDIT)


def is_run_of(task: Task, computation: Computation) -> bool:
    """Not any more when something else was begun since."""
    return task.kind not in KINDS or task.slot == str(run_of(computation)[1])


class RunPurpose:
    """`Purpose` of all tasks. `others` knows of what is no run."""

    def __init__(self, storage: Storage, others: Purpose) -> None:
        self._storage, self._others = storage, others

    def holds(self, task: Task) -> bool:
        if task.kind not in KINDS:
            return self._others.holds(task)
        computation = self._storage.computations.find(computation_key(task.space_id, task.computation_id))
        return computation is not None and computation.enabled and is_run_of(task, computation)


class RunEnds:
    """`Completions`: a definition whose run failed or was called off is not locked any longer."""

    def __init__(self, storage: Storage, archive: Archive) -> None:
        self._storage, self._archive = storage, archive

    def report(self, task: Task) -> None:
        if task.kind not in KINDS or task.status not in (FAILED, CANCELLED):
            return

        def released(present: Computation) -> Computation:
            own = present.enabled and is_run_of(task, present)
            return given_up(present) if own else present

        try:
            self._storage.computations.amend(computation_key(task.space_id, task.computation_id), released)
        except NotFound:  # deleted: that is why it was called off
            pass
        else:
            self._storage.bump(task.space_id)
        Results(self._archive, task.task_id).drop()
