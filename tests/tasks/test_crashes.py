"""A process may die before or after any call; what it leaves behind is found, and only the present step is repeated.

The calls are counted in an undisturbed run, and every one of them is tried.
"""

from functools import partial

from chalicelib.deadline import NoDeadline
from chalicelib.tasks.task import FAILED, SUCCEEDED, WAITING_RETRY, Task
from tests.tasks.memory_world import MemoryWorld
from tests.tasks.simulated import Killed
from tests.tasks.sync import PROFILES, STEPS

HOUR = 3_600  # seconds


class KillAt:
    """Dies once, at the n-th point; counts the points otherwise."""

    def __init__(self, at: int | None = None) -> None:
        self.points, self._at = 0, at
        self.armed = False

    def __call__(self, point: str) -> None:
        if not self.armed:
            return
        self.points += 1
        if self.points == self._at:
            self.armed = False
            raise Killed


def create(world: MemoryWorld) -> None:
    world.engine.tasks.create("sync", "space", "1", computation_id="aud", destination_id="X")


def undisturbed(act, prepare=lambda world: None) -> int:
    fate = KillAt()
    world = MemoryWorld(fate)
    prepare(world)
    fate.armed = True
    act(world)
    return fate.points


def worlds_killed_at_every_point(act, prepare=lambda world: None):
    points = undisturbed(act, prepare)
    for at in range(1, points + 1):
        fate = KillAt(at)
        world = MemoryWorld(fate)
        prepare(world)
        fate.armed = True
        world.survive(partial(act, world))
        assert world.kills == 1, f"not killed at {at}"
        yield at, world
    print(f"\n{points} crash points")


def the_task(world: MemoryWorld) -> Task:
    return world.tasks.get("aud:sync:X:1")


def test_a_worker_killed_at_every_point():
    def act(world):
        world.work()

    for at, world in worlds_killed_at_every_point(act, create):
        before = the_task(world)
        done = [step.name for step in before.steps if step.completed_at is not None]
        present = before.current_step.name if before.current_step else None
        ended = dict(world.ends)
        world.run(HOUR)
        task = the_task(world)
        assert task.status == SUCCEEDED, at
        assert task.steps[: len(done)] == before.steps[: len(done)], at
        # Of what had ended, only the step that was not saved as done ended again.
        again = {step for (_, step), times in world.ends.items() if times > ended.get((task.task_id, step), 0)}
        assert again == set(STEPS[len(done) :]), at
        assert all(times == 1 or step == present for (_, step), times in world.ends.items()), at
        assert len(world.sends) == PROFILES, at
        assert sum(world.sends.values()) <= PROFILES + 1, at
        # A worker that died under the lease is one failed execution; before and after, it is nothing.
        lost = before.status == "running"
        rows = [(failure.code, failure.will_retry) for failure in world.failures.of(task.task_id)]
        assert rows == ([("WORKER_LOST", True)] if lost else []), at
        assert task.attempt == 1 + lost, at
        assert world.completions.closed[task.task_id].status == SUCCEEDED, at
        assert world.left_over() == [], at


def test_a_maker_killed_at_every_point_and_asked_again():
    for at, world in worlds_killed_at_every_point(create):
        create(world)
        world.run(HOUR)
        assert the_task(world).status == SUCCEEDED, at
        assert (the_task(world).attempt, sum(world.sends.values())) == (1, PROFILES), at
        assert world.left_over() == [], at


def test_a_maker_killed_at_every_point_and_never_asked_again():
    """The task is there and runs, or it is not and nobody waits for it."""
    for at, world in worlds_killed_at_every_point(create):
        world.clock.advance(1)
        world.tasks.create("sync", "space", "2", computation_id="aud", destination_id="X")
        world.run(HOUR)
        assert world.tasks.get("aud:sync:X:2").status == SUCCEEDED, at
        assert [task.status for task in world.tasks.of_computation("space", "aud")] in ([SUCCEEDED], [SUCCEEDED] * 2)
        assert world.tasks.open() == [], at
        assert world.left_over() == [], at


def failing(world: MemoryWorld) -> None:
    """A task whose first execution fails."""

    def fail(point: str, task: Task) -> None:
        if point == "build" and task.attempt == 1:
            raise RuntimeError("broken")

    world.hook = fail
    create(world)


def test_a_failing_execution_killed_at_every_point():
    for at, world in worlds_killed_at_every_point(lambda world: world.work(), failing):
        loaded = world.ends["aud:sync:X:1", "load"]
        saved = the_task(world).steps[0].completed_at is not None
        world.run(HOUR)
        task = the_task(world)
        assert task.status == SUCCEEDED, at
        (failure,) = world.failures.of(task.task_id)
        assert failure.code in ("STEP_ERROR", "WORKER_LOST"), at
        assert (task.attempt, failure.will_retry) == (2, True), at
        # Only what had not been saved as done when the worker died is done again.
        assert world.ends[task.task_id, "load"] == (1 if saved else loaded + 1), at
        assert world.left_over() == [], at


def poisoned(world: MemoryWorld) -> None:
    """A task at its last retry, which fails too."""

    def fail(point: str, task: Task) -> None:
        if point == "build":
            raise RuntimeError("broken")

    world.hook = fail
    create(world)
    fifth = 450  # seconds
    world.run(fifth + 1)
    assert (the_task(world).status, the_task(world).attempt) == (WAITING_RETRY, 5)
    world.clock.advance(480_000)


def test_the_last_execution_killed_at_every_point():
    def act(world):
        world.work()

    for at, world in worlds_killed_at_every_point(act, poisoned):
        world.run(HOUR)
        task = the_task(world)
        assert (task.status, task.attempt) == (FAILED, 6), at
        failures = world.failures.of(task.task_id)
        assert [failure.attempt for failure in failures] == [1, 2, 3, 4, 5, 6], at
        assert [failure.hard_failure for failure in failures] == [False] * 5 + [True], at
        assert world.completions.closed[task.task_id].status == FAILED, at
        assert world.left_over() == [], at


def lost(world: MemoryWorld) -> None:
    """A task whose worker died, and its lease has run out."""
    create(world)
    task = the_task(world)

    def die(point: str, task: Task) -> None:
        if point == "build" and task.attempt == 1:
            raise Killed

    world.hook = die
    world.work()
    assert the_task(world).attempt == 1
    assert world.kills == 1
    world.kills = 0
    world.clock.move_to(task.created_at + 121_000)


def test_a_tick_killed_at_every_point():
    for at, world in worlds_killed_at_every_point(lambda world: world.engine.tick(NoDeadline()), lost):
        world.run(HOUR)
        task = the_task(world)
        assert (task.status, task.attempt) == (SUCCEEDED, 2), at
        assert len(world.failures.of(task.task_id)) == 1, at
        assert world.left_over() == [], at


def test_a_cancellation_killed_at_every_point():
    def act(world):
        world.engine.tasks.cancel("aud:sync:X:1")

    for at, world in worlds_killed_at_every_point(act, create):
        act(world)
        world.run(HOUR)
        assert the_task(world).status == "cancelled", at
        assert world.failures.of("aud:sync:X:1") == [], at
        assert world.completions.closed["aud:sync:X:1"].status == "cancelled", at
        assert (sum(world.sends.values()), world.left_over()) == (0, []), at
