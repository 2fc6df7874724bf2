"""Schedules: every slot once, none piled up, and nobody held up by a broken one."""

import pytest

from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.deadline import NoDeadline
from chalicelib.errors import Invalid
from chalicelib.tasks.agenda import FORSAKEN
from chalicelib.tasks.cadence import Every, Manual, Weekly
from chalicelib.tasks.schedules import Schedule
from chalicelib.tasks.task import SUCCEEDED
from tests.tasks.memory_world import MemoryWorld
from tests.tasks.simulated import Killed
from tests.tasks.world import NOON


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


def schedule(id: str = "s", cadence=Every(HOUR), **fields) -> Schedule:  # noqa: B008 - frozen
    given = {"kind": "sync", "space_id": "space", "computation_id": f"aud_{id}", "destination_id": "X", **fields}
    return Schedule(id=id, cadence=cadence, **given)


def slots(world: MemoryWorld, id: str = "s") -> list[int]:
    """Minutes after noon, of the tasks that were made."""
    tasks = world.tasks.of_computation("space", f"aud_{id}")
    assert all(task.status == SUCCEEDED for task in tasks)
    return sorted(int(task.slot) - NOON // MINUTE for task in tasks)


def test_every_slot_becomes_one_task(world: MemoryWorld):
    assert world.observer.schedules.set(schedule(input={"a": 1}, computation_version=4)).next_at == NOON + HOUR
    world.run(3 * 3_600 + 60)
    assert slots(world) == [60, 120, 180]
    task = world.tasks.of_computation("space", "aud_s")[0]
    assert (task.input, task.computation_version, task.destination_id) == ({"a": 1}, 4, "X")


def test_slots_that_passed_while_nothing_ticked_become_one_run(world: MemoryWorld):
    world.observer.schedules.set(schedule())
    world.clock.advance(5 * HOUR + MINUTE)
    world.run(3_600)
    assert slots(world) == [60, 360]


def test_manual_ones_wait_for_somebody_to_ask(world: MemoryWorld):
    world.observer.schedules.set(schedule(cadence=Manual()))
    world.run(3 * 3_600)
    assert slots(world) == []
    assert world.observer.next_look() is None


def test_a_schedule_can_be_changed_stopped_and_begun_again(world: MemoryWorld):
    schedules = world.observer.schedules
    schedules.set(schedule())
    schedules.set(schedule(cadence=Every(15 * MINUTE)))
    world.run(40 * 60)
    assert slots(world) == [15, 30]
    schedules.set(schedule(cadence=Manual()))
    world.run(3_600)
    assert slots(world) == [15, 30]
    schedules.set(schedule(cadence=Every(4 * HOUR)))
    world.run(4 * 3_600)
    assert slots(world) == [15, 30, 240]
    schedules.remove("s")
    world.run(8 * 3_600)
    assert slots(world) == [15, 30, 240]
    assert schedules.find("s") is None
    world.run(FORSAKEN // 1_000)
    assert world.observer.next_look() is None


def test_weekly_ones_follow_the_clocks_of_their_place(world: MemoryWorld):
    # Noon UTC of Thursday, 1 January 2026 is 17:45 in Kathmandu.
    world.observer.schedules.set(schedule(cadence=Weekly((4, 5), (18, 6), "Asia/Kathmandu")))
    world.run(2 * 24 * 3_600)
    assert slots(world) == [15, 15 + 12 * 60, 15 + 24 * 60]


def test_a_bad_cadence_is_refused_and_nothing_is_kept(world: MemoryWorld):
    with pytest.raises(Invalid):
        world.observer.schedules.set(schedule(cadence=Every(7 * DAY)))
    assert not world.stored._items


def test_one_that_cannot_run_does_not_hold_up_the_others(world: MemoryWorld, caplog):
    world.observer.schedules.set(schedule("bad", kind="unheard_of"))
    world.observer.schedules.set(schedule("good"))
    world.run(2 * 3_600 + 60)
    assert slots(world, "good") == [60, 120]
    assert "cannot be run" in caplog.text


def test_a_tick_killed_at_every_point_makes_each_slot_one_task():
    points = [0]

    def run(at: int | None) -> list[int]:
        points[0] = 0

        def fate(point: str) -> None:
            if armed:
                points[0] += 1
                if points[0] == at:
                    raise Killed

        world, armed = MemoryWorld(fate), False
        world.observer.schedules.set(schedule())
        world.clock.advance(HOUR)
        armed = True
        world.tick()
        armed = False
        world.tick()
        world.run(3_660)
        assert world.left_over() == []
        return slots(world)

    assert run(None) == [60, 120]
    last = points[0]
    assert last > 10
    for at in range(1, last + 1):
        assert run(at) == [60, 120], at
    print(f"\n{last} crash points")


def test_two_ticks_at_the_same_time_make_one_task(world: MemoryWorld):
    world.observer.schedules.set(schedule())
    world.clock.advance(HOUR)
    other, find = world._engine(lambda _point: None), world.observer.schedules.find
    met: list[int] = []

    def interrupted(schedule_id: str):
        held = find(schedule_id)
        if not met:
            met.append(other.scheduler.tick(NoDeadline()))
        return held

    world.observer.schedules.find = interrupted  # type: ignore[method-assign]
    world.observer.scheduler.tick(NoDeadline())
    assert met == [1]
    world.run(60)
    assert slots(world) == [60]
    held = find("s")
    assert held is not None
    assert held.schedule.next_at == NOON + 2 * HOUR
