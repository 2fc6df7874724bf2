"""The machinery of tasks on a clock that stands still, turned by the harness that plays Lambda."""

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from chalicelib.clock import MINUTE, SECOND
from chalicelib.deadline import ClockDeadline, NoDeadline
from chalicelib.ids import CountingIds
from chalicelib.queues import Received
from chalicelib.records import Key, Record
from chalicelib.store.dynamodb import DynamoRecords
from chalicelib.store.memory import MemoryCompletions, MemoryFailures
from chalicelib.store.sqs import SqsQueues
from chalicelib.tasks.engine import Engine
from chalicelib.tasks.kind import Kind
from chalicelib.tasks.task import Task, decode
from infra.local.harness import Harness
from infra.local.held import HeldQueues
from infra.local.triggers import Function, QueueTrigger, ScheduleTrigger
from tests.conftest import Cloud
from tests.tasks.simulated import BeatingClock, Killed, SimulatedPace
from tests.tasks.sync import SyncSteps

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z
INVOCATION = 900 * SECOND

_numbers = itertools.count(1)


class Watched:
    """Records that tell of every write, before and after it is made."""

    def __init__(self, inner: Any, told: Callable[[str, str, Any], None]) -> None:
        self._inner, self._told = inner, told

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if name not in ("create", "replace", "put", "delete"):
            return call

        def watched(what: Key | Record, *args: Any, **more: Any) -> Any:
            self._told(f"before {name}", name, (what, *args))
            answer = call(what, *args, **more)
            self._told(f"after {name}", name, (what, *args))
            return answer

        return watched


def steps_completed(when: str, what: Any) -> list[str]:
    """The steps whose completion this write has just stored."""
    if when != "after replace" or not what[0].key.partition.startswith("task#"):
        return []
    pairs = zip(decode(what[0].data).steps, decode(what[1]).steps, strict=True)
    return [new.name for old, new in pairs if old.completed_at is None and new.completed_at is not None]


class AnyPurpose:
    """`gone` are the computations that want nothing any more."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    def holds(self, task: Task) -> bool:
        return task.computation_id not in self.gone


class World:
    """`on[point]` is called once when a step gets to that point, `always[point]` each time; `done <step>` is the point
    just after its completion is stored."""

    def __init__(self, cloud: Cloud) -> None:
        self.clock = BeatingClock(NOON)
        settings = cloud.names.settings
        self.sqs, self.queue_url = cloud.clients.sqs, settings.compute_queue_url
        self.records = DynamoRecords(cloud.clients.dynamodb, settings.work_table, self.clock)
        self.queues = HeldQueues(SqsQueues(cloud.clients.sqs, settings), self.clock)
        self.failures, self.completions, self.purpose = MemoryFailures(), MemoryCompletions(), AnyPurpose()
        self.ids = CountingIds(self.clock)
        self.on: dict[str, Callable[[Task], None]] = {}
        self.always: dict[str, Callable[[Task], None]] = {}
        self.reached: list[tuple[str, int]] = []
        self.sends: list[tuple[str, str]] = []
        self.refusing: set[str] = set()
        self.kills = 0
        self.steps = SyncSteps(self.records, self._send, self._hook)
        self.kinds: dict[str, Kind] = {"sync": self.steps.kind()}
        self.engine = self.new_engine()
        self.tasks = self.engine.tasks
        trigger = QueueTrigger(Function("compute", self._compute), self.sqs, self.queue_url, self.queues, batch_size=1)
        self.tick = ScheduleTrigger(Function("tick", lambda event, context: self._tick()), self.clock)
        self.harness = Harness(self.clock, [trigger], self.tick, self.queues, threads=False)

    def new_engine(self) -> Engine:
        """Another one is another process: nothing is shared but the store and the queue."""
        return Engine(
            Watched(self.records, self._told),
            self.queues,
            self.kinds,
            self.purpose,
            self.failures,
            self.completions,
            SimulatedPace(self.clock),
            self.clock,
            self.ids,
            jitter=lambda: 1.0,
        )

    def sync(self, slot: str = "1", destination: str = "X", computation: str | None = None) -> Task:
        computation = computation or f"aud_n{next(_numbers)}"
        return self.tasks.create("sync", "space", slot, computation_id=computation, destination_id=destination)

    def drain(self) -> None:
        self._alive(self.harness.drain)

    def pass_time(self, seconds: float) -> None:
        """Ticks at every full minute, and delayed messages at their very instant."""
        end = self.clock.now() + int(seconds * SECOND)
        while (now := self.clock.now()) < end:
            minute = (now // MINUTE + 1) * MINUTE
            stop = min(end, minute, max(self.queues.next_due() or end, now + 1))
            self._alive(partial(self.harness.advance_to, stop))

    def run_until_closed(self, task: Task, minutes: int = 60) -> Task:
        self.drain()
        for _ in range(minutes):
            if not self.get(task).is_open:
                break
            self.pass_time(60)
        found = self.get(task)
        assert not found.is_open, found
        return found

    def get(self, task: Task) -> Task:
        return self.tasks.get(task.task_id)

    def deliver_again(self, task: Task) -> None:
        """SQS delivers a message twice now and then."""
        self.engine.worker.run(task.task_id, NoDeadline())

    def rows(self, task: Task) -> list[tuple[str, bool]]:
        return [(failure.code, failure.will_retry) for failure in self.failures.of(task.task_id)]

    def begun(self, task: Task) -> list[float]:
        """Seconds from its creation to the start of each execution."""
        return [(one.started_at - task.created_at) / SECOND for one in self.get(task).attempts]

    def kill(self, task: Task) -> None:
        raise Killed

    def close(self) -> None:
        """Nothing of this world is left to the next one on the same tables."""
        for row in [*self.engine.schedules.agenda.all(), *self.engine.sweeper._book.agenda.all()]:
            for agenda in (self.engine.schedules.agenda, self.engine.sweeper._book.agenda):
                agenda.drop(row)
        while messages := self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _alive(self, turn: Callable[[], object]) -> None:
        try:
            turn()
        except Killed:
            self.kills += 1

    def _compute(self, event: Mapping[str, Any], context: Any) -> Any:
        messages = [Received(r["messageId"], r["receiptHandle"], r["body"]) for r in event["Records"]]
        failed = self.engine.worker.work(messages, ClockDeadline(self.clock, self.clock.now() + INVOCATION))
        return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}

    def _tick(self) -> None:
        self.engine.tick(NoDeadline())

    def _send(self, destination: str, message_id: str) -> None:
        if destination in self.refusing:
            raise ConnectionError("refused")
        self.sends.append((destination, message_id))

    def _hook(self, point: str, task: Task) -> None:
        self.reached.append((point, task.attempt))
        self._fire(point, task)

    def _told(self, when: str, operation: str, what: Any) -> None:
        for step in steps_completed(when, what):
            self._fire(f"done {step}", decode(what[1]))

    def _fire(self, point: str, task: Task) -> None:
        action = self.on.pop(point, None) or self.always.get(point)
        if action:
            action(task)
