"""What turns the product's workers in these tests: queues and stores played in memory, or those of AWS by moto."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import app
from chalicelib import bootstrap
from chalicelib.clock import SECOND, FixedClock, MovableClock
from chalicelib.deadline import NoDeadline
from chalicelib.delivery.transport import Transport
from chalicelib.ids import CountingIds
from chalicelib.pipeline.fanout import OneByOne
from chalicelib.queues import COMPUTE, DELIVER, INGEST, Outgoing, Received
from chalicelib.store.keys import SHARDS
from chalicelib.store.memory import (
    MemoryArchive,
    MemoryIdentifiers,
    MemoryProfiles,
    MemoryRecords,
    MemorySecrets,
    MemoryTimeline,
    MemoryTopics,
)
from infra.local.harness import Harness
from infra.local.held import HeldQueues
from infra.local.triggers import Function, QueueTrigger, ScheduleTrigger, StreamTrigger, Trigger
from tests.conftest import Cloud
from tests.events import T0

HIDDEN = 180 * SECOND  # a received message nobody speaks of again
AT_ONCE = 10  # messages a worker is handed


class Engine(Protocol):
    """Time stands still until `advance`."""

    clock: MovableClock

    def adapters(self, transport: Transport) -> bootstrap.Adapters: ...

    def drive(self, application: bootstrap.Application) -> None:
        """To be called once, with the application that was made of the adapters."""
        ...

    def drain(self) -> None:
        """Until nothing is queued, changed or due at this instant."""
        ...

    def advance(self, milliseconds: int) -> None: ...

    def waiting(self) -> int:
        """Messages that wait for a retry."""
        ...


class Message:
    def __init__(self, id: str, queue: str, body: str, visible_at: int) -> None:
        self.id, self.queue, self.body, self.visible_at = id, queue, body, visible_at


class Queues:
    """Plays SQS: what is received hides for a while, or for as long as its worker asks, and stays until deleted."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self._count = 0
        self.messages: dict[str, Message] = {}

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            self._count += 1
            id = f"q{self._count}"
            visible_at = self._clock.now() + message.delay * SECOND
            self.messages[id] = Message(id, queue, message.body, visible_at)

    def hide(self, queue: str, receipt: str, seconds: int) -> None:
        assert 0 <= seconds <= 12 * 3_600  # SQS takes no more
        self.messages[receipt].visible_at = self._clock.now() + seconds * SECOND

    def receive(self, queue: str) -> list[Received]:
        now = self._clock.now()
        found = [m for m in self.messages.values() if m.queue == queue and m.visible_at <= now][:AT_ONCE]
        for message in found:
            message.visible_at = now + HIDDEN
        return [Received(m.id, m.id, m.body) for m in found]

    def delete_all_but(self, received: list[Received], kept: set[str]) -> None:
        for message in received:
            if message.id not in kept:
                del self.messages[message.id]

    def next_at(self) -> int | None:
        return min((m.visible_at for m in self.messages.values()), default=None)


class InMemory:
    """Fast, and exact: on the way of time every retry and every edge is met at its own millisecond."""

    def __init__(self) -> None:
        self.clock = MovableClock(FixedClock(T0))
        self._queues = Queues(self.clock)
        self._profiles = MemoryProfiles()
        self._emitted = 0

    def adapters(self, transport: Transport) -> bootstrap.Adapters:
        return bootstrap.Adapters(
            clock=self.clock,
            ids=CountingIds(self.clock),
            profiles=self._profiles,
            identifiers=MemoryIdentifiers(),
            timeline=MemoryTimeline(self.clock),
            archive=MemoryArchive(),
            workspace=MemoryRecords(self.clock),
            work=MemoryRecords(self.clock),
            queues=self._queues,
            secrets=MemorySecrets(),
            transport=transport,
            topics=MemoryTopics(),
            fanout=OneByOne(),
        )

    def drive(self, application: bootstrap.Application) -> None:
        self._application = application

    def drain(self) -> None:
        while self._resolve() or self._emit() or self._deliver() or self._compute() or self._tick():
            continue

    def advance(self, milliseconds: int) -> None:
        end = self.clock.now() + milliseconds
        self.drain()
        while (instant := self._next_instant()) is not None and instant <= end:
            self.clock.move_to(max(instant, self.clock.now()))
            self.drain()
        self.clock.move_to(end)

    def waiting(self) -> int:
        return len(self._queues.messages)

    def read_stream_again(self) -> None:
        """As after a reader that died before it could say that the last change was done."""
        self._emitted -= 1

    def _next_instant(self) -> int | None:
        known = [instant for instant in (self._queues.next_at(), self._next_edge()) if instant is not None]
        return min(known, default=None)

    def _next_edge(self) -> int | None:
        firsts = [key for shard in range(SHARDS) for key in self._profiles.due(shard, 1 << 60, 1).keys]
        return min((p.due_at for p in self._profiles.load(firsts).values() if p.due_at is not None), default=None)

    def _resolve(self) -> bool:
        received = self._queues.receive(INGEST)
        kept = self._application.resolver.resolve(received, NoDeadline()) if received else set()
        assert not kept
        self._queues.delete_all_but(received, kept)
        return bool(received)

    def _emit(self) -> bool:
        fresh = self._profiles.changes[self._emitted :]
        self._emitted += len(fresh)
        assert not fresh or self._application.emitter.emit(fresh) == set()
        return bool(fresh)

    def _deliver(self) -> bool:
        received = self._queues.receive(DELIVER)
        if received:
            self._queues.delete_all_but(received, self._application.deliverer.deliver(received, NoDeadline()))
        return bool(received)

    def _compute(self) -> bool:
        received = self._queues.receive(COMPUTE)
        if received:
            self._queues.delete_all_but(received, self._application.engine.worker.work(received, NoDeadline()))
        return bool(received)

    def _tick(self) -> bool:
        return self._application.ticker.tick(NoDeadline()) > 0


class OnAws:
    """The entry points of the app behind the triggers of the local stack, over the resources of the template."""

    def __init__(self, cloud: Cloud) -> None:
        self.clock = MovableClock(FixedClock(T0))
        self._cloud = cloud

    def adapters(self, transport: Transport) -> bootstrap.Adapters:
        adapters = bootstrap.on_aws(self._cloud.names.settings, self.clock, self._cloud.clients)
        self._held = HeldQueues(adapters.queues, self.clock)
        return replace(adapters, queues=self._held, transport=transport)

    def drive(self, application: bootstrap.Application) -> None:
        clients, names = self._cloud.clients, self._cloud.names
        resolve, deliver = Function("resolve", app.resolve), Function("deliver", app.deliver)
        compute = Function("compute", app.compute, 900)
        streams = clients.client("dynamodbstreams")
        triggers: list[Trigger] = [
            QueueTrigger(resolve, clients.sqs, names.settings.ingest_queue_url, self._held),
            StreamTrigger(Function("emit", app.emit), streams, names.profile_stream_arn),
            QueueTrigger(deliver, clients.sqs, names.settings.deliver_queue_url, self._held),
            QueueTrigger(compute, clients.sqs, names.settings.compute_queue_url, self._held, batch_size=1),
        ]
        tick = ScheduleTrigger(Function("tick", app.tick), self.clock)
        # moto cannot bear concurrent writers.
        self._harness = Harness(self.clock, triggers, tick, self._held, threads=False)

    def drain(self) -> None:
        self._checked(self._harness.drain())

    def advance(self, milliseconds: int) -> None:
        self._checked(self._harness.advance_to(self.clock.now() + milliseconds))

    def waiting(self) -> int:
        return self._held.count()

    def _checked(self, ran: dict[str, int]) -> None:
        assert ran["given_up"] == 0
