"""What the sweeper finds, and that nothing it finds holds up the rest."""

import pytest

from chalicelib.clock import MINUTE, SECOND
from chalicelib.deadline import ClockDeadline, NoDeadline
from chalicelib.tasks.agenda import FORSAKEN, Row
from chalicelib.tasks.task import QUEUED, SUCCEEDED, Task
from tests.tasks.memory_world import MemoryWorld


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


def sync(world: MemoryWorld, slot: str = "1", computation: str = "aud") -> Task:
    return world.tasks.create("sync", "space", slot, computation_id=computation, destination_id="X")


def rows(world: MemoryWorld) -> list[Row]:
    return list(world.observer.sweeper.agenda.all())


def sweep(world: MemoryWorld) -> int:
    return world.observer.sweeper.sweep(NoDeadline())


def test_a_message_that_was_lost_is_sent_again_after_five_minutes(world: MemoryWorld):
    task = sync(world)
    assert world.queue.take() is not None
    world.run(5 * 60 - 1)
    assert world.tasks.get(task.task_id).status == QUEUED
    world.run(2)
    assert world.tasks.get(task.task_id).status == SUCCEEDED
    assert world.left_over() == []


def test_a_message_is_not_sent_again_and_again(world: MemoryWorld):
    sync(world)
    sent = 0
    for _ in range(20):
        world.clock.advance(MINUTE)
        sent += sweep(world)
    assert sent == 4


def test_a_task_that_goes_on_is_only_looked_at_again_when_it_might_not(world: MemoryWorld):
    looks: list[str] = []
    called: list[int] = []
    find = world.observer.sweeper._book.find
    world.observer.sweeper._book.find = lambda task_id: looks.append(task_id) or find(task_id)  # type: ignore

    def slow(point: str, task: Task) -> None:
        if point == "build":
            for _ in range(9):
                world.clock.advance(MINUTE)
                called.append(sweep(world))
                while world.work():
                    continue

    world.hook = slow
    task = sync(world)
    world.work()
    assert (world.tasks.get(task.task_id).status, world.tasks.get(task.task_id).attempt) == (SUCCEEDED, 1)
    assert called == [0] * 9
    assert 3 <= len(looks) <= 6  # nine ticks, a lease of two minutes that is renewed all the time
    assert world.left_over() == []


def test_a_row_of_a_save_that_never_came_goes_and_fences_it_off(world: MemoryWorld):
    task = sync(world)
    before = world.tasks._book.find(task.task_id)
    assert before is not None
    stale = Row(world.clock.now() - 1, task.task_id)
    world.observer.sweeper.agenda.put(stale)
    assert sweep(world) == 0
    assert rows(world) == [Row(task.look_at, task.task_id)]
    after = world.tasks._book.find(task.task_id)
    assert after is not None
    assert (after.task, after.record.version) == (task, before.record.version + 1)


def test_a_row_without_a_task_waits_for_its_maker_and_goes_when_he_cannot_live_any_more(world: MemoryWorld):
    row = Row(world.clock.now(), "aud:sync:X:1")
    world.observer.sweeper.agenda.put(row)
    world.clock.advance(FORSAKEN)
    sweep(world)
    assert rows(world) == [row]
    world.clock.advance(1)
    sweep(world)
    assert rows(world) == []


def test_one_that_cannot_be_looked_after_does_not_hold_up_the_others(world: MemoryWorld, caplog):
    broken, fine = sync(world, computation="broken"), sync(world, computation="fine")
    while world.queue.take():
        continue
    find = world.observer.sweeper._book.find

    def fail(task_id: str):
        if task_id == broken.task_id:
            raise RuntimeError("broken")
        return find(task_id)

    world.observer.sweeper._book.find = fail  # type: ignore[method-assign]
    world.clock.advance(5 * MINUTE + 1)
    assert sweep(world) == 1
    assert world.queue.take() == f'{{"task_id":"{fine.task_id}"}}'
    assert "cannot be looked after" in caplog.text


def test_sweeping_ends_with_its_time(world: MemoryWorld):
    for number in range(10):
        sync(world, computation=f"aud{number}")
    while world.queue.take():
        continue
    world.clock.advance(10 * MINUTE)
    deadline = ClockDeadline(world.clock, world.clock.now() + 3 * SECOND)
    save = world.observer.sweeper._book.save

    def slow(*args, **more):
        world.clock.advance(SECOND)
        return save(*args, **more)

    world.observer.sweeper._book.save = slow  # type: ignore[method-assign]
    assert world.observer.sweeper.sweep(deadline) == 3
    assert sweep(world) == 7


def test_two_sweeps_at_once_send_one_message(world: MemoryWorld):
    task = sync(world)
    while world.queue.take():
        continue
    world.clock.advance(5 * MINUTE)
    other, save = world._engine(lambda _point: None), world.observer.sweeper._book.save
    met: list[int] = []

    def interrupted(*args, **more):
        if not met:
            met.append(other.sweeper.sweep(NoDeadline()))
        return save(*args, **more)

    world.observer.sweeper._book.save = interrupted  # type: ignore[method-assign]
    assert sweep(world) == 0
    assert met == [1]
    world.run(60)
    assert world.tasks.get(task.task_id).status == SUCCEEDED
    assert world.left_over() == []
