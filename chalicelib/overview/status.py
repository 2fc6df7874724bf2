"""What the tasks of a computation say about how it does."""

from collections.abc import Sequence
from typing import NamedTuple

from ..batch.chain import slot_after
from ..batch.linked import LINKED_RUN
from ..computations.computation import ACCOUNTS, Computation
from ..computations.computation import LIVE as TAKEN_IN
from ..computations.editions import BATCH_RUN, COMPUTE, EDIT, run_of
from ..computations.status import BACKFILLING, status_of
from ..tasks.task import CANCELLED, FAILED, QUEUED, SUCCEEDED, Task, task_id_of

PREPARING, COMPUTING, LIVE, COMPUTATION_FAILED = "Preparing", "Computing", "Live", "Failed"
ERROR = "Error"  # of an audience under way, beside its overview: its run failed and is about to be tried again
UNDER_WAY = (PREPARING, COMPUTING, BACKFILLING)

RUNS = (COMPUTE, EDIT, BATCH_RUN, LINKED_RUN)

CONNECTED, DISCONNECTED, BOTH_OFF = "Connected", "Disconnected", "Disabled"


def of_computation(computation: Computation, runs: Sequence[Task]) -> str:
    """`runs` are its runs with the newest first. Once its definition is taken in, only runs over accounts can fail:
    what is evaluated with each event needs none."""
    if not computation.enabled or computation.stage != TAKEN_IN:
        return status_of(computation)
    batch = [task for task in runs if task.kind == BATCH_RUN]
    decided = next((task.status for task in batch if task.status in (SUCCEEDED, FAILED)), None)
    if decided is not None:
        return LIVE if decided == SUCCEEDED else COMPUTATION_FAILED
    if any(task.status == CANCELLED for task in batch):
        return COMPUTATION_FAILED
    return _under_way(batch[-1]) if batch else LIVE


def awaited(computation: Computation) -> list[str]:
    """Ids of the tasks by which it gets its first values, or new ones when it is switched on again; of none unless that
    is under way."""
    if status_of(computation) not in UNDER_WAY:
        return []
    kind, at = run_of(computation)
    slots = {kind: str(at)} | ({BATCH_RUN: slot_after(str(at))} if computation.scope == ACCOUNTS else {})
    return [task_id_of(kind, computation.id, None, slot) for kind, slot in slots.items()]


def of_sync(newest: Task | None) -> str | None:
    """By the newest sync that was not called off; None when there never was one."""
    if newest is None:
        return None
    if newest.is_open:
        return _under_way(newest)
    return LIVE if newest.status == SUCCEEDED else COMPUTATION_FAILED


def of_destination(connection_enabled: bool, destination_enabled: bool) -> str:
    on = connection_enabled + destination_enabled
    return (BOTH_OFF, DISCONNECTED, CONNECTED)[on]


def _under_way(task: Task) -> str:
    """Between retries it is still computing."""
    return PREPARING if task.status == QUEUED else COMPUTING


def progress(task: Task) -> int:
    """In percent. Each step has the same share. Inside one it is told by the cursor, if that begins with how many
    portions are done and how many there are: `3/8`."""
    done = sum(step.completed_at is not None for step in task.steps)
    cursor = task.current_step.cursor if task.current_step else None
    return int(100 * (done + _part(cursor or "")) / max(1, len(task.steps)))


def _part(cursor: str) -> float:
    done, _, rest = cursor.partition("/")
    total = rest.partition("/")[0]
    if not (done.isdigit() and total.isdigit() and int(total)):
        return 0.0
    return min(1.0, int(done) / int(total))


class Stages(NamedTuple):
    """How long a run was in each, in ms; None for what it has not come to."""

    queueing: int | None
    extracting: int | None
    preparing_delivery: int | None


# What comes before any value changes, and what changes them. A run over accounts reads and writes one after the other.
_EXTRACTING = ("prepare", "settle", "scan", "apply")
_PREPARING_DELIVERY = ("switch", "wait", "evaluate", "finalize")


def stages(task: Task) -> Stages:
    queueing = None if task.started_at is None else task.started_at - task.created_at
    return Stages(queueing, _span(task, _EXTRACTING), _span(task, _PREPARING_DELIVERY))


def _span(task: Task, names: Sequence[str]) -> int | None:
    steps = [step for step in task.steps if step.name in names]
    starts = [step.started_at for step in steps if step.started_at is not None]
    ends = [step.completed_at for step in steps if step.completed_at is not None]
    return ends[-1] - starts[0] if starts and len(ends) == len(steps) else None
