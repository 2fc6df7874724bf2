"""Workers among strange messages, steps that misbehave, and a store that does not answer."""

import logging
import threading
from collections import Counter

import pytest

from chalicelib.clock import HOUR, MINUTE, SECOND
from chalicelib.deadline import ClockDeadline, NoDeadline
from chalicelib.errors import Unavailable
from chalicelib.queues import Received
from chalicelib.store.memory import MemoryRecords
from chalicelib.tasks.kind import Cursor, Done, Kind, Later, StepFailed, StepHopeless, per_computation
from chalicelib.tasks.shift import LARGEST_NOTE
from chalicelib.tasks.task import FAILED, QUEUED, RUNNING, SUCCEEDED, WAITING_RETRY, YIELDED, Task
from tests.tasks.memory_world import MemoryWorld


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


def run_one(world: MemoryWorld, function) -> Task:
    """A task of one step, until nothing more is to be done at this instant."""
    world.kinds["one"] = Kind("one", {"only": function})
    task = world.tasks.create("one", "space", "1")
    while world.work():
        continue
    return world.tasks.get(task.task_id)


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '{"task_id": 7}', '{"task_id": "nobody:sync:X:1"}', "\x00"])
def test_a_message_that_leads_nowhere_is_dropped(world: MemoryWorld, body):
    assert world.engine.worker.work([Received("m", "r", body)], NoDeadline()) == set()
    assert not world.stored._items


def test_a_message_comes_again_when_the_store_does_not_answer():
    def fate(point: str) -> None:
        if point == "before get":
            raise Unavailable("dynamodb")

    world = MemoryWorld(fate)
    task = world.tasks.create("sync", "space", "1", computation_id="aud", destination_id="X")
    message = Received("m1", "r", f'{{"task_id": "{task.task_id}"}}')
    assert world.engine.worker.work([message], NoDeadline()) == {"m1"}
    assert world.tasks.get(task.task_id).status == QUEUED


def test_an_answer_that_was_lost_costs_no_execution():
    """The lease was written, but the worker is told that somebody else wrote first."""
    lost = iter([True])
    world = MemoryWorld()
    replace = world.stored.replace

    def replace_and_lose_the_answer(record, data, **more):
        done = replace(record, data, **more)
        if record.key.partition.startswith("task#") and next(lost, False):
            return replace(record, data, **more)  # raises, as the version is another one now
        return done

    world.stored.replace = replace_and_lose_the_answer  # type: ignore[method-assign]
    task = world.tasks.create("sync", "space", "1", computation_id="aud", destination_id="X")
    world.work()
    task = world.tasks.get(task.task_id)
    assert (task.status, task.attempt, task.lease_seq) == (SUCCEEDED, 1, 1)


def test_a_failure_is_told_without_the_words_of_strangers(world: MemoryWorld):
    def fail(task, step, deadline):
        raise ValueError("ada@example.com is unknown")

    task = run_one(world, fail)
    assert task.status == WAITING_RETRY
    assert task.error is not None
    assert (task.error.code, task.error.step) == ("STEP_ERROR", "only")
    assert "ada" not in task.error.message
    assert "ValueError" in task.error.message


def test_a_step_says_itself_why_it_failed(world: MemoryWorld):
    def fail(task, step, deadline):
        raise StepFailed("INVALID_SETTINGS", "The destination has no address.")

    error = run_one(world, fail).error
    assert error is not None
    assert (error.code, error.message) == ("INVALID_SETTINGS", "The destination has no address.")


def test_nothing_is_tried_after_what_is_hopeless(world: MemoryWorld):
    def fail(task, step, deadline):
        raise StepHopeless("NO_DATA_GRAPH", "There is none.")

    task = run_one(world, fail)
    assert (task.status, task.attempt, task.next_attempt_at) == (FAILED, 1, None)
    assert task.error is not None
    assert (task.error.code, task.error.hard_failure) == ("NO_DATA_GRAPH", True)


def test_our_own_errors_are_told_by_their_names(world: MemoryWorld):
    def fail(task, step, deadline):
        raise Unavailable("dynamodb")

    error = run_one(world, fail).error
    assert error is not None
    assert error.code == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (None, "BAD_STEP_RESULT"),
        ("done", "BAD_STEP_RESULT"),
        (Cursor("x" * (LARGEST_NOTE + 1)), "NOTE_TOO_LARGE"),
        (Done("é" * (LARGEST_NOTE // 2 + 1)), "NOTE_TOO_LARGE"),
    ],
)
def test_results_that_cannot_be_saved_fail_the_execution(world: MemoryWorld, result, code):
    error = run_one(world, lambda task, step, deadline: result).error
    assert error is not None
    assert error.code == code


def test_a_step_nobody_knows_any_more_fails_and_can_come_back(world: MemoryWorld):
    world.kinds["old"] = Kind("old", {"gone": lambda task, step, deadline: Done()})
    task = world.tasks.create("old", "space", "1")
    kind = world.kinds.pop("old")
    world.run(10)
    task = world.tasks.get(task.task_id)
    assert task.status == WAITING_RETRY
    assert task.error is not None
    assert task.error.code == "UNKNOWN_STEP"
    world.kinds["old"] = kind
    world.run(60)
    assert world.tasks.get(task.task_id).status == SUCCEEDED


def test_a_day_after_its_first_start_a_task_is_over(world: MemoryWorld):
    def crawl(task, step, deadline):
        world.clock.advance(10 * MINUTE - 1)
        return Cursor(str(int(step.cursor or 0) + 1))

    task = run_one(world, crawl)
    assert task.status == FAILED
    assert task.error is not None
    assert (task.error.code, task.error.hard_failure) == ("TASK_DEADLINE", True)
    assert 24 * HOUR <= (task.completed_at or 0) - (task.started_at or 0) < 24 * HOUR + 10 * MINUTE
    assert len(world.failures.of(task.task_id)) == 1


def test_a_step_that_does_not_come_back_in_time_goes_on_from_its_cursor(world: MemoryWorld):
    def work(task, step, deadline):
        if step.cursor is None:
            world.clock.advance(500 * SECOND)
            return Cursor("half")
        world.clock.advance(500 * SECOND)  # the first time, the invocation is over before
        return Done()

    task = run_one(world, work)
    assert (task.status, task.attempt, task.continuations, task.steps[0].cursor) == (SUCCEEDED, 1, 1, "half")
    assert (task.completed_at or 0) - task.created_at == (500 + 385 + 500) * SECOND


def test_nothing_is_begun_in_the_last_minute_of_an_invocation(world: MemoryWorld):
    world.kinds["one"] = Kind("one", {"only": lambda task, step, deadline: Done()})
    task = world.tasks.create("one", "space", "1")
    world.engine.worker.run(task.task_id, ClockDeadline(world.clock, world.clock.now() + 60 * SECOND))
    task = world.tasks.get(task.task_id)
    assert (task.status, task.continuations) == (YIELDED, 1)
    world.run(10)
    assert world.tasks.get(task.task_id).status == SUCCEEDED


def break_first(task, step, deadline):
    if task.slot == "1":
        raise RuntimeError("broken")
    return Done()


def test_nobody_to_hear_of_failures_holds_up_nothing(world: MemoryWorld):
    real, deaf = world.failures.report, [True]

    def report(task, failure):
        if deaf:
            raise RuntimeError("broken")
        real(task, failure)

    world.failures.report = report  # type: ignore[method-assign]
    world.kinds["one"] = Kind("one", {"only": break_first}, one_at_a_time=per_computation)
    task, behind = (world.tasks.create("one", "space", slot, computation_id="aud") for slot in "12")
    world.run(3_600)
    assert world.tasks.get(task.task_id).status == FAILED
    assert world.tasks.get(behind.task_id).status == SUCCEEDED
    assert world.failures.of(task.task_id) == []
    deaf.clear()
    world.run(60)
    assert [failure.attempt for failure in world.failures.of(task.task_id)] == [1, 2, 3, 4, 5, 6]
    assert world.left_over() == []


def test_failures_nobody_hears_of_are_told_with_the_next_execution(world: MemoryWorld, caplog):
    reported: list[int] = []
    real = world.failures.report

    def report(task, failure):
        reported.append(failure.attempt)
        if len(reported) == 1:
            raise Unavailable("dynamodb")
        real(task, failure)

    world.failures.report = report  # type: ignore[method-assign]

    def flaky(task, step, deadline):
        if task.attempt == 1:
            raise RuntimeError("broken")
        return Done()

    with caplog.at_level(logging.WARNING):
        task = run_one(world, flaky)
        world.run(3_600)
    task = world.tasks.get(task.task_id)
    assert (task.status, task.attempt) == (SUCCEEDED, 2)
    assert set(reported) == {1}
    assert [failure.attempt for failure in world.failures.of(task.task_id)] == [1]


def test_completions_nobody_hears_of_are_told_by_the_sweeper(world: MemoryWorld):
    real, broken = world.completions.report, [True]

    def report(task):
        if broken:
            raise RuntimeError("broken")
        real(task)

    world.completions.report = report  # type: ignore[method-assign]
    first, second = (
        world.tasks.create("sync", "space", slot, computation_id="aud", destination_id="X") for slot in "12"
    )
    world.run(600)
    assert {world.tasks.get(task.task_id).status for task in (first, second)} == {SUCCEEDED}
    assert world.completions.closed == {}
    broken.clear()
    world.run(120)
    assert set(world.completions.closed) == {first.task_id, second.task_id}
    assert world.left_over() == []


def test_threads_called_to_the_same_tasks_share_them(world: MemoryWorld):
    """Real concurrency: each step of each task is run by one of them."""
    runs: Counter[tuple[str, str]] = Counter()
    lock = threading.Lock()

    def count(task, step, deadline):
        with lock:
            runs[task.task_id, step.name] += 1
        return Done()

    world.kinds["three"] = Kind("three", dict.fromkeys(["a", "b", "c"], count))
    ids = [world.tasks.create("three", "space", str(number)).task_id for number in range(30)]
    engines = [world._engine(lambda _point: None) for _ in range(6)]
    gate = threading.Barrier(len(engines))

    def work(engine) -> None:
        gate.wait()
        for task_id in ids:
            engine.worker.run(task_id, NoDeadline())

    threads = [threading.Thread(target=work, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(runs.values()) == {1}
    assert len(runs) == 90
    assert {(world.tasks.get(id).status, world.tasks.get(id).attempt) for id in ids} == {(SUCCEEDED, 1)}


def test_a_kind_of_exception_that_ends_processes_ends_this_one(world: MemoryWorld):
    def leave(task, step, deadline):
        raise SystemExit

    world.kinds["one"] = Kind("one", {"only": leave})
    task = world.tasks.create("one", "space", "1")
    with pytest.raises(SystemExit):
        world.engine.worker.run(task.task_id, NoDeadline())
    assert world.tasks.get(task.task_id).status == RUNNING


def test_records_of_tasks_stay_small(world: MemoryWorld):
    assert isinstance(world.stored, MemoryRecords)
    task = run_one(world, lambda task, step, deadline: 1 / 0)
    world.run(3_600)
    task = world.tasks.get(task.task_id)
    assert task.status == FAILED
    sizes = [len(item.data or b"") for key, item in world.stored._items.items() if key.partition.startswith("task#")]
    assert max(sizes) < 4 * 1024  # six failures in four write units


def test_a_step_that_has_to_wait_keeps_no_worker_waiting(world: MemoryWorld):
    seen: list[tuple[str | None, int]] = []
    start = world.clock.now()

    def wait(task, step, deadline):
        seen.append((step.cursor, world.clock.now() - start))
        if step.cursor is None:
            return Later(str(start + 70 * SECOND), start + 70 * SECOND)
        return Done() if world.clock.now() >= int(step.cursor) else Later(step.cursor, int(step.cursor))

    task = run_one(world, wait)
    assert (task.status, task.continuations, task.lease_owner) == (YIELDED, 1, None)
    assert world.queue.next_at() == start + 70 * SECOND
    world.engine.worker.run(task.task_id, NoDeadline())  # a stray message: it waits on
    assert world.tasks.get(task.task_id).status == YIELDED
    world.clock.advance(70 * SECOND)
    while world.work():
        continue
    task = world.tasks.get(task.task_id)
    assert (task.status, task.attempt) == (SUCCEEDED, 1)
    assert seen == [(None, 0), (str(start + 70 * SECOND), 0), (str(start + 70 * SECOND), 70 * SECOND)]


def test_nobody_is_asked_to_wait_longer_than_a_message_can(world: MemoryWorld):
    start = world.clock.now()
    run_one(world, lambda task, step, deadline: Later("on", start + HOUR))
    assert world.queue.next_at() == start + 15 * MINUTE
