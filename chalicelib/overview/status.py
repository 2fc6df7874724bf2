"""What the tasks of a computation say about how it does."""

from collections.abc import Sequence
from typing import NamedTuple

from ..tasks.task import CANCELLED, FAILED, QUEUED, SUCCEEDED, Task

PREPARING, COMPUTING, LIVE, COMPUTATION_FAILED, DISABLED = "Preparing", "Computing", "Live", "Failed", "Disabled"

SYNC = "sync"
EDIT = "edit"
RUNS = ("compute", EDIT, "batch")

CONNECTED, DISCONNECTED, BOTH_OFF = "Connected", "Disconnected", "Disabled"


def of_computation(enabled: bool, runs: Sequence[Task]) -> str:
    """`runs` are its runs with the newest first. What is evaluated with each event is live without any."""
    if not enabled:
        return DISABLED
    decided = next((task.status for task in runs if task.status in (SUCCEEDED, FAILED)), None)
    if decided is not None:
        return LIVE if decided == SUCCEEDED else COMPUTATION_FAILED
    if any(task.status == CANCELLED for task in runs):
        return COMPUTATION_FAILED
    return _under_way(runs[-1]) if runs else LIVE


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
    """In percent. Each step has the same share. Inside one it is told by the cursor, where the task knows how many
    shards it has: then the cursor counts those that are finished."""
    done = sum(step.completed_at is not None for step in task.steps)
    shards, current = task.input.get("shards"), task.current_step
    part = 0.0
    if current is not None and current.cursor is not None and current.cursor.isdigit() and isinstance(shards, int):
        part = min(1.0, int(current.cursor) / shards) if shards > 0 else 0.0
    return int(100 * (done + part) / max(1, len(task.steps)))


class Stages(NamedTuple):
    """How long a run was in each, in ms; None for what it has not come to."""

    queueing: int | None
    extracting: int | None
    preparing_delivery: int | None


_EXTRACTING = ("prepare", "lock", "compile", "evaluate")
_PREPARING_DELIVERY = ("diff", "apply", "emit")


def stages(task: Task) -> Stages:
    queueing = None if task.started_at is None else task.started_at - task.created_at
    return Stages(queueing, _span(task, _EXTRACTING), _span(task, _PREPARING_DELIVERY))


def _span(task: Task, names: Sequence[str]) -> int | None:
    steps = [step for step in task.steps if step.name in names]
    starts = [step.started_at for step in steps if step.started_at is not None]
    ends = [step.completed_at for step in steps if step.completed_at is not None]
    return ends[-1] - starts[0] if starts and len(ends) == len(steps) else None
