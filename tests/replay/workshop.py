"""Long work in memory: tasks with their stores and queues, where whoever works may die before or after any call.

What is fed into the ingest queue is resolved by the real pipeline, now or later, as often as asked for.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chalicelib.clock import MINUTE, SECOND
from chalicelib.deadline import ClockDeadline
from chalicelib.ids import CountingIds
from chalicelib.queues import COMPUTE, INGEST, Outgoing, Received
from chalicelib.store.memory import MemoryArchive, MemoryCompletions, MemoryFailures, MemoryRecords
from chalicelib.tasks.book import Book
from chalicelib.tasks.engine import Engine
from chalicelib.tasks.kind import Kind
from chalicelib.tasks.task import Task
from tests.pipeline.shop import Shop
from tests.tasks.simulated import BeatingClock, Killed, SimulatedPace
from tests.tasks.world import INVOCATION, NOON, AnyPurpose

HIDDEN_FOR = 5_400 * SECOND


WORKSHOPS: list["Workshop"] = []


class Mortal:
    """Whoever calls it may die before or after each call."""

    def __init__(self, inner: Any, fate: Callable[[str], None]) -> None:
        self._inner, self._fate = inner, fate

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if not callable(call):
            return call

        def called(*args: Any, **more: Any) -> Any:
            self._fate(f"before {name}")
            answer = call(*args, **more)
            self._fate(f"after {name}")
            return answer

        return called


class Queues:
    """Messages by queue and the instant at which they are visible."""

    def __init__(self, clock: BeatingClock) -> None:
        self._clock, self._order = clock, itertools.count()
        self.messages: list[tuple[int, int, str, str]] = []

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            assert message.delay <= 900
            at = self._clock.now() + message.delay * SECOND
            self.messages.append((at, next(self._order), queue, message.body))
        self.messages.sort()

    def hide(self, queue: str, receipt: str, seconds: int) -> None:
        raise AssertionError("nobody hides anything here")

    def put_back(self, body: str) -> None:
        self.messages.append((self._clock.now() + HIDDEN_FOR, next(self._order), COMPUTE, body))
        self.messages.sort()

    def take(self, queue: str, *, early: bool = False) -> str | None:
        for message in self.messages:
            if message[2] == queue and (early or message[0] <= self._clock.now()):
                self.messages.remove(message)
                return message[3]
        return None

    def next_at(self, queue: str) -> int | None:
        return min((at for at, _, of, _ in self.messages if of == queue), default=None)


class KillAt:
    """Dies once, at the n-th point; counts the points otherwise."""

    def __init__(self, at: int | None = None) -> None:
        self.points, self._at, self.armed = 0, at, False

    def __call__(self, point: str) -> None:
        if not self.armed:
            return
        self.points += 1
        if self.points == self._at:
            self.armed = False
            raise Killed


class Workshop:
    """`kinds` makes the kinds of tasks from this workshop; `fate` sees every call to the outside."""

    def __init__(
        self, kinds: Callable[["Workshop"], Sequence[Kind]], fate: Callable[[str], None] = lambda _point: None
    ) -> None:
        self.clock = BeatingClock(NOON)
        self.stored, self.kept = MemoryRecords(self.clock), MemoryArchive(self.clock)
        self.queue = Queues(self.clock)
        self.ids = CountingIds(self.clock)
        self.work, self.archive, self.queues = (
            Mortal(self.stored, fate),
            Mortal(self.kept, fate),
            Mortal(self.queue, fate),
        )
        self.failures, self.completions = MemoryFailures(), MemoryCompletions()
        self._kinds = kinds
        self.closing: list[Callable[[], None]] = []
        self.engine = self.new_process()
        self.kills = 0
        WORKSHOPS.append(self)

    def new_process(self) -> Engine:
        """Nothing that the last one held open is left."""
        return Engine(
            work=self.work,
            queues=self.queues,
            kinds={kind.name: kind for kind in self._kinds(self)},
            purpose=AnyPurpose(),
            failures=self.failures,
            completions=self.completions,
            pace=SimulatedPace(self.clock),
            clock=self.clock,
            ids=self.ids,
            jitter=lambda: 1.0,
        )

    @property
    def tasks(self) -> Any:
        return self.engine.tasks

    def survive(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except Killed:
            self.kills += 1
            self.close()
            self.engine = self.new_process()
            return False
        return True

    def close(self) -> None:
        """What the process held open dies with it."""
        while self.closing:
            self.closing.pop()()

    def turn(self) -> bool:
        """One message for a worker; whether there was one."""
        body = self.queue.take(COMPUTE)
        if body is None:
            return False
        deadline = ClockDeadline(self.clock, self.clock.now() + INVOCATION)
        if not self.survive(lambda: self.engine.worker.work([Received("m", "r", body)], deadline)):
            self.queue.put_back(body)
        return True

    def run(self, minutes: int = 30) -> None:
        for _ in range(minutes):
            while self.turn():
                continue
            self.clock.move_to((self.clock.now() // MINUTE + 1) * MINUTE)
            deadline = ClockDeadline(self.clock, self.clock.now() + MINUTE)
            self.survive(lambda: self.engine.tick(deadline))  # noqa: B023 - called at once

    def closed(self, task_id: str) -> Task:
        """Worked until it is."""
        for _ in range(30):
            self.run(1)
            held = Book(self.stored).find(task_id)  # whoever looks on does not die
            assert held is not None
            if not held.task.is_open:
                return held.task
        raise AssertionError(f"{task_id} comes to no end")

    def fed(self) -> list[str]:
        """Bodies of all that was sent into the ingest queue."""
        found = []
        while (body := self.queue.take(INGEST, early=True)) is not None:
            found.append(body)
        return found

    def resolve(self, shop: Shop, bodies: Sequence[str]) -> None:
        shop.clock.move_to(self.clock.now())
        for number, body in enumerate(bodies):
            assert shop.resolve(Received(f"q{number}", "r", body)) == set()


def killed_at_every_point(
    new: Callable[[Callable[[str], None]], Any], prepare: Callable[[Any], Any], act: Callable[[Any], object]
) -> Iterator[tuple[int, Any, Any]]:
    """Worlds in which `act` was cut short, each at another call, with what `prepare` gave; `new` makes one with a
    fate."""
    fate = KillAt()
    points = _met(fate, new, prepare, act)[0]
    assert points > 5
    print(f"\n{points} crash points")
    for at in range(1, points + 1):
        _, world, prepared = _met(KillAt(at), new, prepare, act)
        yield at, world, prepared


def _met(
    fate: KillAt,
    new: Callable[[Callable[[str], None]], Any],
    prepare: Callable[[Any], Any],
    act: Callable[[Any], object],
) -> tuple[int, Any, Any]:
    world = new(fate)
    prepared = prepare(world)
    fate.armed = True
    act(world)
    fate.armed = False
    return fate.points, world, prepared
