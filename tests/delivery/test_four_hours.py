"""Many messages to a partner that never takes one, through four hours of simulated time."""

import heapq
import random

import pytest

from chalicelib.clock import FixedClock
from chalicelib.deadline import NoDeadline
from chalicelib.delivery import pace
from chalicelib.delivery.deliver import Deliverer
from chalicelib.delivery.ledger import Ledger
from chalicelib.delivery.message import encode
from chalicelib.delivery.pace import Pacer
from chalicelib.delivery.sending import Sender
from chalicelib.delivery.tokens import Tokens
from chalicelib.delivery.transport import MockTransport, Response
from chalicelib.queues import Received
from chalicelib.store.memory import MemoryRecords, MemorySecrets

from .post import delivery
from .test_retry import TABLE
from .world import NOW, FakeDirectory, audience, connection, webhook

MESSAGES = 2_000
AT_ONCE = 100


class Heap:
    """A queue as a heap of what becomes visible when."""

    def __init__(self, clock):
        self._clock = clock
        self._heap: list[tuple[int, int, Received]] = []
        self._number = 0

    def put(self, message, at):
        self._number += 1
        heapq.heappush(self._heap, (at, self._number, message))

    def hide(self, queue, receipt, seconds):
        message = Received(receipt, receipt, self._bodies[receipt])
        self.put(message, self._clock.now() + seconds * 1_000)

    def send(self, queue, messages):
        raise AssertionError("nothing is renewed here")

    def take(self):
        """What becomes visible next, and with it what does within the same second."""
        at, _, message = heapq.heappop(self._heap)
        found = [message]
        while self._heap and len(found) < AT_ONCE and self._heap[0][0] <= at:
            found.append(heapq.heappop(self._heap)[2])
        self._clock.move_to(max(at, self._clock.now()))
        return found

    def play(self, deliverer, bodies):
        self._bodies = bodies
        for id, body in bodies.items():
            self.put(Received(id, id, body), NOW)
        while self._heap:
            deliverer.deliver(self.take(), NoDeadline())


@pytest.mark.parametrize("answer", [503])
def test_every_message_keeps_to_the_table_from_its_first_attempt_to_its_end(monkeypatch, answer):
    monkeypatch.setattr(pace, "NOMINAL", 1e9)  # here it is about the schedule alone
    clock = FixedClock(NOW)
    asked: dict[bytes, list[float]] = {}

    def partner(request):
        asked.setdefault(request.body, []).append((clock.now() - NOW) / 1_000)
        return Response(answer)

    vip, records, transport = audience(), MemoryRecords(clock), MockTransport(partner)
    heap = Heap(clock)
    deliverer = Deliverer(
        directory=FakeDirectory([vip], [connection(vip)], [webhook()]),
        queues=heap,
        ledger=Ledger(records, clock),
        pacer=Pacer(records, clock),
        sender=Sender(transport, Tokens(records, MemorySecrets(), transport, clock), clock),
        clock=clock,
        random=random.Random(11),
    )
    heap.play(deliverer, {f"q{n}": encode(delivery(n)) for n in range(MESSAGES)})
    assert len(asked) == MESSAGES
    for times in asked.values():
        assert len(times) == 10
        assert times[0] == 0
        for before, at, (shortest, longest, earliest, latest) in zip(times, times[1:], TABLE, strict=False):
            assert shortest <= at - before <= longest + 1  # queues hide by the whole second
            assert earliest <= at <= latest + 9
    assert deliverer.ledger.counts("d1") == {
        "retried": 9 * MESSAGES,
        "pending": 0,
        "discarded": MESSAGES,
        "discarded.503": MESSAGES,
    }
