"""Making, finding and cancelling tasks, and what is refused."""

import pytest

from chalicelib.clock import MINUTE
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.tasks.kind import BATCH, Kind, per_computation
from chalicelib.tasks.service import LARGEST_INPUT
from chalicelib.tasks.task import CANCELLED, QUEUED, SUCCEEDED, WAITING_RETRY, Lane
from tests.tasks.memory_world import MemoryWorld
from tests.tasks.sync import STEPS


@pytest.fixture
def world() -> MemoryWorld:
    made = MemoryWorld()
    steps = made.kinds["sync"].steps
    made.kinds["compute"] = Kind("compute", steps, one_at_a_time=per_computation, most_waiting=1, pool=BATCH)
    made.kinds["edit"] = Kind("edit", steps, one_at_a_time=per_computation, alone=True)
    made.kinds["free"] = Kind("free", steps)
    return made


def test_a_task_is_made_once_with_its_steps_and_lines(world: MemoryWorld):
    task = world.tasks.create("compute", "space", "7", computation_id="aud", computation_version=3, input={"a": 1})
    assert task.task_id == "aud:compute:-:7"
    assert [step.name for step in task.steps] == STEPS
    assert (task.status, task.attempt, task.computation_version, task.input) == (QUEUED, 0, 3, {"a": 1})
    assert task.lanes == (Lane("computation#aud", 1), Lane("pool#space#batch", 10))
    world.clock.advance(MINUTE)
    assert world.tasks.create("compute", "space", "7", computation_id="aud", input={"a": 2}) == task
    assert world.tasks.get(task.task_id) == task


def test_the_pool_of_a_kind_can_be_another(world: MemoryWorld):
    task = world.tasks.create("compute", "space", "1", computation_id="aud", pool="first")
    assert task.lanes[1] == Lane("pool#space#first", 5)


def test_a_task_without_a_computation_is_its_spaces(world: MemoryWorld):
    assert world.tasks.create("free", "space", "1").task_id == "space:free:-:1"


@pytest.mark.parametrize(
    ("kind", "more", "fields"),
    [
        ("unheard_of", {}, ["kind"]),
        ("free", {"pool": "swimming"}, ["pool"]),
        ("free", {"input": {"bulk": "x" * LARGEST_INPUT}}, ["input"]),
        ("unheard_of", {"pool": "swimming"}, ["kind", "pool"]),
    ],
)
def test_what_cannot_be_run_is_refused_and_leaves_nothing(world: MemoryWorld, kind, more, fields):
    with pytest.raises(Invalid) as refused:
        world.tasks.create(kind, "space", "1", **more)
    assert [problem.field for problem in refused.value.problems] == fields
    assert not world.stored._items
    assert world.queue.take() is None


def test_one_further_run_waits_and_others_get_that_one(world: MemoryWorld):
    first, second, third = (world.tasks.create("compute", "space", slot, computation_id="aud") for slot in "123")
    assert first != second
    assert third == second
    assert [place.task_id for place in world.tasks.line_of("compute", "aud")] == [first.task_id, second.task_id]
    world.run(60)
    assert [task.status for task in world.tasks.of_computation("space", "aud")] == [SUCCEEDED] * 2
    assert world.left_over() == []


def test_a_second_edit_is_refused_until_the_first_is_done(world: MemoryWorld):
    first = world.tasks.create("edit", "space", "1", computation_id="aud")
    with pytest.raises(Conflict) as refused:
        world.tasks.create("edit", "space", "2", computation_id="aud")
    assert refused.value.data == {"task_id": first.task_id}
    world.tasks.create("edit", "space", "2", computation_id="other")
    world.run(60)
    assert world.tasks.create("edit", "space", "2", computation_id="aud").status == QUEUED


def test_only_the_first_of_a_line_is_called_at_once(world: MemoryWorld):
    for slot in "123":
        world.tasks.create("sync", "space", slot, computation_id="aud", destination_id="X")
    assert world.queue.take() is not None
    assert world.queue.take() is None


def test_the_tasks_of_a_computation_come_newest_first(world: MemoryWorld):
    for slot in range(12):
        world.tasks.create("sync", "space", str(slot), computation_id="aud", destination_id=f"d{slot}")
        world.clock.advance(1)
    world.tasks.create("sync", "elsewhere", "x", computation_id="aud", destination_id="X")
    assert [task.slot for task in world.tasks.of_computation("space", "aud", limit=3)] == ["11", "10", "9"]
    assert len(world.tasks.of_computation("space", "aud")) == 12
    assert world.tasks.of_computation("space", "nobody") == []


def test_open_tasks_come_oldest_first(world: MemoryWorld):
    for number in range(130):
        world.tasks.create("free", "space", str(number))
        world.clock.advance(1)
    assert [task.slot for task in world.tasks.open()] == [str(number) for number in range(130)]
    assert len(world.tasks.open(limit=7)) == 7


def test_what_is_not_there_is_not_found(world: MemoryWorld):
    for call in (world.tasks.get, world.tasks.cancel, world.tasks.retry_now):
        with pytest.raises(NotFound):
            call("nobody:sync:X:1")


def test_cancelling_gives_the_turn_to_the_next(world: MemoryWorld):
    first, second = (
        world.tasks.create("sync", "space", slot, computation_id="aud", destination_id="X") for slot in "12"
    )
    assert world.tasks.cancel(first.task_id).status == CANCELLED
    assert world.tasks.cancel(first.task_id).status == CANCELLED
    assert world.completions.closed[first.task_id].status == CANCELLED
    world.run(30)
    assert world.tasks.get(second.task_id).status == SUCCEEDED
    assert world.tasks.cancel(second.task_id).status == SUCCEEDED
    assert world.left_over() == []


def test_a_retry_can_be_had_at_once(world: MemoryWorld):
    def fail(point, task):
        if point == "build" and task.attempt == 1:
            raise RuntimeError("broken")

    world.hook = fail
    task = world.tasks.create("sync", "space", "1", computation_id="aud", destination_id="X")
    assert world.tasks.retry_now(task.task_id) == task
    world.run(1)
    assert world.tasks.get(task.task_id).status == WAITING_RETRY
    now = world.clock.now()
    assert world.tasks.retry_now(task.task_id).next_attempt_at == now
    world.run(1)
    assert world.tasks.get(task.task_id).status == SUCCEEDED
    assert world.tasks.get(task.task_id).attempts[1].started_at == now
    with pytest.raises(Conflict):
        world.tasks.retry_now(task.task_id)
    world.run(60)
    assert world.left_over() == []
