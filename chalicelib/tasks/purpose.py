"""Whether a computation still wants what is done for it."""

from ..computations.computation import Computation
from ..records import Records
from ..workspace.shelf import Shelf
from ..workspace.storage import computation_key
from .task import Task


class ComputationsPurpose:
    """`Purpose` over the `workspace` table: one read each time, since a cache would let a worker go on in vain."""

    def __init__(self, workspace: Records) -> None:
        self._computations = Shelf(workspace, Computation)

    def holds(self, task: Task) -> bool:
        if not task.computation_id:
            return True
        computation = self._computations.find(computation_key(task.space_id, task.computation_id))
        if computation is None:
            return False
        # Switched on or off, there is nothing to call off where nothing is computed.
        return computation.enabled or not computation.is_computed
