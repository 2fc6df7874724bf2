"""A thousand tasks among sudden deaths, stalls, lost and repeated messages: every one of them ends by the rules."""

import itertools
import random
from collections import defaultdict
from itertools import pairwise

import pytest

from chalicelib.clock import HOUR, MINUTE, SECOND
from chalicelib.deadline import Deadline
from chalicelib.tasks.kind import BATCH, POOLS, Cursor, Done, Kind, per_computation
from chalicelib.tasks.task import FAILED, SUCCEEDED, Step, Task
from tests.tasks.memory_world import MemoryWorld
from tests.tasks.simulated import Killed
from tests.tasks.sync import PROFILES, STEPS

TASKS = 1_000
KILLED_CALLS = 0.003  # of all calls to the outside: about one execution of five dies
KINDS = ["sync"] * 12 + ["flaky"] * 4 + ["slow"] * 2 + ["poison", "deadly"]


class Soak:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.storm = True
        self.world = MemoryWorld(self._fate)
        self.world.hook = self._hook
        self.depth = 0
        steps = self.world.steps.kind().steps
        crawling = {**steps, "build": self._crawl}
        self.world.kinds |= {name: self.world.steps.kind(name) for name in ("flaky", "poison", "deadly")}
        self.world.kinds["slow"] = Kind("slow", crawling, one_at_a_time=per_computation, pool=BATCH)
        self.made: list[str] = []
        self.stalls = self.lost = 0

    def _fate(self, point: str) -> None:
        if self.storm and self.random.random() < KILLED_CALLS:
            raise Killed

    def _hook(self, point: str, task: Task) -> None:
        if point == "build":
            self._spoil(task)
        if self.storm and self.depth == 0 and self.random.random() < 0.002:
            self._stall()

    def _spoil(self, task: Task) -> None:
        if task.kind == "poison" or (task.kind == "flaky" and self.random.random() < 0.3):
            raise RuntimeError("broken")
        if task.kind == "deadly":
            raise Killed

    def _stall(self) -> None:
        """This worker stands still past its lease while others go on."""
        self.depth += 1
        self.stalls += 1
        self.world.clock.freeze(self.random.randrange(100, 400) * SECOND)
        self.world.tick()
        for _ in range(self.random.randrange(6)):
            self.world.work()
        self.depth -= 1

    def _crawl(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        """Twenty minutes of work: more than one invocation has."""
        self.world.clock.advance(MINUTE)
        minutes = int(step.cursor or 0) + 1
        return self.world.steps.build(task, step, deadline) if minutes == 20 else Cursor(str(minutes))

    def make(self, number: int) -> None:
        """Its maker may die; half of those who do are asked again, as a client that got no answer asks."""
        kind, computation = self.random.choice(KINDS), f"aud{self.random.randrange(200)}"

        def create() -> None:
            self.world.engine.tasks.create(kind, "space", str(number), computation_id=computation, destination_id="X")

        while not self.world.survive(create) and self.random.random() < 0.5:
            continue
        task_id = f"{computation}:{kind}:X:{number}"
        if self.world.tasks._book.find(task_id):
            self.made.append(task_id)

    def run(self) -> None:
        for number in itertools.count():
            if len(self.made) == TASKS:
                break
            self.make(number)
            self._work()
            self.world.forward(self.world.clock.now() + self.random.randrange(30) * SECOND + 1)
        ends = self.world.clock.now() + 72 * HOUR
        while self.world.tasks.open(1) and self.world.clock.now() < ends:
            self._work()
            self.world.forward(ends)
        self.storm = False
        self.world.run(3_600)

    def _work(self) -> None:
        luck = self.random.random()
        if luck < 0.01:
            self.lost += self.world.queue.take() is not None
        while self.world.work(times=2 if luck > 0.97 else 1):
            continue

    def tasks(self) -> list[Task]:
        return [self.world.tasks.get(task_id) for task_id in self.made]


@pytest.fixture(scope="module", params=[1, 2])
def soak(request: pytest.FixtureRequest) -> Soak:
    made = Soak(request.param)
    made.run()
    return made


def test_every_task_ends(soak: Soak):
    tasks, world = soak.tasks(), soak.world
    ended = {status: sum(task.status == status for task in tasks) for status in (SUCCEEDED, FAILED)}
    attempts = sum(task.attempt for task in tasks)
    troubles = f"{world.kills} kills, {soak.stalls} stalls, {soak.lost} lost messages"
    print(f"\n{TASKS} tasks: {ended}, none stuck, in {attempts} executions; {troubles}")
    assert sum(ended.values()) == TASKS
    assert world.kills > TASKS / 4
    assert min(soak.stalls, soak.lost) > TASKS / 200
    assert world.tasks.open() == []
    assert world.left_over() == []


def test_success_and_failure_follow_the_rules(soak: Soak):
    for task in soak.tasks():
        failures = soak.world.failures.of(task.task_id)
        assert [failure.attempt for failure in failures] == list(range(1, len(failures) + 1))
        assert task.attempt <= 6
        if task.status == FAILED:
            assert [failure.will_retry for failure in failures] == [True] * 5 + [False]
        else:
            assert all(failure.will_retry for failure in failures)
            assert len(failures) == task.attempt - 1
        assert soak.world.completions.closed[task.task_id] == task
        if task.kind in ("poison", "deadly"):
            assert task.status == FAILED


def test_steps_are_done_in_order_and_once(soak: Soak):
    for task in soak.tasks():
        done = [step.completed_at for step in task.steps]
        assert [step.name for step in task.steps] == STEPS
        assert done == sorted(at for at in done if at is not None) + [None] * done.count(None)
        assert (None in done) == (task.status == FAILED)


def test_everything_is_sent_under_its_own_id(soak: Soak):
    succeeded = [task for task in soak.tasks() if task.status == SUCCEEDED]
    failed_midway = [task for task in soak.tasks() if task.status == FAILED and task.steps[1].completed_at]
    least = PROFILES * len(succeeded)
    assert least <= len(soak.world.sends) <= least + PROFILES * len(failed_midway)
    # Each kill and each stalled worker repeats one send at most.
    assert sum(soak.world.sends.values()) - len(soak.world.sends) < sum(task.attempt for task in soak.tasks()) / 4


def test_no_line_was_jumped(soak: Soak):
    lines: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in soak.tasks():
        for lane in task.lanes[:1]:
            lines[lane.name, "X"].append(task)
    for line in lines.values():
        line.sort(key=lambda task: task.started_at or 0)
        assert all((one.completed_at or 0) <= (other.started_at or 0) for one, other in pairwise(line))
    slow = [task for task in soak.tasks() if task.kind == "slow"]
    for task in slow:
        beside = [one for one in slow if (one.started_at or 0) <= (task.started_at or 0) < (one.completed_at or 0)]
        assert len(beside) <= POOLS[BATCH]
