"""Leases: of two workers that both believe to hold a task, only the one that does can write."""

import pytest

from chalicelib.clock import SECOND
from chalicelib.deadline import NoDeadline
from chalicelib.tasks import machine
from chalicelib.tasks.lease import Lease, LeaseLost
from chalicelib.tasks.task import RUNNING, SUCCEEDED, Task
from chalicelib.tasks.watch import RENEWAL
from tests.tasks.memory_world import MemoryWorld


class Scene:
    def __init__(self) -> None:
        self.world = MemoryWorld()
        self.task_id = self.world.tasks.create("sync", "space", "1", computation_id="aud", destination_id="X").task_id

    def acquire(self) -> Lease:
        lease = self.world._engine(lambda _point: None).worker._acquire(self.task_id)
        assert lease is not None
        return lease

    @property
    def task(self) -> Task:
        return self.world.tasks.get(self.task_id)


@pytest.fixture
def scene() -> Scene:
    return Scene()


WRITES = [
    machine.renew,
    machine.hand_over,
    machine.cancel,
    lambda task, now: machine.save_cursor(task, "load", "stale", now),
    lambda task, now: machine.complete(task, "load", now, "stale"),
    lambda task, now: machine.fail(task, "STALE", "", now),
]


@pytest.mark.parametrize("write", WRITES)
def test_a_worker_that_lost_its_lease_cannot_write_while_the_next_one_works(scene: Scene, write):
    stale = scene.acquire()
    scene.world.clock.advance(121 * SECOND)
    holder = scene.acquire()
    assert (scene.task.status, scene.task.lease_seq) == (RUNNING, 2)
    before = scene.task
    with pytest.raises(LeaseLost):
        stale.write(write)
    assert scene.task == before
    holder.write(lambda task, now: machine.complete(task, "load", now, "fresh"))
    with pytest.raises(LeaseLost):
        stale.write(write)
    assert scene.task.steps[0].output_ref == "fresh"


def test_a_lease_that_was_handed_over_is_over_for_its_owner_too(scene: Scene):
    lease = scene.acquire()
    earlier = Lease(scene.world.tasks._book, lease._held, scene.world.clock)
    lease.write(machine.hand_over)
    held = scene.world.tasks._book.find(scene.task_id)
    assert held is not None
    owner = earlier.task.lease_owner or ""
    scene.world.tasks._book.save(held, machine.acquire(held.task, owner, scene.world.clock.now()))
    with pytest.raises(LeaseLost):
        earlier.write(machine.renew)


def test_a_write_of_the_sweeper_is_built_upon(scene: Scene):
    lease = scene.acquire()
    held = scene.world.tasks._book.find(scene.task_id)
    assert held is not None
    scene.world.tasks._book.touch(held)
    lease.write(lambda task, now: machine.complete(task, "load", now))
    assert scene.task.steps[0].completed_at is not None


def test_a_task_that_vanished_is_lost(scene: Scene):
    lease = scene.acquire()
    scene.world.stored.delete(lease._held.record.key)
    with pytest.raises(LeaseLost):
        lease.write(machine.renew)


def test_nobody_takes_a_task_whose_lease_is_alive(scene: Scene):
    scene.acquire()
    scene.world.clock.advance(120 * SECOND)
    assert scene.world.engine.worker._acquire(scene.task_id) is None
    scene.world.engine.worker.run(scene.task_id, NoDeadline())
    assert (scene.task.status, scene.task.attempt) == (RUNNING, 1)


def test_any_write_renews(scene: Scene):
    lease = scene.acquire()
    due = [lease.is_due_for_renewal]
    scene.world.clock.advance(RENEWAL)
    due.append(lease.is_due_for_renewal)
    lease.write(lambda task, now: machine.save_cursor(task, "load", "1", now))
    due.append(lease.is_due_for_renewal)
    assert due == [False, True, False]
    assert lease.task.lease_expires_at == scene.world.clock.now() + machine.LEASE


def test_the_one_who_holds_it_finishes(scene: Scene):
    scene.acquire()
    scene.world.clock.advance(121 * SECOND)
    scene.world.engine.worker.run(scene.task_id, NoDeadline())
    assert (scene.task.status, scene.task.attempt) == (SUCCEEDED, 2)
