"""How a task moves from state to state: pure functions from a task to the next one. Times are epoch ms.

queued ──┐                    ┌─ complete (last step) ─> succeeded
yielded ─┼─ acquire ─> running┼─ hand_over ─> yielded
waiting ─┘     │  ▲           ├─ fail ─> waiting_retry, or failed after the last retry
               │  └───────────┘ acquire of an expired lease: the execution before was lost
               └─ after the last retry ─> failed            cancel: from every open state
"""

from msgspec.structs import replace

from ..clock import HOUR, MINUTE, SECOND
from ..errors import Conflict
from .task import (
    CANCELLED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    WAITING_RETRY,
    YIELDED,
    Execution,
    Failure,
    Step,
    Task,
)

LEASE = 120 * SECOND  # a dead worker is replaced after this and one tick
TASK_TIME = 24 * HOUR  # owners are told to allow a day for an audience to compute
FIRST_RETRY = 30 * SECOND  # doubling: 15.5 minutes in all, and each delay fits into SQS's 15 minutes
PATIENCE = 5 * MINUTE  # how long a message may take to find a worker before another one is sent
RETRY_PATIENCE = MINUTE  # the message of a retry was sent long before it is visible: it only has to be taken

WORKER_LOST = "WORKER_LOST"
STEP_TIMEOUT = "STEP_TIMEOUT"
TASK_DEADLINE = "TASK_DEADLINE"


def may_acquire(task: Task, now: int) -> bool:
    if task.status == WAITING_RETRY:
        return (task.next_attempt_at or 0) <= now
    return task.status in (QUEUED, YIELDED) or is_lost(task, now)


def is_lost(task: Task, now: int) -> bool:
    """Whether its worker let the lease run out."""
    return task.status == RUNNING and (task.lease_expires_at or 0) < now


def is_lost_for_good(task: Task, now: int) -> bool:
    return is_lost(task, now) and _was_last_execution(task, now)


def give_up(task: Task, now: int) -> Task:
    """Failed, because its last execution was lost."""
    _require(is_lost_for_good(task, now), task, "is not lost")
    return _closed(_lost(task, now), FAILED, now)


def acquire(task: Task, owner: str, now: int) -> Task:
    """Running under a new lease; FAILED if it is lost for good."""
    _require(may_acquire(task, now), task, "cannot be acquired")
    if is_lost_for_good(task, now):
        return give_up(task, now)
    if task.status == RUNNING:
        task = _lost(task, now)
    if task.status != YIELDED:
        task = _next_execution(task, now)
    return replace(
        task,
        status=RUNNING,
        admitted=True,
        lease_owner=owner,
        lease_seq=task.lease_seq + 1,
        lease_expires_at=now + LEASE,
        next_attempt_at=None,
    )


def renew(task: Task, now: int) -> Task:
    _require(task.status == RUNNING, task, "has no lease")
    return replace(task, lease_expires_at=now + LEASE)


def save_cursor(task: Task, step: str, cursor: str, now: int) -> Task:
    """A step that is done keeps what it has: the call is a repetition then."""
    found = _step(task, step)
    return renew(task if found.completed_at else _with_step(task, replace(found, cursor=cursor)), now)


def complete(task: Task, step: str, now: int, output_ref: str | None = None) -> Task:
    """The step is done, and the next one begun; after the last one the task has succeeded."""
    _require(task.status == RUNNING, task, "is not running")
    found = _step(task, step)
    if found.completed_at is None:
        _require(found == task.current_step, task, f"is not at step {step}")
        task = _with_step(task, replace(found, completed_at=now, output_ref=output_ref))
        task = _begin_step(task, now)
    return renew(task, now) if task.current_step else _closed(task, SUCCEEDED, now)


def hand_over(task: Task, now: int, at: int | None = None) -> Task:
    """The worker's time is over: the next one goes on in the same execution, now or at the instant given."""
    _require(task.status == RUNNING, task, "is not running")
    return replace(
        _without_lease(task),
        status=YIELDED,
        continuations=task.continuations + 1,
        message_at=now if at is None else max(now, at),
        admitted=True,
    )


def postpone(task: Task, step: str, cursor: str, at: int, now: int) -> Task:
    return hand_over(save_cursor(task, step, cursor, now), now, at)


def fail(task: Task, code: str, message: str, now: int, jitter: float = 1.0, *, for_good: bool = False) -> Task:
    """The execution failed. `jitter` stretches the delay until the next one, if there is one: none after what fails
    `for_good`."""
    _require(task.status == RUNNING, task, "is not running")
    next_at = now + round(FIRST_RETRY * 2 ** (task.attempt - 1) * jitter)
    in_time = task.deadline_at is None or next_at < task.deadline_at
    will_retry = task.attempt <= task.max_retries and in_time and not for_good
    task = _end_execution(task, code, message, now, will_retry=will_retry)
    if task.error and task.error.hard_failure:
        return _closed(task, FAILED, now)
    return replace(_without_lease(task), status=WAITING_RETRY, next_attempt_at=next_at, message_at=next_at)


def cancel(task: Task, now: int) -> Task:
    _require(task.is_open, task, "is closed")
    return _closed(task, CANCELLED, now)


def retry_now(task: Task, now: int) -> Task:
    _require(task.status == WAITING_RETRY, task, "waits for no retry")
    return replace(task, next_attempt_at=now, message_at=now)


def called(task: Task, now: int) -> Task:
    """A worker has been sent another message."""
    return replace(task, message_at=now)


def look(task: Task) -> int:
    """When somebody has to look whether an open task still goes on."""
    if task.status == RUNNING:
        expiry = task.lease_expires_at or 0
        # A message sent after the lease ran out calls for the next worker.
        return expiry + 1 if task.message_at <= expiry else task.message_at + PATIENCE
    if task.status == WAITING_RETRY and task.message_at <= (due := task.next_attempt_at or 0):
        return due + RETRY_PATIENCE
    return task.message_at + PATIENCE


def unreported(task: Task) -> list[Failure]:
    return [one.failure for one in task.attempts if one.failure and not one.reported]


def reported(task: Task) -> Task:
    return replace(task, attempts=tuple(replace(one, reported=one.failure is not None) for one in task.attempts))


def _require(holds: bool, task: Task, complaint: str) -> None:
    if not holds:
        raise Conflict(f"task {task.task_id} is {task.status}, {complaint}")


def _step(task: Task, name: str) -> Step:
    return next(step for step in task.steps if step.name == name)


def _with_step(task: Task, changed: Step) -> Task:
    return replace(task, steps=tuple(changed if step.name == changed.name else step for step in task.steps))


def _begin_step(task: Task, now: int) -> Task:
    step = task.current_step
    if step is None:
        return task
    started_at = now if step.started_at is None else step.started_at
    return _with_step(task, replace(step, started_at=started_at, attempts=step.attempts + 1))


def _next_execution(task: Task, now: int) -> Task:
    attempt = task.attempt + 1
    return replace(
        _begin_step(task, now),
        attempt=attempt,
        attempts=(*task.attempts, Execution(attempt=attempt, started_at=now)),
        started_at=now if task.started_at is None else task.started_at,
        deadline_at=now + TASK_TIME if task.deadline_at is None else task.deadline_at,
    )


def _lost(task: Task, now: int) -> Task:
    will_retry = not _was_last_execution(task, now)
    return _end_execution(task, WORKER_LOST, "The worker did not renew its lease.", now, will_retry=will_retry)


def _was_last_execution(task: Task, now: int) -> bool:
    return task.attempt > task.max_retries or (task.deadline_at is not None and now >= task.deadline_at)


def _end_execution(task: Task, code: str, message: str, now: int, *, will_retry: bool) -> Task:
    step = task.current_step
    failure = Failure(
        code=code,
        message=message,
        step=step.name if step else None,
        attempt=task.attempt,
        at=now,
        will_retry=will_retry,
    )
    ended = replace(task.attempts[-1], ended_at=now, result=FAILED, failure=failure)
    task = replace(task, error=failure, attempts=(*task.attempts[:-1], ended))
    return _with_step(task, replace(step, last_error=failure)) if step else task


def _without_lease(task: Task) -> Task:
    return replace(task, lease_owner=None, lease_expires_at=None)


def _closed(task: Task, status: str, now: int) -> Task:
    attempts = task.attempts
    if attempts and attempts[-1].ended_at is None:
        attempts = (*attempts[:-1], replace(attempts[-1], ended_at=now, result=status))
    return replace(_without_lease(task), status=status, completed_at=now, next_attempt_at=None, attempts=attempts)
