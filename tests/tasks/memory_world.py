"""The machinery of tasks in memory, with a queue that delays and repeats, and death at any call to the outside."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.clock import MINUTE, SECOND
from chalicelib.deadline import ClockDeadline
from chalicelib.ids import RandomIds
from chalicelib.queues import Outgoing, Received
from chalicelib.store.memory import MemoryCompletions, MemoryFailures, MemoryRecords
from chalicelib.tasks.engine import Engine
from chalicelib.tasks.kind import Kind
from chalicelib.tasks.task import Task
from tests.tasks.simulated import BeatingClock, Killed, SimulatedPace
from tests.tasks.sync import SyncSteps
from tests.tasks.world import INVOCATION, NOON, AnyPurpose

HIDDEN_FOR = 5_400 * SECOND  # what a worker was given and did not finish
CALLS = ("get", "get_many", "page", "create", "replace", "put", "delete", "send")

# Called before and after each call to the outside; it may raise Killed.
Fate = Callable[[str], None]


class Mortal:
    """A store or queue whose callers may die before or after each call."""

    def __init__(self, inner: Any, fate: Fate) -> None:
        self._inner, self._fate = inner, fate

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if name not in CALLS:
            return call

        def called(*args: Any, **more: Any) -> Any:
            self._fate(f"before {name}")
            answer = call(*args, **more)
            self._fate(f"after {name}")
            return answer

        return called


class Queue:
    """One queue: messages by the instant at which they are visible."""

    def __init__(self, clock: BeatingClock) -> None:
        self._clock, self._order = clock, itertools.count()
        self._messages: list[tuple[int, int, str]] = []

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            self.put(self._clock.now() + message.delay * SECOND, message.body)

    def hide(self, queue: str, receipt: str, seconds: int) -> None:
        raise AssertionError("tasks hide no messages")

    def put(self, at: int, body: str) -> None:
        heapq.heappush(self._messages, (at, next(self._order), body))

    def next_at(self) -> int | None:
        return self._messages[0][0] if self._messages else None

    def take(self) -> str | None:
        if not self._messages or self._messages[0][0] > self._clock.now():
            return None
        return heapq.heappop(self._messages)[2]


class MemoryWorld:
    """`fate` sees every call of the machinery and every effect of the steps."""

    def __init__(self, fate: Fate = lambda _point: None) -> None:
        self.clock = BeatingClock(NOON)
        self.stored = MemoryRecords(self.clock)
        self.queue = Queue(self.clock)
        self.failures, self.completions, self.purpose = MemoryFailures(), MemoryCompletions(), AnyPurpose()
        self.sends: Counter[tuple[str, str]] = Counter()
        self.ends: Counter[tuple[str, str]] = Counter()
        self.hook: Callable[[str, Task], None] = lambda _point, _task: None
        self.kills = 0
        self._fate = fate
        self._ids = RandomIds(self.clock)
        self.steps = SyncSteps(Mortal(self.stored, fate), self._send, self._hook)
        self.kinds: dict[str, Kind] = {"sync": self.steps.kind()}
        self.engine = self._engine(lambda point: self._fate(point))
        self.observer = self._engine(lambda _point: None)
        self.tasks = self.observer.tasks

    def _engine(self, fate: Fate) -> Engine:
        return Engine(
            Mortal(self.stored, fate),
            Mortal(self.queue, fate),
            self.kinds,
            self.purpose,
            self.failures,
            self.completions,
            SimulatedPace(self.clock),
            self.clock,
            self._ids,
            jitter=lambda: 1.0,
        )

    def survive(self, act: Callable[[], object]) -> bool:
        """Whether it came to its end."""
        try:
            act()
        except Killed:
            self.kills += 1
            return False
        return True

    def work(self, times: int = 1) -> bool:
        """One message, handed over as often as SQS pleases; whether there was one."""
        body = self.queue.take()
        if body is None:
            return False
        for _ in range(times):
            received = Received("m", "r", body)
            deadline = ClockDeadline(self.clock, self.clock.now() + INVOCATION)
            if not self.survive(lambda: self.engine.worker.work([received], deadline)):  # noqa: B023 - called at once
                self.queue.put(self.clock.now() + HIDDEN_FOR, body)
        return True

    def tick(self) -> None:
        self.survive(lambda: self.engine.tick(ClockDeadline(self.clock, self.clock.now() + MINUTE)))

    def forward(self, until: int) -> None:
        """To the next full minute or message, whichever is earlier; ticks at full minutes."""
        minute = (self.clock.now() // MINUTE + 1) * MINUTE
        stop = min(until, minute, max(self.queue.next_at() or until, self.clock.now() + 1))
        self.clock.move_to(stop)
        if stop == minute:
            self.tick()

    def run(self, seconds: int) -> None:
        end = self.clock.now() + seconds * SECOND
        while self.clock.now() < end:
            while self.work():
                continue
            self.forward(end)

    def left_over(self) -> list[str]:
        """Partitions of the machinery that hold something though no task is open."""
        found = []
        for key in self.stored._items:
            kind = key.partition.partition("#")[0]
            waiting = kind == "lane" and self.tasks._lanes.line(key.partition.removeprefix("lane#"))
            if kind == "open_tasks" or waiting:
                found.append(f"{key.partition}/{key.sort}")
        return found

    def _send(self, destination: str, message_id: str) -> None:
        self._fate("before sending")
        self.sends[destination, message_id] += 1
        self._fate("after sending")

    def _hook(self, point: str, task: Task) -> None:
        if point.startswith("end of"):
            self.ends[task.task_id, point.removeprefix("end of ")] += 1
        self.hook(point, task)
