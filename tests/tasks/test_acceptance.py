"""What tasks promise, case by case: on the real store and queue, through the harness, on a clock of our own."""

from collections import Counter
from itertools import pairwise

import pytest

from chalicelib.clock import MINUTE, SECOND
from chalicelib.deadline import ClockDeadline, Deadline, NoDeadline
from chalicelib.errors import Conflict
from chalicelib.tasks.cadence import Every
from chalicelib.tasks.kind import BATCH, EDIT, Cursor, Done, Kind, per_computation
from chalicelib.tasks.schedules import Schedule
from chalicelib.tasks.task import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED, WAITING_RETRY, Step, Task
from tests.tasks.sync import PROFILES, STEPS
from tests.tasks.world import INVOCATION, NOON, World

ALL_RETRIED = [True] * 5 + [False]


def test_1_nothing_goes_wrong(world: World) -> None:
    task = world.run_until_closed(world.sync())
    assert task.status == SUCCEEDED
    assert task.attempt == 1
    assert [step.name for step in task.steps] == STEPS
    done = [step.completed_at for step in task.steps]
    assert all(done)
    assert all(first <= second for first, second in pairwise(step.completed_at or 0 for step in task.steps))
    assert len(world.sends) == len(set(world.sends)) == PROFILES
    assert world.rows(task) == []
    assert world.completions.closed[task.task_id].status == SUCCEEDED
    assert world.tasks.open() == []


@pytest.mark.parametrize("k", range(1, 5))
def test_2_killed_right_after_a_step(world: World, k: int) -> None:
    task = world.sync()
    world.on[f"done {STEPS[k - 1]}"] = world.kill
    task = world.run_until_closed(task)
    assert world.kills == 1
    assert task.status == SUCCEEDED
    assert task.attempt == 2
    ended = Counter(point for point, _ in world.reached if point.startswith("end of"))
    assert ended == {f"end of {step}": 1 for step in STEPS}
    assert {attempt for point, attempt in world.reached if point == f"end of {STEPS[k]}"} == {2}
    assert world.rows(task) == [("WORKER_LOST", True)]
    # The lease of two minutes, and at most one tick.
    assert 120 < world.begun(task)[1] <= 180
    assert len(world.sends) == PROFILES


def test_3_killed_between_two_sends(world: World) -> None:
    task = world.sync()
    world.on["before send 5"] = world.kill
    task = world.run_until_closed(task)
    assert task.status == SUCCEEDED
    second = [point for point, attempt in world.reached if attempt == 2 and point.startswith("after send")]
    assert second == [f"after send {n}" for n in range(5, PROFILES + 1)]
    assert len(world.sends) == len(set(world.sends)) == PROFILES


def test_4_killed_between_a_send_and_its_cursor(world: World) -> None:
    task = world.sync()
    world.on["after send 5"] = world.kill
    task = world.run_until_closed(task)
    assert task.status == SUCCEEDED
    times = Counter(world.sends)
    assert sorted(times.values()) == [1] * (PROFILES - 1) + [2]
    assert times[world.sends[4]] == 2
    assert len(times) == PROFILES


def test_5_killed_between_the_effects_and_the_completion_of_the_last_step(world: World) -> None:
    task = world.sync()
    world.on["end of finalize"] = world.kill
    task = world.run_until_closed(task)
    assert task.status == SUCCEEDED
    assert [attempt for point, attempt in world.reached if point == "end of finalize"] == [1, 2]
    assert world.steps.read(task, "counters") == [PROFILES]
    assert world.rows(task) == [("WORKER_LOST", True)]


def test_6_a_message_delivered_twice(world: World) -> None:
    task = world.sync()
    world.on["before send 3"] = world.deliver_again
    task = world.run_until_closed(task)
    world.deliver_again(task)
    task = world.get(task)
    assert (task.status, task.attempt, task.lease_seq) == (SUCCEEDED, 1, 1)
    assert world.rows(task) == []
    assert len(world.sends) == PROFILES


def hang(world: World) -> None:
    world.on["build"] = lambda _task: world.clock.advance(3_600 * SECOND)


def stand_still(world: World) -> None:
    """The step comes back from where it was, again and again, for its first execution."""

    def build(task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        return Cursor(step.cursor or "") if step.cursor and task.attempt == 1 else begin(task, step, deadline)

    def begin(task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        return world.steps.build(task, step, deadline) if step.cursor else Cursor("begun")

    steps = {**world.kinds["sync"].steps, "build": build}
    world.kinds["sync"] = Kind("sync", steps)


@pytest.mark.parametrize("make", [hang, stand_still])
def test_7_a_step_without_progress(world: World, make) -> None:
    make(world)
    task = world.run_until_closed(world.sync())
    assert task.status == SUCCEEDED
    assert world.rows(task) == [("STEP_TIMEOUT", True)]
    (failure,) = world.failures.of(task.task_id)
    assert (failure.step, failure.at - task.created_at) == ("build", 600 * SECOND)
    assert world.begun(task) == [0, 630]
    assert [attempt for point, attempt in world.reached if point == "end of load"] == [1]
    assert len(world.sends) == PROFILES


def test_8_a_poison_step(world: World) -> None:
    world.refusing.add("X")
    task = world.run_until_closed(world.sync())
    assert task.status == FAILED
    assert world.begun(task) == [0, 30, 90, 210, 450, 930]
    assert world.rows(task) == [("STEP_ERROR", retry) for retry in ALL_RETRIED]
    assert [failure.hard_failure for failure in world.failures.of(task.task_id)][-1]
    assert {failure.step for failure in world.failures.of(task.task_id)} == {"deliver"}
    assert Counter(point for point, _ in world.reached if point.startswith("end of")) == {
        "end of load": 1,
        "end of build": 1,
    }
    world.pass_time(3_600)
    assert world.get(task) == task
    assert world.completions.closed[task.task_id].status == FAILED
    assert world.tasks.open() == []


def test_9_a_poison_step_that_kills(world: World) -> None:
    world.always["before send 1"] = world.kill
    task = world.run_until_closed(world.sync())
    assert task.status == FAILED
    assert world.kills == 6
    assert world.rows(task) == [("WORKER_LOST", retry) for retry in ALL_RETRIED]
    begun = world.begun(task)
    assert all(120 < later - earlier <= 180 for earlier, later in pairwise(begun))
    assert 120 < (task.completed_at or 0) / SECOND - task.created_at / SECOND - begun[-1] <= 180
    world.pass_time(3_600)
    assert world.kills == 6


def test_12_a_worker_that_stalls_past_its_lease(world: World) -> None:
    task = world.sync()
    other = world.new_engine()
    seen: list[Task] = []

    def stall(_task: Task) -> None:
        world.clock.freeze(150 * SECOND)
        other.tick(NoDeadline())
        other.worker.run(task.task_id, ClockDeadline(world.clock, world.clock.now() + INVOCATION))
        seen.append(world.get(task))
        world.clock.freeze(30 * SECOND)

    world.on[f"after send {PROFILES}"] = stall
    world.drain()
    (by_other,) = seen
    assert by_other.status == SUCCEEDED
    assert by_other.lease_seq == 2
    assert world.get(task) == by_other
    assert world.rows(task) == [("WORKER_LOST", True)]
    # What the first one sent, the second one sent from the last saved cursor on, under the same ids.
    assert len(set(world.sends)) == PROFILES
    assert Counter(world.sends) == Counter(dict.fromkeys(world.sends, 1)) + Counter([world.sends[-1]])


def test_13_a_step_longer_than_an_invocation(world: World) -> None:
    def crawl(task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        minutes = int(step.cursor or 0)
        while minutes < 30:
            if deadline.remaining() <= 0 or minutes == int(step.cursor or 0) + 5:
                return Cursor(str(minutes))
            world.clock.advance(MINUTE)
            minutes += 1
        return Done()

    world.kinds["crawl"] = Kind("crawl", {"crawl": crawl})
    task = world.run_until_closed(world.tasks.create("crawl", "space", "1"))
    assert task.status == SUCCEEDED
    assert task.continuations >= 2
    assert (task.attempt, task.lease_seq) == (1, task.continuations + 1)
    assert world.rows(task) == []
    assert (task.completed_at or 0) - task.created_at == 30 * MINUTE


def schedule(computation: str) -> Schedule:
    """Every quarter of an hour."""
    return Schedule(
        id=computation, kind="compute", space_id="space", computation_id=computation, cadence=Every(15 * MINUTE)
    )


def compute(world: World, evaluate) -> None:
    """A kind that computes: one at a time per computation, one more may wait, ten at once in a space."""
    world.kinds["compute"] = Kind(
        "compute", {"evaluate": evaluate}, one_at_a_time=per_computation, most_waiting=1, pool=BATCH
    )


def test_14_ticks_that_fire_twice_and_runs_longer_than_their_interval(world: World) -> None:
    elsewhere = world.new_engine()

    def evaluate(task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        minutes = int(step.cursor or 0)
        if minutes == 40:
            return Done()
        world.clock.advance(MINUTE)
        if minutes % 5 == 4:
            elsewhere.tick(NoDeadline())
            elsewhere.tick(NoDeadline())
        return Cursor(str(minutes + 1))

    compute(world, evaluate)
    world.engine.schedules.set(schedule("aud_quarterly"))
    world.pass_time(60 * 100)
    second, first = world.tasks.of_computation("space", "aud_quarterly")
    assert [(task.created_at - NOON) // MINUTE for task in (first, second)] == [15, 60]
    assert [task.slot for task in (first, second)] == [str(NOON // MINUTE + 15), str(NOON // MINUTE + 60)]
    assert [task.status for task in (first, second)] == [SUCCEEDED, SUCCEEDED]
    assert (first.completed_at or 0) - NOON == 55 * MINUTE
    world.engine.schedules.remove("aud_quarterly")


def test_15_limits_of_a_space_and_the_lock_of_an_edit(world: World) -> None:
    elsewhere, waiting = world.new_engine(), [f"aud_15_{n}" for n in range(11)]
    order: list[str] = []
    seen: dict[str, list[Task]] = {}

    def evaluate(task: Task, step: Step, deadline: Deadline) -> Done:
        """Does not end before all others have begun, or have been refused."""
        order.append(task.computation_id)
        while waiting:
            (other,) = world.tasks.of_computation("space", waiting.pop())
            elsewhere.worker.run(other.task_id, deadline)
        if "edit" not in seen:
            look()
        return Done()

    def look() -> None:
        seen["computes"] = world.tasks.open()
        seen["edit"] = [edit := world.tasks.create("edit", "space", "e1", computation_id="aud_15_10")]
        with pytest.raises(Conflict) as refused:
            world.tasks.create("edit", "space", "e2", computation_id="aud_15_10")
        assert refused.value.data == {"task_id": edit.task_id}
        assert world.tasks.create("edit", "space", "e1", computation_id="aud_15_10") == edit
        elsewhere.worker.run(edit.task_id, NoDeadline())
        assert world.get(edit).status == QUEUED
        assert [place.kind for place in world.tasks.line_of("edit", "aud_15_10")] == ["compute", "edit"]

    def lock(task: Task, step: Step, deadline: Deadline) -> Done:
        order.append("edit")
        return Done()

    compute(world, evaluate)
    world.kinds["edit"] = Kind("edit", {"lock": lock}, one_at_a_time=per_computation, alone=True, pool=EDIT)
    for computation in waiting:
        world.engine.schedules.set(
            Schedule(
                id=computation, kind="compute", space_id="space", computation_id=computation, cadence=Every(MINUTE * 15)
            )
        )
    world.clock.move_to(NOON + 15 * MINUTE)
    elsewhere.tick(NoDeadline())
    assert len(world.tasks.open()) == 11
    world.drain()
    assert Counter(task.status for task in seen["computes"]) == {RUNNING: 10, QUEUED: 1}
    (last,) = [task for task in seen["computes"] if task.status == QUEUED]
    assert order[10:] in ([last.computation_id, "edit"], ["edit", last.computation_id])
    assert world.tasks.open() == []
    assert world.get(seen["edit"][0]).status == SUCCEEDED
    world.tasks.create("edit", "space", "e3", computation_id="aud_15_10")
    world.drain()


@pytest.mark.parametrize("how", ["cancelled", "purpose gone"])
def test_16_deleted_while_the_third_step_runs(world: World, how: str) -> None:
    def delete(task: Task) -> None:
        if how == "cancelled":
            world.tasks.cancel(task.task_id)
        else:
            world.purpose.gone.add(task.computation_id)

    task = world.sync()
    world.on["after send 4"] = delete
    task = world.run_until_closed(task)
    assert task.status == CANCELLED
    assert len(world.sends) == 4
    world.pass_time(3_600)
    assert world.rows(task) == []
    assert len(world.sends) == 4
    assert world.get(task) == task
    assert world.completions.closed[task.task_id].status == CANCELLED
    assert task.attempts[-1].result == CANCELLED


def test_17_one_destination_fails_and_the_other_does_not_notice(world: World) -> None:
    world.refusing.add("X")
    failing, working = (
        world.sync(destination="X", computation="aud_17"),
        world.sync(destination="Y", computation="aud_17"),
    )
    world.drain()
    assert world.get(working).status == SUCCEEDED
    assert world.get(failing).status == WAITING_RETRY
    failing = world.run_until_closed(failing)
    assert failing.status == FAILED
    assert len(world.rows(failing)) == 6
    assert world.rows(working) == []
    assert {destination for destination, _ in world.sends} == {"Y"}
