"""The states of a task: whatever happens in whatever order, what was done stays done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import HOUR, MINUTE, SECOND
from chalicelib.errors import Conflict
from chalicelib.tasks import machine
from chalicelib.tasks.task import (
    CANCELLED,
    FAILED,
    MAX_RETRIES,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    WAITING_RETRY,
    YIELDED,
    Step,
    Task,
    decode,
    encode,
)

NOON = 1_767_268_800_000
NAMES = ("one", "two", "three")


def fresh() -> Task:
    return Task(
        task_id="t", kind="k", space_id="s", slot="1", steps=tuple(Step(name=name) for name in NAMES), created_at=NOON
    )


def running(now: int = NOON) -> Task:
    return machine.acquire(fresh(), "w1", now)


def present(task: Task) -> str:
    return task.current_step.name if task.current_step else NAMES[-1]


OPERATIONS = {
    "acquire": lambda task, now: machine.acquire(machine.reported(task), "w", now),
    "renew": machine.renew,
    "save_cursor": lambda task, now: machine.save_cursor(task, present(task), str(now), now),
    "save_old_cursor": lambda task, now: machine.save_cursor(task, NAMES[0], str(now), now),
    "complete": lambda task, now: machine.complete(task, present(task), now, "ref"),
    "complete_again": lambda task, now: machine.complete(task, NAMES[0], now, "other"),
    "hand_over": machine.hand_over,
    "fail": lambda task, now: machine.fail(task, "BROKEN", "it broke", now, 1.2),
    "cancel": machine.cancel,
    "retry_now": machine.retry_now,
    "give_up": machine.give_up,
    "called": machine.called,
}
# Cancelling ends the story: rare, so that long ones are told too.
NAMES_OF_OPERATIONS = st.sampled_from([*OPERATIONS, *["acquire", "complete", "fail", "hand_over"] * 3])


@given(st.lists(st.tuples(NAMES_OF_OPERATIONS, st.sampled_from([0, SECOND, MINUTE, 3 * MINUTE, HOUR])), max_size=60))
def test_every_history_keeps_the_promises(history):
    task, now = fresh(), NOON
    for name, wait in history:
        now += wait
        try:
            after = OPERATIONS[name](task, now)
        except Conflict:
            continue
        if not task.is_open and name != "called":
            pytest.fail(f"{name} of a task that is {task.status}")
        check_step_forward(task, after)
        check_state(after)
        task = after


def check_step_forward(before: Task, after: Task) -> None:
    for old, new in zip(before.steps, after.steps, strict=True):
        if old.completed_at is not None:
            assert new == old
        assert new.attempts >= old.attempts
    assert after.attempt - before.attempt in (0, 1)
    assert after.lease_seq - before.lease_seq in (0, 1)
    assert [one.attempt for one in after.attempts] == list(range(1, after.attempt + 1))
    assert (after.created_at, after.lanes, after.slot) == (before.created_at, before.lanes, before.slot)


def check_state(task: Task) -> None:
    done = [step.completed_at is not None for step in task.steps]
    assert done == sorted(done, reverse=True)
    assert task.attempt <= MAX_RETRIES + 1
    assert (task.lease_owner is not None) == (task.status == RUNNING) == (task.lease_expires_at is not None)
    assert (task.status == SUCCEEDED) == all(done)
    assert (task.completed_at is None) == task.is_open
    assert all(one.ended_at is not None for one in task.attempts[:-1])
    hard = [one.failure for one in task.attempts if one.failure and one.failure.hard_failure]
    assert len(hard) == (task.status == FAILED)
    assert decode(encode(task)) == task


@given(st.integers(1, MAX_RETRIES), st.floats(0.8, 1.2))
def test_retries_wait_twice_as_long_each_time(failures, jitter):
    task, now = fresh(), NOON
    for number in range(1, failures + 1):
        task = machine.fail(machine.acquire(task, "w", now), "X", "", now, jitter)
        delay = (task.next_attempt_at or 0) - now
        assert delay == round(30 * SECOND * 2 ** (number - 1) * jitter)
        assert delay <= 900 * SECOND  # what SQS can delay a message by
        now += delay
    assert task.status == WAITING_RETRY


def test_a_retry_is_not_taken_before_its_time():
    task = machine.fail(running(), "X", "", NOON)
    assert not machine.may_acquire(task, NOON + 29_999)
    assert machine.may_acquire(task, NOON + 30_000)
    assert machine.may_acquire(machine.retry_now(task, NOON + 1), NOON + 1)


def test_the_sixth_failure_is_the_last():
    task = fresh()
    for number in range(6):
        task = machine.fail(machine.acquire(task, "w", NOON + number * HOUR), "X", "", NOON + number * HOUR)
    assert task.status == FAILED
    assert [one.failure.will_retry for one in task.attempts if one.failure] == [True] * 5 + [False]
    assert not machine.may_acquire(task, NOON + 24 * HOUR)


def test_a_lease_ends_only_after_its_last_millisecond():
    task = running()
    assert not machine.may_acquire(task, NOON + machine.LEASE)
    assert machine.look(task) == NOON + machine.LEASE + 1
    assert machine.may_acquire(task, NOON + machine.LEASE + 1)
    again = machine.acquire(task, "w2", NOON + machine.LEASE + 1)
    assert (again.attempt, again.lease_seq, again.lease_owner) == (2, 2, "w2")
    assert [failure.code for failure in machine.unreported(again)] == ["WORKER_LOST"]
    assert machine.unreported(machine.reported(again)) == []


def test_yielding_is_no_failure_and_begins_no_execution():
    task = machine.hand_over(machine.save_cursor(running(), "one", "5", NOON), NOON + 1)
    assert (task.status, task.continuations, task.attempt) == (YIELDED, 1, 1)
    task = machine.acquire(task, "w2", NOON + 2)
    assert (task.attempt, task.lease_seq, task.steps[0].cursor, task.steps[0].attempts) == (1, 2, "5", 1)
    assert machine.unreported(task) == []


def test_no_retry_begins_after_the_deadline():
    task = running()
    late = NOON + machine.TASK_TIME - 10 * SECOND
    assert machine.fail(task, "X", "", late).status == FAILED
    assert machine.fail(task, "X", "", late - 30 * SECOND).status == WAITING_RETRY
    lost = machine.acquire(task, "w2", NOON + machine.TASK_TIME)
    assert lost.status == FAILED
    assert lost.error is not None
    assert lost.error.hard_failure


def test_steps_are_taken_in_order():
    with pytest.raises(Conflict):
        machine.complete(running(), "two", NOON)


def test_the_output_of_a_step_is_never_overwritten():
    task = machine.complete(running(), "one", NOON, "first")
    again = machine.complete(task, "one", NOON + 1, "second")
    assert again.steps == task.steps
    assert machine.save_cursor(task, "one", "late", NOON + 1).steps == task.steps


def test_cancelling_ends_the_execution_without_a_failure():
    task = machine.cancel(running(), NOON + 5)
    assert (task.status, task.completed_at, task.attempts[-1].result) == (CANCELLED, NOON + 5, CANCELLED)
    assert machine.unreported(task) == []
    with pytest.raises(Conflict):
        machine.cancel(task, NOON + 6)


@pytest.mark.parametrize("status", [QUEUED, YIELDED])
def test_a_lost_message_is_missed_after_five_minutes(status):
    task = fresh() if status == QUEUED else machine.hand_over(running(), NOON)
    assert machine.look(machine.called(task, NOON)) == NOON + 5 * MINUTE
